"""Many messages, one after another: every line of a file ends in an explicit status."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace

from pydantic import JsonValue

from pointsman import errors
from pointsman.errors import Misconfigured, NoModel, PointsmanError, StoreError
from pointsman.nodes.digest import JsonObject
from pointsman.teams.result import Result
from pointsman.views.cli.messages import Line, Numbered
from pointsman.views.cli.options import program
from pointsman.views.cli.record import of_fault, of_result, put
from pointsman.views.cli.screen import console, plain, step
from pointsman.views.cli.session import Ask, Session
from pointsman.views.cli.tally import Tally, summary
from pointsman.views.cli.wording import STATUS_WORDS
from pointsman.views.cli.wording import Line as Words
from pointsman.views.visible import one_line


class Batch:
    """Runs lines in order, prints each result as it ends, then a summary.

    One that cannot be run counts as failed and the next goes on. A wrong key, an unknown model, a
    broken team or store would fail every line alike: the batch stops there.
    """

    def __init__(self, session: Session, common: Ask, *, as_json: bool) -> None:
        self._session = session
        self._common = common
        self._as_json = as_json
        self._out = console(stderr=False)
        self._tally = Tally()
        self._current = 0
        self._last_ended = 0
        self._outage = False

    async def run(self, lines: Sequence[Numbered]) -> int:
        """Run them all and give the exit code: 0 when every line has a status of its own.

        It is 1 when a line could not be run, when no model could be reached, and when all failed.
        Raises Misconfigured or StoreError where no line could go on.
        """
        began = time.monotonic()
        try:
            for place, numbered in enumerate(lines, 1):
                self._current = numbered.number
                await self._one(numbered, place)
                self._last_ended = numbered.number
        finally:
            if self._tally.total:
                out = console(stderr=True) if self._as_json else self._out
                summary(out, self._tally, time.monotonic() - began)
        nothing = self._tally.statuses["failed"] == self._tally.total
        return 1 if self._tally.unread or self._outage or nothing else 0

    def kept(self, file: str, *, fresh: bool) -> str:
        """What to say when Ctrl-C stopped the batch."""
        run = self._session.underway
        done = self._tally.total
        ended = f"{done} message{' is' if done == 1 else 's are'} finished and kept"
        again = program()
        action = f"approve {self._session.asking}" if self._session.asking else f"resume {run}"
        first = f"`{again} {action}` and then " if run else ""
        following = self._current + 1 if run else self._last_ended + 1
        rest = f"--file {shlex.quote(file)} --start {following}{' --fresh' if fresh else ''}"
        return f"Stopped at line {self._current}; {ended}. Go on with {first}`{again} run {rest}`."

    async def _one(self, numbered: Numbered, place: int) -> None:
        if numbered.line is None:
            self._session.progress.begin(place, f"line {numbered.number}", None)
            self._fault(
                numbered, numbered.fault or errors.InvalidMessage("The line is no message.")
            )
            return
        try:
            result = await self._session.run(self._ask(numbered.line), place)
        except (Misconfigured, StoreError):
            raise
        except PointsmanError as error:
            self._fault(numbered, error)
            return
        self._tally.add(result, repeated=self._session.repeated)
        self._put(numbered, of_result(result), self._words(result))
        self._look_for_outage(result)

    def _ask(self, line: Line) -> Ask:
        given = line.model_fields_set
        return replace(
            self._common,
            text=line.text,
            thread=line.thread,
            message_id=line.id,
            tenant=line.tenant if "tenant" in given else self._common.tenant,
            priority=line.priority if "priority" in given else self._common.priority,
        )

    def _fault(self, numbered: Numbered, error: PointsmanError) -> None:
        self._tally.add_fault()
        self._session.progress.fault(str(error))
        self._session.underway = ""
        text = error.message
        self._put(numbered, of_fault(type(error).__name__, text), f"failed: {text}")

    def _put(self, numbered: Numbered, made: JsonObject, words: str) -> None:
        if self._as_json:
            known: dict[str, JsonValue] = {"line": numbered.number}
            if numbered.line is not None and not made["message_id"]:
                known["message_id"] = numbered.line.id or ""
            put({**made, **known})
        elif self._out.is_terminal:
            if made["run"]:
                step(self._out, Words("answer", words))
            plain(self._out, "")
        else:
            plain(self._out, f"line {numbered.number}: {one_line(words)}")

    def _words(self, result: Result) -> str:
        if self._out.is_terminal and result.answer:
            return result.answer
        status = STATUS_WORDS[result.status]
        return f"{status}: {result.answer}" if result.answer else status

    def _look_for_outage(self, result: Result) -> None:
        """A run that failed for a reason outside the message. Raises where the next would too."""
        kind = getattr(errors, result.error, None) if result.error else None
        if not isinstance(kind, type) or result.status != "failed":
            return
        if issubclass(kind, Misconfigured | StoreError):
            raise kind(result.answer or f"The run failed: {result.error}.")
        self._outage = self._outage or issubclass(kind, NoModel)
