"""The response cache's file, before diskcache opens it: whose it is, and whether it is one of ours.

diskcache takes its settings, some of them SQL pragmas, from the file itself, and waits a minute for
a lock while it opens; so both are looked at first.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

FILE = "cache.db"
ASIDE = "cache.db.broken"
FORMAT = 1
"""The file's `user_version`. Another number is another version's file."""

_SUFFIXES = ("", "-wal", "-shm")
_SETTINGS = frozenset({
    "count", "size", "hits", "misses", "statistics", "tag_index", "eviction_policy", "size_limit",
    "cull_limit", "sqlite_auto_vacuum", "sqlite_cache_size", "sqlite_journal_mode",
    "sqlite_mmap_size", "sqlite_synchronous", "disk_min_file_size", "disk_pickle_protocol",
})  # fmt: skip


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
    with closing(sqlite3.connect(folder / FILE, timeout=lock_timeout, isolation_level=None)) as db:
        # Only a file without tables takes it, and diskcache would come too late: without it the
        # file never shrinks, and one that reached its bound would be emptied.
        db.execute("PRAGMA auto_vacuum = FULL")
        db.execute("BEGIN IMMEDIATE")
        _inspect(db)
        db.execute(f"PRAGMA user_version = {FORMAT}")
        db.execute("COMMIT")


def set_aside(folder: Path) -> None:
    """Rename the file out of the way, over one set aside before."""
    for suffix in _SUFFIXES:
        (folder / (ASIDE + suffix)).unlink(missing_ok=True)
        path = folder / (FILE + suffix)
        if path.exists():
            path.replace(folder / (ASIDE + suffix))


def _inspect(db: sqlite3.Connection) -> None:
    ((version,),) = db.execute("PRAGMA user_version").fetchall()
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not names:
        return
    if version != FORMAT or "Settings" not in names:
        raise BrokenFile
    keys = {key for (key,) in db.execute("SELECT key FROM Settings")}
    if not keys <= _SETTINGS:
        raise BrokenFile
