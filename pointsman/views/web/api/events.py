"""A run's events as server-sent events, whoever drives it."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from pointsman.errors import PointsmanError
from pointsman.nodes.limits import Permit, Use
from pointsman.teams.following import Until, follow
from pointsman.views.web.api.call import NO_STORE, Call
from pointsman.views.web.api.models import EventQuery
from pointsman.views.web.api.problems import ApiError
from pointsman.views.web.api.shown import event_view

HEARTBEAT = 15.0
"""Seconds after which a silent stream says that it is there."""
LAST = r"^[0-9]{1,9}$"


async def stream_events(call: Call) -> Response:
    """The events from the one after Last-Event-ID on, as they are stored."""
    asked = call.query(EventQuery)
    row = call.seen(await call.api.team.run_row(call.part("run")))
    last = call.header("last-event-id")
    if last is not None and not re.fullmatch(LAST, last):
        raise ApiError(400, "Last-Event-ID is the number of an event.")
    use = Use(team=call.api.team.name, tenant=call.token.id)
    permit = await call.api.streams.acquire(use)
    pieces = _pieces(call, row.run, -1 if last is None else int(last), asked.until)
    return _Stream(pieces, permit)


async def _pieces(call: Call, run: str, after: int, until: Until) -> AsyncGenerator[str]:
    mailbox, loop = call.api.mailbox, asyncio.get_running_loop()
    said = loop.time()
    yield ": pointsman\n\n"  # at once, so that a client knows it is let in
    try:
        async with aclosing(
            follow(call.api.team, run, after=after, until=until, pause=mailbox.some_end)
        ) as events:
            async for recorded in events:
                if recorded is not None:
                    view = event_view(recorded)
                    said = loop.time()
                    yield f"id: {view.seq}\nevent: {view.kind}\ndata: {view.model_dump_json()}\n\n"
                elif loop.time() - said >= HEARTBEAT:
                    said = loop.time()
                    if not await call.api.keyring.still(call.token):
                        return
                    yield ": still here\n\n"
                if not mailbox.taking:
                    return  # the server stops; the client comes back with Last-Event-ID
    except PointsmanError:
        return  # the status is out already: a stream that breaks off is taken up again


class _Stream(StreamingResponse):
    """A stream that gives its place back when it ends, however it does."""

    def __init__(self, pieces: AsyncGenerator[str], permit: Permit) -> None:
        headers = {**NO_STORE, "X-Accel-Buffering": "no"}
        super().__init__(pieces, headers=headers, media_type="text/event-stream")
        self._permit = permit
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._pieces.aclose()
            await self._permit.settle()
