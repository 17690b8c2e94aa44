"""`pointsman approvals --watch`: the open tickets, live, and a key for each decision.

Everything is on one event loop: a look into the store every second, what time decides every few,
the keys, and the decisions, whose runs may take long.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import Any, cast

import click
from rich.console import Console
from rich.live import Live
from rich.segment import Segment, SegmentLines

from pointsman.errors import InvalidDecision, NotFound, PointsmanError
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Decision, Escalate, Ticket
from pointsman.views.cli.ask import editable
from pointsman.views.cli.board import Board
from pointsman.views.cli.card import agreed, barred, voted
from pointsman.views.cli.exits import DONE
from pointsman.views.cli.keys import Key
from pointsman.views.cli.options import program
from pointsman.views.cli.questions import LETTERS, STEPS, Questions
from pointsman.views.cli.terminal import Aside, aside, keyboard, signals
from pointsman.views.cli.watchview import Scene, Screenful, Scroll
from pointsman.views.cli.wording import KINDS, STATUS_WORDS, Tone, short
from pointsman.views.visible import visible

LOOK_SECONDS = 1.0
SWEEP_SECONDS = 5.0
MOST = 500
"""Open tickets that are shown, the oldest ones; more wait until these are decided."""


class Watch:
    """One person at the live table of one team."""

    def __init__(self, team: Team, *, by: str, run: str = "") -> None:
        self._team = team
        self._run = run
        self._out = sys.stdout
        self._board = Board()
        self._scene = Scene(team=team.name, by=by, now=datetime.now(UTC))
        self._keys: asyncio.Queue[Key] = asyncio.Queue()
        self._over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._console = Console(file=self._out, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._questions = Questions(
            self._scene, self._keys, draw=self._draw, redraw=self._redraw, scroll=self._move
        )
        self._drawn: list[list[Segment]] = []
        self._said: list[str] = []
        self._looking = asyncio.Lock()

    async def run(self) -> int:
        """Show and decide until the person leaves; the exit code. The terminal is put back, and
        what was decided here is printed."""
        on_signal: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: lambda: self._end(128 + signal.SIGTERM),
            signal.SIGHUP: lambda: self._end(128 + signal.SIGHUP),
            signal.SIGWINCH: self._redraw,
        }
        if isinstance(self._out, TextIOWrapper):
            # Where the terminal's encoding is narrow, a picture with a ? in it beats none.
            cast("TextIOWrapper", self._out).reconfigure(errors="replace")
        printed = Aside()
        try:
            with aside(printed):
                try:
                    with signals(on_signal), self._live, self._keyboard():
                        self._begin(self._look_always())
                        self._begin(self._sweep_always())
                        self._begin(self._follow_keys())
                        return await self._over
                finally:
                    await self._stop()
        finally:
            for line in self._said:
                click.echo(line)
            if printed.text():
                click.echo(printed.text(), err=True)

    def kept(self) -> str:
        """What to say after Ctrl-C."""
        return "Stopped. What was decided stands; nothing else was changed."

    def _keyboard(self) -> Any:
        return keyboard(self._out, self._keys.put_nowait, lambda: self._end(DONE))

    def _end(self, code: int) -> None:
        if not self._over.done():
            self._over.set_result(code)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Start something in the background. What it raises ends the watch."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not self._over.done():
            self._over.set_exception(error)

    async def _stop(self) -> None:
        for name in sorted(self._board.busy):
            run = self._board.by_id[name].run
            self._said.append(
                f"{short(name)}: left while it was being carried out. If the decision was recorded"
                f" it stands, and `{program()} resume {short(run)}` goes on."
            )
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if self._over.done() and not self._over.cancelled():
            self._over.exception()  # taken note of: another error may be on its way out

    # Looking

    async def _look_always(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        """Take in what the store says now, and draw. One look at a time: an older one must not
        overwrite a newer one."""
        async with self._looking:
            try:
                found = await self._team.tickets(run=self._run, limit=MOST)
                looked_up: list[Ticket] = []
                for name in self._board.unsettled(found):
                    with suppress(NotFound):
                        looked_up.append(await self._team.ticket(name))
                self._board.update(found, looked_up, time.monotonic())
            except PointsmanError as error:
                self._say(f"The tickets cannot be read: {error}", "bad")
        self._draw()

    async def _sweep_always(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                changed = await self._team.sweep()
            except PointsmanError as error:
                self._say(f"What time has decided cannot be applied: {error}", "bad")
            else:
                for ticket in changed:
                    if not ticket.open:
                        self._say(f"{short(ticket.id)} expired: {ticket.decision_reason}", "warn")

    # Drawing

    def _draw(self) -> None:
        self._scene.now = datetime.now(UTC)
        console = self._console
        options = console.options.update(height=console.size.height)
        lines = console.render_lines(Screenful(self._board, self._scene), options)
        if lines != self._drawn:
            self._drawn = lines
            self._live.update(SegmentLines(lines, new_lines=True), refresh=True)

    def _redraw(self) -> None:
        self._drawn = []
        self._draw()

    def _say(self, text: str, tone: Tone = "dim") -> None:
        self._scene.status, self._scene.tone = text, tone
        self._draw()

    # Keys

    async def _follow_keys(self) -> None:
        while True:
            key = await self._keys.get()
            scene = self._scene
            match key.name or key.text:
                case "q" | "esc" | "end of input" | "left" | "?" if scene.showing != "list":
                    self._show("list")
                case "q" | "end of input":
                    await self._leave()
                case "?":
                    self._show("help")
                case "enter" if scene.showing == "list" and self._board.current is not None:
                    self._show("card", self._board.current)
                case step if step in STEPS:
                    self._move(STEPS[step])
                case "redraw":
                    self._redraw()
                case letter if letter in LETTERS and scene.showing != "help":
                    await self._decide(letter)
                case _:
                    pass

    def _show(self, what: str, ticket: Ticket | None = None) -> None:
        self._scene.showing, self._scene.scroll, self._scene.ticket = what, Scroll(), ticket
        self._draw()

    def _move(self, steps: int) -> None:
        if self._scene.showing == "list":
            self._board.move(steps)
        else:
            self._scene.scroll.at += steps
        self._draw()

    async def _leave(self) -> None:
        """Quit, after asking when decisions are still being carried out."""
        if self._board.busy and not await self._questions.yes(
            f"{len(self._board.busy)} being carried out: what is recorded goes on with the next"
            " command that opens the team. Quit now?"
        ):
            return
        self._end(DONE)

    # Deciding

    async def _decide(self, letter: str) -> None:
        """Show the whole ticket, ask what the decision needs, and carry it out."""
        scene, board = self._scene, self._board
        shown = scene.ticket if scene.showing == "card" else board.current
        if shown is None:
            return
        ticket = board.by_id.get(shown.id, shown)
        why = self._refused(ticket, letter)
        if why:
            self._say(why, "warn")
            return
        before = scene.showing
        scene.status = ""
        self._show("card", ticket)
        decision, problem = None, "Nothing was decided."
        try:
            decision = await self._questions.decision(ticket, letter)
        except InvalidDecision as error:
            problem = str(error)
        self._show(before, ticket)
        if decision is None:
            self._say(problem, "note")
            return
        board.busy.add(ticket.id)
        self._say(f"{short(ticket.id)} {decision.type}: being carried out", "note")
        self._begin(self._carry_out(ticket, decision))

    def _refused(self, ticket: Ticket, letter: str) -> str:
        """Why this key cannot decide this ticket; empty when it can."""
        words = KINDS[ticket.kind]
        if ticket.id in self._board.busy:
            return "A decision on this ticket is being carried out."
        if not ticket.open:
            return f"This ticket is closed: it is {ticket.status}."
        if (letter == "e" and not editable(ticket)) or (letter == "s" and not words.respond):
            return f"This ticket takes no {LETTERS[letter]}; approve or reject it."
        if letter == "a" and agreed(ticket, self._scene.by):
            return f"You have approved it: {voted(ticket)}."
        return barred(ticket, self._scene.by, self._team.spec.reviewers)

    async def _carry_out(self, ticket: Ticket, decision: Decision) -> None:
        """Decide, let the run go on, and say what came of it."""
        name = f"{short(ticket.id)} {ticket.tool or ticket.kind}"
        try:
            result = await self._team.decide(ticket, decision)
            after = await self._team.ticket(ticket.id)
            text, tone = _outcome(decision, after, result)
        except PointsmanError as error:
            text, tone = f"{decision.type} refused: {error}", "bad"
        finally:
            self._board.busy.discard(ticket.id)
        self._said.append(visible(f"{name}: {text}"))
        self._say(f"{name}: {text}", tone)
        await self._look()


def _outcome(decision: Decision, ticket: Ticket, result: object) -> tuple[str, Tone]:
    """What a decision came to, in words."""
    if ticket.open:
        if isinstance(decision, Escalate):
            return f"passed to {ticket.assigned}", "note"
        return voted(ticket), "note"
    ran = f": {ticket.outcome}" if ticket.outcome else ""
    if not isinstance(result, Result):
        return f"{ticket.status}; the graph its run is part of must be invoked to go on", "note"
    run = f"; its run: {STATUS_WORDS[result.status]}" if ticket.kind != "compensate" else ""
    tone: Tone = {
        "executed": "good",
        "failed": "bad",
        "ambiguous": "warn",
        "superseded": "bad",
    }.get(ticket.status, "note")  # pyright: ignore[reportAssignmentType]
    return f"{decision.type} by {decision.by}: {ticket.status}{ran}{run}", tone
