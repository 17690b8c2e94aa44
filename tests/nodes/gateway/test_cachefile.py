"""The response cache's file, damaged in every way: a miss or begun anew, one warning, no crash."""

import asyncio
import logging
import os
import pickle
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pointsman.errors import StoreError
from pointsman.nodes.gateway import cachefile
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.kept import Answer, Tags, encode
from pointsman.nodes.gateway.transport import ModelReply

NOBODY = 65_534
ROWS = 60
KEYS = [f"k{n}" for n in range(ROWS)]


def reply(key: str) -> ModelReply:
    """The one right answer of a key."""
    return ModelReply(model="m", text=f"{key} " * 40, usd=0.5, seconds=2.0)


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.path),))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound cache of many answers."""
    folder = tmp_path_factory.mktemp("whole") / "cache"

    async def fill() -> None:
        cache = ResponseCache(folder)
        await cache.put([(key, reply(key)) for key in KEYS])
        await cache.aclose()

    asyncio.run(fill())
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "cache"))


@pytest.fixture
async def cache(folder: Path) -> AsyncIterator[ResponseCache]:
    """A cache over the copy."""
    made = ResponseCache(folder)
    yield made
    await made.aclose()


async def survives(cache: ResponseCache, caplog: pytest.LogCaptureFixture) -> int:
    """Use the cache in every way: no error, no wrong answer, one warning of a kind. How many
    answers were left."""
    found = 0
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            answers = [await cache.find([key]) for key in KEYS]
            for key, answer in zip(KEYS, answers, strict=True):
                assert answer in (None, reply(key)), "a damaged answer is never served"
            found = sum(answer is not None for answer in answers)
            await cache.put([("new", reply("new"))])
        assert await cache.find(["new"]) in (None, reply("new"))
        try:
            await cache.stats()
            assert {one.key async for one in cache.entries()} <= {
                f"default:{key}" for key in [*KEYS, "new"]
            }
        except StoreError as told:
            assert "cannot be used" in told.message  # noqa: PT017 (it may raise, or not)
    texts = [record.message for record in caplog.records]
    assert len(texts) == len(set(texts)), "each kind of warning once"
    return found


@pytest.mark.parametrize("percent", range(0, 101, 10))
async def test_truncated(
    folder: Path, cache: ResponseCache, caplog: pytest.LogCaptureFixture, percent: int
) -> None:
    """Cut at every tenth."""
    file = folder / "cache.db"
    size = file.stat().st_size
    os.truncate(file, size * percent // 100)
    found = await survives(cache, caplog)
    if percent == 100:
        assert (found, caplog.records) == (ROWS, [])
    assert await cache.find(["new"]) == reply("new"), "it works again"


@pytest.mark.parametrize("seed", range(20))
async def test_flipped_bytes(
    folder: Path, cache: ResponseCache, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    """A few bytes of the file are others: at worst all is asked for anew."""
    dice = random.Random(seed)
    file = folder / "cache.db"
    data = bytearray(file.read_bytes())
    for _ in range(2 ** (seed % 8)):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    file.write_bytes(data)
    await survives(cache, caplog)


@pytest.mark.parametrize("start", [0, 16, 18, 24, 28, 52, 60, 68, 92, 100, 108])
async def test_a_header_of_noise(
    folder: Path, cache: ResponseCache, caplog: pytest.LogCaptureFixture, start: int
) -> None:
    """Each field of SQLite's header and the first page, overwritten."""
    with (folder / "cache.db").open("r+b") as file:
        file.seek(start)
        file.write(b"\xff\xfe\xfd\xfc")
    await survives(cache, caplog)


@pytest.mark.parametrize("text", ["X", "\\u0041", '"', "}", "\x00"])
async def test_one_edited_answer(
    folder: Path, cache: ResponseCache, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """An answer whose words were changed is a miss; the others are found."""
    edit(folder, "UPDATE Cache SET value = CAST(replace(CAST(value AS TEXT), 'k7 k7 ', ?) AS BLOB)",
         f"k7 {text} ")  # fmt: skip
    assert await survives(cache, caplog) == ROWS - 1
    assert len(caplog.records) == 1


def edit(folder: Path, sql: str, *values: object) -> None:
    """Change the file behind the cache's back."""
    with closing(sqlite3.connect(folder / "cache.db")) as db, db:
        db.execute(sql, values)


def bombs(folder: Path) -> None:
    """Every row a pickle, as diskcache would run it."""
    edit(folder, "UPDATE Cache SET mode = 4, value = ?", pickle.dumps(Bomb(folder / "exploded")))


def key_bombs(folder: Path) -> None:
    """Every key a pickle."""
    rows = "UPDATE Cache SET raw = 0, key = ? WHERE rowid = 1"
    edit(folder, rows, pickle.dumps(Bomb(folder / "exploded")))


def nested(folder: Path) -> None:
    """A nest of brackets, and its seal right: only a writer with the secret could."""
    edit(folder, "UPDATE Cache SET value = ?", b"[" * 3_000_000)


def schema(folder: Path) -> None:
    """Answers of another schema version, sealed as a later pointsman would."""
    key = "default:k0"
    sealed = encode(key, Answer("k0", reply("k0")), stored=0.0, expires=None, secret=b"")
    other = sealed[32:].replace(b"kept@1", b"kept@2")
    edit(folder, "UPDATE Cache SET value = ? WHERE key = ?", sealed[:32] + other, key)


def newer(folder: Path) -> None:
    """A file of a later version."""
    edit(folder, f"PRAGMA user_version = {cachefile.FORMAT + 1}")


def older(folder: Path) -> None:
    """A file of an earlier version."""
    edit(folder, f"PRAGMA user_version = {cachefile.FORMAT - 1}")


def trigger(folder: Path) -> None:
    """SQL of somebody else's that runs with each row."""
    edit(folder, "CREATE TRIGGER evil AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END")


def view(folder: Path) -> None:
    """A view in the place of the table."""
    edit(folder, "ALTER TABLE Cache RENAME TO Rows")
    edit(folder, "CREATE VIEW Cache AS SELECT * FROM Rows")


def odd_counts(folder: Path) -> None:
    """Counters that are no numbers, and very many of them."""
    edit(folder, "INSERT OR REPLACE INTO Counts VALUES ('hits', 'many')")
    edit(folder, "INSERT OR REPLACE INTO Counts VALUES ('misses', 9e999)")
    edit(folder, "INSERT OR REPLACE INTO Counts VALUES ('puts', x'00')")


def no_column(folder: Path) -> None:
    """A table that lacks a column."""
    edit(folder, "ALTER TABLE Cache DROP COLUMN mode")


def a_folder(folder: Path) -> None:
    """A directory in the file's place."""
    (folder / "cache.db").unlink()
    (folder / "cache.db").mkdir()


def full_folder(folder: Path) -> None:
    """A directory with something in it, here and where a broken file would go."""
    a_folder(folder)
    (folder / "cache.db" / "mine").touch()
    (folder / "cache.db.broken").mkdir()


def a_link(folder: Path) -> None:
    """A link that leads to itself."""
    (folder / "cache.db").unlink()
    (folder / "cache.db").symlink_to(folder / "cache.db")


def a_pipe(folder: Path) -> None:
    """Something that would block whoever opens it."""
    (folder / "cache.db").unlink()
    os.mkfifo(folder / "cache.db")


def old_log(folder: Path) -> None:
    """A write-ahead log of noise beside the file."""
    (folder / "cache.db-wal").write_bytes(b"noise" * 5000)


@pytest.mark.parametrize(
    "damage",
    [
        bombs, key_bombs, nested, schema, newer, older, trigger, view, odd_counts, no_column,
        a_folder, full_folder, a_link, a_pipe, old_log,
    ],
)  # fmt: skip
async def test_planted(
    folder: Path,
    cache: ResponseCache,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
) -> None:
    """What somebody put there is never run, followed or waited for."""
    damage(folder)
    await survives(cache, caplog)
    assert not (folder / "exploded").exists()


def listing(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def foreign_owner(whole: Path) -> Iterator[Path]:
    """A cache whose folder another user owns; only root can make one."""
    if os.geteuid() != 0:
        yield Path("/")
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(whole, Path(place, "cache")))
        os.chown(folder, NOBODY, NOBODY)
        yield folder


async def test_another_users_folder_is_not_used(
    foreign_owner: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning; nothing in it is read, written or renamed."""
    before = listing(foreign_owner)
    cache = ResponseCache(foreign_owner)
    assert await survives(cache, caplog) == 0
    await cache.aclose()
    assert listing(foreign_owner) == before
    assert len(caplog.records) == 1


PLAIN_USER = """
import asyncio, logging, os, pathlib, sys
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.transport import ModelReply
import pointsman.nodes.gateway.disk, diskcache
folder, how = pathlib.Path(sys.argv[1]), sys.argv[2]
logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout)
if how == "read-only":
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, 65534, 65534)
        os.setegid(65534)
        os.seteuid(65534)
    for path in folder.iterdir():
        path.chmod(0o400)
    folder.chmod(0o500)
else:
    import resource
    size = (folder / "cache.db").stat().st_size + 40_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
async def main():
    cache = ResponseCache(folder)
    for n in range(40):
        await cache.put([(f"n{n}", ModelReply(model="m", text="x" * 10_000))])
        await cache.find(["none"])
    found = [await cache.find([f"k{n}"]) for n in range(60)]
    print("found", sum(one is not None for one in found))
    await cache.aclose()
asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["read-only", "full disk"])
def test_nowhere_to_write(whole: Path, how: str) -> None:
    """A folder that may only be read, and a disk that is full: at most two warnings, no error; on a
    full disk what is there is still found."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = Path(shutil.copytree(whole, Path(place, "cache")))
        args = [sys.executable, "-c", PLAIN_USER, str(folder), how]
        done = subprocess.run(args, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    *warnings, found = done.stdout.splitlines()
    assert [line.partition(" ")[0] for line in warnings] in (["WARNING"], ["WARNING"] * 2)
    if how == "full disk":
        assert found == f"found {ROWS}"


async def test_tags_of_surrogates_are_kept(cache: ResponseCache) -> None:
    """A name that cannot be UTF-8 breaks neither the put nor a listing."""
    await cache.put([Answer("odd", reply("odd"), Tags(specialist="\ud800"))])
    assert await cache.find(["odd"]) == reply("odd")
    assert ROWS < len([one async for one in cache.entries()]) <= ROWS + 1
