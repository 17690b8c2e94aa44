"""Which response cache a setting names: on disk, in memory, in Redis, or none."""

from pathlib import Path

from pointsman.errors import Misconfigured
from pointsman.nodes.gateway.cachedisk import DiskStore
from pointsman.nodes.gateway.cachestore import CacheStore

DISK_BYTES = 256 << 20
MEMORY_BYTES = 64 << 20
_REDIS = ("redis://", "rediss://", "unix://")


def open_store(choice: str, folder: Path, *, max_bytes: int | None = None) -> CacheStore | None:
    """The store that `choice` names: `disk` (in `folder`), `memory`, a `redis://`, `rediss://` or
    `unix://` address, or `off`, which is None.

    `max_bytes` None is 256 MiB, in memory 64 MiB. Opens nothing yet. Raises Misconfigured for
    anything else and for an address that is none; MissingExtra for Redis without its package.
    """
    if choice.startswith(_REDIS):
        from pointsman.nodes.gateway.cacheredis import RedisStore

        return RedisStore(choice, max_bytes=max_bytes or DISK_BYTES)
    match choice:
        case "disk":
            return DiskStore(folder, max_bytes=max_bytes or DISK_BYTES)
        case "memory":
            from pointsman.nodes.gateway.cachememory import MemoryStore

            return MemoryStore(max_bytes=max_bytes or MEMORY_BYTES)
        case "off":
            return None
        case _:
            # Never the text itself: a mistyped address may hold a password.
            raise Misconfigured(
                "The response cache's setting names no cache.",
                hint="POINTSMAN_CACHE is disk, memory, off, or redis://host:6379/0.",
            )
