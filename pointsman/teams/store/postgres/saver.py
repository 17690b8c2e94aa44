"""LangGraph's checkpoints in PostgreSQL, each write in one transaction with the fence of the lease.

LangGraph's saver holds one lock for all its work, even over a pool. Here every call takes a
connection of the pool and a saver of its own on it, so that runs do not wait for each other.
"""

# pyright: reportMissingTypeStubs=false
# LangGraph ships partial types.

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from pointsman.errors import StoreError, StoreUnreachable
from pointsman.teams.fence import held_token, lost
from pointsman.teams.store.postgres.address import Address
from pointsman.teams.store.postgres.database import WAIT_SECONDS, connect, session
from pointsman.teams.store.postgres.faults import none_free, passes, store_error
from pointsman.teams.store.postgres.migrate import prepare

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('pointsman checkpoints', 0)) AS mine"
_T = TypeVar("_T")


class FencedPostgresSaver(AsyncPostgresSaver):
    """LangGraph's saver over a pool, behind the fence of the thread's lease.

    Raises RunBusy when the lease is over, StoreError when the database fails. A call whose
    connection is lost is made again: writing a checkpoint twice is writing it once.
    """

    def __init__(
        self,
        pool: Pool,
        address: Address,
        serde: SerializerProtocol,
        *,
        clock: Callable[[], float] = time.time,
        wait: float = WAIT_SECONDS,
    ) -> None:
        super().__init__(pool, serde=serde)
        self._pool = pool
        self._address = address
        self._clock = clock
        self._wait = wait

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """One checkpoint, with what was written after it."""
        return await self._call(lambda saver: saver.aget_tuple(config))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 (LangGraph's name)
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Checkpoints that fit, the newest first."""

        async def listed(saver: AsyncPostgresSaver) -> list[CheckpointTuple]:
            found = saver.alist(config, filter=filter, before=before, limit=limit)
            return [one async for one in found]

        for one in await self._call(listed):
            yield one

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Raises RunBusy when the lease is over."""
        return await self._call(
            lambda saver: saver.aput(config, checkpoint, metadata, new_versions), fenced=True
        )

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Raises RunBusy when the lease is over."""
        await self._call(
            lambda saver: saver.aput_writes(config, writes, task_id, task_path), fenced=True
        )

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread's checkpoints."""
        await self._call(lambda saver: saver.adelete_thread(thread_id))

    async def _call(
        self, work: Callable[[AsyncPostgresSaver], Awaitable[_T]], *, fenced: bool = False
    ) -> _T:
        until = time.monotonic() + self._wait
        while True:
            try:
                return await self._once(work, fenced=fenced, until=until)
            except PoolTimeout as error:
                raise await self._why(error) from error
            except psycopg.Error as error:
                if not passes(error) or time.monotonic() > until:
                    raise store_error(error, self._address) from error
                await asyncio.sleep(random.uniform(0.02, 0.2))  # noqa: S311 (no secret)

    async def _once(
        self, work: Callable[[AsyncPostgresSaver], Awaitable[_T]], *, fenced: bool, until: float
    ) -> _T:
        left = max(0.1, until - time.monotonic())
        async with self._pool.connection(timeout=left) as db, db.transaction():
            if fenced:
                await self._check(db)
            return await work(AsyncPostgresSaver(db, serde=self.serde))

    async def _check(self, db: AsyncConnection[DictRow]) -> None:
        """Refuse the write of who lost the thread. Until it is committed nobody else gets it."""
        token = held_token()
        if token is None:
            return
        found = await db.execute(
            "SELECT owner, epoch, expires > coalesce(%s, extract(epoch FROM clock_timestamp()))"
            " AS live FROM leases WHERE name = %s FOR SHARE",
            (None if self._clock is time.time else self._clock(), token.name),
        )
        row = await found.fetchone()
        if (
            row is None
            or not row["live"]
            or (row["owner"], row["epoch"])
            != (
                token.owner,
                token.epoch,
            )
        ):
            raise lost(token)

    async def _why(self, error: PoolTimeout) -> StoreError:
        """What kept the pool from giving a connection: the server, or those that have one."""
        try:
            db = await asyncio.to_thread(connect, self._address)
        except psycopg.Error as real:
            return store_error(real, self._address)
        await asyncio.to_thread(db.close)
        return none_free(self._address, self._wait)


@asynccontextmanager
async def open_postgres_saver(
    address: Address,
    serde: SerializerProtocol,
    *,
    clock: Callable[[], float] = time.time,
    wait: float = WAIT_SECONDS,
) -> AsyncGenerator[FencedPostgresSaver]:
    """A saver over a pool of its own, for the block. Makes the tables where there are none."""
    await asyncio.to_thread(_prepared, address, wait)

    async def configure(db: AsyncConnection[DictRow]) -> None:
        await db.execute(session(address))

    pool: Pool = AsyncConnectionPool(
        make_conninfo(**address.connect),
        connection_class=AsyncConnection[DictRow],
        kwargs={"autocommit": True, "row_factory": dict_row},
        configure=configure,
        min_size=0,
        max_size=address.connections,
        timeout=wait,
        open=False,
        name="pointsman-checkpoints",
    )
    async with pool:
        yield FencedPostgresSaver(pool, address, serde, clock=clock, wait=wait)


def _prepared(address: Address, wait: float) -> None:
    """The store's tables and LangGraph's exist. Waits for a server that restarts."""
    until = time.monotonic() + wait
    while True:
        try:
            prepare_all(address)
        except psycopg.Error as error:
            if not passes(error) or time.monotonic() > until:
                raise store_error(error, address) from error
            time.sleep(random.uniform(0.05, 0.5))  # noqa: S311 (no secret)
        else:
            return


def prepare_all(address: Address) -> tuple[int, int]:
    """Make or migrate all tables: the schema before and after. Blocks. Raises psycopg.Error."""
    with connect(address) as db:
        versions = prepare(db, address)
    if not checkpoints_ready(address):
        asyncio.run(_set_up(address))
    return versions


def checkpoints_ready(address: Address) -> bool:
    """Whether LangGraph's tables are there and up to date. Blocks."""
    with connect(address) as db:
        there = db.execute("SELECT to_regclass('checkpoint_migrations') IS NOT NULL").fetchone()
        if there is None or not there[0]:
            return False
        row = db.execute("SELECT max(v) FROM checkpoint_migrations").fetchone()
    return row is not None and row[0] is not None and row[0] >= _LAST


_LAST = len(AsyncPostgresSaver.MIGRATIONS) - 1


async def _set_up(address: Address) -> None:
    """LangGraph's own migrations. They make indexes CONCURRENTLY, which waits for all transactions:
    so that nobody waits inside one for a turn, the lock is tried, not waited for."""
    url = make_conninfo(**address.connect)
    connecting = AsyncConnection[DictRow].connect(url, autocommit=True, row_factory=dict_row)
    async with await connecting as db:
        await db.execute(session(address))
        await db.execute("SET statement_timeout = 0")
        until = time.monotonic() + WAIT_SECONDS
        while True:
            row = await (await db.execute(_LOCK)).fetchone()
            if row is not None and row["mine"]:
                break
            if time.monotonic() > until:
                raise StoreUnreachable(
                    f"Another process has prepared the checkpoints in {address.shown} for"
                    f" {WAIT_SECONDS:g} s.",
                    hint="See what it waits for in pg_stat_activity, and try again.",
                )
            await asyncio.sleep(0.1)
        await AsyncPostgresSaver(db).setup()  # the lock goes with the connection
