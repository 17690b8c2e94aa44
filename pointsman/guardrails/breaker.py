"""Circuit breakers: what failed too often is left alone for a while, then tried by one call.

A key's breaker is in one of three states (Nygard, "Release It!", 2nd ed. 2018, chapter 5):

| state     | event                                  | then                                        |
|-----------|----------------------------------------|---------------------------------------------|
| closed    | enough calls, too many of them failed  | open                                        |
| open      | a call before its time is over         | CircuitOpen; stays open                     |
| open      | a call after it                        | half-open; that call is the probe           |
| half-open | a call while the probe is under way    | CircuitOpen                                 |
| half-open | a call while there is no probe         | it is the probe                             |
| half-open | the probe succeeds                     | closed, with nothing counted                |
| half-open | the probe fails, or outlives its time  | open, twice as long as the last time        |
| half-open | the probe says nothing (released)      | half-open without a probe                   |
| any       | the end of a call of an earlier state  | nothing: it speaks of what was              |

Every step is taken under one lock without awaiting, so that of any number of calls at once, in
whatever threads, exactly one is the probe.
"""

import logging
import random
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Literal

from pointsman.errors import CircuitOpen, Misconfigured
from pointsman.guardrails.guard import closed
from pointsman.nodes.event import BreakerMoved
from pointsman.nodes.limits import Breaker, BreakerState, Moved, is_outage
from pointsman.nodes.message import Escalation, Failure, Invocation, Message, Refusal
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

log = logging.getLogger("pointsman.guardrails")

MAX_KEYS = 10_000
MAX_CALLS = 256
"""Calls one breaker looks back on at most, however many its window holds."""


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """When a breaker opens, and for how long. Times are in seconds.

    Raises Misconfigured for numbers that never open, or never close again.
    """

    calls: int = 5
    """It never opens on fewer calls than these, within `window`. At most MAX_CALLS."""
    failures: float = 0.5
    """It opens when at least this share of them failed: above 0, at most 1."""
    window: float = 30.0
    open_for: float = 15.0
    """How long it is open at first. Each probe that fails doubles it."""
    open_most: float = 300.0
    jitter: float = 0.2
    """Up to this share is added by chance, so that many processes do not probe at once."""
    probe: float = 180.0
    """A probe that takes longer is taken for failed. More than any call behind it may take."""
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for it, for the team's design page. Changes nothing else."""

    def __post_init__(self) -> None:
        times = (self.window, self.open_for, self.open_most, self.probe)
        if (
            not 1 <= self.calls <= MAX_CALLS
            or not 0 < self.failures <= 1
            or not all(0 < seconds < float("inf") for seconds in times)
            or not 0 <= self.jitter <= 1
        ):
            raise Misconfigured(
                f"{self!r} is no circuit breaker.",
                hint=f"calls is 1 to {MAX_CALLS}, failures above 0 and at most 1, jitter 0 to 1;"
                " the times are above 0.",
            )

    def open_time(self, opened: int, draw: float) -> float:
        """Seconds it stays open after opening for the `opened`-th time in a row, 1 first."""
        length = min(self.open_most, self.open_for * 2.0 ** min(opened - 1, 30))
        return length * (1 + self.jitter * draw)


@dataclass(frozen=True)
class BreakerGuard:
    """Lets visits to a specialist, or calls of a tool, through while its breaker lets them; the
    breaker is kept under its name.

    Raises CircuitOpen. A visit that gives a message succeeded; one that ends in what `is_outage`
    names failed; a refusal, a text held for a person, a bad request or a cancellation says nothing.
    """

    breaker: Breaker
    name: str = "breaker"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def broken(message: Message, run: Run) -> Message:
            call = message.payload.call if isinstance(message.payload, Invocation) else None
            key = run.specialist if call is None else call.name

            def tell(state: BreakerState) -> None:
                of = "specialist" if call is None else "tool"
                run.emit(BreakerMoved(of=of, key=key, state=state))

            passage = closed(self.name, "input", run, lambda: self.breaker.admit(key, tell))
            if isinstance(passage, Refusal):
                return message.reply(passage, sender=run.specialist)
            try:
                reply = await inner(message, run)
            except Exception as error:
                if is_outage(error):
                    closed(self.name, "output", run, passage.failed)
                raise
            else:
                if isinstance(reply.payload, Refusal | Escalation | Failure):
                    return reply
                fault = closed(self.name, "output", run, passage.succeeded)
                return reply if fault is None else reply.carrying(fault)
            finally:
                passage.release()

        return broken


class Breakers:
    """Circuit breakers of one kind, one a key; implements `nodes.limits.Breaker`.

    In memory: each process has its own. `clock` gives seconds, `draw` a number from 0 to 1. At most
    `max_keys` are kept; the one that was used least recently is forgotten, which closes it.
    """

    def __init__(
        self,
        rules: CircuitBreaker | None = None,
        *,
        what: str = "",
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
        max_keys: int = MAX_KEYS,
    ) -> None:
        """`what` the keys name, for messages: `specialist` or `model`."""
        self.rules = rules or CircuitBreaker()
        self._what = what
        self._clock = clock
        self._draw = draw
        self._max_keys = max_keys
        self._lock = Lock()
        self._cells: OrderedDict[str, _Cell] = OrderedDict()

    def admit(self, key: str, tell: Moved | None = None) -> "_Passage":
        """Let one call through; `tell` hears of each change of state that the call brings about.

        Raises CircuitOpen with `retry_after` in seconds.
        """
        moved: list[BreakerState] = []
        with self._lock:
            now = self._clock()
            cell = self._cell(key)
            # A clock that was set back must not make it wait for longer than its time.
            cell.until = min(cell.until, now + cell.length)
            if cell.state == "half_open" and cell.probing and now >= cell.until:
                self._open(cell, cell.until, moved)
            if cell.state == "open" and now >= cell.until:
                cell.move("half_open", moved)
            wait = self._wait(cell, now)
            if wait is None:
                self._begin(cell, now)
            turn = cell.turn
        self._tell(key, moved, tell)
        if wait is not None:
            raise CircuitOpen(
                f"The circuit breaker of {self._named(key)} is open: it failed too often just now.",
                hint=f"Try again in {max(1, round(wait))} s.",
                retry_after=wait,
            )
        return _Passage(partial(self._end, key, cell, turn, tell))

    def state(self, key: str) -> BreakerState:
        """The state of a key's breaker, as its last call left it."""
        with self._lock:
            cell = self._cells.get(key)
            return "closed" if cell is None else cell.state

    def _cell(self, key: str) -> "_Cell":
        cell = self._cells.setdefault(key, _Cell())
        self._cells.move_to_end(key)
        if len(self._cells) > self._max_keys:
            self._cells.popitem(last=False)
        return cell

    def _wait(self, cell: "_Cell", now: float) -> float | None:
        """Seconds a call has to wait; None when it may pass."""
        match cell.state:
            case "closed":
                return None
            case "open":
                return cell.until - now
            case "half_open":
                return min(self.rules.open_for, cell.until - now) if cell.probing else None

    def _begin(self, cell: "_Cell", now: float) -> None:
        if cell.state == "half_open":
            cell.probing = True
            cell.turn += 1
            cell.length = self.rules.probe
            cell.until = now + cell.length

    def _end(self, key: str, cell: "_Cell", turn: int, tell: Moved | None, how: "_How") -> None:
        moved: list[BreakerState] = []
        with self._lock:
            if turn != cell.turn:
                return
            if how == "released":
                cell.probing = False
                return
            now = self._clock()
            if cell.state == "closed":
                if cell.counted(now, self.rules, ok=how == "succeeded"):
                    self._open(cell, now, moved)
            elif how == "succeeded":
                cell.opened = 0
                cell.move("closed", moved)
            else:
                self._open(cell, now, moved)
        self._tell(key, moved, tell)

    def _open(self, cell: "_Cell", at: float, moved: list[BreakerState]) -> None:
        cell.opened += 1
        cell.length = self.rules.open_time(cell.opened, self._draw())
        cell.move("open", moved)
        cell.until = at + cell.length

    def _named(self, key: str) -> str:
        return f"{self._what} {key!r}".strip()

    def _tell(self, key: str, moved: list[BreakerState], tell: Moved | None) -> None:
        for state in moved:
            level = logging.WARNING if state == "open" else logging.INFO
            log.log(level, "the circuit breaker of %s is %s", self._named(key), state)
            if tell is not None:
                tell(state)


@dataclass
class _Cell:
    """One key's breaker."""

    state: BreakerState = "closed"
    calls: deque[tuple[float, bool]] = field(
        default_factory=lambda: deque[tuple[float, bool]](maxlen=MAX_CALLS)
    )
    """When each counted call ended, and whether it worked."""
    turn: int = 0
    """Grows with each change of state and each probe: the end of an earlier turn says nothing."""
    opened: int = 0
    length: float = 0.0
    until: float = 0.0
    """Open: when it may be probed, `length` seconds after it opened. Half-open: when its probe is
    taken for failed."""
    probing: bool = False

    def move(self, state: BreakerState, moved: list[BreakerState]) -> None:
        self.state = state
        self.turn += 1
        self.probing = False
        self.calls.clear()
        moved.append(state)

    def counted(self, now: float, rules: CircuitBreaker, *, ok: bool) -> bool:
        """Count a call; whether it was one failure too many."""
        while self.calls and self.calls[0][0] <= now - rules.window:
            self.calls.popleft()
        self.calls.append((now, ok))
        made, failed = len(self.calls), sum(not worked for _, worked in self.calls)
        return not ok and made >= rules.calls and failed >= rules.failures * made


_How = Literal["succeeded", "failed", "released"]


class _Passage:
    """One call through a breaker; implements `nodes.limits.Passage`. Only its first end counts."""

    def __init__(self, end: Callable[[_How], None]) -> None:
        self._end: Callable[[_How], None] | None = end

    def succeeded(self) -> None:
        self._once("succeeded")

    def failed(self) -> None:
        self._once("failed")

    def release(self) -> None:
        self._once("released")

    def _once(self, how: _How) -> None:
        end, self._end = self._end, None
        if end is not None:
            end(how)
