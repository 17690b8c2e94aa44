"""A store that an older pointsman wrote."""

import json
import sqlite3
from pathlib import Path

from pointsman.teams.approvals.audit import faults
from pointsman.teams.store.migrate import SCHEMA_VERSION
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.tickets import Approve
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


def _old_store(path: Path) -> None:
    """A waiting run with one pending and one rejected ticket, and one effect that is done."""
    with sqlite3.connect(path) as db:
        db.executescript(SCHEMA_1)
        db.execute("PRAGMA user_version = 1")
        row = a_run()
        db.execute(
            "INSERT INTO runs (run, team, thread, tenant, request, state, root_thread, nested,"
            " created) VALUES (?, ?, ?, ?, ?, 'waiting', 'r1', 0, 1)",
            (row.run, row.team, row.thread, row.tenant, row.request.model_dump_json()),
        )
        tickets = {
            "t1": _old_ticket("t1"),
            "t2": _old_ticket("t2", status="rejected", decision="reject", by="ana"),
        }
        for n, (name, body) in enumerate(tickets.items()):
            db.execute(
                "INSERT INTO tickets VALUES (?, ?, 'shop', 'r1', ?, ?)",
                (name, n, json.loads(body)["status"], body),
            )
        db.execute(
            "INSERT INTO decisions (ticket, decision, at) VALUES ('t2', ?, ?)",
            (json.dumps({"type": "reject", "by": "ana", "reason": "no"}), NOW.isoformat()),
        )
        db.execute("INSERT INTO effects VALUES ('k', 't0', 'r1', 'refund', 'done', 'ok', 1, 2)")
    db.close()


async def test_a_store_of_schema_1_goes_on(tmp_path: Path) -> None:
    """Its tickets can be decided, its decided run is found, its effects are known, and the
    decisions it kept are the beginning of the audit log's chain."""
    path = tmp_path / "pointsman.db"
    _old_store(path)
    store = SqliteStore(path)
    assert [t.id for t in await store.tickets("shop", status="pending")] == ["t1"]
    assert await store.decided_runs("shop") == ("r1",)
    (effect,) = await store.effects("r1")
    assert (effect.state, effect.result, effect.attempt) == ("done", "ok", 1)
    assert (await claim(store, "t1", Approve(by="bo"))).status == "approved"
    rows = await store.audit()
    assert faults(rows) == []
    assert [(r.entry.ticket, r.entry.action, r.entry.by) for r in rows] == [
        ("t2", "reject", "ana"), ("t1", "approve", "bo"),
    ]  # fmt: skip
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
