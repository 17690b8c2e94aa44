"""A team as a target: each sample is a run of its own, decided and continued by nobody present."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pointsman.errors import BadOutput
from pointsman.evals.approvers import Approver, admitted
from pointsman.evals.behaviour import behaviour_digest
from pointsman.evals.observing import observe
from pointsman.evals.suite import ApproverSpec, UserSpec
from pointsman.evals.tap import Deck, Heard, Listening, Through, tapped
from pointsman.evals.trial import Observed, Target, Trial
from pointsman.evals.users import next_message
from pointsman.nodes.digest import digest
from pointsman.nodes.message import Answer, Message, Request
from pointsman.teams.request import new_run
from pointsman.teams.result import Result
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.rows import RunRow
from pointsman.teams.team import Team


def team_target(
    team: Team,
    *,
    home: Path,
    approver: ApproverSpec | None = None,
    user: UserSpec | None = None,
    deck: Deck | None = None,
    name: str = "",
) -> Target:
    """A team as a target, its state in `home`, apart from the team's own.

    What ran in `home` before goes on where it stood: a sample that was broken off pays for no
    answer twice and repeats no write. Neither the response cache nor single-flight lets one sample
    be answered with what another one was. The version is the team's `behaviour_digest`.
    """
    listening = Listening()
    copy = tapped(team.apart(home=home, alone=True), deck or Through(), listening)
    decides = Approver(approver or ApproverSpec())
    if decides.decides:
        copy.spec = admitted(copy.spec, decides.spec.policy)
        copy.sessions.spec = copy.spec
    asking = _Asking(copy, listening, decides, user)
    return Target(
        name or f"team:{team.name}", behaviour_digest(team.spec), asking.ask, asking.opened
    )


@dataclass(frozen=True)
class _Asking:
    team: Team
    listening: Listening
    approver: Approver
    user: UserSpec | None

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        async with self.team:
            yield

    async def ask(self, trial: Trial) -> Observed:
        """Ask the case, decide its tickets, go on as its user does; then look what happened."""
        # A task of its own: what is heard in it is heard in no other trial.
        return await asyncio.create_task(self._ask(trial))

    async def _ask(self, trial: Trial) -> Observed:
        heard = self.listening.begin(trial)
        await self._remember(trial)
        results = [await self._turn(trial, trial.case.text, 0)]
        heard.ends.append(len(heard.exchanges))
        said = [trial.case.text]
        while (text := await self._next(trial, said, results, heard)) is not None:
            said.append(text)
            results.append(await self._turn(trial, text, len(said) - 1))
            heard.ends.append(len(heard.exchanges))
        if heard.drifts:
            raise BadOutput("The cassette has no answer: " + "; ".join(heard.drifts[:5]))
        return await observe(self.team, said, results, heard)

    async def _turn(self, trial: Trial, text: str, turn: int) -> Result:
        case = trial.case
        result = await self.team.run(
            text, thread=trial.thread, tenant=case.tenant, message_id=_message_id(trial, turn)
        )
        return await self._decided(trial, result)

    async def _decided(self, trial: Trial, result: Result) -> Result:
        """The run as it stands when the approver has nothing left to decide."""
        for _ in range(self.approver.spec.rounds if self.approver.decides else 0):
            if result.status != "waiting":
                break
            ticket, decision = next(
                ((t, d) for t in result.tickets if (d := self.approver.decide(trial, t))),
                (None, None),
            )
            if ticket is None or decision is None:
                break
            await self.team.decide(ticket.id, decision)
            result = await self.team.result(result.run)
        return result

    async def _next(
        self, trial: Trial, said: list[str], results: list[Result], heard: Heard
    ) -> str | None:
        case, turn = trial.case, len(said) - 1
        if results[-1].status not in ("done", "partial"):
            return None
        if case.then:
            return case.then[turn] if turn < len(case.then) else None
        if not case.goal or self.user is None or turn >= self.user.turns:
            return None
        async with self.team.sessions.services() as services:
            return await next_message(services, trial, self.user, said, results, heard)

    async def _remember(self, trial: Trial) -> None:
        """Put the case's history in its thread. Again: no change."""
        if not trial.case.history:
            return
        async with self.team.sessions.services() as services:
            for place, turn in enumerate(trial.case.history):
                name = digest(trial.thread, "history", place)[:32]
                row = _row(self.team.spec, trial, turn.content or "…", name)
                user = turn.role == "user"
                message = Message(
                    id=name,
                    sender="user" if user else self.team.name,
                    receiver=self.team.name if user else "user",
                    payload=Request(text=turn.content) if user else Answer(text=turn.content),
                )
                await services.store.log(row, message)


def _row(spec: TeamSpec, trial: Trial, text: str, message: str) -> RunRow:
    return new_run(
        spec, text, thread=trial.thread, tenant=trial.case.tenant, message_id=message, priority=5,
        deadline=None, budget=None, attachments=(),
    )  # fmt: skip


def _message_id(trial: Trial, turn: int) -> str:
    return trial.key if not turn else f"{trial.key}-{turn}"
