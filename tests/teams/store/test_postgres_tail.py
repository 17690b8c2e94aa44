"""Readers that follow the events of a PostgreSQL miss none, and its older schemas are filled in."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from pointsman.nodes.event import Event, FellBack, ModelCalled, Recorded, RunEnded
from pointsman.teams.search import RunFilter, search
from pointsman.teams.store.postgres import migrate
from pointsman.teams.store.postgres.address import Address
from pointsman.teams.store.postgres.counting import PARTS
from pointsman.teams.store.postgres.database import Db, connect
from pointsman.teams.store.postgres.places import FIRST
from pointsman.teams.store.postgres.store import PostgresStore
from pointsman.teams.usage import DAY, UsageWanted
from tests.contracts.rows import a_result, a_run


@pytest.fixture
async def store(database: str) -> AsyncGenerator[PostgresStore]:
    """A store on a new database."""
    made = PostgresStore(Address(database))
    yield made
    await made.aclose()


def an_event(run: str, seq: int) -> Recorded:
    """One that nothing hangs on."""
    event = FellBack(specialist="a", error="E", message="m")
    return Recorded(run=run, seq=seq, at=1.0, event=event)


def put(db: Db, run: str) -> None:
    """Store an event as `record` does, in a transaction that goes on."""
    db.execute(
        "INSERT INTO events (run, seq, at, kind, event, place)"
        f" SELECT %s, 0, 1.0, 'fell_back', %s, ({FIRST}) + 1",
        (run, an_event(run, 0).event.model_dump_json()),
    )


async def test_a_writer_that_commits_late_is_waited_for(
    store: PostgresStore, database: str
) -> None:
    """What was stored after it began is held back until it has ended; then all come, its own
    first. One that gives up holds nothing back."""
    for run in ("early", "late", "gone"):
        await store.add_run(a_run(run))
    with ExitStack() as open_:
        late, gone = (open_.enter_context(connect(Address(database))) for _ in range(2))
        for db, run in ((late, "late"), (gone, "gone")):
            db.execute("BEGIN")
            put(db, run)
        await store.record("early", [an_event("early", 0)], seconds=0.0)
        held = await store.tail("shop", after=0)
        assert (held.events, held.next, held.more) == ((), 0, False)
        assert await store.tail_end() == 0
        gone.execute("ROLLBACK")
        late.execute("COMMIT")
    tail = await store.tail("shop", after=0)
    assert [e.run for _, e in tail.events] == ["late", "early"]
    assert await store.tail_end() == tail.next


async def test_the_tail_misses_nothing_of_several_processes(database: str) -> None:
    """Each event once, whichever connection stored it, while others store theirs."""
    stores = [PostgresStore(Address(database)) for _ in range(4)]
    for n in range(4):
        await stores[n].add_run(a_run(f"r{n}"))

    async def write(n: int) -> None:
        for seq in range(25):
            await stores[n].record(f"r{n}", [an_event(f"r{n}", seq)], seconds=0.0)

    reader = PostgresStore(Address(database))
    writing = asyncio.gather(*(write(n) for n in range(4)))
    seen: list[tuple[str, int]] = []
    place, ended = 0, False
    while not ended:
        ended = writing.done()
        tail = await reader.tail("shop", after=place, limit=3)
        seen += [(e.run, e.seq) for _, e in tail.events]
        place, ended = tail.next, ended and not tail.more
    await writing
    assert sorted(seen) == [(f"r{n}", seq) for n in range(4) for seq in range(25)]
    (tally,) = await reader.usage("shop", UsageWanted(0, DAY, 0))
    assert tally.count == 100
    await asyncio.gather(*(s.aclose() for s in [*stores, reader]))


async def test_who_count_the_same_at_once_do_not_wait_in_a_circle(database: str) -> None:
    """Whatever the order of their events: every one is counted."""
    stores = [PostgresStore(Address(database)) for _ in range(4)]
    names = [f"r{n}" for n in range(2 * PARTS)]
    for run in names:
        await stores[0].add_run(a_run(run))

    async def write(n: int, run: str) -> None:
        models = [f"m{k}" for k in range(6)][:: 1 if n % 2 else -1]
        calls: list[Event] = [ModelCalled(purpose="x", model=m, source="model") for m in models]
        told = [Recorded(run=run, seq=k, at=1.0, event=call) for k, call in enumerate(calls)]
        await stores[n % 4].record(run, told, seconds=0.0)

    await asyncio.gather(*(write(n, run) for n, run in enumerate(names)))
    tallies = await stores[0].usage("shop", UsageWanted(0, DAY, 0, by=("model",)))
    assert [(t.of[0], t.count) for t in tallies] == [(f"m{k}", len(names)) for k in range(6)]
    await asyncio.gather(*(s.aclose() for s in stores))


async def test_a_copy_on_another_server_goes_on_behind_what_it_holds(database: str) -> None:
    """A server that counted fewer transactions than the one the events are from: its new events
    come after the old ones, which are all seen."""
    first = PostgresStore(Address(database))
    await first.add_run(a_run())
    await first.record("r1", [an_event("r1", 0)], seconds=0.0)
    await first.aclose()
    with connect(Address(database)) as db:
        db.execute("UPDATE events SET place = place + (1000::bigint << 20)")
    stores = [PostgresStore(Address(database)) for _ in range(3)]
    await asyncio.gather(
        *(s.record("r1", [an_event("r1", n)], seconds=0.0) for n, s in enumerate(stores, start=1))
    )
    tail = await stores[0].tail("shop", after=0)
    assert tail.events[0][1].seq == 0
    assert sorted(e.seq for _, e in tail.events) == [0, 1, 2, 3]
    await asyncio.gather(*(s.aclose() for s in stores))


async def test_runs_of_one_moment_have_places_of_their_own(database: str) -> None:
    """Also when several processes add them at once, by clocks that stand still."""
    stores = [PostgresStore(Address(database), clock=lambda: 5.0) for _ in range(4)]
    names = [f"r{n}" for n in range(40)]
    added = await asyncio.gather(*(stores[n % 4].add_run(a_run(r)) for n, r in enumerate(names)))
    assert all(added)
    again = await asyncio.gather(*(s.add_run(a_run("r1")) for s in stores))
    assert not any(again)
    lines = (await search(stores[0], "shop", RunFilter(until=5.1))).lines
    assert sorted(line.run for line in lines) == sorted(names)
    await asyncio.gather(*(s.aclose() for s in stores))


async def test_an_erased_run_leaves_nothing(store: PostgresStore, database: str) -> None:
    """Its words and its steps go with its row, in the same transaction."""
    for run in ("r1", "r2"):
        await store.add_run(a_run(run))
    with connect(Address(database)) as db:
        db.execute("INSERT INTO steps VALUES ('r1', 0, 's', 1.0, '{}'), ('r2', 0, 's', 1.0, '{}')")
        db.execute("INSERT INTO asked VALUES ('r1', 'd', '\"x\"')")
        db.execute("DELETE FROM runs WHERE run = 'r1'")
        assert db.execute("SELECT run FROM steps").fetchall() == [("r2",)]
        assert db.execute("SELECT run FROM asked").fetchall() == []
        assert db.execute("SELECT run FROM run_texts").fetchall() == [("r2",)]


async def test_words_of_every_script_and_length_are_found(store: PostgresStore) -> None:
    """And what a column cannot hold is no word; the text is shown as it was."""
    said = "Straße \0 Ωμέγα 東京タワー naïve ﬁne " + "x" * 5_000 + " " + " ".join(
        f"w{n}" for n in range(60_000)
    )  # fmt: skip
    message = a_run().request
    payload = message.payload.model_copy(update={"text": said})
    row = replace(a_run(), request=message.model_copy(update={"payload": payload}))
    await store.add_run(row)
    long = a_result().model_copy(update={"answer": " ".join(f"a{n}" for n in range(200_000))})
    await store.move_run("r1", "done", frm=("running",), result=long)
    for text in ("strasse", "ωμεγα", "東京", "NAIVE", "fine", "x" * 400, "w15999", "a9 w1"):
        found = (await search(store, "shop", RunFilter(text=text))).lines
        assert [line.text for line in found] == [said[:200]], text


async def test_an_older_schema_is_listed_found_and_counted(empty_database: str) -> None:
    """Its runs by what they were and came to, each of its events once; later ones come after."""
    with connect(Address(empty_database)) as db:
        migrate.prepare(db, Address(empty_database), to=3)
        for n, (run, state) in enumerate((("r1", "done"), ("r2", "failed"), ("r3", "running"))):
            row, result = a_run(run), a_result(run).model_copy(update={"usd": 0.5, "error": "X"})
            ended = state != "running"
            db.execute(
                "INSERT INTO runs (run, team, thread, tenant, request, priority, state,"
                " root_thread, nested, seconds, result, created, specialist)"
                " VALUES (%s, %s, %s, %s, %s, 5, %s, %s, FALSE, 2, %s, %s, %s)",
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
                values = (run, seq, 10.0 + n, event.kind, event.model_dump_json())
                db.execute("INSERT INTO events VALUES (%s, %s, %s, %s, %s)", values)
    store = PostgresStore(Address(empty_database))
    lines = (await search(store, "shop", RunFilter())).lines
    assert [(line.run, line.usd, line.error, line.ended, line.text) for line in lines] == [
        ("r1", 0.5, "X", 10.0, "hello r1"), ("r3", None, "", None, "hello r3"),
        ("r2", 0.5, "X", 11.0, "hello r2"),
    ]  # fmt: skip
    found = (await search(store, "shop", RunFilter(text="hello done"))).lines
    assert [line.run for line in found] == ["r1", "r2"]
    for daily in (False, True):
        tallies = await store.usage("shop", UsageWanted(0, DAY, 0, daily=daily))
        assert [(t.of, t.count, t.usd) for t in tallies] == [
            (("model_called",), 3, 0.75), (("run_ended",), 3, 0.0),
        ]  # fmt: skip
    tail = await store.tail("shop", after=0)
    assert [(e.run, e.seq) for _, e in tail.events] == [
        (run, seq) for run in ("r1", "r2", "r3") for seq in (0, 1)
    ]
    await store.record("r2", [e for _, e in tail.events if e.run == "r2"], seconds=0.0)
    assert await store.tail_end() == tail.next
    await store.record("r2", [an_event("r2", 9)], seconds=0.0)
    assert [e.seq for _, e in (await store.tail("shop", after=tail.next)).events] == [9]
    await store.aclose()
    with connect(Address(empty_database)) as db:
        kept = db.execute("SELECT text FROM runs WHERE run = 'r1'").fetchone()
        assert kept == (json.dumps("hello r1"),)
