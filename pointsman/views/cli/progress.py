"""The live view of a run, built from its events. Writes to stderr only."""

import logging
from collections.abc import Iterable

from rich.console import Console
from rich.status import Status as Spinner

from pointsman.nodes.event import ModelCalled, Recorded, Routed, RunEnded, RunStarted, ToolCalled
from pointsman.nodes.telemetry import log_context
from pointsman.teams.result import Result
from pointsman.views.cli.screen import plain, step
from pointsman.views.cli.wording import Line, ended, line_of, money, seconds
from pointsman.views.visible import one_line

log = logging.getLogger("pointsman.views")


class Progress:
    """Shows one message after another: a heading, a line for each step, a closing line.

    In a terminal a last line that moves says what is being worked on now.
    """

    def __init__(self, out: Console, *, total: int = 1) -> None:
        self._out = out
        self._total = total
        self._spinner: Spinner | None = None
        self._thread = ""
        self._specialist = ""
        self._seen = -1

    def begin(self, number: int, text: str, thread: str | None) -> None:
        """A message begins; `number` counts from 1."""
        self._specialist, self._seen = "", -1
        place = f"[{number}/{self._total}] " if self._total > 1 else ""
        room = max(40, self._out.width - len(place) - 2) if self._out.is_terminal else 160
        plain(self._out, f"{place}{one_line(text, room)}", "bold")
        if thread:
            step(self._out, Line("thread", thread, "dim"))
        self._now("routing")

    def note(self, text: str) -> None:
        """Show a remark."""
        step(self._out, Line("note", text, "note"))

    def working(self, what: str) -> None:
        """Say what is being waited for, where there is a terminal."""
        self._now(what)

    def event(self, recorded: Recorded) -> None:
        """Show one step. One that was shown before is not shown again."""
        if recorded.seq <= self._seen:
            return
        event = recorded.event
        self._follow(recorded)
        self._log(recorded)
        if isinstance(event, RunStarted | RunEnded):
            return
        step(self._out, line_of(event))
        who = self._specialist or "the team"
        match event:
            case ModelCalled() | ToolCalled() | Routed():
                self._now(f"{who} is working")
            case _:
                pass

    def skip(self, events: Iterable[Recorded]) -> None:
        """Take these steps as shown."""
        for recorded in events:
            self._follow(recorded)

    def end(self, result: Result) -> None:
        """Show how the run ended and what it cost."""
        self.pause()
        line = ended(result.status, result.specialist, result.by)
        calls = f"{result.model_calls} model call{'' if result.model_calls == 1 else 's'}"
        if result.cache_hits:
            calls += f", {result.cache_hits} from the cache"
        tokens = f"{result.input_tokens}+{result.output_tokens} tokens"
        cost = f"{calls}, {tokens}, {money(result.usd)}, {seconds(result.seconds)}"
        step(self._out, Line("end", f"{line.text}; {cost}", line.tone))

    def fault(self, text: str) -> None:
        """Show a message that could not be run."""
        self.pause()
        step(self._out, Line("failed", text, "bad"))

    def pause(self) -> None:
        """Take the moving line away: somebody else writes now."""
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None

    def _follow(self, recorded: Recorded) -> None:
        """Remember where the run is."""
        self._seen = max(recorded.seq, self._seen)
        match recorded.event:
            case RunStarted(thread=thread):
                self._thread = thread
            case Routed(to=to):
                self._specialist = to or self._specialist
            case _:
                pass

    def _log(self, recorded: Recorded) -> None:
        where = {"run": recorded.run, "thread": self._thread, "specialist": self._specialist}
        line = line_of(recorded.event)
        with log_context(where):
            log.info("%s: %s", recorded.event.kind, line.text)

    def _now(self, what: str) -> None:
        if not self._out.is_terminal:
            return
        if self._spinner is None:
            self._spinner = self._out.status(f"  {what}", spinner="dots")
            self._spinner.start()
        else:
            self._spinner.update(f"  {what}")
