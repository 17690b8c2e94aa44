"""Whether a write may pass the leases that stand before it, whatever the database."""

from collections.abc import Callable

from pointsman.errors import Fenced
from pointsman.teams.store.entries import EntryWrite, Token


def check_token(
    holder: Callable[[str], Token | None], token: Token | None, write: EntryWrite
) -> None:
    """Refuse a write whose token is not the one of its lease just now, and one without the token
    of the entry's own lease. `holder` says who holds a lease, in the transaction of the write.
    Raises Fenced."""
    if token is not None and holder(token.name) != token:
        raise Fenced(
            f"The write of {write.key!r} by {write.author or 'nobody named'!r} carries epoch"
            f" {token.epoch} of a lease that ended or that somebody else holds now.",
            hint="Take the lease anew, read the entry again, and decide anew what to write.",
        )
    if not write.lease or (token is not None and token.name == write.lease):
        return
    held = holder(write.lease)
    if held is not None:
        raise Fenced(
            f"Entry {write.key!r} is leased by {held.owner.rpartition(':')[0] or held.owner!r}.",
            hint="Wait until it is released, or take the lease and give put(lease=).",
        )
    if write.leased:
        raise Fenced(
            f"Entry {write.key!r} is written under its lease only.",
            hint="Take it with `async with board.lease(key)` and give put(lease=).",
        )
