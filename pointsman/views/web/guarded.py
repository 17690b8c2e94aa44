"""Endpoints: open to everybody, or behind a session with a scope. There is no third kind, and a
test of the table of routes holds that."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pointsman.errors import NotFound
from pointsman.teams.access import Scope as Right
from pointsman.views.web.console.shapes import Shape
from pointsman.views.web.gates import SAFE
from pointsman.views.web.problems import Refusal, refusal_of
from pointsman.views.web.sessions import Session
from pointsman.views.web.signin import Desk

S = TypeVar("S", bound=Shape)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of somebody who is known."""

    request: Request
    session: Session

    @property
    def by(self) -> str:
        """Who acts: recorded with what they do."""
        return self.session.name

    def part(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def sees(self, tenant: str, what: str) -> None:
        """Raise NotFound, as if it were not there, for what is another tenant's."""
        if not self.session.token.sees(tenant):
            raise NotFound(f"There is no {what}.", hint="Check the id.")

    async def body(self, shape: type[S]) -> S:
        """What was sent. Raises Refusal for what does not fit."""
        try:
            return shape.model_validate_json(await self.request.body() or b"{}")
        except ValidationError as error:
            raise refusal_of(error) from None


Handler = Callable[[Asked], Awaitable[Response]]


class Open:
    """For everybody, signed in or not."""

    def __init__(self, handler: Callable[[Request], Awaitable[Response]]) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._handler(Request(scope, receive))
        await response(scope, receive, send)


class Guarded:
    """For sessions with the right; what changes something must prove that it is their page's."""

    def __init__(
        self, desk: Desk, right: Right, handler: Handler, *, streams: bool = False
    ) -> None:
        """`streams`: it answers for as long as it likes."""
        self.right: Right = right
        self._desk = desk
        self._handler = handler
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        session = await self._desk.session(request)
        if request.method not in SAFE:
            self._desk.changes(request, session)
        if not session.token.may(self.right):
            raise Refusal(
                403, "NotYourRole", f"This needs the scope {self.right!r}.",
                hint=f"{session.name} has: {', '.join(session.token.scopes)}.",
            )  # fmt: skip
        response = await self._answered(Asked(request, session))
        await response(scope, receive, send)

    async def _answered(self, asked: Asked) -> Response:
        if self._streams:
            return await self._handler(asked)
        seconds = self._desk.config.answer_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._handler(asked)
        except TimeoutError:
            raise Refusal(
                503, "TooSlow", f"The server did not answer this within {seconds:g} s.",
                hint="Try again.", after=5.0,
            ) from None  # fmt: skip
