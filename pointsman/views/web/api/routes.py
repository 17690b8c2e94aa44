"""The API as Starlette routes: every request passes token, scope and rate limit on its way to its
handler, and every error leaves as a problem document."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, compile_path
from starlette.types import Receive, Scope, Send

from pointsman.errors import is_control_flow
from pointsman.guardrails.limiter import QuotaLimiter
from pointsman.guardrails.quota import Quota
from pointsman.nodes.limits import Use
from pointsman.teams.access import Token
from pointsman.teams.mailbox import Mailbox
from pointsman.teams.team import Team
from pointsman.views.web.api.call import MAX_BODY, Api, Call
from pointsman.views.web.api.openapi import PATH, document
from pointsman.views.web.api.problems import ApiError, response_of
from pointsman.views.web.api.table import OPERATIONS, Operation
from pointsman.views.web.keyring import Keyring

RATE = 600
"""Requests a minute, of each token."""
STREAMS = 20
"""Streams at once, of each token."""
ALL_STREAMS = 200
_BEARER = re.compile(r"bearer +([\x21-\x7e]{1,300})", re.IGNORECASE)


def api_routes(
    team: Team,
    mailbox: Mailbox,
    keyring: Keyring,
    *,
    rate: int = RATE,
    streams: int = STREAMS,
    max_body: int = MAX_BODY,
) -> list[BaseRoute]:
    """The routes of the API. `team` and `mailbox` are open while they serve.

    `rate`: requests a minute of each token; `streams`: event streams at once of each token;
    `max_body` in bytes.
    """
    api = Api(
        team, mailbox, keyring,
        QuotaLimiter((Quota(rate, burst=max(1, rate // 4)),)),
        QuotaLimiter(
            (
                Quota(streams, unit="concurrent", lease=86_400.0),
                Quota(ALL_STREAMS, unit="concurrent", key=("team",), lease=86_400.0),
            )
        ),
        max_body,
    )  # fmt: skip
    by_path: defaultdict[str, list[Operation]] = defaultdict(list)
    for operation in OPERATIONS:
        by_path[operation.path].append(operation)
    return [
        *(_Path(path, _Endpoint(api, found)) for path, found in by_path.items()),
        _Path(PATH, _Endpoint(api, [_documented()])),
        _Path("/v1{rest:path}", _Endpoint(api, [])),
    ]


class _Path(Route):
    """A route for every method: the endpoint answers those it does not know, in its own way."""

    def __init__(self, path: str, endpoint: "_Endpoint") -> None:
        super().__init__(path, endpoint, include_in_schema=False)
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)


class _Endpoint:
    """All that is done at one path."""

    def __init__(self, api: Api, operations: Sequence[Operation]) -> None:
        self._api = api
        self._by_method = {operation.method: operation for operation in operations}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Exception as error:
            if is_control_flow(error):
                raise
            response = response_of(error)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if not self._by_method:
            raise ApiError(404, "There is nothing at this path. See /v1/openapi.json.")
        method = "GET" if request.method == "HEAD" else request.method
        operation = self._by_method.get(method)  # pyright: ignore[reportArgumentType] (any text)
        if operation is None:
            allowed = [*self._by_method, *(["HEAD"] if "GET" in self._by_method else [])]
            raise ApiError(
                405, f"This path takes {' and '.join(allowed)}.",
                headers={"Allow": ", ".join(allowed)},
            )  # fmt: skip
        known = None if operation.scope is None else await self._admit(request, operation)
        call = Call(self._api, request, known)
        call.query(operation.query)  # parameters that are not known are refused everywhere
        return await operation.handler(call)

    async def _admit(self, request: Request, operation: Operation) -> Token:
        """The token that the request comes with, if it may do this now."""
        given = request.headers.getlist("authorization")
        found = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        token = await self._api.keyring.token(found[1]) if found else None
        if token is None:
            why = ', error="invalid_token"' if given else ""
            raise ApiError(
                401,
                "Send a token that is good: `Authorization: Bearer pm_…`. `pointsman token new`"
                " makes one.",
                headers={"WWW-Authenticate": f'Bearer realm="pointsman"{why}'},
            )
        # A token's own limit: what a client did wrong counts too.
        await self._api.requests.acquire(Use(team=token.team, tenant=token.id))
        if operation.scope is not None and not token.may(operation.scope):
            scopes = ", ".join(token.scopes)
            raise ApiError(
                403, f"This needs the scope {operation.scope!r}; the token has {scopes}."
            )
        return token


def _documented() -> Operation:
    text = json.dumps(document(), ensure_ascii=False)

    async def document_of_api(call: Call) -> Response:
        return Response(text, headers={"Cache-Control": "no-cache"}, media_type="application/json")

    return Operation(
        "GET", PATH, "openapi", "This document", document_of_api, None, {200: "application/json"}
    )
