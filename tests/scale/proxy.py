"""A TCP proxy that can be cut: the network between a worker and its server. With TLS it is what
stands before a server of a company."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Passes on what comes, until it is cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut = False
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        self._open |= {writer, back}
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()
        self._open.discard(sink)

    def cut(self) -> None:
        """Nothing passes any more."""
        self._cut = True
        for writer in list(self._open):
            writer.transport.abort()

    @property
    def used(self) -> bool:
        """Whether somebody's bytes pass now."""
        return bool(self._open)

    def mend(self) -> None:
        """New connections pass again."""
        self._cut = False


@asynccontextmanager
async def proxied(port: int, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Proxy]:
    """A proxy to a port of loopback, for the block. With `tls` it is spoken to in TLS."""
    proxy = Proxy(port)
    server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0, ssl=tls)
    proxy.port = int(server.sockets[0].getsockname()[1])
    try:
        yield proxy
    finally:
        proxy.cut()
        server.close()
        await asyncio.gather(*proxy._tasks, return_exceptions=True)
