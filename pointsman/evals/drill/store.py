"""A slow store: another writer holds the database, as a backup or a stuck process would."""

import asyncio
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread


async def hold(path: Path, seconds: float) -> None:
    """Hold the write lock of an SQLite file for `seconds` from now on, in a thread of its own.

    Gives back as soon as the lock is held, so that what the caller does next meets it. A file that
    does not exist, or is being written by others for just as long, is left alone.
    """
    held = Event()
    Thread(target=_hold, args=(path, seconds, held), daemon=True).start()
    await asyncio.to_thread(held.wait)


def _hold(path: Path, seconds: float, held: Event) -> None:
    try:
        if not path.exists():
            return
        db = sqlite3.connect(path, timeout=seconds, isolation_level=None)
        try:
            with suppress(sqlite3.OperationalError):  # somebody else holds it
                db.execute("BEGIN IMMEDIATE")
                held.set()
                time.sleep(seconds)
                db.execute("ROLLBACK")
        finally:
            db.close()
    finally:
        held.set()
