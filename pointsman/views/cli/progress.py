"""The live view of a run, built from its events. Writes to stderr only."""

from collections.abc import Iterable

from rich.console import Console
from rich.status import Status as Spinner

from pointsman.nodes.event import ModelCalled, Recorded, Routed, RunEnded, RunStarted, ToolCalled
from pointsman.teams.result import Result
from pointsman.views.cli.screen import plain, step
from pointsman.views.cli.wording import Line, ended, line_of, money, seconds
from pointsman.views.visible import one_line


class Progress:
    """Shows one message after another: a heading, a line for each step, a closing line.

    In a terminal a last line that moves says what is being worked on now.
    """

    def __init__(self, out: Console, *, total: int = 1) -> None:
        self._out = out
        self._total = total
        self._spinner: Spinner | None = None
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
        self._seen = recorded.seq
        event = recorded.event
        match event:
            case RunStarted() | RunEnded():
                return
            case Routed():
                self._specialist = event.to or self._specialist
            case _:
                pass
        step(self._out, line_of(event))
        who = self._specialist or "the team"
        match event:
            case ModelCalled() | ToolCalled() | Routed():
                self._now(f"{who} is working")
            case _:
                pass

    def skip(self, events: Iterable[Recorded]) -> None:
        """Take these steps as shown."""
        self._seen = max((recorded.seq for recorded in events), default=self._seen)

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

    def _now(self, what: str) -> None:
        if not self._out.is_terminal:
            return
        if self._spinner is None:
            self._spinner = self._out.status(f"  {what}", spinner="dots")
            self._spinner.start()
        else:
            self._spinner.update(f"  {what}")
