"""Leases: one holder of a name at a time, across processes, with a fencing token for its writes.

A lease ends by itself, so its holder may stand still and wake up late. What keeps such a holder
from doing harm is its token: a write that carries it is refused once somebody else has held the
lease (M. Kleppmann, "How to do distributed locking", 2016).
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pointsman.errors import LeaseBusy, LeaseLost, Misconfigured, PointsmanError, StoreError
from pointsman.nodes.message import new_id
from pointsman.teams.store.entries import Token
from pointsman.teams.store.protocol import Store

POLL_SECONDS = 0.05
"""How often one that waits for a lease looks. Somewhat more and less, so that many do not look at
the same moment."""
SHORTEST_TTL = 0.1


@dataclass(frozen=True)
class Wording:
    """What is said of a lease that cannot be had, or that was lost."""

    busy: PointsmanError
    lost: PointsmanError


def wording(name: str, wait: float) -> Wording:
    """What is said of a lease on a resource."""
    return Wording(
        busy=LeaseBusy(
            f"The lease on {name!r} is held by somebody else, and was for {wait:g} s.",
            hint="Try again later, or give it a longer wait=.",
        ),
        lost=LeaseLost(
            f"The lease on {name!r} was lost: this process stood still for longer than its ttl, or"
            " the store could not be reached.",
            hint="Take it anew and look at what stands there now. Writes with the old lease are"
            " refused.",
        ),
    )


@dataclass
class _Renewal:
    """Renews a lease until it is cancelled; cancels its holder when the lease is lost."""

    store: Store
    token: Token
    ttl: float
    working: asyncio.Task[object]
    lost: bool = field(default=False, init=False)

    async def run(self) -> None:
        until = time.monotonic() + self.ttl
        while True:
            await asyncio.sleep(min(self.ttl / 3, max(0.0, until - time.monotonic())))
            began = time.monotonic()
            try:
                # A store that others keep busy must not hide that the time is over.
                async with asyncio.timeout(max(until - began, self.ttl / 3)):
                    kept = await self.store.renew(self.token, self.ttl)
            except (StoreError, TimeoutError):
                # It may come back in time; nobody else can have taken the lease before.
                kept = time.monotonic() < until
            else:
                until = began + self.ttl
            if not kept:
                self.lost = True
                self.working.cancel()
                return


@asynccontextmanager
async def leased(
    store: Store, name: str, owner: str, *, ttl: float, wait: float | None, words: Wording
) -> AsyncGenerator[Token]:
    """Hold the lease `name` while the block runs, renewed three times in each `ttl` seconds.

    Waits up to `wait` seconds for it, then raises `words.busy`; None takes it from whoever holds
    it. When it is lost the block is
    cancelled and `words.lost` is raised. Released at the end of the block. The token's owner is
    `owner` with a mark of its own, so that one owner twice is two holders.
    """
    if ttl < SHORTEST_TTL:
        raise Misconfigured(
            f"The lease on {name!r} cannot have a ttl of {ttl:g} s.",
            hint=f"Give it {SHORTEST_TTL:g} s or more: it is renewed three times in that time.",
        )
    token = await _taken(store, name, f"{owner}:{new_id()}", ttl=ttl, wait=wait)
    if token is None:
        raise words.busy
    working = asyncio.current_task()
    assert working is not None  # noqa: S101 (a coroutine that runs is in a task)
    before = working.cancelling()
    renewal = _Renewal(store, token, ttl, working)
    renewing = asyncio.create_task(renewal.run())
    try:
        yield token
    except asyncio.CancelledError:
        # Somebody else may have cancelled the task too: that goes first.
        if not renewal.lost or working.uncancel() > before:
            raise
        raise words.lost from None
    finally:
        renewing.cancel()
        await store.release(name, token.owner)


async def _taken(
    store: Store, name: str, owner: str, *, ttl: float, wait: float | None
) -> Token | None:
    if wait is None:
        return Token(name, owner, await store.seize(name, owner, ttl))
    give_up = time.monotonic() + wait
    while True:
        try:
            epoch = await store.lease(name, owner, ttl)
        except asyncio.CancelledError:
            # The store may have given it all the same.
            await store.release(name, owner)
            raise
        if epoch is not None:
            return Token(name, owner, epoch)
        left = give_up - time.monotonic()
        if left <= 0:
            return None
        await asyncio.sleep(min(left, POLL_SECONDS * random.uniform(0.5, 1.5)))  # noqa: S311 (no secret)
