"""One command at work: an open team, where to write, and whether somebody can be asked."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich.console import Console

from pointsman.errors import BadInput, Conflict, InvalidDecision, NotFound
from pointsman.nodes.event import RunEnded
from pointsman.nodes.run import Budget
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Decision, Edit, Ticket
from pointsman.views.cli.ask import Read, ask, read_line
from pointsman.views.cli.card import agreed, barred, voted
from pointsman.views.cli.progress import Progress
from pointsman.views.cli.project import Project
from pointsman.views.cli.screen import console, plain
from pointsman.views.logs import log_as_json
from pointsman.views.telemetry import exporting


@dataclass(frozen=True, slots=True)
class Ask:
    """What to run: a message and the arguments of `Team.run`."""

    text: str
    thread: str | None = None
    tenant: str = "default"
    message_id: str | None = None
    priority: int = 5
    deadline: float | None = None
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision came to: the run, and the ticket, which may wait for another person."""

    result: Result
    ticket: Ticket


class Session:
    """Runs messages and decisions of one team, shows them, and asks about tickets."""

    def __init__(
        self,
        team: Team,
        progress: Progress,
        err: Console,
        *,
        reviewer: str = "",
        read: Read = read_line,
    ) -> None:
        self.team = team
        self.progress = progress
        self.underway = ""
        """Id of the run that is not finished; empty between runs."""
        self.asking = ""
        """Id of the ticket whose decision is asked for now; empty otherwise."""
        self.repeated = False
        """Whether the last message had run before: its result was on record."""
        self._err = err
        self._reviewer = reviewer
        self._read = read

    async def run(self, what: Ask, number: int = 1) -> Result:
        """Run a message and show it. Asks about its tickets when there is a reviewer to ask."""
        self.progress.begin(number, what.text, what.thread)
        self.repeated = False
        try:
            async for recorded in self.team.stream(
                what.text,
                thread=what.thread,
                tenant=what.tenant,
                message_id=what.message_id,
                priority=what.priority,
                deadline=what.deadline,
                budget=what.budget,
            ):
                if not self.underway and isinstance(recorded.event, RunEnded):
                    self.repeated = True
                    self.progress.note("this message ran before; this is what came of it")
                else:
                    self.progress.event(recorded)
                self.underway = recorded.run
            result = await self._asked(await self.team.result(self.underway))
        finally:
            self.progress.pause()
        self.progress.end(result)
        self.underway = ""
        return result

    async def resume(self, run: str) -> Result:
        """Continue a run and show what it did."""
        self.underway = run
        self.progress.working("continuing")
        try:
            await self.seen(run)
            result = await self.team.resume(run)
            await self._news(run)
            result = await self._asked(result)
        finally:
            self.progress.pause()
        self.progress.end(result)
        self.underway = ""
        return result

    async def decide(self, ticket: Ticket, decision: Decision) -> Decided:
        """Decide a ticket as it was shown, let its run go on, and show what happened.

        For a run inside somebody else's graph, which only that graph can continue, this gives the
        run as it stands once the decision is recorded.
        """
        self.underway = ticket.run
        await self.seen(ticket.run)
        self.progress.working("continuing the run")
        try:
            decided = await self._decided(ticket, decision)
            await self._news(ticket.run)
        finally:
            self.progress.pause()
        self.progress.end(decided.result)
        self.underway = ""
        return decided

    async def _decided(self, ticket: Ticket, decision: Decision) -> Decided:
        result = await self.team.decide(ticket, decision)
        if not isinstance(result, Result):
            self.progress.note("recorded; the graph this run is part of must be invoked to go on")
            result = await self.team.result(ticket.run)
        after = await self.team.ticket(ticket.id)
        if after.open and isinstance(decision, Approve | Edit):
            self.progress.note(voted(after))
        return Decided(result, after)

    async def seen(self, run: str) -> None:
        """Take the run's events up to now as shown."""
        self.progress.skip(await self.team.events(run))

    async def _news(self, run: str) -> None:
        for recorded in await self.team.events(run):
            self.progress.event(recorded)

    async def _asked(self, result: Result) -> Result:
        later: set[str] = set()
        while self._reviewer:
            ticket = _first_open(result.tickets, later)
            if ticket is None:
                break
            self.progress.pause()
            if self._others(ticket):
                later.add(ticket.id)
                continue
            try:
                decision = self._decision(ticket)
                if decision is None:
                    later.add(ticket.id)
                    continue
                self.progress.working("continuing the run")
                decided = await self._decided(ticket, decision)
                result = decided.result
                if decided.ticket.open:
                    later.add(ticket.id)
            except InvalidDecision as error:
                self.asking = ""
                self.progress.pause()
                plain(self._err, str(error), "yellow")
                result = await self.team.result(result.run)
            except Conflict as error:
                self.progress.pause()
                plain(self._err, str(error), "yellow")
                result = await self.team.result(result.run)
            await self._news(result.run)
        return result

    def _decision(self, ticket: Ticket) -> Decision | None:
        self.asking = ticket.id
        decision = ask(self._err, ticket, self._reviewer, self._read)
        self.asking = ""
        return decision

    def _others(self, ticket: Ticket) -> bool:
        """Whether only others can decide the ticket; says so."""
        why = barred(ticket, self._reviewer, self.team.spec.reviewers)
        if not why and agreed(ticket, self._reviewer):
            why = f"Ticket {ticket.id} has your approval: {voted(ticket)}."
        if why:
            plain(self._err, f"{why} It waits.", "yellow")
        return bool(why)


def _first_open(tickets: Iterable[Ticket], later: set[str]) -> Ticket | None:
    return next((t for t in tickets if t.status == "pending" and t.id not in later), None)


@asynccontextmanager
async def opened(
    project: Project, *, total: int = 1, reviewer: str = ""
) -> AsyncGenerator[Session]:
    """A session with the project's team, closed at the end. `reviewer` is who answers tickets."""
    if project.log_json:
        log_as_json()
    team = project.load()
    # Programs read JSON logs: nothing else may stand between their lines, and nobody is asked.
    err = console(stderr=True, quiet=project.log_json)
    reviewer = "" if project.log_json else reviewer
    with exporting():
        async with team:
            yield Session(team, Progress(err, total=total), err, reviewer=reviewer)


async def ticket_of(team: Team, name: str) -> Ticket:
    """The ticket of that id or unique beginning of one. Raises NotFound or BadInput."""
    pending = await team.tickets()
    found = _matching(name, [t.id for t in pending])
    if not found:
        pending = await team.tickets(status=None, limit=5000)
        found = _matching(name, [t.id for t in pending])
    if not found:
        raise NotFound(
            f"Team {team.name!r} has no ticket {name!r}.", hint="`pointsman approvals` lists them."
        )
    if len(found) > 1:
        raise _several("ticket", name, found)
    return next(t for t in pending if t.id == found[0])


async def run_of(team: Team, name: str) -> str:
    """The run of that id or unique beginning of one. Raises NotFound or BadInput."""
    found = _matching(name, [row.run for row in await team.runs(limit=5000, forks=True)])
    if len(found) > 1:
        raise _several("run", name, found)
    return found[0] if found else name


def _matching(name: str, ids: Iterable[str]) -> list[str]:
    """The id itself, or those that begin with `name`."""
    begun = sorted({i for i in ids if name and i.startswith(name)})
    return [name] if name in begun else begun


def _several(what: str, name: str, found: list[str]) -> BadInput:
    shown = ", ".join(i[:16] for i in found[:5])
    return BadInput(f"Several {what}s begin with {name!r}: {shown}.", hint="Give more of the id.")
