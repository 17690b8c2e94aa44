"""Serving an application over HTTP/1.1 on a socket, until a signal ends it."""

import asyncio
import contextlib
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Generator

import h11
import uvicorn
from starlette.applications import Starlette
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from pointsman.errors import Misconfigured
from pointsman.views.web.binding import Tls

HEAD_SECONDS = 15.0
"""Time in which the head of a request must have come: one byte at a time is no request."""
HEAD_BYTES = 32_768
IDLE_SECONDS = 30
"""How long a line is kept open between two requests."""
CONNECTIONS = 500
GRACE_SECONDS = 10
"""Time that requests under way have when the server stops."""


async def serve(
    app: Starlette, listening: socket.socket, *, tls: Tls | None = None,
    ready: Callable[[], None] = lambda: None, until: asyncio.Event | None = None,
) -> None:  # fmt: skip
    """Serve until SIGTERM or Ctrl-C, or until the event, then end in order: no new requests,
    streams end, requests under way too, and the application's lifespan closes. A second signal ends
    it at once.

    `ready` is called once it answers. What the application has as `state.stop` is called at the
    signal: streams must end by themselves. Raises Misconfigured for a certificate that cannot be
    used, and what the application's lifespan raises.
    """
    config = uvicorn.Config(
        app, http=_Protocol, ws="none", lifespan="on", log_config=None, access_log=False,
        server_header=False, date_header=True, proxy_headers=False,
        timeout_keep_alive=IDLE_SECONDS, timeout_graceful_shutdown=GRACE_SECONDS,
        limit_concurrency=CONNECTIONS, h11_max_incomplete_event_size=HEAD_BYTES,
        ssl_certfile=str(tls.cert) if tls else None, ssl_keyfile=str(tls.key) if tls else None,
    )  # fmt: skip
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        raise Misconfigured(
            f"The TLS certificate cannot be used: {error}.",
            hint="--tls-cert and --tls-key are PEM files that belong together.",
        ) from error
    server = _Server(config, ready, getattr(app.state, "stop", lambda: None))
    watching = asyncio.create_task(_ending(server, until)) if until else None
    try:
        await server.serve(sockets=[listening])
    finally:
        if watching is not None:
            watching.cancel()
    if server.lifespan.should_exit:
        raise Misconfigured("The server did not start.", hint="The lines above this one say why.")


async def _ending(server: "_Server", until: asyncio.Event) -> None:
    await until.wait()
    server.end()


class _Server(uvicorn.Server):
    """Does not raise the signal anew at its end: the caller still has to close its team."""

    def __init__(
        self, config: uvicorn.Config, ready: Callable[[], None], stop: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._stop = stop

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    @override
    def capture_signals(self) -> Generator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        ends = (signal.SIGINT, signal.SIGTERM)
        before = {one: signal.getsignal(one) for one in ends}
        for one in ends:
            loop.add_signal_handler(one, self.end)
        try:
            yield
        finally:
            for one in ends:
                loop.remove_signal_handler(one)
                signal.signal(one, before[one])

    def end(self) -> None:
        """The first signal lets what is under way end; the second does not."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._stop()


class _Protocol(H11Protocol):
    """A line on which the head of each request must come in bounded time."""

    _head: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] (as in uvicorn)
        super().connection_made(transport)
        self._watch()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._unwatch()
        elif self._head is None:
            self._head = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _unwatch(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None
