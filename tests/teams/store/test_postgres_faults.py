"""PostgreSQL that goes away, is full of others, or is another's: nothing lost, clear words."""

import asyncio
import signal
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing
from urllib.parse import quote

import psycopg
import pytest

from pointsman.errors import (
    Misconfigured,
    StoreBroken,
    StoreError,
    StoreUnreachable,
    TicketClosed,
)
from pointsman.teams.approvals.audit import faults as audit_faults
from pointsman.teams.store.postgres import database as databases
from pointsman.teams.store.postgres import migrate
from pointsman.teams.store.postgres.address import Address
from pointsman.teams.store.postgres.database import connect
from pointsman.teams.store.postgres.store import PostgresStore
from pointsman.teams.tickets import Approve
from tests.contracts.board import THREAD, a_write
from tests.contracts.store import NOW, a_grant, a_run, a_ticket, claim
from tests.postgres import PASSWORD, Server, server


@pytest.fixture
async def store(database: str) -> AsyncGenerator[PostgresStore]:
    """A store on a new database."""
    made = PostgresStore(Address(database))
    yield made
    await made.aclose()


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server that these tests may stop."""
    with server() as running:
        yield running


# The schema


async def test_six_at_once_make_the_tables_once(empty_database: str) -> None:
    """Whoever opens a new database first makes the tables; the others wait for it."""
    stores = [PostgresStore(Address(empty_database)) for _ in range(6)]
    await asyncio.gather(*(s.add_run(a_run(f"r{n}")) for n, s in enumerate(stores)))
    assert len(await stores[0].runs("shop")) == 6
    for one in stores:
        await one.aclose()


async def test_an_older_schema_is_brought_up_to_date(empty_database: str) -> None:
    """By whoever opens it, with what is in it."""
    address = Address(empty_database)
    with connect(address) as db:
        migrate.prepare(db, address, to=1)
        assert migrate.version_of(db) == 1
        db.execute(
            "INSERT INTO leases VALUES ('n', 'somebody', 7, extract(epoch FROM now()) + 1000)"
        )
    store = PostgresStore(address)
    held = await store.holder("n")
    assert held is not None
    assert held.epoch == 7
    with connect(address) as db:
        assert migrate.version_of(db) == migrate.SCHEMA_VERSION
        assert db.execute("SELECT count(*) FROM budgets").fetchone() == (0,)
    await store.aclose()


async def test_a_newer_schema_is_refused(database: str) -> None:
    """What a newer pointsman wrote is not touched."""
    with connect(Address(database)) as db:
        db.execute("UPDATE store_schema SET version = 99")
    store = PostgresStore(Address(database))
    with pytest.raises(StoreBroken, match="schema 99"):
        await store.runs("shop")
    await store.aclose()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET prev = 'x'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 2",
        "TRUNCATE audit",
        "INSERT INTO audit SELECT 0, entry, prev, hash FROM audit WHERE seq = 1",
        "INSERT INTO audit SELECT 4, entry, prev, hash FROM audit WHERE seq = 1",
        (
            "INSERT INTO audit SELECT seq, '{}', prev, hash FROM audit WHERE seq = 1"
            " ON CONFLICT (seq) DO UPDATE SET entry = '{}'"
        ),
    ],
)
async def test_the_audit_log_is_only_added_to(
    store: PostgresStore, database: str, sql: str
) -> None:
    """Not by mistake either, whoever asks PostgreSQL for it."""
    await store.freeze([a_ticket(), a_ticket("t2")])
    rows = await store.audit()
    with connect(Address(database)) as db, pytest.raises(psycopg.Error, match="only ever added"):
        db.execute(sql.encode())
    assert await store.audit() == rows


async def test_a_row_of_the_log_that_cannot_be_read_is_named(
    store: PostgresStore, database: str
) -> None:
    """Rows before it and after it are read as ever."""
    await store.freeze([a_ticket(f"t{n}") for n in range(1, 5)])
    with connect(Address(database)) as db:
        db.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
        db.execute("UPDATE audit SET entry = 'nothing' WHERE seq = 2")
    assert [row.seq for row in await store.audit()] == [1]
    with pytest.raises(StoreBroken, match="Row 2 of the audit log"):
        await store.audit(after=1)
    assert [row.seq for row in await store.audit(after=2)] == [3, 4]


async def test_text_that_a_column_cannot_hold_is_kept(store: PostgresStore) -> None:
    """PostgreSQL's text has no NUL; what a tool or a model says may have one."""
    await store.intend("k", "t", "r", "tool", "d")
    await store.effect_ended("k", "done", "a\x00b")
    assert (await store.effects("r"))[0].result == "a\x00b"


# Transactions


async def test_no_change_without_its_audit_row(store: PostgresStore, database: str) -> None:
    """When the log cannot be written, ticket and grant stay as they were: both or neither."""
    grant = a_grant(times=5)
    await store.freeze([a_ticket()])
    await store.add_grant(grant)
    with connect(Address(database)) as db:
        db.execute("ALTER TABLE audit ADD CONSTRAINT full_ CHECK (seq < 3)")
    for change in (
        lambda: claim(store, "t1", Approve(by="ana")),
        lambda: store.freeze([a_ticket("t2"), a_ticket("t3")]),
        lambda: store.add_grant(a_grant(by="bo")),
        lambda: store.revoke_grant("shop", grant.id, by="bo", at=NOW),
    ):
        with pytest.raises(StoreError, match="full_"):
            await change()
    assert await store.tickets("shop") == (a_ticket(),)
    assert await store.grants("shop") == (grant,)
    assert len(await store.audit()) == 2


async def test_stores_and_threads_decide_each_ticket_once(database: str) -> None:
    """Eight stores decide the same twelve tickets, each in another order: one wins each, and the
    log is one chain."""
    stores = [PostgresStore(Address(database, connections=3)) for _ in range(8)]
    tickets = [f"t{n}" for n in range(12)]
    await stores[0].freeze([a_ticket(t) for t in tickets])

    async def decide(n: int, one: PostgresStore) -> list[str]:
        won: list[str] = []
        for ticket in tickets[n:] + tickets[:n]:
            try:
                await claim(one, ticket, Approve(by=f"p{n}"))
            except TicketClosed:
                continue
            won.append(ticket)
        return won

    parts = await asyncio.gather(*(decide(n, one) for n, one in enumerate(stores)))
    assert sorted(t for part in parts for t in part) == sorted(tickets)
    assert audit_faults(await stores[0].audit()) == []
    for one in stores:
        await one.aclose()


async def test_a_use_of_a_grant_is_counted_once(database: str) -> None:
    """A grant for five covers five of twenty tickets that are frozen at once."""
    stores = [PostgresStore(Address(database)) for _ in range(4)]
    await stores[0].add_grant(a_grant(times=5))
    came = await asyncio.gather(*(stores[n % 4].freeze([a_ticket(f"t{n}")]) for n in range(20)))
    assert sorted(t.status for (t,) in came) == ["approved"] * 5 + ["pending"] * 15
    for one in stores:
        await one.aclose()


async def test_a_version_is_written_once(database: str) -> None:
    """Of ten writers of the same version one writes it; keys stay within their bound."""
    stores = [PostgresStore(Address(database)) for _ in range(5)]
    puts = await asyncio.gather(
        *(stores[n % 5].board_put(THREAD, a_write(value=str(n)), expect=0) for n in range(10))
    )
    assert sum(put.written for put in puts) == 1
    for one in stores:
        await one.aclose()


async def test_a_child_that_is_added_while_its_parent_is_cancelled_is_cancelled(
    database: str,
) -> None:
    """Whichever of the two is first."""
    store = PostgresStore(Address(database))
    await store.add_run(a_run("p"))
    from dataclasses import replace

    for n in range(20):
        await store.add_run(a_run(f"p{n}"))
        child = replace(a_run(f"c{n}"), parent=f"p{n}", root=f"p{n}")
        await asyncio.gather(store.add_run(child), store.ask_cancel(f"p{n}", "ana"))
        row = await store.find_run(f"c{n}")
        assert row is not None
        assert row.cancelled_by == "ana"
    await store.aclose()


async def test_a_lease_does_not_change_hands_under_a_write(
    store: PostgresStore, database: str
) -> None:
    """A write that looked who holds the lease is over before somebody else gets it."""
    address = Address(database)
    with closing(connect(address)) as db:
        db.execute("BEGIN")
        db.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('n', 1))")
        taking = asyncio.create_task(store.lease("n", "bo", 10))
        await asyncio.sleep(0.2)
        assert not taking.done()
        db.execute("COMMIT")
    assert await taking == 1


# Away


async def test_a_server_that_restarts_is_waited_for(own: Server) -> None:
    """Writes that were under way, and those that come while it is away, are done, each once."""
    store = PostgresStore(Address(own.database()))
    await store.add_run(a_run())

    def restart() -> None:
        own.stop(signal.SIGINT)
        own.start()

    restarting = threading.Thread(target=restart)
    writing = [asyncio.create_task(store.record("r1", [], seconds=1.0)) for _ in range(10)]
    restarting.start()
    writing += [asyncio.create_task(store.record("r1", [], seconds=1.0)) for _ in range(20)]
    await asyncio.gather(*writing)
    restarting.join()
    row = await store.find_run("r1")
    assert row is not None
    assert row.seconds == 30.0
    await store.aclose()


@pytest.mark.parametrize("came", ["committed", "aborted"])
async def test_a_commit_whose_end_is_unknown_is_looked_up(
    database: str, monkeypatch: pytest.MonkeyPatch, came: str
) -> None:
    """The connection breaks in the commit: what was committed is not done again, else it is."""
    store = PostgresStore(Address(database, connections=1))
    await store.add_run(a_run())
    broken: list[str] = []
    plain = databases._Transaction.run

    def breaking(self: object, db: psycopg.Connection[object]) -> object:
        if broken:
            return plain(self, db)  # pyright: ignore
        broken.append(came)
        line = f"{self._store}:{db.info.backend_pid}"
        with db.transaction():
            self.came = (self._work(db),)
            (count,) = db.execute(databases._COUNT, (line,)).fetchone()
            self._mark = (line, count)
            if came == "aborted":
                raise psycopg.Rollback
        db.close()
        raise databases._Unknown

    monkeypatch.setattr(databases._Transaction, "run", breaking)
    await store.record("r1", [], seconds=1.0)
    row = await store.find_run("r1")
    assert row is not None
    assert row.seconds == 1.0
    assert broken
    await store.aclose()


async def test_a_server_that_stays_away_is_named(own: Server) -> None:
    """In time, with a hint, and without the password; it works again when the server does."""
    store = PostgresStore(Address(own.database()), wait=0.3)
    await store.add_run(a_run())
    own.stop()
    with pytest.raises(StoreUnreachable, match="cannot be reached") as caught:
        await store.find_run("r1")
    assert "postgresql://pm@" in str(caught.value)
    assert PASSWORD not in repr(caught.value)
    assert quote(PASSWORD, safe="") not in str(caught.value)
    own.start()
    assert await store.find_run("r1") == a_run()
    await store.aclose()


async def test_connections_that_are_all_in_use_are_waited_for_then_named(database: str) -> None:
    """One connection, held by a transaction that somebody else blocks: the next call is told so in
    time, what waits is done when the lock goes, and nothing is lost."""
    address = Address(database, connections=1)
    store = PostgresStore(address, wait=0.5)
    await store.add_run(a_run())
    with closing(connect(address)) as other:
        other.execute("BEGIN")
        other.execute("SELECT FROM runs WHERE run = 'r1' FOR UPDATE")
        first = asyncio.create_task(store.record("r1", [], seconds=1.0))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        with pytest.raises(StoreUnreachable, match="POINTSMAN_STORE_CONNECTIONS"):
            await store.find_run("r1")
        assert time.monotonic() - began >= 0.5
        other.execute("ROLLBACK")
    await first
    row = await store.find_run("r1")
    assert row is not None
    assert row.seconds == 1.0
    await store.aclose()


@pytest.mark.parametrize("part", ["password", "database"])
async def test_a_refused_address_is_named_at_once(postgres: Server, part: str) -> None:
    """A wrong password and a database that is not there do not pass by waiting."""
    url = postgres.url("nowhere") if part == "database" else postgres.url().replace("s3cret", "no")
    store = PostgresStore(Address(url))
    with pytest.raises(StoreError, match=r"does not exist|authentication failed") as caught:
        await store.runs("shop")
    assert "no%2Fword" not in str(caught.value)
    await store.aclose()


@pytest.mark.parametrize("url", ["postgresql://pm:sec@ret@host:no/db", "postgresql://u:sec%zz@h/d"])
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    """It may hold a password in an unexpected place."""
    with pytest.raises(Misconfigured) as caught:
        Address(url).connect  # noqa: B018 (it raises)
    assert "sec" not in str(caught.value)
    assert "sec" not in repr(Address(url))
