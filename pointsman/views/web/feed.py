"""The live feed: one look at the store for all pages, whoever drives the runs.

What is new goes to every page's own queue. Queues are bounded: a page that does not keep up is told
so and dropped, and reads anew.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Protocol, Self

from pointsman.errors import PointsmanError, is_control_flow
from pointsman.nodes.event import Recorded
from pointsman.teams.team import Team
from pointsman.teams.tickets import Ticket
from pointsman.views.cli.wording import line_of
from pointsman.views.visible import visible
from pointsman.views.web.console import shapes
from pointsman.views.web.console.now import overview_page

log = logging.getLogger("pointsman.views")

FRAMES = 32
"""Frames that wait for one page at most."""
PAGE = 500
"""Events that one look takes in."""
BEHIND = 2000
"""Events that a page that comes back may have missed; beyond, it reads anew."""
QUIET_LOOKS = 10
"""Without an event the overview and the tickets are looked at once in so many looks: time closes
tickets, and queues age."""
LATELY = 100
_TICKETS = ("ticket_opened", "ticket_decided", "ticket_reminded", "run_ended")

Why = Literal["session", "slow", "stopping"]


@dataclass(eq=False)
class Reader:
    """One page that listens."""

    tenant: str
    """Whose runs it sees; empty: all."""
    session: str = ""
    queue: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(FRAMES))
    dropped: asyncio.Event = field(default_factory=asyncio.Event)
    why: Why = "slow"

    def give(self, frame: bytes) -> None:
        """Pass a frame on, or drop the page where it does not keep up."""
        if not frame or self.dropped.is_set():
            return
        try:
            self.queue.put_nowait(frame)
        except asyncio.QueueFull:
            self.drop("slow")

    def drop(self, why: Why) -> None:
        """It gets no more."""
        self.why = why
        self.dropped.set()


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of a ticket: a change of it is news."""

    tenant: str
    waits: bool
    """For a person; else it is approved, and what it asks for is under way."""
    marks: tuple[str, ...]


class Feed:
    """Looks at the store while somebody listens. `async with` it inside of `async with team`."""

    def __init__(self, team: Team, *, look_seconds: float) -> None:
        self._team = team
        self._look_seconds = look_seconds
        self._readers: set[Reader] = set()
        self._place = 0
        self._tickets: Mapping[str, _State] = {}
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._quiet = 0
        self._closed: dict[str, None] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for reader in list(self._readers):
            reader.drop("stopping")
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def readers(self) -> int:
        """How many listen."""
        return len(self._readers)

    @property
    def lately(self) -> Sequence[str]:
        """Tickets that were closed while somebody looked, the newest first; at most 100."""
        return list(reversed(self._closed))

    def closed(self, ticket: str) -> None:
        """Note that a ticket was closed."""
        self._closed.pop(ticket, None)
        self._closed[ticket] = None
        while len(self._closed) > LATELY:
            del self._closed[next(iter(self._closed))]

    def stop(self) -> None:
        """Tell every page that the server stops: else it would wait for them."""
        for reader in list(self._readers):
            reader.drop("stopping")

    @property
    def listening(self) -> Sequence[Reader]:
        """Who listens."""
        return tuple(self._readers)

    async def join(self, tenant: str, last: str = "", *, session: str = "") -> Reader:
        """A new reader. `last`: the id of the last event that its page has; what came since is
        given to it first. Raises StoreError."""
        reader = Reader(tenant, session)
        async with self._turn:  # between two looks, so that nothing is missed or given twice
            if not self._readers:
                await self._begin()
            reader.give(await self._missed(tenant, last))
            reader.give(_frame("overview", await overview_page(self._team, tenant)))
            self._readers.add(reader)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_looking(), name="pointsman-feed")
        return reader

    def leave(self, reader: Reader) -> None:
        """It listens no more."""
        self._readers.discard(reader)

    # Looking

    async def _begin(self) -> None:
        async with self._team.sessions.services() as services:
            self._place = await services.store.tail_end()
        self._tickets = await self._standing()

    async def _keep_looking(self) -> None:
        while self._readers:
            await asyncio.sleep(self._look_seconds)
            try:
                async with self._turn:
                    await self._look()
            except Exception as error:  # pages stay, and the next look may find the store again
                if is_control_flow(error):
                    raise
                if isinstance(error, PointsmanError):
                    log.warning("the live feed of team %r cannot look: %s", self._team.name, error)
                else:
                    log.exception("the live feed of team %r failed", self._team.name)

    async def _look(self) -> None:
        async with self._team.sessions.services() as services:
            tail = await services.store.tail(self._team.name, after=self._place, limit=PAGE)
        moved, self._place = tail.next != self._place, tail.next
        self._quiet = 0 if tail.events else self._quiet + 1
        if moved:
            self._tell(lambda tenant: _runs(tail.events, tenant, tail.next))
        resting = not tail.events and self._quiet % QUIET_LOOKS
        told = any(e.event.kind in _TICKETS for _, e in tail.events)
        if told or not (tail.events or resting) or self._carrying_out():
            await self._look_at_tickets()
        if resting:
            return
        pages = {
            tenant: _frame("overview", await overview_page(self._team, tenant))
            for tenant in {reader.tenant for reader in self._readers}
        }
        self._tell(lambda tenant: pages.get(tenant, b""))

    def _carrying_out(self) -> bool:
        """Whether an approved ticket may be carried out just now: its end is no event, but comes
        soon after one. Where nothing happens for a while, it is looked at as seldom as all else."""
        return self._quiet < QUIET_LOOKS and any(not one.waits for one in self._tickets.values())

    async def _look_at_tickets(self) -> None:
        before, now = self._tickets, await self._standing()
        self._tickets = now
        changed = [t for t in {**before, **now} if before.get(t) != now.get(t)]
        if not changed:
            return
        for one in changed:
            waited, waits = (one in state and state[one].waits for state in (before, now))
            if waited and not waits and one not in self._closed:
                self.closed(one)
        whose = {t: (now.get(t) or before[t]).tenant for t in changed}

        def news(tenant: str) -> bytes:
            mine = tuple(t for t in changed if tenant in ("", whose[t]))
            waiting = sum(1 for s in now.values() if s.waits and tenant in ("", s.tenant))
            return (
                _frame("ticket", shapes.FeedTicket(tickets=mine, waiting=waiting)) if mine else b""
            )

        self._tell(news)

    async def _standing(self) -> Mapping[str, _State]:
        """The tickets that wait, and those that are approved and not carried out yet: their end is
        no event of the record."""
        waiting = await self._team.tickets()
        under = await self._team.tickets(status="approved")
        return {t.id: _State(t.tenant, t.open, _marks(t)) for t in (*waiting, *under)}

    def _tell(self, made: "Made") -> None:
        frames: dict[str, bytes] = {}
        for reader in list(self._readers):
            if reader.tenant not in frames:
                frames[reader.tenant] = made(reader.tenant)
            reader.give(frames[reader.tenant])

    async def _missed(self, tenant: str, last: str) -> bytes:
        """What came since the event with that id, as one frame."""
        if not (last.isascii() and last.isdigit() and len(last) < 19) or int(last) > self._place:
            return _id(self._place)
        place, found = int(last), list[tuple[str, Recorded]]()
        async with self._team.sessions.services() as services:
            while place < self._place:
                tail = await services.store.tail(self._team.name, after=place, limit=PAGE)
                found += tail.events
                place = tail.next
                if len(found) > BEHIND:
                    return _frame("missed", shapes.FeedMissed()) + _id(self._place)
                if not tail.more:
                    break
        return _runs(found, tenant, self._place)


class Made(Protocol):
    """Makes a frame for the pages of a tenant; empty: nothing is new for them."""

    def __call__(self, tenant: str) -> bytes: ...


def _marks(ticket: Ticket) -> tuple[str, ...]:
    return (ticket.shows, ticket.assigned, *(f"{v.by} {v.digest}" for v in ticket.votes))


def _runs(events: Iterable[tuple[str, Recorded]], tenant: str, place: int) -> bytes:
    """The last event of each run, for the pages of a tenant, and the place that they reach to."""
    last: dict[str, Recorded] = {}
    for whose, recorded in events:
        if tenant in ("", whose):
            last.pop(recorded.run, None)
            last[recorded.run] = recorded
    return b"".join(_frame("run", _run(one)) for one in last.values()) + _id(place)


def _run(recorded: Recorded) -> shapes.FeedRun:
    line = line_of(recorded.event)
    return shapes.FeedRun(
        run=recorded.run, seq=recorded.seq, at=round(recorded.at * 1000),
        kind=recorded.event.kind, label=line.label, words=visible(line.text), tone=line.tone,
    )  # fmt: skip


def _frame(event: str, data: shapes.Shape) -> bytes:
    return f"event: {event}\ndata: {data.model_dump_json(by_alias=True)}\n\n".encode()


def _id(place: int) -> bytes:
    """Tells the browser where it is, without an event."""
    return f"id: {place}\n\n".encode()


HEARTBEAT = b": still here\n\n"


def last_frame(why: Why) -> bytes:
    """What a page is told before the feed closes."""
    return _frame("end", shapes.FeedEnd(why=why))


async def frames(
    reader: Reader, ended: asyncio.Event, *, heartbeat: float
) -> AsyncGenerator[bytes | None]:
    """The reader's frames; None after each `heartbeat` seconds. Ends when it is dropped, or
    `ended`."""
    loop = asyncio.get_running_loop()
    over = [asyncio.ensure_future(reader.dropped.wait()), asyncio.ensure_future(ended.wait())]
    next_one: asyncio.Future[bytes] = asyncio.ensure_future(reader.queue.get())
    beat = loop.time() + heartbeat
    try:
        while not reader.dropped.is_set() and not ended.is_set():
            left = max(0.0, beat - loop.time())
            waited: Sequence[asyncio.Future[bytes] | asyncio.Future[Literal[True]]] = (
                next_one, *over,
            )  # fmt: skip
            await asyncio.wait(waited, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if loop.time() >= beat:
                beat = loop.time() + heartbeat
                yield None
            if next_one.done():
                yield next_one.result()
                next_one = asyncio.ensure_future(reader.queue.get())
    finally:
        for one in (next_one, *over):
            one.cancel()
