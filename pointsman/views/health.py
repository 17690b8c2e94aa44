"""Whether a process lives, and whether it takes work: how servers and workers say it, and the
endpoint of a worker that does. Nothing else is said."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pointsman.errors import Misconfigured

if TYPE_CHECKING:
    from aiohttp import web

LOOPBACK = "127.0.0.1"
AGAIN_SECONDS = 5
Status = Literal["ok", "starting", "stopping", "full", "broken"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a process stands, and the answer that says so: JSON, 200 for `ok` and 503 else."""

    status: Status = "ok"
    why: str = ""
    """In words. Everybody may ask: a server that others reach leaves it out."""

    @property
    def code(self) -> int:
        """The HTTP status."""
        return 200 if self.status == "ok" else 503

    @property
    def headers(self) -> Mapping[str, str]:
        """Without the content's type."""
        again = {} if self.status == "ok" else {"Retry-After": str(AGAIN_SECONDS)}
        return {"Cache-Control": "no-store", **again}

    @property
    def body(self) -> str:
        """`{"status": …}`, and `why` where there is one."""
        said = {"status": self.status, **({"why": self.why} if self.why else {})}
        return json.dumps(said, separators=(",", ":"))


def address_of(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, or `:PORT` on the loopback. Raises Misconfigured."""
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise Misconfigured(f"{text!r} is no HOST:PORT.", hint="Try 127.0.0.1:8080.")
    return host.strip("[]") or LOOPBACK, int(port)


@asynccontextmanager
async def health(
    host: str, port: int, stands: Callable[[], Awaitable[Standing]]
) -> AsyncGenerator[int]:
    """`GET /healthz` answers 200 while the process lives, `GET /readyz` how it stands. Gives the
    port, which the system chooses for 0. Raises Misconfigured for an address that cannot be had."""
    from aiohttp import web

    async def alive(request: "web.Request") -> "web.Response":
        return _response(Standing())

    async def ready(request: "web.Request") -> "web.Response":
        return _response(await stands())

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


def _response(standing: Standing) -> "web.Response":
    from aiohttp import web

    return web.Response(
        text=standing.body, status=standing.code, headers=standing.headers,
        content_type="application/json",
    )  # fmt: skip
