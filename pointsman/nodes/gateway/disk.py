"""How the response cache's rows are read and written: JSON bytes inside the row, and never pickle.

diskcache's own `Disk` (and its `JSONDisk`) unpickles any row whose `mode` column says so: whoever
can write the file can run code (CVE-2025-69872). This one overrides every method that could.
Imported by `cache.py` at first use only.
"""

import sqlite3
from typing import NoReturn

from diskcache import UNKNOWN, Disk  # pyright: ignore[reportMissingTypeStubs]
from diskcache.core import MODE_RAW  # pyright: ignore[reportMissingTypeStubs]


class ForeignRow(Exception):
    """A row that pointsman did not write. A finding, not a failure: it is a miss."""


class JsonDisk(Disk):  # pyright: ignore[reportUntypedBaseClass]
    """Keys are text, values are bytes, both always in the row itself; no files, no pickle."""

    def put(self, key: object) -> tuple[str, bool]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The key as the database holds it."""
        if not isinstance(key, str):
            raise TypeError("keys of the response cache are text")
        return key, True

    def get(self, key: object, raw: object) -> str:
        """A database key as it was given."""
        if not isinstance(key, str) or not raw:
            raise ForeignRow
        return key

    def store(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, value: object, read: object, key: object = UNKNOWN
    ) -> tuple[int, int, None, sqlite3.Binary]:
        """A value as the columns size, mode, filename and value."""
        if read or not isinstance(value, bytes):
            raise TypeError("values of the response cache are bytes")
        return 0, MODE_RAW, None, sqlite3.Binary(value)

    def fetch(self, mode: object, filename: object, value: object, read: object) -> bytes:
        """The value of a row. Raises ForeignRow for every kind that `store` does not write."""
        if mode != MODE_RAW or filename is not None or read or not isinstance(value, bytes):
            raise ForeignRow
        return value

    def filename(self, key: object = UNKNOWN, value: object = UNKNOWN) -> NoReturn:
        """Values never lie in files of their own."""
        raise ForeignRow

    def remove(self, file_path: object) -> None:
        """Nothing: no row of ours names a file, and a path in a row is somebody else's."""
