"""The SQLite store's transactions: all or nothing, append-only, and patient under many writers."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from pointsman.errors import StoreBroken, StoreError, TicketClosed
from pointsman.teams.approvals.audit import faults
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.tickets import Approve, Reject, Ticket
from tests.contracts.store import NOW, a_grant, a_run, a_ticket, claim


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The store's file."""
    return tmp_path / "pointsman.db"


@pytest.fixture
async def store(path: Path) -> AsyncGenerator[SqliteStore]:
    """A new store on disk."""
    made = SqliteStore(path)
    yield made
    await made.aclose()


@contextmanager
def behind_its_back(path: Path) -> Generator[sqlite3.Connection]:
    """The store's file, as somebody with access to it opens it."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        yield db
    finally:
        db.close()


async def test_no_change_without_its_audit_row(store: SqliteStore, path: Path) -> None:
    """When the log cannot be written, ticket and grant stay as they were: both or neither."""
    grant = a_grant(times=5)
    await store.freeze([a_ticket()])
    await store.add_grant(grant)
    with behind_its_back(path) as db:
        db.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON audit"
            " BEGIN SELECT RAISE(ABORT, 'no log today'); END"
        )
    for change in (
        lambda: claim(store, "t1", Approve(by="ana")),
        lambda: store.freeze([a_ticket("t2"), a_ticket("t3")]),
        lambda: store.add_grant(a_grant(by="bo")),
        lambda: store.revoke_grant("shop", grant.id, by="bo", at=NOW),
    ):
        with pytest.raises(StoreError, match="no log today"):
            await change()
    assert await store.tickets("shop") == (a_ticket(),)
    assert await store.grants("shop") == (grant,)
    assert len(await store.audit()) == 2


async def test_what_is_frozen_together_is_frozen_or_not(store: SqliteStore, path: Path) -> None:
    """A fault at the second ticket takes the first one back, and the grant's use with it."""
    await store.add_grant(a_grant(times=5))
    with behind_its_back(path) as db:
        db.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON tickets WHEN NEW.id = 't2'"
            " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
    with pytest.raises(StoreError, match="not this one"):
        await store.freeze([a_ticket("t1"), a_ticket("t2")])
    (grant,) = await store.grants("shop")
    assert (await store.tickets("shop"), grant.uses) == ((), 0)
    assert [row.entry.action for row in await store.audit()] == ["grant"]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET prev = 'x'",
        "UPDATE OR REPLACE audit SET seq = 1 WHERE seq = 2",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 2",
        "INSERT OR REPLACE INTO audit SELECT seq, '{}', prev, hash FROM audit WHERE seq = 1",
        "REPLACE INTO audit SELECT seq, '{}', prev, hash FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT 0, entry, prev, hash FROM audit WHERE seq = 1",
        "INSERT INTO audit SELECT 4, entry, prev, hash FROM audit WHERE seq = 1",
        "INSERT INTO audit (entry, prev, hash) VALUES ('{}', 'p', 'h')",
    ],
)
async def test_the_audit_log_is_only_added_to(store: SqliteStore, path: Path, sql: str) -> None:
    """Not by mistake either: rows are not changed, deleted, replaced or added out of their place,
    whoever asks SQLite for it."""
    await store.freeze([a_ticket(), a_ticket("t2")])
    rows = await store.audit()
    with (
        behind_its_back(path) as db,
        pytest.raises(sqlite3.IntegrityError, match="only ever added to"),
    ):
        db.execute(sql)
    assert await store.audit() == rows


async def test_a_row_that_cannot_be_read_is_named(store: SqliteStore, path: Path) -> None:
    """Rows before it and after it are read as ever; it itself is a StoreBroken with its number."""
    await store.freeze([a_ticket(f"t{n}") for n in range(1, 6)])
    with behind_its_back(path) as db:
        db.execute("DROP TRIGGER audit_unchanged")
        db.execute("UPDATE audit SET entry = 'nothing' WHERE seq = 2")
        db.execute("UPDATE audit SET entry = CAST(x'ff' AS TEXT) WHERE seq = 4")
    assert [row.seq for row in await store.audit()] == [1]
    for seq in (2, 4):
        with pytest.raises(StoreBroken, match=f"Row {seq} of the audit log cannot be read"):
            await store.audit(after=seq - 1)
    assert [row.seq for row in await store.audit(after=2)] == [3]
    assert [row.seq for row in await store.audit(after=4)] == [5]


async def test_a_row_whose_hash_is_no_text_is_a_fault_in_the_chain(
    store: SqliteStore, path: Path
) -> None:
    """Bytes that are no UTF-8 do not hide a row."""
    await store.freeze([a_ticket(), a_ticket("t2")])
    with behind_its_back(path) as db:
        db.execute("DROP TRIGGER audit_unchanged")
        db.execute("UPDATE audit SET hash = CAST(x'ff' AS TEXT) WHERE seq = 1")
    assert [fault.seq for fault in faults(await store.audit())] == [1, 2]


async def test_who_comes_too_late_is_told_while_another_writes(
    store: SqliteStore, path: Path
) -> None:
    """A decision on a closed ticket, and every look, need no write lock."""
    await store.freeze([a_ticket()])
    await claim(store, "t1", Reject(by="ana"))
    with behind_its_back(path) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(TicketClosed, match="reject by ana"):
            await claim(store, "t1", Approve(by="bo"))
        assert len(await store.tickets("shop")) == 1
        assert len(await store.audit()) == 2


async def test_a_write_outlasts_a_long_one_of_another(store: SqliteStore, path: Path) -> None:
    """It waits longer than SQLite itself would, and is then done once."""
    await store.freeze([a_ticket()])
    with behind_its_back(path) as db:
        db.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(claim(store, "t1", Approve(by="ana")))
        await asyncio.sleep(2.3)
        assert not waiting.done()
        db.execute("ROLLBACK")
    assert (await waiting).by == "ana"
    assert len(await store.audit()) == 2


async def test_a_new_store_opened_by_many_at_once_is_made_once(path: Path) -> None:
    """Every one of them can write at once."""
    stores = [SqliteStore(path) for _ in range(8)]
    added = await asyncio.gather(*(s.add_run(a_run()) for s in stores))
    assert sum(added) == 1
    await asyncio.gather(*(s.aclose() for s in stores))


async def test_many_connections_decide_each_ticket_once(path: Path) -> None:
    """Twenty-four writers, each with a file handle of its own, and no common queue: every ticket
    has one winner, every other is told so, and the log is one chain."""
    stores = [SqliteStore(path) for _ in range(24)]
    names = [f"t{n}" for n in range(10)]
    await stores[0].freeze([a_ticket(name) for name in names])
    got = await asyncio.gather(
        *(
            claim(s, name, Approve(by=f"p{n}") if n % 2 else Reject(by=f"p{n}"))
            for n, s in enumerate(stores)
            for name in names[n % 10 :] + names[: n % 10]
        ),
        return_exceptions=True,
    )
    winners = [g for g in got if isinstance(g, Ticket)]
    assert sorted(t.id for t in winners) == names
    assert sum(isinstance(g, TicketClosed) for g in got) == 230
    rows = await stores[0].audit()
    assert faults(rows) == []
    assert {r.entry.ticket: r.entry.by for r in rows[10:]} == {t.id: t.by for t in winners}
    await asyncio.gather(*(s.aclose() for s in stores))


async def test_many_connections_use_a_grant_as_often_as_it_says(path: Path) -> None:
    """Eight writers, forty tickets, seven uses."""
    stores = [SqliteStore(path) for _ in range(8)]
    await stores[0].add_grant(a_grant(times=7, until=NOW + timedelta(days=30)))
    await asyncio.gather(*(stores[n % 8].freeze([a_ticket(f"t{n}")]) for n in range(1, 41)))
    tickets = await stores[0].tickets("shop")
    (grant,) = await stores[0].grants("shop")
    approved = [t.id for t in tickets if t.status == "approved"]
    used = [r.entry.ticket for r in await stores[0].audit() if r.entry.action == "use"]
    assert len(approved) == grant.uses == 7
    assert sorted(used) == sorted(approved)
    await asyncio.gather(*(s.aclose() for s in stores))
