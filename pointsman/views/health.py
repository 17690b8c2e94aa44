"""A worker's health endpoint: whether it lives, and whether it takes work. Says nothing else."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from pointsman.errors import Misconfigured

LOOPBACK = "127.0.0.1"


def address_of(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, or `:PORT` on the loopback. Raises Misconfigured."""
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise Misconfigured(f"{text!r} is no HOST:PORT.", hint="Try 127.0.0.1:8080.")
    return host.strip("[]") or LOOPBACK, int(port)


@asynccontextmanager
async def health(host: str, port: int, fault: Callable[[], Awaitable[str]]) -> AsyncGenerator[int]:
    """`GET /healthz` answers 200 while the process lives, `GET /readyz` 200 while it takes work and
    503 with the reason else. Gives the port, which the system chooses for 0. Raises Misconfigured
    for an address that cannot be had."""

    async def alive(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(request: web.Request) -> web.Response:
        why = await fault()
        return web.Response(text=f"{why or 'ok'}\n", status=503 if why else 200)

    app = web.Application()
    app.add_routes([web.get("/healthz", alive), web.get("/readyz", ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise Misconfigured(
                f"The health endpoint cannot listen on {host}:{port}: {error.strerror}.",
                hint="Give --health another address.",
            ) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
