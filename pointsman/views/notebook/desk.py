"""The desk behind a live inbox: looks for tickets and carries out decisions in its own thread.

A notebook delivers clicks in a thread that nobody can predict, inside a running event loop, and a
kernel may die at any time. So nothing here uses the caller's loop or blocks it, nothing is kept
that the store does not have, and the thread is a daemon that ends when there is nothing to do.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from pointsman.errors import NotFound, PointsmanError, is_control_flow
from pointsman.nodes.digest import JsonObject
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import DECISION, Decision, Ticket
from pointsman.views.notebook.form import values

log = logging.getLogger("pointsman.views")

LOOK_SECONDS = 1.0
SWEEP_SECONDS = 10.0
SETTLE_LOOKS = 10
"""A ticket that is closed and not settled is read anew once in so many looks."""
IDLE_SECONDS = 90.0
"""Without a sign of life from a page for this long the desk stops looking, until the next one.
More than a minute: browsers let a page in the background speak only once a minute."""
KEPT = 20
"""Decided cards that stay on the page."""
NESTED = (
    "Recorded. The run is part of another graph: invoke that graph, or decide with"
    " team.decide(..., graph=...), and it goes on."
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page is to show: open tickets, oldest first; decided ones, newest first; and why the
    desk cannot look, where it cannot."""

    open: tuple[Ticket, ...] = ()
    decided: tuple[Ticket, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Ack:
    """What the desk says to a decision: that it has it, that it was carried out, or why not."""

    state: Literal["taken", "done", "refused"]
    text: str = ""


class Desk:
    """Shows the open tickets and the last decided ones, whenever they change."""

    def __init__(
        self, team: Team, show: Callable[[Shown], None], *, idle: float = IDLE_SECONDS
    ) -> None:
        """`show` is called on the desk's thread; `idle` in seconds."""
        self._team = team.apart()
        self._show = show
        self._idle = idle
        self._lock = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = asyncio.Lock()
        self._tasks: set[Future[None]] = set()
        self._ended = False
        self._alive = time.monotonic()
        self._looking: Future[None] | None = None
        self._looks = 0
        self._closed: dict[str, Ticket] = {}
        self._shown = Shown()
        self._told: Shown | None = None

    @property
    def open(self) -> tuple[Ticket, ...]:
        """What was open at the last look."""
        return self._shown.open

    def beat(self) -> None:
        """A page is there: look, or go on looking. Returns at once."""
        with self._lock:
            self._alive = time.monotonic()
            if not self._ended and (self._looking is None or self._looking.done()):
                self._looking = self._submit(self._keep_looking)
                self._submit(self._keep_sweeping)

    def look(self, *, within: float) -> tuple[Ticket, ...]:
        """The open tickets now, for a page that cannot be live; waits at most so many seconds."""
        looked = self._submit(self._look)
        with suppress(TimeoutError, PointsmanError):
            looked.result(timeout=within)
        return self.open

    def decide(self, said: JsonObject, told: Callable[[Ack], None]) -> None:
        """Carry out a page's decision. Returns at once; `told` is called on the desk's thread,
        first that it is taken, then what came of it."""
        self._submit(lambda: self._decide(said, told))

    def close(self) -> None:
        """Stop looking. Decisions under way are carried out; then the thread ends."""
        self._ended = True

    # The thread: begun by the first work, ended after the last.

    def _submit(self, work: Callable[[], Coroutine[Any, Any, None]]) -> Future[None]:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._turn = asyncio.Lock()
                threading.Thread(
                    target=_serve, args=(self._loop,), name="pointsman-inbox", daemon=True
                ).start()
            future = asyncio.run_coroutine_threadsafe(work(), self._loop)
            self._tasks.add(future)
        future.add_done_callback(self._over)
        return future

    def _over(self, future: Future[None]) -> None:
        with self._lock:
            self._tasks.discard(future)
            if not self._tasks and self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = None

    # On the thread

    def _watched(self) -> bool:
        return not self._ended and time.monotonic() - self._alive < self._idle

    async def _keep_looking(self) -> None:
        while self._watched():
            try:
                await self._look()
            except Exception as error:  # a page that shows old tickets must say so
                if is_control_flow(error):
                    raise
                log.warning("the inbox of team %r cannot look: %s", self._team.name, error)
                self._tell(Shown(self._shown.open, self._shown.decided, _sentence(error)))
            await asyncio.sleep(LOOK_SECONDS)

    async def _keep_sweeping(self) -> None:
        """Beside the looking: a run that this takes on may work for minutes."""
        while self._watched():
            try:
                await self._team.sweep()
            except PointsmanError as error:
                log.warning("looking what time decided failed: %s", error)
            for _ in range(round(SWEEP_SECONDS)):
                if not self._watched():
                    break
                await asyncio.sleep(1)

    async def _look(self) -> None:
        async with self._turn:  # an older look must not be shown after a newer one
            now = await self._team.tickets()
            still = {t.id for t in now}
            left = [t.id for t in self._shown.open if t.id not in still]
            self._looks += 1
            every = self._looks % SETTLE_LOOKS == 0
            again = [
                t.id
                for t in self._closed.values()
                if t.settled is None and (every or t.status == "approved")  # it runs any moment
            ]
            for name in (*again, *left):
                with suppress(NotFound):
                    self._closed[name] = await self._team.ticket(name)
            while len(self._closed) > KEPT:
                del self._closed[next(iter(self._closed))]
            self._shown = Shown(now, tuple(reversed(self._closed.values())))
            self._tell(self._shown)

    def _tell(self, shown: Shown) -> None:
        if shown != self._told:
            self._told = shown
            self._show(shown)

    async def _decide(self, said: JsonObject, told: Callable[[Ack], None]) -> None:
        told(Ack("taken"))
        try:
            ticket = str(said.get("ticket", ""))
            outcome = await self._team.decide(ticket, decision_of(said))
            ack = Ack("done", "" if isinstance(outcome, Result) else NESTED)
        except Exception as error:  # the page must hear of it, whatever it is
            if is_control_flow(error):
                raise
            if not isinstance(error, PointsmanError | ValidationError):
                log.exception("a decision in the inbox of team %r failed", self._team.name)
            ack = Ack("refused", _sentence(error))
        self._looks = -1  # the next look reads the decided ones anew
        with suppress(PointsmanError):
            await self._look()  # first: a card that locks does not offer its buttons once more
        told(ack)


def decision_of(said: JsonObject) -> Decision:
    """What a page said as a decision: its fields, with an edit's arguments as JSON texts in `json`.

    Raises ValidationError, and InvalidDecision for a text that is no JSON.
    """
    given = {name: value for name, value in said.items() if name not in ("ticket", "json", "nonce")}
    texts = said.get("json")
    if isinstance(texts, dict):
        given["args"] = values({name: str(text) for name, text in texts.items()})
    return DECISION.validate_python(given)


def _sentence(error: Exception) -> str:
    if isinstance(error, PointsmanError):
        return str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return f"{where}: {first['msg']}." if where else f"{first['msg']}."
    return f"{type(error).__name__}: {error}"


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
