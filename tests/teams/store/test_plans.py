"""What is listed, searched and summed in a store of 100,000 runs is read from an index."""

import json
import random
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pointsman.teams.overview import overview
from pointsman.teams.search import NEWEST, RunFilter, search
from pointsman.teams.store.lists import LOOKED
from pointsman.teams.store.migrate import SCHEMA_VERSION, script
from pointsman.teams.store.rows import BEGINNING, TicketPage, Wanted
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.usage import DAY, plotted
from tests.contracts.rows import a_result, a_run, a_ticket

RUNS = 100_000
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()
STATES = ("done",) * 17 + ("failed", "waiting", "running")
WHO = ("billing", "tech", "returns")


def _runs() -> Iterator[tuple[object, ...]]:
    dice = random.Random(8)
    request = a_run().request.model_dump_json()
    result = a_result().model_dump_json()
    for n in range(RUNS):
        state = dice.choice(STATES)
        made = NOW - (RUNS - n) * 7.0
        came = state not in ("running", "waiting")
        yield (
            f"r{n:06}", "shop" if n % 10 else "other", f"c{n % 9_000}", ("acme", "bolt")[n % 2],
            request, state, f"r{n:06}", 0, float(dice.randrange(9)), result if came else None, made,
            int(made * 1e6), f"parcel {n} is late", dice.random() if came else None,
            dice.choice(WHO) if came else "", "ModelAuth" if state == "failed" else "",
            ("", "v1", "v2")[n % 3], made + 9 if came else None,
            f"r{n - 1:06}" if n % 4 == 3 else "", f"r{n - 2:06}" if n % 8 == 6 else "",
        )  # fmt: skip


def _fill(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        script(db, "schema.sql")
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        columns = (
            "run, team, thread, tenant, request, state, root_thread, nested, seconds, result,"
            " created, place, text, usd, specialist, error, release, ended, parent,"
            " fork_of"
        )
        marks = ",".join("?" * 20)
        db.executemany(f"INSERT INTO runs ({columns}) VALUES ({marks})", _runs())
        db.execute(
            "INSERT INTO run_texts (rowid, request, answer) SELECT place, text, '' FROM runs"
        )
        event = json.dumps({"kind": "fell_back", "specialist": "a", "error": "E", "message": "m"})
        db.execute(
            "INSERT INTO events (run, seq, at, event) SELECT run, value, created, ? FROM runs,"
            " json_each('[0, 1]')",
            (event,),
        )
        ticket = a_ticket().model_dump_json()
        db.execute(
            "INSERT INTO tickets (id, seq, team, run, status, tenant, whole, ticket)"
            " SELECT run, rowid, team, run, CASE WHEN state = 'waiting' THEN 'pending' ELSE"
            " 'approved' END, tenant, CASE team WHEN 'other' THEN 'shop' ELSE '' END, ? FROM runs"
            " WHERE rowid % 3 = 0",
            (ticket,),
        )
        db.execute(
            "INSERT INTO log (team, tenant, thread, run, message_id, message)"
            " SELECT team, tenant, thread, run, run, request FROM runs"
        )
        db.execute(
            "INSERT INTO grants (id, team, tool, live, created, body)"
            " SELECT run, team, 't', 0, created, '{}' FROM runs WHERE team = 'other' LIMIT 1000"
        )
        db.execute(
            "INSERT INTO usage SELECT DISTINCT team, value, 'run_ended', CAST(created / value AS"
            " INTEGER) * value, tenant, specialist, '', '', state, run % 5, 1, 1.0, 0.0, 0, 0.0, 0,"
            " 0, 0 FROM runs, json_each('[300, 86400]') WHERE true ON CONFLICT DO NOTHING"
        )
        db.execute("COMMIT")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with 100,000 runs, a tenth of them another team's."""
    path = tmp_path_factory.mktemp("full") / "pointsman.db"
    _fill(path)
    return path


@pytest.fixture
async def store(full: Path) -> AsyncGenerator["Watched"]:
    """That store, and what it asks of SQLite."""
    made = Watched(full, clock=lambda: NOW)
    yield made
    await made.aclose()


class Watched(SqliteStore):
    """Notes each statement with its plan."""

    def __init__(self, path: Path, *, clock: Callable[[], float]) -> None:
        super().__init__(path, clock=clock)
        self.plans: list[tuple[str, list[str]]] = []

    async def _do(self, work: Callable[[Any], Any], *, begin: str = "BEGIN IMMEDIATE") -> Any:
        def watched(db: sqlite3.Connection) -> Any:
            asked: list[str] = []
            db.set_trace_callback(asked.append)
            try:
                return work(db)
            finally:
                db.set_trace_callback(None)
                for sql in asked:
                    if sql.lstrip().upper().startswith(("SELECT", "WITH")):
                        plan = db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
                        self.plans.append((sql, [str(row[3]) for row in plan]))

        return await super()._do(watched, begin=begin)


TABLES = ("runs", "events", "e", "r", "log", "tickets", "usage", "grants", "audit")


def assert_indexed(store: Watched) -> None:
    """No statement goes through a whole table, or through an index without a bound, or sorts."""
    assert store.plans
    for sql, plan in store.plans:
        scans = [
            line for line in plan if line.split()[:1] == ["SCAN"] and line.split()[1] in TABLES
        ]
        assert scans == [], (sql, plan)


SEARCHES = (
    RunFilter(),
    RunFilter(children=True),
    RunFilter(forks=True),
    RunFilter(forks=True, tenant="acme", text="late"),
    RunFilter(text="parcel"),
    RunFilter(text="late 77", tenant="acme"),
    RunFilter(thread="c17"),
    RunFilter(specialist="tech"),
    RunFilter(specialist="nobody"),
    RunFilter(states=("waiting",)),
    RunFilter(states=("done", "failed")),
    RunFilter(states=("running", "waiting"), tenant="bolt"),
    RunFilter(tenant="acme"),
    RunFilter(tenant="nobody"),
    RunFilter(release="v1", states=("done",)),
    RunFilter(since=NOW - 86_400),
    RunFilter(until=NOW - 3 * 86_400),
    RunFilter(text="parcel", since=NOW - 86_400, until=NOW - 3_600),
    RunFilter(usd_at_least=2.0),
    RunFilter(usd_at_most=0.00001),
    RunFilter(seconds_at_least=8.0, specialist="billing"),
    RunFilter(seconds_at_least=99.0),
)


@pytest.mark.parametrize("wanted", SEARCHES, ids=str)
async def test_a_search_uses_an_index_and_sorts_nothing(store: Watched, wanted: RunFilter) -> None:
    """Whatever is looked for, on the first page and on a later one."""
    page = await search(store, "shop", wanted)
    if page.next is not None:
        assert len(page.lines) == 50
        await search(store, "shop", wanted, page.next)
    assert_indexed(store)
    for sql, plan in store.plans:
        assert not any("TEMP B-TREE" in line for line in plan), (sql, plan)


async def test_one_look_goes_through_a_bounded_number_of_runs(store: Watched) -> None:
    """Also when nothing fits: the others get at the store between two looks."""
    thousands = count()
    db: list[sqlite3.Connection] = []
    await store._read(db.append)  # pyright: ignore[reportPrivateUsage] (SQLite's own count)
    db[0].set_progress_handler(lambda: next(thousands) < 0, 1_000)
    found = await store.search("shop", RunFilter(usd_at_least=9.0), before=NEWEST, limit=50)
    db[0].set_progress_handler(None, 0)
    assert found.lines == ()
    assert found.next is not None
    # SQLite's instructions, in thousands: about 30 for each run that is looked at.
    assert next(thousands) < LOOKED * 60 / 1_000


LISTINGS: dict[str, Callable[[SqliteStore], Awaitable[object]]] = {
    "runs": lambda s: s.runs("shop", limit=50),
    "runs in states": lambda s: s.runs("shop", states=("running", "waiting"), limit=50),
    "ended runs": lambda s: s.runs("shop", states=("done", "failed"), limit=50),
    "runs of a thread": lambda s: s.runs("shop", thread="c17", limit=50),
    "runs of a thread in states": lambda s: s.runs("shop", thread="c17", states=("done",)),
    "dead": lambda s: s.dead("shop", limit=50),
    "line": lambda s: s.line(a_run(thread="c17")),
    "last specialist": lambda s: s.last_specialist(a_run(thread="c17")),
    "children": lambda s: s.children("r000002"),
    "offspring": lambda s: s.offspring("r000002"),
    "decided runs": lambda s: s.decided_runs("other"),
    "release runs": lambda s: s.release_runs("shop", "v1", since=NOW - 86_400, limit=50),
    "tickets": lambda s: s.tickets("shop", limit=50),
    "pending tickets": lambda s: s.tickets("shop", status="pending", limit=50),
    "tickets of a run": lambda s: s.tickets("shop", run="r000002"),
    "ticket page of a run": lambda s: s.ticket_page("shop", run="r000002", limit=50),
    "unfinished": lambda s: s.unfinished("shop", limit=50),
    "unfinished later": lambda s: s.unfinished("shop", after=int(NOW * 1e6), limit=50),
    "due tickets": lambda s: s.due_tickets("shop", datetime.fromtimestamp(NOW, UTC)),
    "grants": lambda s: s.grants("shop", limit=50),
    "audit": lambda s: s.audit(after=10, limit=50),
    "effects": lambda s: s.effects("r000002"),
    "events": lambda s: s.events("r000002"),
    "page": lambda s: s.page("shop", Wanted(), after=BEGINNING, limit=50),
    "page without forks": lambda s: s.page("shop", Wanted(forks=False), after=BEGINNING, limit=50),
    "page of a run": lambda s: s.page("shop", Wanted(run="r000002"), limit=50),
    "messages": lambda s: s.logged(a_run("r099999", thread="c17"), after=0, limit=9),
    "tail": lambda s: s.tail("shop", after=199_900, limit=50),
    "tail's end": lambda s: s.tail_end(),
    "standing": lambda s: s.standing("shop"),
    "usage": lambda s: s.usage(
        "shop", plotted("shop", NOW - 8 * DAY, NOW, DAY, ("specialist",), ("run_ended",))
    ),
    "usage in fine steps": lambda s: s.usage("shop", plotted("shop", NOW - 7_200, NOW, 300)),
    "usage of a tenant": lambda s: s.usage(
        "shop", plotted("shop", NOW - 7_200, NOW, 300, tenant="acme")
    ),
    "overview": lambda s: overview(s, "shop", NOW),
}


@pytest.mark.parametrize("name", LISTINGS)
async def test_a_listing_uses_an_index(store: Watched, name: str) -> None:
    """What people and the console look at, besides searches."""
    await LISTINGS[name](store)
    assert_indexed(store)


TICKETS: dict[str, Callable[[SqliteStore, int], Awaitable[TicketPage]]] = {
    "of a status": lambda s, n: s.ticket_page("shop", status="pending", after=n, limit=20),
    "of every status": lambda s, n: s.ticket_page("shop", after=n, limit=20),
    "of teams inside": lambda s, n: s.ticket_page(
        "shop", inside=("other", "third"), after=n, limit=20
    ),
    "of a tenant": lambda s, n: s.ticket_page("shop", tenant="acme", after=n, limit=20),
    "of a tenant, inside": lambda s, n: s.ticket_page(
        "shop", inside=("other",), status="approved", tenant="bolt", after=n, limit=20
    ),
    "of a tenant that has none": lambda s, n: s.ticket_page(
        "shop", inside=("other",), tenant="nobody", after=n, limit=20
    ),
}


@pytest.mark.parametrize("name", TICKETS)
async def test_a_page_of_tickets_is_read_from_its_index(store: Watched, name: str) -> None:
    """The first page and a later one: nothing is sorted, no other's tickets are gone through."""
    thousands = count()
    db: list[sqlite3.Connection] = []
    await store._read(db.append)  # pyright: ignore[reportPrivateUsage] (SQLite's own count)
    await TICKETS[name](store, 0)
    assert_indexed(store)
    for sql, plan in store.plans:
        assert not any("TEMP B-TREE" in line for line in plan), (sql, plan)
    db[0].set_progress_handler(lambda: next(thousands) < 0, 1_000)
    await TICKETS[name](store, 60_000)
    db[0].set_progress_handler(None, 0)
    # 20 tickets of 33,000, from the middle: some 50 instructions each.
    assert next(thousands) <= 5
