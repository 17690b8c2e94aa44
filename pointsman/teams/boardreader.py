"""Reading a team's blackboard for one tenant and thread."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from pointsman.errors import InvalidEntry
from pointsman.nodes import conventions as names
from pointsman.nodes import telemetry
from pointsman.teams.blackboard import Blackboard, Entry
from pointsman.teams.conflicts import Version
from pointsman.teams.store.entries import BoardScope, EntryRow
from pointsman.teams.store.protocol import Store

T = TypeVar("T")
Stores = Callable[[], AbstractAsyncContextManager[Store]]
"""Gives the store for one block."""
POLL_SECONDS = 0.25


@dataclass(frozen=True)
class BoardReader:
    """The part of a Board that reads. Everything raises StoreError, and InvalidEntry for a key that
    is not declared and for one that the specialist may not read."""

    declared: Blackboard
    stores: Stores
    team: str
    tenant: str
    thread: str
    """Empty: only entries that the whole team shares can be used."""
    by: str = ""
    """Who writes: a person's or a program's name, or the specialist's in a run."""
    run: str = ""
    specialist: str = ""
    """The specialist for which its rights hold; empty outside of a run."""
    once: str = ""
    """The mark of the one write that this is used for: with it the same write happens once."""

    @overload
    async def get(self, key: Entry[T]) -> Version[T] | None: ...
    @overload
    async def get(self, key: str) -> Version[Any] | None: ...
    async def get(self, key: "Entry[Any] | str") -> Version[Any] | None:
        """The entry as it stands; None for one that is absent, removed or expired."""
        name, entry = self._readable(key)
        with telemetry.own(names.BOARD_SPAN, "read", self._traced(key, "read")):
            async with self.stores() as store:
                row = await store.board_get(self._scope(entry), name)
        return None if row is None else version_of(entry, row)

    def _traced(self, key: "Entry[Any] | str", action: str) -> telemetry.Attributes:
        """What a span of it says. Of a key only the entry it is declared as: the rest may name a
        person."""
        _, entry = self._entry(key)
        return {names.BOARD_ACTION: action, names.BOARD_KEY: entry.name, names.RUN: self.run}

    async def list(self, *, limit: int = 1000) -> tuple[Version[Any], ...]:
        """The entries that stand, by key: the thread's, then the team's. Those that the specialist
        may not read, and those that the team no longer declares, are left out."""
        scopes = [self._of(""), self._of(self.thread)] if self.thread else [self._of("")]
        found: list[Version[Any]] = []
        async with self.stores() as store:
            for scope in reversed(scopes):
                for row in await store.board_list(scope, limit=limit):
                    entry = self._known(row.key)
                    if entry is not None and self._scope(entry) == scope:
                        found.append(version_of(entry, row))
        return tuple(found[:limit])

    async def threads(self, *, limit: int = 1000) -> tuple[str, ...]:
        """The tenant's threads in which something was written, by name."""
        async with self.stores() as store:
            scopes = await store.board_scopes(self.team, self.tenant, limit=limit)
        return tuple(scope.thread for scope in scopes if scope.thread)

    @overload
    async def history(self, key: Entry[T], *, limit: int = 50) -> tuple[Version[T], ...]: ...
    @overload
    async def history(self, key: str, *, limit: int = 50) -> tuple[Version[Any], ...]: ...
    async def history(
        self, key: "Entry[Any] | str", *, limit: int = 50
    ) -> tuple[Version[Any], ...]:
        """The versions that are kept, newest first, removed and expired ones too."""
        name, entry = self._readable(key)
        async with self.stores() as store:
            rows = await store.board_history(self._scope(entry), name, limit=limit, back=True)
        return tuple(version_of(entry, row) for row in rows)

    @overload
    def watch(
        self, key: Entry[T], *, after: int = 0, poll: float = POLL_SECONDS
    ) -> AsyncGenerator[Version[T]]: ...
    @overload
    def watch(
        self, key: str, *, after: int = 0, poll: float = POLL_SECONDS
    ) -> AsyncGenerator[Version[Any]]: ...
    async def watch(
        self, key: "Entry[Any] | str", *, after: int = 0, poll: float = POLL_SECONDS
    ) -> AsyncGenerator[Version[Any]]:
        """Every version after `after`, in order and for ever: leave the loop to end it. Looks into
        the store every `poll` seconds (at least 0.01), so it sees other processes' writes.

        One that looks so late that history has moved on misses what is no longer kept, never the
        newest. An entry that expires is no version, and is not told of.
        """
        name, entry = self._readable(key)
        pause = max(0.01, poll)
        async with self.stores() as store:
            while True:
                rows = await store.board_history(self._scope(entry), name, after=after)
                for row in rows:
                    after = row.version
                    yield version_of(entry, row)
                if not rows:
                    await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 (no secret)

    def _entry(self, key: "Entry[Any] | str") -> tuple[str, Entry[Any]]:
        """The key, and its declaration: an Entry that was given must be of the team's."""
        if isinstance(key, str):
            return key, self.declared.entry(key)
        declared = self.declared.entry(key.name)
        if declared.schema != key.schema:
            raise InvalidEntry(
                f"{key.name!r} is a {declared.schema} in team {self.team!r}, and no {key.schema}.",
                hint="Use the Entry that the team's Blackboard holds.",
            )
        return key.name, declared

    def _readable(self, key: "Entry[Any] | str") -> tuple[str, Entry[Any]]:
        name, entry = self._entry(key)
        if self.specialist and not entry.may_read(self.specialist):
            raise InvalidEntry(
                f"Specialist {self.specialist!r} may not read {name!r}.",
                hint="Name it in Entry(readers=).",
            )
        return name, entry

    def _known(self, key: str) -> Entry[Any] | None:
        try:
            return self._readable(key)[1]
        except InvalidEntry:
            return None

    def _scope(self, entry: Entry[Any]) -> BoardScope:
        if entry.scope == "team":
            return self._of("")
        if not self.thread:
            raise InvalidEntry(
                f"Each thread of team {self.team!r} has its own {entry.name!r}.",
                hint='Say which: team.blackboard(thread="..."), or declare Entry(scope="team").',
            )
        return self._of(self.thread)

    def _of(self, thread: str) -> BoardScope:
        return BoardScope(self.team, self.tenant, thread)


def version_of(entry: Entry[Any], row: EntryRow) -> Version[Any]:
    """A stored version, its value as its type. Raises InvalidEntry."""
    return Version(
        key=row.key,
        version=row.version,
        value=None if row.value is None else entry.loaded(row.key, row.schema, row.value),
        by=row.author,
        run=row.run,
        why=row.why,
        at=row.at,
        expires=row.expires,
    )
