"""Delivering messages: once, or twice at once and again when it is done; and again after a crash.

Delivery is at least once, as by any broker: what raises, or dies with its process, is delivered
again with the same id, which is the same run.
"""

import asyncio
from dataclasses import dataclass

from pointsman.errors import Conflict, PointsmanError, Retryable, StoreError
from pointsman.evals.drill.injector import Injector
from pointsman.evals.drill.people import decided
from pointsman.evals.suite import Case
from pointsman.evals.trial import Trial
from pointsman.nodes.message import Answer, Frozen, Message, Request
from pointsman.teams.request import new_run
from pointsman.teams.result import Result
from pointsman.teams.team import Team

TRIES = 4
"""How often a message is delivered whose delivery raises."""


class Letter(Frozen):
    """One message of a case."""

    name: str
    """The case's id, and for what its user says later ` #2` and so on."""
    case: Case
    text: str
    thread: str
    message_id: str

    @property
    def trial(self) -> Trial:
        """As what the suite's approver and setup know it."""
        return Trial(self.case, epoch=1, key=self.name, version="drill")


@dataclass(frozen=True)
class Delivered:
    """What came of a letter. `result` is None where every delivery raised `error`."""

    result: Result | None
    error: str = ""
    runs: frozenset[str] = frozenset()
    """The runs that its deliveries made: more than one is a message done twice."""


async def deliver(team: Team, injector: Injector, letter: Letter) -> Delivered:
    """Deliver a letter until its run has ended, with people's decisions."""
    with injector.case(letter.name):
        await injector.store("message")
        if injector.strike("message", "delivery") is None:
            return await _delivered(team, injector, letter)
        both = await asyncio.gather(
            _delivered(team, injector, letter), _delivered(team, injector, letter)
        )
        third = await _delivered(team, injector, letter)
        runs = third.runs.union(*(one.runs for one in both))
        return Delivered(third.result, third.error, runs)


async def _delivered(team: Team, injector: Injector, letter: Letter) -> Delivered:
    error = ""
    for number in range(TRIES):
        try:
            result = await once(team, injector, letter)
        except (Conflict, Retryable, StoreError) as raised:
            error = said(raised)
            await asyncio.sleep(0.05 * 2**number)
        except PointsmanError as raised:
            return Delivered(None, said(raised))
        else:
            return Delivered(result, runs=frozenset({result.run}))
    return Delivered(None, error)


async def once(team: Team, injector: Injector, letter: Letter) -> Result:
    """Deliver a letter once and decide what it asks. Raises what `Team.run` does."""
    injector.point("before the run")
    await _remember(team, letter)
    result = await team.run(
        letter.text, thread=letter.thread, tenant=letter.case.tenant, message_id=letter.message_id
    )
    injector.point("after the run")
    return await decided(team, injector, result, letter.trial)


async def _remember(team: Team, letter: Letter) -> None:
    """Put what was said before in the letter's thread. Again: no change."""
    if not letter.case.history:
        return
    async with team.sessions.services() as services:
        for place, turn in enumerate(letter.case.history):
            name, user = f"{letter.case.id}-history-{place}", turn.role == "user"
            text = turn.content or "…"
            row = new_run(
                team.spec, text, thread=letter.thread, tenant=letter.case.tenant, message_id=name,
                priority=5, deadline=None, budget=None, attachments=(),
            )  # fmt: skip
            message = Message(
                id=name,
                sender="user" if user else team.name,
                receiver=team.name if user else "user",
                payload=Request(text=text) if user else Answer(text=text),
            )
            await services.store.log(row, message)


def said(error: PointsmanError) -> str:
    """An error's class and sentence."""
    return f"{type(error).__name__}: {error.message}"


def letters(case: Case) -> tuple[Letter, ...]:
    """What a case's user says, in order, in a thread that the cases of a thread share."""
    thread = case.thread or case.id
    return tuple(
        Letter(
            name=case.id if n == 1 else f"{case.id} #{n}",
            case=case, text=text, thread=thread, message_id=f"{case.id}-{n}",
        )
        for n, text in enumerate((case.text, *case.then), 1)
    )  # fmt: skip
