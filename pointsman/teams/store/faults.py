"""Storage that fails: SQLite's and the system's errors as ours."""

import errno
import shutil
import sqlite3
from pathlib import Path

from pointsman.errors import StoreBroken, StoreError, StoreFull


def store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """SQLite's error on the file as one of ours, by its result code."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _no_room(path)):
        return _full(path)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreBroken(
            f"The store {path} is damaged: {error}.",
            hint="Restore it from a backup, or move the folder away to start a new one.",
        )
    return unusable(error, path)


def _no_room(path: Path) -> bool:
    """SQLite calls it an I/O error when its shared-memory file (32 kB) finds no space."""
    try:
        return shutil.disk_usage(path.parent).free < 65_536
    except OSError:
        return False


def _full(path: Path) -> StoreFull:
    return StoreFull(
        f"There is no space left for the store {path}.",
        hint="Free some; the run goes on from its last step with `pointsman resume`.",
    )


def unusable(error: Exception, path: Path) -> StoreError:
    """What keeps the file from being opened or used, as one of ours."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(path)
    return StoreError(
        f"The store {path} cannot be used: {error}.",
        hint="Check that the folder exists, is writable and is on a local disk.",
    )
