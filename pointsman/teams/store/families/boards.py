"""The blackboard. A part of `Store`."""

from typing import Protocol

from pointsman.teams.store.entries import BoardScope, EntryRow, EntryWrite, Put, Token


class Boards(Protocol):
    """Entries that specialists share."""

    async def board_put(
        self, scope: BoardScope, write: EntryWrite, *, expect: int, token: Token | None = None
    ) -> Put:
        """Write the next version of an entry if `expect` is the one that stands (0: none does); in
        one transaction with the check of the token and of the entry's lease.

        Not written: the row that stands. The same `once` again: the row it made then. Raises Fenced
        for a token that is not valid now, InvalidEntry when the scope is full."""
        ...

    async def board_get(self, scope: BoardScope, key: str) -> EntryRow | None:
        """The newest version. None where there is none, and for a removed or expired one."""
        ...

    async def board_list(
        self, scope: BoardScope, *, after: str = "", limit: int = 100
    ) -> tuple[EntryRow, ...]:
        """What can be read in a scope, by key, beginning after the key `after`."""
        ...

    async def board_history(
        self, scope: BoardScope, key: str, *, after: int = 0, limit: int = 100, back: bool = False
    ) -> tuple[EntryRow, ...]:
        """The versions after `after` that are kept, oldest first, or newest first (`back`); removed
        and expired ones too."""
        ...

    async def board_written(self, scope: BoardScope, key: str, once: str) -> EntryRow | None:
        """The version that the write with this mark made, while it is kept."""
        ...

    async def board_scopes(
        self, team: str, tenant: str, *, limit: int = 1000
    ) -> tuple[BoardScope, ...]:
        """The scopes of a tenant in which something was written, by thread."""
        ...

    async def board_erase(self, scope: BoardScope) -> int:
        """Delete all entries of a scope with their history, for good: how many rows. Versions go
        on where they stood."""
        ...
