"""Board: a team's blackboard for one tenant and thread, as code reads and writes it."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar, overload

from pointsman.errors import InvalidEntry, VersionConflict
from pointsman.nodes import conventions as names
from pointsman.nodes import telemetry
from pointsman.nodes.digest import canonical
from pointsman.teams.blackboard import Entry
from pointsman.teams.boardreader import BoardReader, version_of
from pointsman.teams.conflicts import (
    MOST_WHY,
    Refuse,
    Resolution,
    Take,
    Version,
    WriteConflict,
    joined,
    refused,
    resolved,
)
from pointsman.teams.lease import leased, wording
from pointsman.teams.store.entries import EntryRow, EntryWrite, Token
from pointsman.teams.store.protocol import Store

T = TypeVar("T")
RESOLVED = 5
"""How often one write asks its resolver, while others write in between."""
UPDATES = 50
"""How often `update` reads and tries again."""


@dataclass(frozen=True)
class Board(BoardReader):
    """Reads and writes the entries that the team declares. Made by `team.blackboard(...)`.

    A key is a text, or an `Entry`, which gives its values their type. Everything raises
    InvalidEntry for a key that is not declared, and StoreError.
    """

    @overload
    async def put(
        self, key: Entry[T], value: T, *, expect: int, why: str = "", ttl: float | None = None,
        lease: Token | None = None,
    ) -> Version[T]: ...  # fmt: skip
    @overload
    async def put(
        self, key: str, value: object, *, expect: int, why: str = "", ttl: float | None = None,
        lease: Token | None = None,
    ) -> Version[Any]: ...  # fmt: skip
    async def put(
        self, key: "Entry[Any] | str", value: object, *, expect: int, why: str = "",
        ttl: float | None = None, lease: Token | None = None,
    ) -> Version[Any]:  # fmt: skip
        """Write the next version, if `expect` is the one that stands (0: none does).

        If another stands, the entry's resolver says what follows. `ttl` in place of the entry's
        own. Raises VersionConflict when the write is refused (it carries both sides), Fenced when
        `lease` is no longer valid or somebody else holds the entry's, InvalidEntry for a value that
        does not fit or is too large, and for a specialist that may not write it.
        """
        with telemetry.own(names.BOARD_SPAN, "write", self._traced(key, "write")):
            return await self._written(key, value, expect=expect, why=why, ttl=ttl, lease=lease)

    async def remove(
        self, key: "Entry[Any] | str", *, expect: int, why: str = "", lease: Token | None = None
    ) -> Version[Any]:
        """Make the entry absent. Its history stays. As `put` else."""
        return await self._written(key, None, expect=expect, why=why, lease=lease, removes=True)

    @overload
    async def update(
        self, key: Entry[T], change: Callable[[T | None], T], *, why: str = "",
        lease: Token | None = None,
    ) -> Version[T]: ...  # fmt: skip
    @overload
    async def update(
        self, key: str, change: Callable[[Any], object], *, why: str = "",
        lease: Token | None = None,
    ) -> Version[Any]: ...  # fmt: skip
    async def update(
        self, key: "Entry[Any] | str", change: Callable[[Any], object], *, why: str = "",
        lease: Token | None = None,
    ) -> Version[Any]:  # fmt: skip
        """Read, `change(value or None)`, and put; again when somebody else was faster, up to
        UPDATES times. No resolver is asked. Raises as `put` does."""
        for tried in range(UPDATES):
            stands = await self.get(key)
            value = change(stands.value if stands else None)
            expect = stands.version if stands else 0
            try:
                return await self._written(
                    key, value, expect=expect, why=why, lease=lease, resolves=False
                )
            except VersionConflict:
                if tried == UPDATES - 1:
                    raise
            await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311 (no secret)
        raise AssertionError("the last try returns or raises")

    @asynccontextmanager
    async def lease(
        self, resource: "Entry[Any] | str", *, ttl: float = 30.0, wait: float = 10.0
    ) -> AsyncGenerator[Token]:
        """Hold the lease on an entry or on any other resource while the block runs.

        Renewed in the background; waits up to `wait` seconds for it. The lease on an entry keeps
        everybody else from writing it; give it to `put(lease=)`. Raises LeaseBusy, and LeaseLost
        when the block was cancelled because the lease was lost.
        """
        name = resource if isinstance(resource, str) else resource.name
        who = self.by or self.specialist or "somebody"
        async with (
            self.stores() as store,
            leased(
                store, self._lease_name(name), who, ttl=ttl, wait=wait, words=wording(name, wait)
            ) as token,
        ):
            yield token

    async def erase(self) -> int:
        """Delete this thread's entries (or, without a thread, the ones the tenant's threads share)
        with their history, for good: how many versions. Version numbers go on."""
        async with self.stores() as store:
            return await store.board_erase(self._of(self.thread))

    async def disputed(
        self, key: str, value: object, *, expect: int, why: str = ""
    ) -> tuple[WriteConflict[Any], Resolution[Any]] | None:
        """What a put would come upon and what the entry's resolver says of it, without writing.
        None where it would just be written, or has been (see `once`)."""
        name, entry = self._entry(key)
        write = EntryWrite(
            name, entry.schema, entry.dumped(name, value), self.by or self.specialist, why=why
        )
        async with self.stores() as store:
            if await self._made(store, entry, name) is not None:
                return None
            row = await store.board_get(self._scope(entry), name)
            if (row.version if row else 0) == expect:
                return None
            conflict = await self._conflict(store, entry, write, expect, row)
        return conflict, await resolved(entry.resolver, conflict)

    async def made(self, key: str) -> Version[Any] | None:
        """The version that this very write (see `once`) made before; None when it made none, or
        one that history no longer keeps."""
        name, entry = self._entry(key)
        async with self.stores() as store:
            row = await self._made(store, entry, name)
        return None if row is None else version_of(entry, row)

    # Inside

    async def _made(self, store: Store, entry: Entry[Any], name: str) -> EntryRow | None:
        if not self.once:
            return None
        return await store.board_written(self._scope(entry), name, self.once)

    async def _written(
        self, key: "Entry[Any] | str", value: object, *, expect: int, why: str,
        ttl: float | None = None, lease: Token | None = None, removes: bool = False,
        resolves: bool = True,
    ) -> Version[Any]:  # fmt: skip
        name, entry = self._entry(key)
        scope = self._scope(entry)
        self._check(entry, name, expect, why, ttl)
        write = EntryWrite(
            key=name,
            schema=entry.schema,
            value=None if removes else entry.dumped(name, value),
            author=self.by or self.specialist,
            run=self.run,
            why=why,
            ttl=entry.ttl if ttl is None else ttl,
            once=self.once,
            lease=self._lease_name(name),
            leased=entry.leased,
            keep=self.declared.history,
            most=self.declared.max_entries,
        )
        async with self.stores() as store:
            put = await store.board_put(scope, write, expect=expect, token=lease)
            for _ in range(RESOLVED if resolves else 1):
                if put.written and put.row is not None:
                    return version_of(entry, put.row)
                conflict = await self._conflict(store, entry, write, expect, put.row)
                resolution = await resolved(entry.resolver, conflict) if resolves else Refuse()
                if not isinstance(resolution, Take):
                    raise refused(conflict, resolution)
                value = entry.dumped(name, resolution.value)
                settled = replace(write, value=value, why=joined(why, resolution.why))
                against = put.row.version if put.row else 0
                put = await store.board_put(scope, settled, expect=against, token=lease)
            if put.written and put.row is not None:
                return version_of(entry, put.row)
            last = await self._conflict(store, entry, write, expect, put.row)
        raise refused(last, Refuse(f"{RESOLVED} other writes came between."))

    async def _conflict(
        self, store: Store, entry: Entry[Any], write: EntryWrite, expect: int, row: EntryRow | None
    ) -> WriteConflict[Any]:
        base = None
        if expect:
            kept = await store.board_history(
                self._scope(entry), write.key, after=expect - 1, limit=1
            )
            base = kept[0] if kept and kept[0].version == expect else None
        return WriteConflict(
            key=write.key,
            expected=expect,
            base=None if base is None else version_of(entry, base),
            mine=None
            if write.value is None
            else entry.loaded(write.key, write.schema, write.value),
            by=write.author,
            why=write.why,
            theirs=None if row is None else version_of(entry, row),
        )

    def _check(
        self, entry: Entry[Any], name: str, expect: int, why: str, ttl: float | None
    ) -> None:
        fault = ""
        if self.specialist and not entry.may_write(self.specialist):
            fault = f"specialist {self.specialist!r} may not write it"
        elif expect < 0:
            fault = f"expect={expect} is no version; 0 means that nothing stands there"
        elif ttl is not None and not ttl > 0:
            fault = f"ttl={ttl!r} is not above 0"
        elif len(why) > MOST_WHY:
            fault = f"its reason has {len(why):,} characters, and {MOST_WHY:,} are allowed"
        if fault:
            raise InvalidEntry(
                f"Nothing was written to {name!r}: {fault}.",
                hint="Let its owner write it, or change its Entry." if self.specialist else "",
            )

    def _lease_name(self, resource: str) -> str:
        """An entry's lease is of its scope; any other resource's of the thread, else the team."""
        try:
            scope = self._scope(self.declared.entry(resource))
        except InvalidEntry:
            scope = self._of(self.thread)
        parts = ["board", scope.team, scope.tenant, scope.thread, resource]
        return canonical([*parts]).decode()
