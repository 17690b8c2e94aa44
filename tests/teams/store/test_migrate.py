"""A store that an older pointsman wrote."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pointsman.errors import StoreBroken, TicketClosed
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.event import Event, ModelCalled, RunEnded
from pointsman.teams.approvals.audit import faults
from pointsman.teams.approvals.lifecycle import run_move
from pointsman.teams.search import RunFilter, search
from pointsman.teams.store.migrate import SCHEMA_VERSION, STEPS
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.tickets import Approve, action_digest
from pointsman.teams.usage import DAY, UsageWanted
from tests.contracts.store import NOW, a_result, a_run, a_ticket, claim

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


async def test_tickets_of_schema_4_get_their_tenant_and_the_team_they_work_for(
    tmp_path: Path,
) -> None:
    """From their runs: of the tenant, and on the pages of the team at the top."""
    path = tmp_path / "pointsman.db"
    _schema_4(path)
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM tickets")
        db.execute("UPDATE runs SET team = 'mall', tenant = 'bolt' WHERE run = 'r1'")
        db.execute("UPDATE runs SET parent = 'r1', root = 'r1', tenant = 'bolt' WHERE run = 'r2'")
        for n, (name, run) in enumerate((("a", "r2"), ("b", "r3"), ("c", "r3")), 1):
            body = a_ticket(name, run=run).model_dump_json()
            db.execute(
                "INSERT INTO tickets (id, seq, team, run, status, ticket)"
                " VALUES (?, ?, 'shop', ?, 'pending', ?)",
                (name, n, run, body),
            )
    db.close()
    store = SqliteStore(path)
    found = {
        (team, tenant): [
            ticket.id
            for ticket in (
                await store.ticket_page(team, inside=("shop",), tenant=tenant)
            ).tickets
        ]
        for team in ("shop", "mall") for tenant in ("", "acme", "bolt")
    }  # fmt: skip
    assert found == {
        ("shop", ""): ["a", "b", "c"], ("shop", "acme"): ["b", "c"], ("shop", "bolt"): ["a"],
        ("mall", ""): ["a"], ("mall", "acme"): [], ("mall", "bolt"): ["a"],
    }  # fmt: skip
    await store.aclose()


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


def _schema_4(path: Path) -> None:
    """A store of schema 4 with an ended, a failed and a running run, and their events."""
    _old_store(path)
    with sqlite3.connect(path) as db:
        for step in STEPS[:3]:
            step(db)
        db.execute("DELETE FROM runs")
        for n, (run, state) in enumerate((("r1", "done"), ("r2", "failed"), ("r3", "running"))):
            row, result = a_run(run), a_result(run).model_copy(update={"usd": 0.5, "error": "X"})
            ended = state != "running"
            db.execute(
                "INSERT INTO runs (run, team, thread, tenant, request, state, root_thread, nested,"
                " seconds, result, created, specialist)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 0, 2, ?, ?, ?)",
                (
                    run, row.team, row.thread, row.tenant, row.request.model_dump_json(), state,
                    run, result.model_dump_json() if ended else None, 7.0 if n else 8.5,
                    "billing" if ended else "",
                ),
            )  # fmt: skip
            events: tuple[Event, ...] = (
                ModelCalled(purpose="x", model="m", source="model", usd=0.25, seconds=1.0),
                RunEnded(run=run, status="failed", specialist="billing"),
            )
            for seq, event in enumerate(events):
                values = (run, seq, 10.0 + n, event.model_dump_json())
                db.execute("INSERT INTO events VALUES (?, ?, ?, ?)", values)
        db.execute("PRAGMA user_version = 4")
    db.close()


@pytest.fixture
async def of_schema_4(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """A store of schema 4, opened."""
    _schema_4(tmp_path / "pointsman.db")
    made = SqliteStore(tmp_path / "pointsman.db")
    yield made
    await made.aclose()


async def test_runs_of_schema_4_are_listed_and_found(of_schema_4: SqliteStore) -> None:
    """By the time they were created, with what came of them, and by the words of both texts."""
    lines = (await search(of_schema_4, "shop", RunFilter())).lines
    assert [line.run for line in lines] == ["r1", "r3", "r2"]
    assert [(line.usd, line.error, line.ended) for line in lines] == [
        (0.5, "X", 10.0), (None, "", None), (0.5, "X", 11.0),
    ]  # fmt: skip
    assert lines[0].text == "hello r1"
    found = (await search(of_schema_4, "shop", RunFilter(text="hello done"))).lines
    assert [line.run for line in found] == ["r1", "r2"]
    assert await of_schema_4.add_run(a_run("r4"))
    assert len((await search(of_schema_4, "shop", RunFilter(text="hello"))).lines) == 4


async def test_events_of_schema_4_are_counted_and_placed(of_schema_4: SqliteStore) -> None:
    """Each of them once, in the order in which they were stored; later ones come after them."""
    wanted = UsageWanted(0, DAY, 0)
    for daily in (False, True):
        tallies = await of_schema_4.usage("shop", replace(wanted, daily=daily))
        assert [(t.of, t.count, t.usd) for t in tallies] == [
            (("model_called",), 3, 0.75), (("run_ended",), 3, 0.0),
        ]  # fmt: skip
    (ended,) = await of_schema_4.usage("shop", replace(wanted, kinds=("run_ended",)))
    assert ended.percentile(0.5) == pytest.approx(2.0, rel=0.048)
    tail = await of_schema_4.tail("shop", after=0)
    assert [(e.run, e.seq) for _, e in tail.events] == [
        (run, seq) for run in ("r1", "r2", "r3") for seq in (0, 1)
    ]
    assert len(await of_schema_4.events("r2")) == 2
    again = [e for _, e in tail.events if e.run == "r2"]
    await of_schema_4.record("r2", again, seconds=0.0)
    assert await of_schema_4.tail_end() == tail.next


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
