"""Blackboards and leases in SQLite, against a model, across processes, and through crashes."""

import asyncio
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pointsman.errors import Fenced, StoreError
from pointsman.teams.settings import Settings
from pointsman.teams.store.entries import BoardScope, Token
from pointsman.teams.store.opening import open_store
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.sqlite import SqliteStore
from tests.contracts.board import THREAD, a_write

ROOT = Path(__file__).parents[3]
KEYS = st.sampled_from(["plan", "notes"])
OWNERS = st.sampled_from(["ana:1", "bo:1", "cy:1"])
LEASE = "plan-lease"
KEEP = 4


@dataclass
class Known:
    """One version, as the model remembers it."""

    version: int
    value: str | None
    expires: float | None

    def live(self, now: float) -> bool:
        """Whether it can be read."""
        return self.value is not None and (self.expires is None or self.expires > now)


@dataclass
class Model:
    """What a blackboard and one lease must be like."""

    now: float = 1_000.0
    entries: dict[str, list[Known]] = field(default_factory=dict[str, list[Known]])
    holder: str = ""
    epoch: int = 0
    until: float = 0.0
    tokens: list[Token] = field(default_factory=list[Token])

    def stands(self, key: str) -> int:
        """The version that is expected; 0 for an absent entry."""
        newest = self.entries.get(key, [])[-1:]
        return newest[0].version if newest and newest[0].live(self.now) else 0

    def held(self) -> Token | None:
        """Who holds the lease."""
        live = bool(self.holder) and self.until > self.now
        return Token(LEASE, self.holder, self.epoch) if live else None

    def fenced(self, key: str, token: Token | None) -> bool:
        """Whether a write must be refused: a token that is not the holder's, or none for the plan
        while somebody holds it."""
        if token is not None:
            return token != self.held()
        return key == "plan" and self.held() is not None


class Boards(RuleBasedStateMachine):
    """Puts, removals, time and leases in any order, on a store and on the model."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.model = Model()
        path = Path(self.folder.name) / "s.db"
        self.store = SqliteStore(path, clock=lambda: self.model.now)

    def teardown(self) -> None:
        """Close what was opened."""
        self.runner.run(self.store.aclose())
        self.runner.close()
        self.folder.cleanup()

    @rule(
        key=KEYS,
        off=st.sampled_from([0, 0, 0, -1, 1]),
        removes=st.booleans(),
        ttl=st.sampled_from([None, None, 2.0, 6.0]),
        carries=st.one_of(st.none(), st.integers(0, 50)),
    )
    def put(
        self, key: str, off: int, removes: bool, ttl: float | None, carries: int | None
    ) -> None:
        """Written if and only if the version is the expected one and no lease forbids it."""
        tokens = self.model.tokens
        token = tokens[carries % len(tokens)] if carries is not None and tokens else None
        stands = self.model.stands(key)
        expect = max(0, stands + off)
        lease = LEASE if key == "plan" else ""
        versions = self.model.entries.setdefault(key, [])
        value = None if removes else str(len(versions))
        write = a_write(value, key=key, ttl=ttl, keep=KEEP, lease=lease)
        try:
            put = self.runner.run(self.store.board_put(THREAD, write, expect=expect, token=token))
        except Fenced:
            assert self.model.fenced(key, token)
            return
        assert not self.model.fenced(key, token)
        assert put.written == (expect == stands)
        if not put.written:
            assert (put.row.version if put.row else 0) == stands
            return
        assert put.row is not None
        assert put.row.version == (versions[-1].version + 1 if versions else 1)
        expires = None if ttl is None else self.model.now + ttl
        versions.append(Known(put.row.version, value, expires))

    @rule(seconds=st.floats(0.1, 5.0))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.model.now += seconds

    @rule(owner=OWNERS, ttl=st.sampled_from([1.0, 4.0]))
    def take(self, owner: str, ttl: float) -> None:
        """Given if and only if nobody else holds it; a new owner has a greater epoch."""
        model = self.model
        epoch = self.runner.run(self.store.lease(LEASE, owner, ttl))
        held = model.held()
        assert (epoch is None) == (held is not None and held.owner != owner)
        if epoch is None:
            return
        assert epoch == model.epoch if owner == model.holder else epoch > model.epoch
        model.holder, model.epoch, model.until = owner, epoch, model.now + ttl
        model.tokens.append(Token(LEASE, owner, epoch))

    @rule(which=st.integers(0, 50), ttl=st.sampled_from([1.0, 4.0]))
    def renew(self, which: int, ttl: float) -> None:
        """Held on by the token of the present epoch only."""
        model = self.model
        if not model.tokens:
            return
        token = model.tokens[which % len(model.tokens)]
        mine = (token.owner, token.epoch) == (model.holder, model.epoch)
        assert self.runner.run(self.store.renew(token, ttl)) == mine
        if mine:
            model.until = model.now + ttl

    @rule(owner=OWNERS)
    def release(self, owner: str) -> None:
        """Ended by its holder only."""
        self.runner.run(self.store.release(LEASE, owner))
        if owner == self.model.holder:
            self.model.holder, self.model.until = "", 0.0

    @invariant()
    def reads_as_the_model(self) -> None:
        """Entries, history, and the lease's holder."""
        for key, versions in self.model.entries.items():
            row = self.runner.run(self.store.board_get(THREAD, key))
            assert (row.version if row else 0) == self.model.stands(key)
            kept = self.runner.run(self.store.board_history(THREAD, key))
            assert [(r.version, r.value) for r in kept] == [
                (v.version, v.value) for v in versions[-KEEP:]
            ]
        assert self.runner.run(self.store.holder(LEASE)) == self.model.held()


TestBoards = Boards.TestCase
TestBoards.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip


@pytest.fixture(params=["sqlite", "postgres"])
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of state; where the settings of this process and its children keep it."""
    if request.param == "postgres":
        monkeypatch.setenv("POINTSMAN_STORE", request.getfixturevalue("database"))
    return tmp_path


@pytest.fixture
async def store(home: Path) -> AsyncGenerator[Store]:
    """A new store, as the settings say."""
    made = open_store(Settings.read(), home)
    yield made
    await made.aclose()


_HEAD = """
import asyncio, random, sys, time
from pathlib import Path
from pointsman.errors import Fenced
from pointsman.teams.store.entries import BoardScope, EntryWrite, Token
from pointsman.teams.settings import Settings
from pointsman.teams.store.opening import open_store

SCOPE = BoardScope("shop", "default", "c1")
path, me, number = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def write(value, **more):
    return EntryWrite("count", "int@1", value, me, keep=5, **more)
"""

_COUNTER = (
    _HEAD
    + """
async def main():
    store = open_store(Settings.read(), path)
    await store.holder("x")
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(number)):
        while True:
            row = await store.board_get(SCOPE, "count")
            value, expect = (int(row.value), row.version) if row else (0, 0)
            put = await store.board_put(SCOPE, write(str(value + 1)), expect=expect)
            if put.written:
                break
    await store.aclose()
asyncio.run(main())
"""
)

_HOLDER = (
    _HEAD
    + """
async def main():
    store = open_store(Settings.read(), path)
    await store.holder("x")
    print("ready", flush=True)
    sys.stdin.readline()
    n, end = 0, time.monotonic() + float(number)
    while time.monotonic() < end:
        n += 1
        owner = f"{me}:{n}"
        epoch = await store.lease("machine", owner, 0.3)
        if epoch is None:
            await asyncio.sleep(random.uniform(0.005, 0.02))
            continue
        token = Token("machine", owner, epoch)
        for _ in range(random.randint(1, 6)):
            try:
                row = await store.board_get(SCOPE, "count")
                value, expect = (int(row.value), row.version) if row else (0, 0)
                new = write(str(value + 1))
                put = await store.board_put(SCOPE, new, expect=expect, token=token)
                print("wrote" if put.written else "clash", epoch, owner, flush=True)
            except Fenced:
                print("fenced", epoch, owner, flush=True)
                break
            await asyncio.sleep(random.uniform(0, 0.02))
        await store.release("machine", owner)
    await store.aclose()
asyncio.run(main())
"""
)


def started(code: str, path: Path, number: float, name: str) -> subprocess.Popen[str]:
    """A process that waits for `go`."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path), name, str(number)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(processes: list[subprocess.Popen[str]]) -> None:
    """Let them all begin."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


async def test_no_update_is_lost_among_processes(store: Store, home: Path) -> None:
    """Four processes count the same number up, 40 times each, by compare-and-set: it comes to 160,
    in 160 versions."""
    counters = [started(_COUNTER, home, 40, f"p{n}") for n in range(4)]
    go(counters)
    for counter in counters:
        counter.communicate(timeout=120)
        assert counter.returncode == 0
    row = await store.board_get(BoardScope("shop", "default", "c1"), "count")
    assert row is not None
    assert (row.value, row.version) == ("160", 160)


async def leases_among_processes(store: Store, path: Path, seconds: float) -> int:
    """Holders that are killed and stopped at random for so long: how often one was refused since
    it came back too late."""
    holders = [started(_HOLDER, path, seconds, f"p{n}") for n in range(4)]
    go(holders)
    chance = random.Random(7)
    killed, end = 0, time.monotonic() + seconds
    while time.monotonic() < end - 0.5:
        await asyncio.sleep(chance.uniform(0.05, 0.2))
        victim = chance.choice(holders)
        if victim.poll() is not None:
            continue
        if chance.random() < 0.2 and killed < 2:
            victim.send_signal(signal.SIGKILL)
            killed += 1
            continue
        victim.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.4)  # longer than a lease
        victim.send_signal(signal.SIGCONT)
    told = [holder.communicate(timeout=60)[0].splitlines() for holder in holders]
    lines = [line.split() for lines in told for line in lines]
    assert len([line for line in lines if len(line) == 3]) >= len(lines) - killed
    rows = await store.board_history(BoardScope("shop", "default", "c1"), "count", limit=100)
    assert [r.epoch for r in rows] == sorted(r.epoch or 0 for r in rows)
    by_epoch: dict[str, set[str]] = {}
    for line in lines:
        if line[0] == "wrote" and len(line) == 3:
            by_epoch.setdefault(line[1], set()).add(line[2])
    assert by_epoch
    assert [owners for owners in by_epoch.values() if len(owners) > 1] == []
    # Every write was made under a valid token: none met another one.
    assert [line for line in lines if line[0] == "clash"] == []
    # What a killed process wrote last it may not have told.
    wrote = sum(line[0] == "wrote" for line in lines)
    assert wrote <= int(rows[-1].value or 0) <= wrote + killed
    return sum(line[0] == "fenced" for line in lines)


async def test_no_two_holders_write_among_processes(store: Store, home: Path) -> None:
    """Four processes write under one lease while they are killed and stopped for longer than it
    lasts: no write of one meets another's, epochs in the record only grow, and each epoch is one
    holder's."""
    await leases_among_processes(store, home, 2.5)


@pytest.mark.slow
async def test_no_two_holders_write_for_long(store: Store, home: Path) -> None:
    """The same for a minute: holders do come back too late, and are refused each time."""
    assert await leases_among_processes(store, home, 60.0) > 0


async def test_who_stood_still_for_too_long_is_refused(store: Store, home: Path) -> None:
    """A holder is stopped, its lease runs out, another one takes it and writes: what the first one
    writes when it wakes is refused, and nothing of it is stored."""
    code = (
        _HEAD
        + """
async def main():
    store = open_store(Settings.read(), path)
    epoch = await store.lease("machine", me, 0.2)
    token = Token("machine", me, epoch)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        await store.board_put(SCOPE, write("1"), expect=1, token=token)
        print("written", flush=True)
    except Fenced as error:
        print("fenced", flush=True)
    await store.aclose()
asyncio.run(main())
"""
    )
    first = started(code, home, 0, "p1")
    first.send_signal(signal.SIGSTOP)
    epoch = None
    while epoch is None:
        await asyncio.sleep(0.02)
        epoch = await store.lease("machine", "p2:1", 60.0)
    token = Token("machine", "p2:1", epoch)
    put = await store.board_put(THREAD, a_write("2", key="count"), expect=0, token=token)
    assert put.written
    go([first])
    first.send_signal(signal.SIGCONT)
    out, _ = first.communicate(timeout=60)
    assert out == "fenced\n"
    rows = await store.board_history(THREAD, "count")
    assert [(r.value, r.epoch) for r in rows] == [("2", epoch)]


async def test_a_put_that_breaks_changes_nothing(tmp_path: Path) -> None:
    """A fault at the last statement of a put, which prunes, takes the new version back."""
    store = SqliteStore(tmp_path / "s.db")
    for n in range(3):
        await store.board_put(THREAD, a_write(str(n), keep=3), expect=n)
    before = await store.board_history(THREAD, "plan")
    db = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    db.execute(
        "CREATE TRIGGER broken BEFORE DELETE ON board BEGIN SELECT RAISE(ABORT, 'not now'); END"
    )
    with pytest.raises(StoreError, match="not now"):
        await store.board_put(THREAD, a_write("3", keep=3), expect=3)
    assert await store.board_history(THREAD, "plan") == before
    db.execute("DROP TRIGGER broken")
    db.close()
    put = await store.board_put(THREAD, a_write("3", keep=3), expect=3)
    assert put.row is not None
    assert put.row.version == 4
    await store.aclose()


_WRITER = (
    _HEAD
    + """
async def main():
    store = open_store(Settings.read(), path)
    row = await store.board_get(SCOPE, "count")
    expect = row.version if row else 0
    print("ready", flush=True)
    sys.stdin.readline()
    while True:
        expect += 1
        put = await store.board_put(SCOPE, write('"' + str(expect) * 2000 + '"'), expect=expect - 1)
        print(put.row.version, flush=True)
asyncio.run(main())
"""
)


async def test_a_killed_put_leaves_old_or_new(store: Store, home: Path) -> None:
    """A writer is killed while it writes, six times: the newest version is whole, it is the last
    one that was told or the one after, and versions have no gap."""
    chance = random.Random(3)
    last = 0
    for _ in range(6):
        writer = started(_WRITER, home, 0, "p1")
        go([writer])
        await asyncio.sleep(chance.uniform(0.02, 0.12))
        writer.kill()
        out, _ = writer.communicate(timeout=60)
        told = [int(line) for line in out.splitlines() if line]
        # The last line may be cut short by the kill.
        whole = told if out.endswith("\n") else told[:-1]
        rows = await store.board_history(THREAD, "count")
        versions = [r.version for r in rows]
        for row in rows:
            assert json.loads(row.value or "") == str(row.version) * 2000
        if versions:
            assert versions == list(range(versions[0], versions[-1] + 1))
            assert (whole[-1] if whole else last) <= versions[-1]
            assert versions[-1] <= (whole[-1] if whole else last) + 1
            last = versions[-1]
    assert last > 0
