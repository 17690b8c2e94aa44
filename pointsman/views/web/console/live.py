"""`GET /console/feed`: server-sent events of what happens."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pointsman.errors import StoreError
from pointsman.views.web.feed import HEARTBEAT, Feed, Reader, frames, last_frame
from pointsman.views.web.guarded import Asked
from pointsman.views.web.problems import Refusal
from pointsman.views.web.sessions import Session
from pointsman.views.web.signin import Desk

log = logging.getLogger("pointsman.views")

OF_SESSION = 6
"""Feeds of one session at once: as many as browsers open to one host."""
LAST_SECONDS = 2.0
"""Time that a page which does not read has to take the last frame."""


@dataclass(frozen=True, slots=True)
class Live:
    """The feed's endpoint."""

    desk: Desk
    feed: Feed

    async def open(self, asked: Asked) -> Response:
        """A stream that ends with its session, with the server, or when the page is too slow."""
        if asked.request.method != "GET":
            raise Refusal(405, "WrongMethod", "The feed is asked with GET.")
        session = asked.session
        mine = sum(1 for reader in self.feed.listening if reader.session == session.id)
        if self.feed.readers >= self.desk.config.feeds or mine >= OF_SESSION:
            raise Refusal(
                503, "TooManyFeeds", "Too many pages listen already.",
                hint="Close some.", after=10.0,
            )  # fmt: skip
        last = asked.request.headers.get("last-event-id", "")
        reader = await self.feed.join(session.token.tenant, last, session=session.id)
        return Stream(self.desk, self.feed, reader, session, asked.request)


class Stream(Response):
    """The answer: frames as they come. It never waits on a page that does not read."""

    def __init__(
        self, desk: Desk, feed: Feed, reader: Reader, session: Session, request: Request
    ) -> None:
        super().__init__(
            None, 200, {"X-Accel-Buffering": "no"}, media_type="text/event-stream; charset=utf-8"
        )
        del self.headers["content-length"]
        self._desk = desk
        self._feed = feed
        self._reader = reader
        self._session = session
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._send(send))
        gone = asyncio.ensure_future(_disconnected(receive))
        dropped = asyncio.ensure_future(self._reader.dropped.wait())
        ended = asyncio.ensure_future(self._session.ended.wait())
        try:
            await asyncio.wait((sending, gone, dropped, ended), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done() and not gone.done():  # it ends by itself, unless it is stuck
                await asyncio.wait((sending, gone), timeout=LAST_SECONDS,
                                   return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        finally:
            self._feed.leave(self._reader)
            for task in (sending, gone, dropped, ended):
                task.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await sending

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with aclosing(self._chunks()) as chunks:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _chunks(self) -> AsyncGenerator[bytes]:
        beat = self._desk.config.heartbeat_seconds
        async with aclosing(frames(self._reader, self._session.ended, heartbeat=beat)) as some:
            async for frame in some:
                if frame is None and not await self._holds():
                    self._desk.book.close(self._session)
                    break
                yield HEARTBEAT if frame is None else frame
        yield last_frame("session" if self._session.ended.is_set() else self._reader.why)

    async def _holds(self) -> bool:
        """Whether the session is good still. A proxy's word comes with requests only: here the
        session's own time counts."""
        if self._session.method == "proxy":
            return self._desk.book.live(self._session)
        try:
            return await self._desk.holds(self._session, self._request)
        except StoreError as error:
            log.warning("whether a session holds cannot be looked up: %s", error)
            return self._desk.book.live(self._session)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
