"""What is listed, searched and summed in a PostgreSQL of 100,000 runs is read from an index."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, cast

import psycopg
import pytest

from pointsman.teams.overview import overview
from pointsman.teams.search import RunFilter, search
from pointsman.teams.store.lists import LOOKED
from pointsman.teams.store.postgres.address import Address
from pointsman.teams.store.postgres.database import Db, connect
from pointsman.teams.store.postgres.store import PostgresStore
from pointsman.teams.store.rows import BEGINNING, Wanted
from pointsman.teams.usage import DAY, plotted
from tests.contracts.rows import a_result, a_run, a_ticket
from tests.postgres import Server

pytestmark = pytest.mark.slow

RUNS = 100_000
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()
MOST = 5 * LOOKED
"""Rows that one statement may look at. PostgreSQL may take the index of all runs, and leave some
out, where every third one fits."""
_FILL = (
    """INSERT INTO runs (run, team, thread, tenant, request, priority, state, root_thread, nested,
    seconds, result, failed, created, place, text, usd, specialist, error, release, ended, parent)
    SELECT 'r' || lpad(n::text, 6, '0'), CASE WHEN n %% 10 = 0 THEN 'other' ELSE 'shop' END,
    'c' || n %% 9000, CASE WHEN n %% 2 = 0 THEN 'acme' ELSE 'bolt' END, %(request)s, 5, state,
    'r' || n, FALSE, n %% 9, CASE WHEN came THEN %(result)s END, state = 'failed', made,
    (made * 1e6)::bigint, '"parcel ' || n || ' is late"', CASE WHEN came THEN n %% 97 / 97.0 END,
    CASE WHEN came THEN (ARRAY['billing', 'tech', 'returns'])[n %% 3 + 1] ELSE '' END,
    CASE WHEN state = 'failed' THEN 'ModelAuth' ELSE '' END, (ARRAY['', 'v1', 'v2'])[n %% 3 + 1],
    CASE WHEN came THEN made + 9 END,
    CASE WHEN n %% 4 = 3 THEN 'r' || lpad((n - 1)::text, 6, '0') ELSE '' END
    FROM (SELECT n, state, state NOT IN ('running', 'waiting') AS came, made FROM (
      SELECT n, CASE n * 7919 %% 20 WHEN 0 THEN 'failed' WHEN 1 THEN 'waiting' WHEN 2 THEN 'running'
      ELSE 'done' END AS state, %(now)s::float8 - (%(runs)s - n) * 7.0 AS made
      FROM generate_series(0, %(runs)s - 1) n) o) r""",
    """INSERT INTO run_texts SELECT run, format('''parcel'':2A ''%%s'':3A ''is'':4A ''late'':5A',
    substr(run, 2)::int)::tsvector FROM runs""",
    """INSERT INTO events (run, seq, at, kind, event, place) SELECT run, value, created,
    'fell_back', %(event)s, row_number() OVER (ORDER BY place, value)
    FROM runs, generate_series(0, 1) value""",
    """INSERT INTO tickets (id, team, run, tenant, kind, status, ticket)
    SELECT run, team, run, tenant, 'approval',
    CASE WHEN state = 'waiting' THEN 'pending' ELSE 'approved' END, %(ticket)s FROM runs
    WHERE substr(run, 2)::int %% 3 = 0 ORDER BY place""",
    """INSERT INTO log (team, tenant, thread, run, message_id, message)
    SELECT team, tenant, thread, run, run, request FROM runs ORDER BY place""",
    """INSERT INTO grants (id, team, tool, live, created, body)
    SELECT run, team, 't', FALSE, created, '{}' FROM runs WHERE team = 'other' LIMIT 1000""",
    """INSERT INTO usage SELECT DISTINCT team, value, 'run_ended',
    (created / value)::bigint * value,
    tenant, specialist, '', '', state, substr(run, 2)::int %% 5, 0, 1, 1.0, 0.0, 0, 0.0, 0, 0, 0
    FROM runs, (VALUES (300), (86400)) w (value)""",
)


@pytest.fixture(scope="module")
def full(postgres: Server) -> Iterator[str]:
    """A database with 100,000 runs, a tenth of them another team's."""
    url = postgres.prepared()
    values = {
        "request": a_run().request.model_dump_json(), "result": a_result().model_dump_json(),
        "event": '{"kind": "fell_back", "specialist": "a", "error": "E", "message": "m"}',
        "ticket": a_ticket().model_dump_json(), "now": NOW, "runs": RUNS,
    }  # fmt: skip
    with connect(Address(url)) as db:
        db.execute("SET synchronous_commit = off")
        for sql in _FILL:
            psycopg.ClientCursor(db).execute(sql.encode(), values)
        db.execute("VACUUM ANALYZE")
    yield url
    postgres.drop(url)


class Watching:
    """A connection that notes what each question looks at."""

    def __init__(self, db: Db, plans: list[tuple[str, Any]]) -> None:
        self._db = db
        self._plans = plans

    def execute(self, sql: Any, values: Sequence[object] = ()) -> Any:
        if str(sql).lstrip().startswith(("SELECT", "WITH", "(")):
            asked = f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF, FORMAT JSON) {sql}"
            row = psycopg.ClientCursor(self._db).execute(asked.encode(), values).fetchone()
            assert row is not None
            self._plans.append((str(sql), row[0][0]["Plan"]))
        return self._db.execute(sql, values)

    def transaction(self) -> AbstractContextManager[psycopg.Transaction]:
        return self._db.transaction()


class Watched(PostgresStore):
    """Notes each question with what PostgreSQL did for it."""

    def __init__(self, address: Address) -> None:
        super().__init__(address, clock=lambda: NOW)
        self.plans: list[tuple[str, Any]] = []

    async def _read(self, work: Callable[[Db], Any]) -> Any:
        return await super()._read(lambda db: work(cast("Db", Watching(db, self.plans))))


@pytest.fixture
async def store(full: str) -> AsyncGenerator[Watched]:
    """That database, and what is asked of it."""
    made = Watched(Address(full, 1))
    yield made
    await made.aclose()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's parts."""
    yield plan
    for one in plan.get("Plans", ()):
        yield from nodes(one)


def assert_bounded(store: Watched) -> None:
    """No statement goes through a whole table, or looks at more rows than some thousand."""
    assert store.plans
    for sql, plan in store.plans:
        for node in nodes(plan):
            # How many runs hold a word is what the index itself counts, without their rows.
            if node.get("Index Name") == "run_texts_words":
                continue
            whole = node["Node Type"] == "Seq Scan" and node["Actual Rows"] > 100
            assert not whole, (sql, plan)
            removed = sum(v for k, v in node.items() if k.startswith("Rows Removed"))
            rows = (node["Actual Rows"] + removed) * node["Actual Loops"]
            assert rows <= MOST, (rows, sql, plan)


SEARCHES = (
    RunFilter(),
    RunFilter(children=True),
    RunFilter(text="parcel"),
    RunFilter(text="parcel", tenant="acme"),
    RunFilter(text="77123 late"),
    RunFilter(text="parcel nowhere"),
    RunFilter(text="parcel 7"),
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
    RunFilter(seconds_at_least=8.0, specialist="billing"),
    RunFilter(seconds_at_least=99.0),
)


@pytest.mark.parametrize("wanted", SEARCHES, ids=str)
async def test_a_search_looks_at_some_thousand_runs_at_a_time(
    store: Watched, wanted: RunFilter
) -> None:
    """Whatever is looked for, on the first page and on a later one."""
    page = await search(store, "shop", wanted)
    if page.next is not None:
        assert len(page.lines) == 50
        await search(store, "shop", wanted, page.next)
    assert_bounded(store)


LISTINGS: dict[str, Callable[[PostgresStore], Awaitable[object]]] = {
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
    "release runs": lambda s: s.release_runs("shop", "v1", since=NOW - 86_400, limit=50),
    "unfinished": lambda s: s.unfinished("shop", after=int((NOW - 86_400) * 1e6)),
    "tickets": lambda s: s.tickets("shop", limit=50),
    "pending tickets": lambda s: s.tickets("shop", status="pending", limit=50),
    "tickets of a run": lambda s: s.tickets("shop", run="r000002"),
    "ticket page": lambda s: s.ticket_page("shop", status="pending", limit=50),
    "ticket page of a tenant": lambda s: s.ticket_page(
        "shop", inside=("stock",), status="pending", tenant="acme", limit=50
    ),
    "ticket page of a run": lambda s: s.ticket_page("shop", run="r000002", limit=50),
    "due tickets": lambda s: s.due_tickets("shop", datetime.fromtimestamp(NOW, UTC)),
    "grants": lambda s: s.grants("shop", limit=50),
    "audit": lambda s: s.audit(after=10, limit=50),
    "effects": lambda s: s.effects("r000002"),
    "events": lambda s: s.events("r000002"),
    "steps": lambda s: s.steps("r000002"),
    "page": lambda s: s.page("shop", Wanted(), after=BEGINNING, limit=50),
    "a later page": lambda s: s.page("shop", Wanted(run="r050000"), limit=50),
    "messages": lambda s: s.logged(a_run("r099999", thread="c17"), after=0, limit=9),
    "tail": lambda s: s.tail("shop", after=199_900, limit=50),
    "an old tail": lambda s: s.tail("shop", after=0, limit=50),
    "tail's end": lambda s: s.tail_end(),
    "usage": lambda s: s.usage(
        "shop", plotted("shop", NOW - 8 * DAY, NOW, DAY, ("specialist",), ("run_ended",))
    ),
    "usage in fine steps": lambda s: s.usage("shop", plotted("shop", NOW - 7_200, NOW, 300)),
    "usage of a tenant": lambda s: s.usage(
        "shop", plotted("shop", NOW - 7_200, NOW, 300, tenant="acme")
    ),
}


@pytest.mark.parametrize("name", LISTINGS)
async def test_a_listing_looks_at_what_it_gives(store: Watched, name: str) -> None:
    """What people and the console look at, besides searches."""
    await LISTINGS[name](store)
    assert_bounded(store)


async def test_what_is_open_is_counted_from_indexes(store: Watched) -> None:
    """As many rows as are open, and none of the others."""
    await overview(store, "shop", NOW)
    await store.decided_runs("other")
    for sql, plan in store.plans:
        for node in nodes(plan):
            assert node["Node Type"] != "Seq Scan" or node["Actual Rows"] <= 100, (sql, plan)
            assert node["Actual Rows"] * node["Actual Loops"] <= RUNS / 10, (sql, plan)
