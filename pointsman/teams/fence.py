"""The fence around a run's checkpoints: a process that lost the thread cannot write them."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from pointsman.errors import RunBusy
from pointsman.teams.store.entries import Token
from pointsman.teams.store.protocol import Store

_HELD: ContextVar[tuple[Store, Token] | None] = ContextVar("pointsman_thread_lease", default=None)


@contextmanager
def fenced(store: Store, token: Token) -> Generator[None]:
    """What is checkpointed in this block, and in the tasks it starts, is written only while the
    lease still has this token's epoch."""
    before = _HELD.set((store, token))
    try:
        yield
    finally:
        _HELD.reset(before)


async def check_fence() -> None:
    """Raises RunBusy when the lease in whose block this runs has gone to somebody else.

    The renewal of a lease cancels a holder that lost it; this stops the one that stood still and
    woke up before its renewal did.
    """
    held = _HELD.get()
    if held is None:
        return
    store, token = held
    if await store.holder(token.name) != token:
        raise RunBusy(
            f"A checkpoint was not written: epoch {token.epoch} of the lease on its thread is over,"
            " and another process may have taken the thread over.",
            hint="Look at the run again; the other process goes on with it.",
        )
