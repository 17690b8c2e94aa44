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


def held_token() -> Token | None:
    """The token of the lease in whose block this runs; None outside of one."""
    held = _HELD.get()
    return held[1] if held is not None else None


def lost(token: Token) -> RunBusy:
    """What is raised instead of a write whose lease has gone to somebody else."""
    return RunBusy(
        f"A checkpoint was not written: epoch {token.epoch} of the lease on its thread is over,"
        " and another process may have taken the thread over.",
        hint="Look at the run again; the other process goes on with it.",
    )


async def check_fence() -> None:
    """Raises RunBusy when the lease in whose block this runs has gone to somebody else.

    The renewal of a lease cancels a holder that lost it; this stops the one that stood still and
    woke up before its renewal did.
    """
    token = held_token()
    if token is not None and not await still_held():
        raise lost(token)


async def still_held() -> bool:
    """Whether the lease in whose block this runs is still its own; outside of one, yes."""
    held = _HELD.get()
    if held is None:
        return True
    store, token = held
    return await store.holder(token.name) == token
