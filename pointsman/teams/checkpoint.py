"""The checkpointer of a team's own runs, strict serialisation, closed with the session: SQLite, or
PostgreSQL where the store is there."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from pointsman.teams.fence import check_fence
from pointsman.teams.settings import Settings
from pointsman.teams.store.faults import store_error, unusable
from pointsman.teams.store.opening import address_of


class FencedSaver(AsyncSqliteSaver):
    """LangGraph's saver, behind the fence of the thread's lease."""

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Raises RunBusy when the lease is over."""
        await check_fence()
        return await super().aput(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Raises RunBusy when the lease is over."""
        await check_fence()
        await super().aput_writes(config, writes, task_id, task_path)


def strict() -> JsonPlusSerializer:
    """Only types the graph's schema names are read back as such; everything else is plain JSON."""
    return JsonPlusSerializer(allowed_msgpack_modules=None)


@asynccontextmanager
async def open_checkpoints(
    settings: Settings, home: Path, *, clock: Callable[[], float] = time.time
) -> AsyncGenerator[BaseCheckpointSaver[str]]:
    """A saver where the settings say that state is, open for the block. Raises StoreError."""
    address = address_of(settings)
    if address is None:
        async with open_saver(home / "checkpoints.db") as saver:
            yield saver
        return
    from pointsman.teams.store.postgres.saver import open_postgres_saver

    async with open_postgres_saver(address, strict(), clock=clock) as saver:
        yield saver


Saver = BaseCheckpointSaver[str]
"""Where a graph keeps its checkpoints."""


def memory_saver() -> InMemorySaver:
    """A saver that keeps nothing: for a replay."""
    return InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=None))


@asynccontextmanager
async def open_saver(path: Path) -> AsyncGenerator[AsyncSqliteSaver]:
    """A saver on `path`, open for the block. aiosqlite's thread is no daemon: it must be closed.

    Raises StoreError: StoreBroken for a file that is no database, StoreFull without space.
    """
    try:
        await asyncio.to_thread(path.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(error, path) from error
    try:
        async with aiosqlite.connect(path) as connection:
            await connection.execute("PRAGMA busy_timeout = 10000")
            saver = FencedSaver(connection, serde=strict())
            await saver.setup()
            await connection.execute("PRAGMA synchronous = FULL")
            await asyncio.to_thread(path.chmod, 0o600)
            yield saver
    except sqlite3.Error as error:
        raise store_error(error, path) from error
