"""The response cache's file beside diskcache: whose it is, whether it is one of ours, its counters,
and its rows one after another.

diskcache takes its settings, some of them SQL pragmas, from the file itself, and waits a minute for
a lock while it opens; so both are looked at first.
"""

import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

FILE = "cache.db"
ASIDE = "cache.db.broken"
FORMAT = 2
"""The file's `user_version`. Another number is another version's file."""

ADMIN_TIMEOUT = 5.0
"""Seconds a person's command waits for a lock."""

_SUFFIXES = ("", "-wal", "-shm")
_TABLES = frozenset({"Settings", "Cache", "Counts"})
_TRIGGERS = frozenset({
    "Settings_count_insert", "Settings_count_delete", "Settings_size_insert",
    "Settings_size_update", "Settings_size_delete",
})  # fmt: skip
_SETTINGS = frozenset({
    "count", "size", "hits", "misses", "statistics", "tag_index", "eviction_policy", "size_limit",
    "cull_limit", "sqlite_auto_vacuum", "sqlite_cache_size", "sqlite_journal_mode",
    "sqlite_mmap_size", "sqlite_synchronous", "disk_min_file_size", "disk_pickle_protocol",
})  # fmt: skip

_PAGE = """
SELECT rowid, key, value FROM Cache
WHERE rowid > ?1 AND mode = 1 AND typeof(key) = 'text' AND typeof(value) = 'blob'
  AND substr(key, 1, length(?2)) = ?2 AND (expire_time IS NULL OR expire_time > ?4)
ORDER BY rowid LIMIT ?3
"""
_COUNT = """
INSERT INTO Counts (name, number) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET number = number + excluded.number
"""


class BrokenFile(Exception):
    """The file is no response cache of this version."""


def prepare(folder: Path, *, lock_timeout: float) -> None:
    """Make the folder (0700) and look at the file in it.

    Raises BrokenFile, PermissionError when the folder is another user's, and sqlite3.Error when the
    file is locked, damaged or cannot be opened.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to another user")
    if found.st_mode & 0o077:
        folder.chmod(0o700)
    with closing(_connect(folder, lock_timeout)) as db:
        # Only a file without tables takes it, and diskcache would come too late: without it the
        # file never shrinks, and one that reached its bound would be emptied.
        db.execute("PRAGMA auto_vacuum = FULL")
        db.execute("BEGIN IMMEDIATE")
        _inspect(db)
        db.execute("CREATE TABLE IF NOT EXISTS Counts (name TEXT PRIMARY KEY, number REAL)")
        db.execute(f"PRAGMA user_version = {FORMAT}")
        db.execute("COMMIT")


def set_aside(folder: Path) -> None:
    """Rename the file out of the way, over one set aside before."""
    for suffix in _SUFFIXES:
        (folder / (ASIDE + suffix)).unlink(missing_ok=True)
        path = folder / (FILE + suffix)
        if path.exists():
            path.replace(folder / (ASIDE + suffix))


def page(folder: Path, prefix: str, *, after: int, rows: int) -> list[tuple[int, str, bytes]]:
    """Number, key and value of the next rows that pointsman wrote. Raises sqlite3.Error."""
    with closing(_connect(folder, ADMIN_TIMEOUT)) as db:
        return db.execute(_PAGE, (after, prefix, rows, time.time())).fetchall()


def drop(folder: Path, keys: Sequence[str]) -> int:
    """Delete rows; how many there were. Raises sqlite3.Error."""
    with closing(_connect(folder, ADMIN_TIMEOUT)) as db:
        db.execute("BEGIN IMMEDIATE")
        found = sum(db.execute("DELETE FROM Cache WHERE key = ?", (key,)).rowcount for key in keys)
        db.execute("COMMIT")
        return found


def count(folder: Path, add: Mapping[str, float], *, lock_timeout: float) -> None:
    """Add to the counters. Raises sqlite3.Error."""
    with closing(_connect(folder, lock_timeout)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.executemany(_COUNT, list(add.items()))
        db.execute("COMMIT")


def counts(folder: Path) -> dict[str, float]:
    """The counters; what is no number is left out. Raises sqlite3.Error."""
    with closing(_connect(folder, ADMIN_TIMEOUT)) as db:
        rows = db.execute("SELECT name, number FROM Counts LIMIT 100").fetchall()
    return {str(name): float(n) for name, n in rows if isinstance(n, int | float)}


def used(folder: Path) -> int:
    """Bytes of the file. Raises sqlite3.Error."""
    with closing(_connect(folder, ADMIN_TIMEOUT)) as db:
        ((pages,),) = db.execute("PRAGMA page_count").fetchall()
        ((size,),) = db.execute("PRAGMA page_size").fetchall()
    return cast("int", pages) * cast("int", size)


def _connect(folder: Path, timeout: float) -> sqlite3.Connection:
    return sqlite3.connect(folder / FILE, timeout=timeout, isolation_level=None)


def _inspect(db: sqlite3.Connection) -> None:
    ((version,),) = db.execute("PRAGMA user_version").fetchall()
    found = db.execute("SELECT type, name FROM sqlite_master").fetchall()
    if not found:
        return
    tables = {name for kind, name in found if kind == "table"}
    others = {name for kind, name in found if kind not in ("table", "index")}
    # A trigger or a view of somebody else's would run with each row that is written.
    if version != FORMAT or not tables <= _TABLES or not others <= _TRIGGERS:
        raise BrokenFile
    if "Settings" in tables:
        keys = {key for (key,) in db.execute("SELECT key FROM Settings")}
        if not keys <= _SETTINGS:
            raise BrokenFile
