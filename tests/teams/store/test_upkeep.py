"""Looking after a store, in files and in PostgreSQL: nothing that somebody needs goes."""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import psycopg
import pytest

from pointsman.errors import BadInput, Misconfigured, ModelOverloaded, NotFound
from pointsman.guardrails.sealing import VaultRow
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.teams.settings import Settings
from pointsman.teams.store.crossings import LetterRow, Outgoing
from pointsman.teams.store.opening import open_store
from pointsman.teams.store.postgres.address import Address
from pointsman.teams.store.postgres.database import connect
from pointsman.teams.store.upkeep import Pruned, Upkeep, Versions, upkeep_of
from pointsman.teams.tickets import Approve
from tests.flow.processes import change, rows
from tests.flow.shop import Shop, shop_team
from tests.postgres import PASSWORD, Server, binaries

DAY = 86_400.0


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where state is kept."""
    if request.param == "postgres":
        monkeypatch.setenv("POINTSMAN_STORE", request.getfixturevalue("database"))
    return request.param


@pytest.fixture
def home(tmp_path: Path, kept: str) -> Path:
    """A folder of state, with nothing in it."""
    del kept
    return tmp_path / "home"


@pytest.fixture
def upkeep(home: Path) -> Upkeep:
    """Of the store that the settings name."""
    return upkeep_of(Settings.read(), home)


def silent(_: Pruned) -> None:
    """Nobody listens."""


async def lived(home: Path) -> None:
    """Three runs: one done, with an effect; one that waits; one that failed for good."""
    async with shop_team(home) as team:
        done = await team.run("refund INV-1 5", thread="done")
        await team.decide(done.tickets[0], Approve(by="ana"))
        await team.run("refund INV-2 5", thread="waits")
    broken = shop_team(home, model=ScriptedTransport(lambda _: ModelOverloaded("busy")))
    await broken.run("lookup INV-3", thread="fails")


async def test_what_ended_goes_and_what_is_open_stays(home: Path, upkeep: Upkeep) -> None:
    """Dry first: it says the same and deletes nothing. Afterwards the open run can be decided."""
    await lived(home)
    states = dict(rows(home, "SELECT thread, state FROM runs"))
    assert states == {"done": "done", "waits": "waiting", "fails": "failed"}
    later = time.time() + 1
    would = upkeep.prune(later, dry_run=True, seen=silent)
    assert would.runs == 1
    assert min(would.events, would.answers, would.tickets, would.checkpoints) > 0
    assert len(rows(home, "SELECT run FROM runs")) == 3
    heard: list[Pruned] = []
    assert upkeep.prune(later, dry_run=False, seen=heard.append) == would
    assert heard[-1] == would
    assert sorted(rows(home, "SELECT thread FROM runs")) == [("fails",), ("waits",)]
    assert len(rows(home, "SELECT key FROM effects")) == 1
    assert upkeep.check() == []
    assert upkeep.prune(later, dry_run=False, seen=silent) == Pruned()
    async with shop_team(home) as team:
        (ticket,) = await team.tickets()
        await team.decide(ticket, Approve(by="ana"))
        assert len(await team.dead()) == 1
    assert len(Shop(home).wrote()) == 2


async def test_what_is_young_stays(home: Path, upkeep: Upkeep) -> None:
    """Its age is that of its last event, not of its beginning."""
    await lived(home)
    assert upkeep.prune(time.time() - DAY, dry_run=False, seen=silent).runs == 0
    change(home, "UPDATE runs SET created = created - 864000")
    assert upkeep.prune(time.time() - DAY, dry_run=False, seen=silent).runs == 0


async def test_keys_and_ended_letters_go_when_they_are_old(home: Path, upkeep: Upkeep) -> None:
    """What a sender may still repeat stays, and letters that nobody has looked at."""
    store = open_store(Settings.read(), home)
    await store.submitted("shop", "acme", "k1", digest="d", thread="c1")
    for name in ("open", "dropped"):
        letter = LetterRow(name, "shop", "temporal", "Forged", "t", "b", at=1.0)
        assert await store.add_letter(letter)
    await store.end_letter("dropped", "dropped", by="ana", reason="r")
    upkeep.prune(time.time() - DAY, dry_run=False, seen=silent)
    upkeep.prune(time.time() + DAY, dry_run=True, seen=silent)
    assert len(await store.letters("shop", state=None)) == 2
    first = await store.submitted("shop", "acme", "k1", digest="other", thread="c2")
    assert first.thread == "c1"
    upkeep.prune(time.time() + DAY, dry_run=False, seen=silent)
    assert [one.id for one in await store.letters("shop", state=None)] == ["open"]
    again = await store.submitted("shop", "acme", "k1", digest="other", thread="c2")
    assert again.thread == "c2"
    await store.aclose()


TABLES = {
    "runs": "runs", "events": "events", "steps": "steps", "asked": "parts", "journal": "answers",
    "tickets": "tickets", "vault": "redacted", "outgoing": "published", "submissions": "keys",
    "checkpoints": "checkpoints", "payloads": "payloads", "letters": "letters",
}  # fmt: skip
"""What a prune may take rows from, and where it says how many."""
BESIDE = ("run_texts", "writes", "checkpoint_writes", "checkpoint_blobs")
"""Rows that are parts of those: of a run's search, of a checkpoint."""


def counts(home: Path) -> dict[str, int]:
    """Rows by table, of the store and its checkpoints."""
    if os.environ.get("POINTSMAN_STORE"):
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        return {
            name: rows(home, f"SELECT count(*) FROM {name}")[0][0] for (name,) in rows(home, sql)
        }
    found: dict[str, int] = {}
    for file in ("pointsman.db", "checkpoints.db"):
        with closing(sqlite3.connect(home / file)) as db:
            sql = "SELECT name FROM sqlite_master WHERE type = 'table'"
            for (name,) in db.execute(sql).fetchall():
                (found[name],) = db.execute(f"SELECT count(*) FROM {name}").fetchone()
    return found


async def test_a_dry_run_says_what_a_real_one_takes(home: Path, upkeep: Upkeep) -> None:
    """Of each kind of row, and every kind goes; nothing else in the store changes."""
    await lived(home)
    (run,) = rows(home, "SELECT run FROM runs WHERE thread = 'done'")[0]
    store = open_store(Settings.read(), home)
    await store.submitted("shop", "acme", "k1", digest="d", thread="c1")
    await store.add_letter(LetterRow("l1", "shop", "temporal", "Forged", "t", "b", at=1.0))
    await store.end_letter("l1", "dropped", by="ana", reason="r")
    await store.put_payload("p1", "body")
    await store.add_outgoing(Outgoing(run, "shop", "crm", "e1"))
    await store.vault_add(run, [VaultRow("EMAIL", 1, "a" * 64, "k" * 16, b"sealed")])
    await store.aclose()
    before, later = counts(home), time.time() + 1
    would = upkeep.prune(later, dry_run=True, seen=silent)
    assert counts(home) == before
    assert all(asdict(would).values()), would
    assert upkeep.prune(later, dry_run=False, seen=silent) == would
    after = counts(home)
    went = {name: before[name] - after[name] for name in before if not name.startswith(BESIDE)}
    assert {name: count for name, count in went.items() if count} == {
        table: getattr(would, said) for table, said in TABLES.items()
    }


async def test_a_sound_store_has_no_faults(home: Path, upkeep: Upkeep) -> None:
    """And one from which rows are missing, or whose log was changed, has."""
    await lived(home)
    assert upkeep.check() == []
    change(home, "DELETE FROM runs WHERE thread = 'done'")
    assert any("events belong to no run" in fault for fault in upkeep.check())


async def test_a_changed_log_is_found(home: Path, upkeep: Upkeep, kept: str) -> None:
    """By its row."""
    await lived(home)
    if kept == "sqlite":
        change(home, "DROP TRIGGER audit_unchanged")
    else:
        change(home, "ALTER TABLE audit DISABLE TRIGGER ALL")
    change(home, "UPDATE audit SET prev = 'x' WHERE seq = 2")
    assert any("row 2" in fault for fault in upkeep.check())


async def test_tables_are_made_and_a_second_time_nothing_is_done(
    tmp_path: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On both; an old schema is named by the check."""
    files = upkeep_of(Settings.read(), tmp_path / "home")
    assert files.check() == []
    monkeypatch.setenv("POINTSMAN_STORE", empty_database)
    server = upkeep_of(Settings.read(), tmp_path / "home")
    assert "has schema 0" in server.check()[0]
    with pytest.raises(BadInput, match="store migrate"):
        server.prune(0.0, dry_run=True, seen=silent)


def test_migrating_says_from_what_to_what(home: Path, upkeep: Upkeep, kept: str) -> None:
    """From nothing to the present schema, and then from it to itself."""
    first = upkeep.migrate()
    assert first.before == (0 if kept == "sqlite" else first.after)
    assert upkeep.migrate() == Versions(first.after, first.after)
    assert upkeep.check() == []


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets what programs are found."""
    return lambda path: monkeypatch.setenv("PATH", path)


async def test_files_are_backed_up_while_others_write(tmp_path: Path) -> None:
    """Copies in another folder are a store of their own; a backup overwrites nothing."""
    home, copy = tmp_path / "home", tmp_path / "copy"
    upkeep = upkeep_of(Settings.read(), home)
    with pytest.raises(NotFound):
        upkeep.backup(copy)
    await lived(home)
    blocker = sqlite3.connect(home / "pointsman.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    made = upkeep.backup(copy)
    blocker.close()
    assert sorted(path.name for path in made) == ["checkpoints.db", "pointsman.db"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (copy, *made))
    with pytest.raises(BadInput, match="exists already"):
        upkeep.backup(copy)
    shutil.copy(home / "effects.log", copy)
    async with shop_team(copy) as team:
        (ticket,) = await team.tickets()
        assert (await team.decide(ticket, Approve(by="ana"))).status == "done"


async def test_postgres_is_backed_up_with_pg_dump(
    tmp_path: Path, postgres: Server, database: str,
    on_path: Callable[[str], None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The dump restores into another database; without pg_dump the error says what to install."""
    monkeypatch.setenv("POINTSMAN_STORE", database)
    await lived(tmp_path / "home")
    upkeep = upkeep_of(Settings.read(), tmp_path / "home")
    on_path(str(tmp_path))
    with pytest.raises(Misconfigured, match="pg_dump"):
        upkeep.backup(tmp_path / "copy")
    on_path(f"{binaries()}:/usr/bin:/bin")
    (dump,) = upkeep.backup(tmp_path / "copy")
    assert dump.stat().st_mode & 0o077 == 0
    assert PASSWORD.encode() not in dump.read_bytes()
    other = postgres.database()
    restored(dump, other)
    with connect(Address(other)) as db, connect(Address(database)) as first:
        for table in ("runs", "audit", "checkpoints", "tickets"):
            count = f"TABLE {table}".encode()
            assert db.execute(count).rowcount == first.execute(count).rowcount > 0
        with pytest.raises(psycopg.Error, match="only ever added"):
            db.execute("DELETE FROM audit")
    postgres.drop(other)


def restored(dump: Path, url: str) -> None:
    """pg_restore."""
    command = [binaries() / "pg_restore", "--no-owner", "-d", url, dump]
    subprocess.run(command, check=True, capture_output=True)
