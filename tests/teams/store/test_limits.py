"""Rate limits on SQLite: the contract suite, several processes, and files that cannot be used."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from pointsman.errors import StoreBroken
from pointsman.guardrails.books import Ask, Held, Short
from pointsman.guardrails.limiter import QuotaLimiter
from pointsman.guardrails.quota import Quota
from pointsman.nodes.limits import Use
from pointsman.teams.store import limits
from pointsman.teams.store.limits import SqliteBooks
from pointsman.teams.store.postgres.address import Address
from pointsman.teams.store.postgres.limits import PostgresBooks
from tests.contracts.limiter import Desk, LimiterContract, Time, quiet

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    """Limiters with a connection each to one file."""
    made: list[SqliteBooks] = []
    time = Time()

    def books() -> SqliteBooks:
        made.append(SqliteBooks(tmp_path / "home" / "limits.db", clock=time.clock))
        return made[-1]

    async def undone() -> None:
        loop = asyncio.get_running_loop()
        for one in made:
            if one._thread is not None:
                await loop.run_in_executor(one._thread, lambda: None)
        await quiet()

    time.undone = undone
    desk = Desk(time, books)
    yield desk
    time.undone = quiet
    await desk.aclose()


class TestSqlite(LimiterContract):
    """On SQLite."""


class TestPostgres(LimiterContract):
    """On PostgreSQL."""

    @pytest.fixture
    async def desk(self, database: str) -> AsyncGenerator[Desk]:
        """Limiters with connections of their own to one database."""
        made: list[PostgresBooks] = []
        time = Time()

        def books() -> PostgresBooks:
            made.append(PostgresBooks(Address(database), clock=time.clock))
            return made[-1]

        async def undone() -> None:
            for one in made:
                await one.aclose()  # which ends what is under way
            await quiet()

        time.undone = undone
        desk = Desk(time, books)
        yield desk
        time.undone = quiet
        await desk.aclose()


ASK = Ask("q", "k", room=5.0, every=1.0, cost=1.0)
CHILD = """
import asyncio, sys
from pathlib import Path
from pointsman.errors import RateLimited
from pointsman.guardrails.limiter import QuotaLimiter
from pointsman.guardrails.quota import Quota
from pointsman.nodes.limits import Use
from pointsman.teams.settings import Settings
from pointsman.teams.store.opening import open_limits

async def main():
    quotas = [Quota(40, per=1e6), Quota(1000, unit="concurrent")]
    limiter = QuotaLimiter(quotas, open_limits(Settings.read(), Path(sys.argv[1])))
    passed = 0
    for _ in range(30):
        try:
            await limiter.acquire(Use(tenant="acme"))
            passed += 1
        except RateLimited:
            pass
    print(passed)
    await limiter.aclose()

asyncio.run(main())
"""


def test_processes_hold_one_limit(tmp_path: Path) -> None:
    """Three at once make ninety tries of forty; exactly forty pass."""
    command = [sys.executable, "-c", CHILD, str(tmp_path / "limits.db")]
    children = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(3)
    ]
    passed = [int(child.communicate(timeout=60)[0]) for child in children]
    assert sum(passed) == 40


async def test_what_is_full_or_free_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep leaves what still says something, and no more than the bound."""
    monkeypatch.setattr(limits, "SWEEP_EVERY", 10)
    now, path = [1000.0], tmp_path / "limits.db"
    books = SqliteBooks(path, clock=lambda: now[0], max_keys=3)
    for n in range(9):
        await books.take([Ask("q", str(n), 5.0, every=float(n), cost=1.0)], "p")
    await books.take([Ask("c", "k", room=2.0, lease=5.0)], "p")
    await books.aclose()
    db = sqlite3.connect(path)
    kept = [due for (due,) in db.execute("SELECT due FROM buckets ORDER BY due")]
    assert kept == [1006.0, 1007.0, 1008.0]
    db.close()
    books = SqliteBooks(path, clock=lambda: now[0])
    now[0] += 7.5
    for n in range(10):
        await books.take([ASK], str(n))
    await books.aclose()
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM buckets").fetchone() == (2,)
    assert db.execute("SELECT count(*) FROM places").fetchone() == (0,)
    db.close()


async def test_the_file_names_nobody_and_is_the_owners(tmp_path: Path) -> None:
    """Keys are hashes; others on the machine cannot read it."""
    path = tmp_path / "home" / "limits.db"
    limiter = QuotaLimiter([Quota(1), Quota(2, unit="concurrent")], SqliteBooks(path))
    await limiter.acquire(Use(tenant="ana@example.org"))
    await limiter.aclose()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for file in (tmp_path / "home").iterdir():
        assert b"ana@" not in file.read_bytes()


async def test_a_file_of_another_version_or_none_is_refused(tmp_path: Path) -> None:
    """Said as such, with what to do."""
    path = tmp_path / "limits.db"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    books = SqliteBooks(path)
    with pytest.raises(StoreBroken, match="another version"):
        await books.take([ASK], "p")
    await books.aclose()
    await books.aclose()
    path.write_bytes(b"no database" * 100)
    books = SqliteBooks(path)
    with pytest.raises(StoreBroken, match="damaged"):
        await books.take([ASK], "p")
    await books.aclose()


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    """Buckets and places outlive the process that took them."""
    place = Ask("c", "k", room=1.0, lease=60.0)
    books = SqliteBooks(tmp_path / "limits.db", clock=lambda: 1000.0)
    for n in range(5):
        assert not isinstance(await books.take([ASK], str(n)), Short)
    assert await books.take([place], "p") == (Held(place),)
    await books.aclose()
    books = SqliteBooks(tmp_path / "limits.db", clock=lambda: 1000.5)
    assert await books.take([ASK, place], "q") == Short((0.5, 1.0))
    await books.aclose()


async def test_closed_books_open_again(tmp_path: Path) -> None:
    """They outlive a team that is closed and used again."""
    books = SqliteBooks(tmp_path / "limits.db", clock=lambda: 1000.0)
    for n in range(5):
        assert not isinstance(await books.take([ASK], str(n)), Short)
        await books.aclose()
        await books.aclose()
    assert await books.take([ASK], "q") == Short((1.0,))
    await books.aclose()
