"""The response cache: keeps, forgets, and survives whatever happens to its file."""

import asyncio
import gc
import json
import logging
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from pointsman.errors import Misconfigured
from pointsman.nodes.gateway.cache import LEAST_BYTES, ResponseCache
from pointsman.nodes.gateway.codec import encode_reply
from pointsman.nodes.gateway.transport import ModelReply

REPLY = ModelReply(model="m", text="hello", usd=0.5, seconds=2.0)
Open = Callable[..., ResponseCache]


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.path),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the cache lies; not made yet."""
    return tmp_path / "state" / "cache"


@pytest.fixture
async def open_cache(folder: Path) -> AsyncIterator[Open]:
    """Opens caches in the folder and closes them after the test."""
    opened: list[ResponseCache] = []

    def make(**options: object) -> ResponseCache:
        opened.append(ResponseCache(folder, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for cache in opened:
        await cache.aclose()


def wide_open(folder: Path) -> None:
    """Make the folder readable for everyone."""
    folder.mkdir(parents=True)
    folder.chmod(0o755)


def made(folder: Path) -> int:
    """The folder's permissions; 0 when it does not exist."""
    return folder.stat().st_mode & 0o777 if folder.exists() else 0


async def filled(cache: ResponseCache, **answers: ModelReply) -> None:
    """Put the answers in and close the file."""
    await cache.put(tuple(answers.items()))
    await cache.aclose()


def edit(folder: Path, sql: str, *values: object) -> None:
    """Change the file behind the cache's back."""
    with closing(sqlite3.connect(folder / "cache.db")) as db, db:
        db.execute(sql, values)


def read_elsewhere(folder: Path) -> tuple[str, str]:
    """What another process finds, and what it says on stderr with every warning an error."""
    code = (
        "import asyncio, sys, pathlib\n"
        "from pointsman.nodes.gateway.cache import ResponseCache\n"
        "async def main():\n"
        "    cache = ResponseCache(pathlib.Path(sys.argv[1]))\n"
        "    print((await cache.find(['k'])).text)\n"
        "    await cache.aclose()\n"
        "asyncio.run(main())\n"
    )
    args = [sys.executable, "-X", "dev", "-W", "error", "-c", code, str(folder)]
    ran = subprocess.run(args, capture_output=True, text=True, check=True)
    return ran.stdout, ran.stderr


async def test_answers_are_kept_over_processes(open_cache: Open, folder: Path) -> None:
    """An answer is found again after closing, and by another process."""
    await filled(open_cache(), k=REPLY)
    assert await open_cache().find(["k"]) == REPLY
    assert await asyncio.to_thread(read_elsewhere, folder) == ("hello\n", "")


async def test_the_first_key_with_an_answer_wins(open_cache: Open) -> None:
    """Keys are looked up in the order of the chain."""
    cache = open_cache()
    await cache.put([("b", REPLY), ("c", ModelReply(model="other"))])
    assert await cache.find(["a", "b", "c"]) == REPLY
    assert await cache.find(["a"]) is None
    assert await cache.find([]) is None


async def test_nothing_is_opened_before_the_first_use(open_cache: Open, folder: Path) -> None:
    """Making and closing a cache touches no file; nor does putting nothing."""
    cache = open_cache()
    await cache.put([])
    await cache.aclose()
    assert not made(folder)


async def test_only_the_owner_may_read(open_cache: Open, folder: Path) -> None:
    """The folder is 0700, also when it was there before with more."""
    wide_open(folder)
    await filled(open_cache(), k=REPLY)
    assert made(folder) == 0o700


async def test_answers_expire(open_cache: Open) -> None:
    """After `ttl` seconds an answer is a miss."""
    cache = open_cache(ttl=1e-6)
    await cache.put([("k", REPLY)])
    assert await cache.find(["k"]) is None


async def test_the_file_is_bounded_and_keeps_the_newest(open_cache: Open, folder: Path) -> None:
    """Beyond its size the oldest answers leave, and only they."""
    cache = open_cache(max_bytes=LEAST_BYTES)
    for number in range(400):
        reply = ModelReply(model="m", text=str(number) + "x" * 10_000)
        await cache.put([(f"k{number}", reply)])
    assert await cache.find(["k0"]) is None
    assert await cache.find(["k399"]) is not None
    assert await cache.find(["k350"]) is not None
    await cache.aclose()
    assert (folder / "cache.db").stat().st_size < 2 * LEAST_BYTES


async def test_the_loop_never_waits_for_the_disk(open_cache: Open) -> None:
    """Opening, reading, writing and closing all happen on the cache's own thread."""
    cache = open_cache()
    with blockbuster_ctx("pointsman"):
        await cache.put([("k", REPLY)])
        assert await cache.find(["k"]) == REPLY
        await cache.aclose()


async def test_closing_really_closes(folder: Path) -> None:
    """After `aclose` no thread and no connection is left; closing twice is fine, as is going on."""
    cache = ResponseCache(folder)
    await cache.put([("k", REPLY)])
    await cache.aclose()
    await cache.aclose()
    gc.collect()
    assert not [t for t in threading.enumerate() if t.name.startswith("pointsman-cache")]
    assert not (folder / "cache.db-wal").exists(), "the last connection removes it"
    assert await cache.find(["k"]) == REPLY
    await cache.aclose()


@pytest.mark.parametrize("in_file", [False, True])
async def test_a_pickled_row_is_never_run(
    open_cache: Open, folder: Path, tmp_path: Path, *, in_file: bool
) -> None:
    """A row edited into a pickle is a miss with a warning, inside the row or in a file."""
    await filled(open_cache(), k=REPLY)
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    if in_file:
        (folder / "bomb.val").write_bytes(bomb)
        edit(folder, "UPDATE Cache SET mode = 4, filename = 'bomb.val', value = NULL")
    else:
        edit(folder, "UPDATE Cache SET mode = 4, value = ?", bomb)
    cache = open_cache()
    assert await cache.find(["k"]) is None
    assert not (tmp_path / "exploded").exists()
    await cache.put([("k", REPLY)])
    assert await cache.find(["k"]) == REPLY


async def test_a_pickled_key_is_never_run(open_cache: Open, folder: Path, tmp_path: Path) -> None:
    """A row whose key is a pickle is never looked at."""
    await filled(open_cache(), k=REPLY)
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    edit(folder, "UPDATE Cache SET key = ?, raw = 0", bomb)
    cache = open_cache(max_bytes=LEAST_BYTES)
    assert await cache.find(["k"]) is None
    await cache.put([("k", REPLY)])
    assert not (tmp_path / "exploded").exists()


async def test_a_path_in_a_row_is_never_followed(
    open_cache: Open, folder: Path, tmp_path: Path
) -> None:
    """A row cannot make the cache read or remove a file elsewhere."""
    await filled(open_cache(), k=REPLY)
    victim = tmp_path / "victim"
    victim.write_text(encode_reply(REPLY))
    edit(folder, "UPDATE Cache SET mode = 2, filename = ?, value = NULL", str(victim))
    cache = open_cache()
    assert await cache.find(["k"]) is None
    await cache.put([("k", REPLY)])
    assert victim.exists()


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\x80\x04.",
        b'{"schema_version": "pointsman.reply@0"}',
        json.dumps({**json.loads(encode_reply(REPLY)), "extra": 1}).encode(),
        "text",
        7,
        None,
    ],
)
async def test_what_another_version_wrote_is_a_miss(
    open_cache: Open, folder: Path, caplog: pytest.LogCaptureFixture, stored: object
) -> None:
    """A value that is no reply of this version is ignored, with one warning however often met."""
    await filled(open_cache(), k=REPLY, j=REPLY)
    edit(folder, "UPDATE Cache SET value = ?", stored)
    cache = open_cache()
    with caplog.at_level(logging.WARNING):
        assert await cache.find(["k", "j", "k"]) is None
    assert len(caplog.records) == 1
    await cache.put([("k", REPLY)])
    assert await cache.find(["k"]) == REPLY


def noise(folder: Path) -> None:
    """A file that is no database."""
    (folder / "cache.db").write_bytes(b"what is this" * 1000)


def cut(folder: Path) -> None:
    """A database cut short."""
    file = folder / "cache.db"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def holes(folder: Path) -> None:
    """A database with every page but the first overwritten."""
    file = folder / "cache.db"
    data = file.read_bytes()
    file.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


def foreign(folder: Path) -> None:
    """Another program's database."""
    (folder / "cache.db").unlink()
    edit(folder, "CREATE TABLE invoices (id)")


def newer(folder: Path) -> None:
    """A file of a later version."""
    edit(folder, "PRAGMA user_version = 3")


def pragma(folder: Path) -> None:
    """A setting that diskcache would put into SQL."""
    edit(folder, "INSERT INTO Settings VALUES ('sqlite_writable_schema', 1)")


@pytest.mark.parametrize("damage", [noise, cut, holes, foreign, newer, pragma])
async def test_a_damaged_file_is_set_aside(
    open_cache: Open,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
) -> None:
    """What is no cache of this version is renamed, said once, and begun anew."""
    await filled(open_cache(), k=REPLY)
    damage(folder)
    cache = open_cache()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await cache.find(["k"])
        await cache.put([("k", REPLY)])
        assert await cache.find(["k"]) == REPLY
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert (folder / "cache.db.broken").exists()


async def test_damage_while_open_is_survived(open_cache: Open, folder: Path) -> None:
    """A file that breaks under the open cache is a miss, then begun anew."""
    await filled(open_cache(), **{f"k{n}": REPLY for n in range(200)})
    cache = open_cache()
    assert await cache.find(["k0"]) == REPLY
    holes(folder)
    await cache.find([f"k{n}" for n in range(200)])
    await cache.put([("k", REPLY)])
    await cache.put([("k", REPLY)])
    assert await cache.find(["k"]) == REPLY


async def test_a_locked_file_is_a_miss(
    open_cache: Open, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While another process holds the lock nothing waits for it; afterwards the cache works."""
    await filled(open_cache(), k=REPLY)
    cache = open_cache(lock_timeout=0.0)
    with (
        closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as other,
        caplog.at_level(logging.WARNING),
    ):
        other.execute("BEGIN EXCLUSIVE")
        assert await cache.find(["k"]) is None
        await cache.put([("j", REPLY)])
    assert len(caplog.records) == 1
    assert await cache.find(["k"]) == REPLY
    with closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await cache.find(["k"]) == REPLY, "reading does not need the lock"
        await cache.put([("j", REPLY)])
    assert await cache.find(["j"]) is None


async def test_a_folder_that_cannot_be_is_no_cache(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a folder every answer is asked for, and the log says so once."""
    (tmp_path / "file").write_text("in the way")
    cache = ResponseCache(tmp_path / "file" / "cache")
    with caplog.at_level(logging.WARNING):
        await cache.put([("k", REPLY)])
        assert await cache.find(["k"]) is None
    await cache.aclose()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("options", [{"max_bytes": 100}, {"ttl": 0}, {"lock_timeout": -1}])
def test_impossible_bounds_are_refused(folder: Path, options: dict[str, float]) -> None:
    """A cache without room, or without time, cannot be made."""
    with pytest.raises(Misconfigured):
        ResponseCache(folder, **options)  # type: ignore[arg-type]
