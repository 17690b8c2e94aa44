"""A store that an older pointsman wrote."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest

from pointsman.errors import StoreBroken, TicketClosed
from pointsman.nodes.digest import JsonObject, digest
from pointsman.teams.approvals.audit import faults
from pointsman.teams.approvals.lifecycle import run_move
from pointsman.teams.store.migrate import SCHEMA_VERSION, STEPS
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.tickets import Approve, action_digest
from tests.contracts.store import NOW, a_run, claim

SCHEMA_1 = (Path(__file__).parent / "schema_1.sql").read_text()


def _old_ticket(name: str, **change: object) -> str:
    """A ticket as schema 1 stored it."""
    ticket: dict[str, object] = {
        "id": name, "team": "shop", "run": "r1", "thread": "c1", "tenant": "acme",
        "kind": "action", "specialist": "billing", "tool": "refund", "call_id": "c",
        "args": {"invoice": "INV-1", "usd": 5.0}, "digest": "d", "policy_rule": "default",
        "policy_version": "v", "reason": "money", "preview": "", "usd": 0.0,
        "created": NOW.isoformat(), "expires": None, "status": "pending", "assigned": "",
        "decision": "", "by": "", "decided": None, "decision_reason": "", "approved_args": None,
        "approved_digest": "", "response": "", "outcome": "",
    }  # fmt: skip
    return json.dumps(ticket | change)


def _old_tickets() -> dict[str, str]:
    """A ticket in every state that schema 1 knew, as its own decisions left it."""

    def decided(name: str, status: str, decision: str = "approve", **change: object) -> str:
        said = {"status": status, "decision": decision, "by": "ana", "decided": NOW.isoformat()}
        pinned = {"approved_digest": "d"} if decision == "approve" else {}
        return _old_ticket(name, **said, **(pinned | change))

    less: JsonObject = {"invoice": "INV-1", "usd": 4.0}
    return {
        "pending": _old_ticket("pending"),
        "passed": _old_ticket("passed", assigned="lea"),
        "expired": _old_ticket("expired", expires=(NOW - timedelta(days=1)).isoformat()),
        "approved": decided("approved", "approved"),
        "edited": decided(
            "edited", "approved", "edit", approved_args=less,
            approved_digest=action_digest("refund", less),
        ),
        "rejected": decided("rejected", "rejected", "reject", decision_reason="no"),
        "answered": decided("answered", "answered", "respond", response="Call us."),
        "executed": decided("executed", "executed", outcome="refunded"),
        "failed": decided("failed", "failed", outcome="refused"),
        "ambiguous": decided("ambiguous", "ambiguous"),
        "left": decided("left", "rejected", "reject", run="r2"),
    }  # fmt: skip


_DECISIONS: tuple[tuple[str, dict[str, object]], ...] = (
    ("passed", {"type": "escalate", "by": "ana", "reason": "", "to": "lea"}),
    ("approved", {"type": "approve", "by": "ana", "reason": ""}),
    ("edited", {"type": "edit", "by": "ana", "reason": "", "args": {"usd": 4.0}}),
    ("rejected", {"type": "reject", "by": "ana", "reason": "no"}),
    ("answered", {"type": "respond", "by": "ana", "reason": "", "text": "Call us."}),
    ("executed", {"type": "approve", "by": "ana", "reason": ""}),
    ("left", {"type": "reject", "by": "ana", "reason": ""}),
)


def _old_store(path: Path) -> None:
    """A waiting and an ended run with tickets in every state, and effects done and begun."""
    with sqlite3.connect(path) as db:
        db.executescript(SCHEMA_1)
        db.execute("PRAGMA user_version = 1")
        for run, state in (("r1", "waiting"), ("r2", "failed")):
            row = a_run(run)
            db.execute(
                "INSERT INTO runs (run, team, thread, tenant, request, state, root_thread,"
                " nested, created) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 1)",
                (
                    run, row.team, row.thread, row.tenant, row.request.model_dump_json(), state,
                    run,
                ),
            )  # fmt: skip
        for n, (name, body) in enumerate(_old_tickets().items()):
            ticket = json.loads(body)
            db.execute(
                "INSERT INTO tickets VALUES (?, ?, 'shop', ?, ?, ?)",
                (name, n, ticket["run"], ticket["status"], body),
            )
        for n, (name, decision) in enumerate(_DECISIONS):
            at = (NOW + timedelta(seconds=n)).isoformat()
            db.execute(
                "INSERT INTO decisions (ticket, decision, at) VALUES (?, ?, ?)",
                (name, json.dumps(decision), at),
            )
        db.execute("INSERT INTO effects VALUES ('k', 't0', 'r1', 'refund', 'done', 'ok', 1, 2)")
        db.execute("INSERT INTO effects VALUES ('l', 't1', 'r1', 'refund', 'intended', '', 3, 0)")
    db.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """A store of schema 1, opened."""
    _old_store(tmp_path / "pointsman.db")
    made = SqliteStore(tmp_path / "pointsman.db")
    yield made
    await made.aclose()


async def test_tickets_of_schema_1_are_as_they_were(store: SqliteStore) -> None:
    """Every state, in the old order, with everything that stood on them."""
    tickets = await store.tickets("shop")
    old = {name: json.loads(body) for name, body in _old_tickets().items()}
    assert [t.id for t in tickets] == list(old)
    for ticket in tickets:
        row = ticket.model_dump(mode="json")
        was = old[ticket.id]
        times = ("created", "decided", "expires")
        assert {k: row[k] for k in was if k not in times} == {
            k: v for k, v in was.items() if k not in times
        }
    assert await store.decided_runs("shop") == ("r1",)


async def test_tickets_of_schema_1_go_on(store: SqliteStore) -> None:
    """Open ones are decided, decided ones acted on, closed ones stay closed."""
    assert (await claim(store, "pending", Approve(by="bo"))).status == "approved"
    assert (await claim(store, "passed", Approve(by="lea"))).status == "approved"
    done = run_move("execute", "executed", NOW, outcome="refunded")
    for name in ("approved", "edited", "ambiguous"):
        assert (await store.amend(name, done)).status == "executed"
    for name in ("rejected", "answered"):
        found = await store.find_ticket(name)
        assert found is not None
        assert (await store.amend(name, run_move("settle", found.status, NOW))).settled == NOW
    for name in ("executed", "failed", "expired"):
        with pytest.raises(TicketClosed):
            await claim(store, name, Approve(by="bo"))
    assert faults(await store.audit()) == []


async def test_decisions_of_schema_1_begin_the_audit_log(store: SqliteStore) -> None:
    """In their order and at their time, as one whole chain that goes on."""
    await claim(store, "pending", Approve(by="bo"), at=NOW + timedelta(hours=1))
    rows = await store.audit()
    assert faults(rows) == []
    assert [(r.entry.ticket, r.entry.action, r.entry.by, r.entry.status) for r in rows] == [
        ("passed", "escalate", "ana", "pending"),
        ("approved", "approve", "ana", "approved"),
        ("edited", "edit", "ana", "approved"),
        ("rejected", "reject", "ana", "rejected"),
        ("answered", "respond", "ana", "answered"),
        ("executed", "approve", "ana", "approved"),
        ("left", "reject", "ana", "rejected"),
        ("pending", "approve", "bo", "approved"),
    ]
    assert [r.entry.at for r in rows[:-1]] == [NOW + timedelta(seconds=n) for n in range(7)]
    less: JsonObject = {"invoice": "INV-1", "usd": 4.0}
    assert (rows[0].entry.to, rows[2].entry.digest) == ("lea", action_digest("refund", less))
    assert (rows[3].entry.text_digest, rows[6].entry.text_digest) == (digest("no"), "")


async def test_effects_of_schema_1_are_known(store: SqliteStore) -> None:
    """As first attempts of unknown arguments; one that was begun may be begun again."""
    done, begun = await store.effects("r1")
    assert (done.state, done.result, done.digest, done.attempt) == ("done", "ok", "", 1)
    assert (begun.key, begun.state, begun.intended) == ("l", "intended", 3.0)
    assert await store.intend_again("l", 1)


async def test_a_store_of_schema_1_is_migrated_once(tmp_path: Path) -> None:
    """Several processes that open it at once: one migrates, the others find it done."""
    _old_store(tmp_path / "pointsman.db")
    stores = [SqliteStore(tmp_path / "pointsman.db") for _ in range(6)]
    logs = await asyncio.gather(*(s.audit() for s in stores))
    assert {len(rows) for rows in logs} == {len(_DECISIONS)}
    await asyncio.gather(*(s.aclose() for s in stores))


async def test_a_migration_that_fails_leaves_the_old_store(tmp_path: Path) -> None:
    """All or nothing: after the fault is mended the same file is migrated."""
    path = tmp_path / "pointsman.db"
    _old_store(path)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE decisions SET decision = '{}' WHERE ticket = 'left'")
    db.close()
    store = SqliteStore(path)
    with pytest.raises(StoreBroken, match="does not fit its schema"):
        await store.audit()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        assert "decisions" in tables
        assert "audit" not in tables
        db.execute("DELETE FROM decisions WHERE decision = '{}'")
    db.close()
    assert len(await store.audit()) == len(_DECISIONS) - 1
    await store.aclose()


async def test_an_old_and_a_new_store_have_the_same_tables(tmp_path: Path) -> None:
    """What the migration made is what a new store has."""
    shapes: list[set[tuple[str, str]]] = []
    for name in ("old", "new"):
        path = tmp_path / f"{name}.db"
        if name == "old":
            _old_store(path)
        store = SqliteStore(path)
        await store.find_run("r1")
        await store.aclose()
        with sqlite3.connect(path) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
            names = db.execute("SELECT type, name FROM sqlite_master WHERE sql != ''").fetchall()
            tables = [n for kind, n in names if kind == "table"]
            columns = {
                (table, column[1])
                for table in tables
                for column in db.execute(f"PRAGMA table_info({table})")
            }
        db.close()
        shapes.append(set(names) | columns)
    assert shapes[0] == shapes[1]


async def test_a_store_of_schema_2_gets_the_vault(tmp_path: Path) -> None:
    """Only what it lacks is made; what it holds stays."""
    path = tmp_path / "pointsman.db"
    _old_store(path)
    with sqlite3.connect(path) as db:
        STEPS[0](db)
        db.execute("PRAGMA user_version = 2")
    db.close()
    store = SqliteStore(path)
    assert await store.vault("r1") == ()
    assert len(await store.audit()) == len(_DECISIONS)
    assert await store.find_run("r1") is not None
    await store.aclose()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    db.close()


async def test_a_store_of_a_newer_pointsman_is_left_alone(tmp_path: Path) -> None:
    """The error names both schemas."""
    path = tmp_path / "pointsman.db"
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    store = SqliteStore(path)
    with pytest.raises(StoreBroken, match=f"schema {SCHEMA_VERSION + 1}"):
        await store.audit()
    await store.aclose()
