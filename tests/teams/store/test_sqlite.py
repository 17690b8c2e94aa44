"""The SQLite store: the contract suite, several processes, and storage that fails."""

# ruff: noqa: ASYNC220, ASYNC240 (a test may look at a file, or start a process, on the loop)

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsman.errors import StoreBroken, StoreError, StoreFull, TicketClosed
from pointsman.nodes.event import FellBack, Recorded
from pointsman.teams.search import RunFilter, search
from pointsman.teams.store.migrate import SCHEMA_VERSION
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.tickets import Approve, Ticket
from tests.contracts.store import StoreContract, a_run, a_ticket, claim

ROOT = Path(__file__).parents[3]


@pytest.fixture
def clock() -> list[float]:
    """The store's time."""
    return [1_000.0]


@pytest.fixture
async def store(tmp_path: Path, clock: list[float]) -> AsyncGenerator[Store]:
    """A new store on disk."""
    made = SqliteStore(tmp_path / "home" / "pointsman.db", clock=lambda: clock[0])
    yield made
    await made.aclose()


class TestSqliteStore(StoreContract):
    """The contract, on SQLite."""


async def test_nothing_is_opened_before_the_first_call(tmp_path: Path) -> None:
    """Making a store touches no file."""
    store = SqliteStore(tmp_path / "home" / "pointsman.db")
    assert list(tmp_path.iterdir()) == []
    await store.aclose()


async def test_folder_and_file_are_the_owners_only(store: SqliteStore, tmp_path: Path) -> None:
    """Nobody else on the machine can read the state."""
    await store.find_run("r1")
    home = tmp_path / "home"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "pointsman.db").stat().st_mode) == 0o600


async def test_what_is_stored_outlives_the_store(tmp_path: Path) -> None:
    """A second store on the same file finds what the first one wrote."""
    path = tmp_path / "pointsman.db"
    first, second = SqliteStore(path), SqliteStore(path)
    await first.add_run(a_run())
    await first.aclose()
    assert await second.find_run("r1") == a_run()
    await second.aclose()


async def test_two_stores_claim_one_ticket_once(tmp_path: Path) -> None:
    """Stores on threads of their own: of all claims one wins, whichever connection it came by."""
    path = tmp_path / "pointsman.db"
    stores = [SqliteStore(path) for _ in range(4)]
    await stores[0].freeze([a_ticket()])
    got = await asyncio.gather(
        *(claim(s, "t1", Approve(by=f"p{n}")) for n in range(4) for s in stores),
        return_exceptions=True,
    )
    assert sum(isinstance(g, Ticket) for g in got) == 1
    assert sum(isinstance(g, TicketClosed) for g in got) == 15
    for s in stores:
        await s.aclose()


_CLAIMER = """
import asyncio, sys
from pathlib import Path
from datetime import UTC, datetime
from pointsman.errors import TicketClosed
from pointsman.teams.approvals.lifecycle import decision_move
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.tickets import Approve

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.find_ticket("t1")
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(8):
        try:
            approve = Approve(by=sys.argv[2])
            move = decision_move(approve, datetime.now(UTC), {}, lambda t, e: e.args)
            await store.amend(f"t{n}", move)
            print("won", n, flush=True)
        except TicketClosed:
            pass
    await store.aclose()
asyncio.run(main())
"""


async def test_processes_claim_each_ticket_once(tmp_path: Path) -> None:
    """Three processes claim eight tickets at the same time: each ticket has one winner, and the
    row names it."""
    path = tmp_path / "pointsman.db"
    store = SqliteStore(path)
    await store.freeze([a_ticket(f"t{n}") for n in range(8)])
    claimers = [
        subprocess.Popen(
            [sys.executable, "-c", _CLAIMER, str(path), f"p{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for n in range(3)
    ]
    for claimer in claimers:
        assert claimer.stdout is not None
        assert claimer.stdout.readline() == "ready\n"
    won: dict[int, str] = {}
    wins = 0
    for claimer in claimers:
        assert claimer.stdin is not None
        claimer.stdin.write("go\n")
        claimer.stdin.flush()
    for n, claimer in enumerate(claimers):
        out, _ = claimer.communicate(timeout=60)
        assert claimer.returncode == 0
        for line in out.splitlines():
            won[int(line.split()[1])] = f"p{n}"
            wins += 1
    assert wins == 8
    for n in range(8):
        ticket = await store.find_ticket(f"t{n}")
        assert ticket is not None
        assert ticket.by == won[n]
    await store.aclose()


Act = tuple[str, int, float]
_acts = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "release"]),
        st.integers(0, 2),
        st.floats(0.0, 8.0, allow_nan=False),
    ),
    max_size=25,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=_acts)
async def test_a_lease_never_has_two_holders(
    acts: list[Act], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever is taken, renewed, released and let run out: one holder at a time, and each new
    holder has a higher epoch than every one before."""
    clock = [0.0]
    store = SqliteStore(tmp_path_factory.mktemp("lease") / "s.db", clock=lambda: clock[0])
    holder, until, highest = "", 0.0, 0
    for act, who, passed in acts:
        clock[0] += passed
        owner = f"o{who}"
        if act == "release":
            await store.release("x", owner)
            holder, until = ("", 0.0) if owner == holder else (holder, until)
            continue
        epoch = await store.lease("x", owner, 5.0)
        assert (epoch is None) == (holder not in ("", owner) and until > clock[0])
        if epoch is None:
            continue
        assert epoch == highest if owner == holder else epoch > highest
        holder, until, highest = owner, clock[0] + 5.0, epoch
    await store.aclose()


async def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    """A file with a newer schema is left alone, with a sentence that names both versions."""
    path = tmp_path / "pointsman.db"
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 41}")
    db.close()
    store = SqliteStore(path)
    with pytest.raises(StoreBroken, match=f"schema {SCHEMA_VERSION + 41}.*{SCHEMA_VERSION}"):
        await store.find_run("r1")
    await store.aclose()


async def test_a_file_that_is_no_database_is_broken(tmp_path: Path) -> None:
    """A damaged file is a StoreBroken that names it, and it is not overwritten."""
    path = tmp_path / "pointsman.db"
    path.write_bytes(b"this is not a database, it is a note" * 50)
    before = path.read_bytes()
    store = SqliteStore(path)
    with pytest.raises(StoreBroken, match=r"pointsman\.db"):
        await store.add_run(a_run())
    assert path.read_bytes() == before
    await store.aclose()


async def test_a_damaged_page_is_broken(tmp_path: Path) -> None:
    """Bytes overwritten in the middle are found at the read, not answered with nonsense."""
    path = tmp_path / "pointsman.db"
    store = SqliteStore(path)
    await store.add_run(a_run())
    await store.freeze([a_ticket(f"t{n}") for n in range(200)])
    await store.aclose()
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(bytes(data))
    again = SqliteStore(path)
    with pytest.raises(StoreBroken):
        await again.tickets("shop")
    await again.aclose()


async def test_a_row_changed_by_hand_is_broken(tmp_path: Path) -> None:
    """A row that does not fit its schema is a StoreBroken, never half a ticket."""
    path = tmp_path / "pointsman.db"
    store = SqliteStore(path)
    await store.freeze([a_ticket()])
    with sqlite3.connect(path) as db:
        db.execute('UPDATE tickets SET ticket = \'{"id": "t1"}\'')
    db.close()
    with pytest.raises(StoreBroken, match="does not fit"):
        await store.find_ticket("t1")
    await store.aclose()


async def test_a_home_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    """A file where the folder should be is one clear StoreError."""
    (tmp_path / "home").write_text("a file")
    store = SqliteStore(tmp_path / "home" / "pointsman.db")
    with pytest.raises(StoreError, match="home"):
        await store.find_run("r1")
    await store.aclose()


async def test_a_full_disk_loses_nothing_that_was_written(tmp_path: Path) -> None:
    """When no page is left the call raises StoreFull and changes nothing; with space again the
    same store goes on."""
    path = tmp_path / "pointsman.db"
    store = _Limited(path)
    await store.add_run(a_run())
    await store.limit(pages_more=8)
    kept = 0

    async def write_until_full() -> None:
        nonlocal kept
        while kept < 1_000:
            await store.record("r1", [_big_event(kept)], seconds=1.0)
            kept += 1

    with pytest.raises(StoreFull, match="no space"):
        await write_until_full()
    assert len(await store.events("r1")) == kept
    found = await store.find_run("r1")
    assert found is not None
    assert found.seconds == pytest.approx(kept)
    await store.limit(pages_more=10_000)
    await store.record("r1", [_big_event(kept)], seconds=1.0)
    assert len(await store.events("r1")) == kept + 1
    await store.aclose()


class _Limited(SqliteStore):
    """A store whose file may grow by so many pages only: SQLite's own way of being full."""

    async def limit(self, *, pages_more: int) -> None:
        """Let the file grow by `pages_more` pages of 4 kB from now on."""

        def work(db: sqlite3.Connection) -> None:
            (pages,) = db.execute("PRAGMA page_count").fetchone()
            db.execute(f"PRAGMA max_page_count = {pages + pages_more}")

        await self._do(work)


def _big_event(n: int) -> Recorded:
    event = FellBack(specialist="billing", error="BadOutput", message="x" * 2_000)
    return Recorded(run="r1", seq=n, at=float(n), event=event)


async def test_an_erased_run_is_found_no_more(store: SqliteStore) -> None:
    """Its words leave the index with its row, in the same transaction."""
    await store.add_run(a_run("r1"))
    await store.add_run(a_run("r2"))

    def left(db: sqlite3.Connection) -> list[tuple[str]]:
        db.execute("DELETE FROM runs WHERE run = 'r1'")
        return db.execute("SELECT request FROM run_texts").fetchall()

    assert await store._do(left) == [("hello r2",)]  # pyright: ignore[reportPrivateUsage] (no method erases a run)
    assert [line.run for line in (await search(store, "shop", RunFilter(text="hello"))).lines] == [
        "r2"
    ]


async def test_runs_of_one_moment_have_places_of_their_own(tmp_path: Path) -> None:
    """Also when several processes add them at once, by clocks that stand still."""
    path = tmp_path / "pointsman.db"
    stores = [SqliteStore(path, clock=lambda: 5.0) for _ in range(4)]
    names = [f"r{n}" for n in range(40)]
    added = await asyncio.gather(*(stores[n % 4].add_run(a_run(r)) for n, r in enumerate(names)))
    assert all(added)
    lines = (await search(stores[0], "shop", RunFilter(until=5.1))).lines
    assert sorted(line.run for line in lines) == sorted(names)
    assert (await search(stores[0], "shop", RunFilter(until=5.0))).lines == ()
    await asyncio.gather(*(s.aclose() for s in stores))


async def test_the_tail_misses_nothing_of_several_processes(tmp_path: Path) -> None:
    """Each event once, whichever connection stored it, while others store theirs."""
    path = tmp_path / "pointsman.db"
    stores = [SqliteStore(path) for _ in range(4)]
    for n in range(4):
        await stores[n].add_run(a_run(f"r{n}"))

    async def write(n: int) -> None:
        for seq in range(25):
            event = FellBack(specialist="a", error="E", message="m")
            await stores[n].record(
                f"r{n}", [Recorded(run=f"r{n}", seq=seq, at=1.0, event=event)], seconds=0.0
            )

    reader = SqliteStore(path)
    writing = asyncio.gather(*(write(n) for n in range(4)))
    seen: list[tuple[str, int]] = []
    place = 0
    while not writing.done() or len(seen) < 100:
        tail = await reader.tail("shop", after=place, limit=3)
        seen += [(e.run, e.seq) for _, e in tail.events]
        place = tail.next
        if writing.done() and not tail.more:
            break
    await writing
    assert sorted(seen) == [(f"r{n}", seq) for n in range(4) for seq in range(25)]
    await asyncio.gather(*(s.aclose() for s in [*stores, reader]))
