"""What every request passes before anything looks at it: whose name it calls, where it comes from,
how large it is, and how long it takes to come. And what every answer says to browsers.

Plain ASGI, so that a stream is not held back.
"""

import asyncio
import logging
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pointsman.errors import PointsmanError, is_control_flow
from pointsman.views.web.config import Own
from pointsman.views.web.problems import Refusal, refusal_of

log = logging.getLogger("pointsman.views")

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing. CORS is not spoken, so there is no OPTIONS."""
_NONE: frozenset[str] = frozenset()


class AnswerHeaders:
    """Every answer, also of errors: what browsers may do with it, and that nobody keeps it."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        more = {"Strict-Transport-Security": "max-age=31536000"} if secure else {}
        self._headers = {**_HEADERS, **more}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no WebSocket: the line is closed unanswered
            await send({"type": "websocket.close", "code": 1008})
            return
        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception as error:
            if is_control_flow(error):
                raise
            if begun:
                raise
            await _answer(scope, error)(scope, receive, with_headers)


def _answer(scope: Scope, error: Exception) -> Response:
    """The error as the part of the server that was asked words it."""
    if str(scope["path"]).startswith("/v1"):
        from pointsman.views.web.api.problems import response_of

        return response_of(error)
    return _refused(error).response()


def _refused(error: Exception) -> Refusal:
    match error:
        case Refusal():
            return error
        case PointsmanError():
            return refusal_of(error)
        case _:
            log.exception("a request failed", exc_info=error)
            return Refusal(
                500, "Bug", "The server failed at this.", hint="Its log says where and why."
            )


class HostGate:
    """Only requests that call the server by a name of its own: a page of a foreign name that was
    made to point here (DNS rebinding) does not get in."""

    def __init__(self, app: ASGIApp, own: Own) -> None:
        self._app = app
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = Headers(scope=scope).getlist("host")
            if len(given) != 1 or given[0].lower() not in self._own.hosts:
                raise Refusal(
                    421, "UnknownHost", "This server does not answer to that name.",
                    hint="Open the address that it printed, or start it with --public-url.",
                )  # fmt: skip
        await self._app(scope, receive, send)


class OriginGate:
    """Nothing that changes something comes from another page. Below `browser` also nothing is read
    by one, and what changes something must say where it comes from."""

    def __init__(
        self, app: ASGIApp, own: Own, *, browser: str = "/console/", led: frozenset[str] = _NONE
    ) -> None:
        """`led`: paths to which other sites lead people. They are read by going there only: by no
        script and in no frame."""
        self._app = app
        self._own = own
        self._browser = browser
        self._led = led

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._look(scope)
        await self._app(scope, receive, send)

    def _look(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        changes = scope["method"] not in SAFE
        console = str(scope["path"]).startswith(self._browser)
        if not (changes or console):
            return
        if not changes and scope["path"] in self._led:
            goes = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
            if goes not in ((None, None), ("navigate", "document")):
                raise _foreign("something that is no person's way here")
            return
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        # `none` is an address that a person typed: it can read, and cannot change anything.
        right = ("same-origin",) if changes else ("same-origin", "none")
        if site is not None and site not in right:
            raise _foreign(f"a page of another origin ({site[:20]!r})")
        if origin is not None and origin not in self._own.origins_of(headers.get("host", "")):
            raise _foreign("a page of another origin")
        if changes and console and origin is None:
            raise _foreign("something that does not say where it comes from")


def _foreign(what: str) -> Refusal:
    return Refusal(
        403, "ForeignOrigin", f"The request comes from {what}.",
        hint="Use the page that this server serves itself.",
    )  # fmt: skip


class BodyGate:
    """Bodies of bounded length, that come in bounded time."""

    def __init__(self, app: ASGIApp, *, most: int, seconds: float) -> None:
        """`most` in bytes."""
        self._app = app
        self._most = most
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "0")
        if not said.isascii() or not said.isdigit() or int(said) > self._most:
            raise self._too_large()
        got = 0
        ends = asyncio.get_running_loop().time() + self._seconds
        whole = False

        async def bounded() -> Message:
            nonlocal got, whole
            if whole:  # only the end of the line is left to hear of
                return await receive()
            try:
                async with asyncio.timeout_at(ends):
                    message = await receive()
            except TimeoutError:
                raise Refusal(
                    408, "TooSlow", f"The request did not come within {self._seconds:g} s.",
                    hint="Send it again.",
                ) from None  # fmt: skip
            got += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if got > self._most:
                raise self._too_large()
            return message

        await self._app(scope, bounded, send)

    def _too_large(self) -> Refusal:
        return Refusal(
            413, "TooLarge", f"A request may have {self._most:,} bytes.", hint="Send less."
        )
