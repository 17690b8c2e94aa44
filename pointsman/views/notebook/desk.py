"""The desk behind a live inbox: looks for tickets and carries out decisions in its own thread.

A notebook delivers clicks in a thread that nobody can predict, inside a running event loop, and a
kernel may die at any time. So nothing here uses the caller's loop or blocks it, nothing is kept
that the store does not have, and the thread is a daemon.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from pointsman.errors import NotFound, PointsmanError, is_control_flow
from pointsman.nodes.digest import JsonObject
from pointsman.teams.team import Team
from pointsman.teams.tickets import DECISION, Ticket

log = logging.getLogger("pointsman.views")

LOOK_SECONDS = 1.0
SWEEP_SECONDS = 10.0
IDLE_SECONDS = 90.0
"""Without a sign of life from a page for this long the desk stops looking, until the next one."""
KEPT = 20
"""Decided cards that stay on the page."""

Show = Callable[[tuple[Ticket, ...]], None]


class Desk:
    """Shows the open tickets and the last decided ones, whenever they change."""

    def __init__(self, team: Team, show: Show) -> None:
        self._team = team.apart()
        self._show = show
        self._loop = asyncio.new_event_loop()
        self._closed: dict[str, Ticket] = {}
        self._open: tuple[Ticket, ...] = ()
        self._shown: tuple[Ticket, ...] | None = None
        self._alive = time.monotonic()
        self._looking: Future[None] | None = None
        self._tasks: set[Future[None]] = set()
        threading.Thread(target=self._serve, name="pointsman-inbox", daemon=True).start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def beat(self) -> None:
        """A page is there: look, or go on looking. Returns at once."""
        self._alive = time.monotonic()
        if self._looking is None or self._looking.done():
            self._looking = self._submit(self._keep_looking())

    def look(self, *, within: float) -> tuple[Ticket, ...]:
        """The open tickets now, for a page that cannot be live; waits at most so many seconds."""
        looked = self._submit(self._look())
        with suppress(TimeoutError, PointsmanError):
            looked.result(timeout=within)
        return self._open

    def decide(self, said: JsonObject, told: Callable[[str], None]) -> None:
        """Carry out a page's decision; `told` gets the error's sentence, or nothing. Returns at
        once; `told` is called on the desk's thread."""
        self._submit(self._decide(said, told))

    def close(self) -> None:
        """End the thread. What is under way in the store ends by itself."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _submit(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._tasks.add(future)
        future.add_done_callback(self._tasks.discard)
        return future

    async def _keep_looking(self) -> None:
        swept = 0.0
        while time.monotonic() - self._alive < IDLE_SECONDS:
            try:
                if time.monotonic() - swept > SWEEP_SECONDS:
                    swept = time.monotonic()
                    await self._team.sweep()
                await self._look()
            except Exception as error:  # it looks again, whatever it was
                if is_control_flow(error):
                    raise
                log.warning("the inbox of team %r cannot look: %s", self._team.name, error)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        before, self._open = self._open, await self._team.tickets()
        still = {t.id for t in self._open}
        gone = [t.id for t in before if t.id not in still]
        # A decided one changes once more when its run has acted on it.
        unsettled = [t.id for t in self._closed.values() if t.settled is None]
        for name in (*unsettled, *gone):
            with suppress(NotFound):
                self._closed[name] = await self._team.ticket(name)
        while len(self._closed) > KEPT:
            del self._closed[next(iter(self._closed))]
        shown = (*self._open, *reversed(self._closed.values()))
        if shown != self._shown:
            self._shown = shown
            self._show(shown)

    async def _decide(self, said: JsonObject, told: Callable[[str], None]) -> None:
        try:
            ticket = await self._team.ticket(str(said.pop("ticket", "")))
            await self._team.decide(ticket.id, DECISION.validate_python(said))
            told("")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            told(f"{'.'.join(str(part) for part in first['loc'][1:])}: {first['msg']}.")
        except PointsmanError as error:
            told(str(error))
        except Exception as error:  # the page must hear of it, whatever it is
            if is_control_flow(error):
                raise
            log.exception("a decision in the inbox of team %r failed", self._team.name)
            told(f"{type(error).__name__}: {error}")
        with suppress(PointsmanError):
            await self._look()
