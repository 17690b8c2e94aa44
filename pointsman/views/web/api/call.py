"""One request of somebody who is known: who, with what, to which server."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request

from pointsman.guardrails.limiter import QuotaLimiter
from pointsman.teams.access import Token
from pointsman.teams.mailbox import Mailbox
from pointsman.teams.store.rows import RunRow
from pointsman.teams.team import Team
from pointsman.views.web.api.problems import ApiError
from pointsman.views.web.keyring import Keyring

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

MAX_BODY = 1_000_000
"""Bytes."""
_JSON = re.compile(r"application/json\s*(;\s*charset\s*=\s*\"?utf-8\"?\s*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Api:
    """What the handlers work with."""

    team: Team
    mailbox: Mailbox
    keyring: Keyring
    requests: QuotaLimiter
    """Of each token."""
    streams: QuotaLimiter
    """Of each token, and of all, at once."""
    max_body: int = MAX_BODY


@dataclass(frozen=True)
class Call:
    """A request, let in."""

    api: Api
    request: Request
    known: Token | None
    """None where the route is open to everybody."""

    @property
    def token(self) -> Token:
        """Whose request it is."""
        if self.known is None:
            raise ApiError(401, "A token is needed.")
        return self.known

    def part(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def query(self, model: type[M]) -> M:
        """The query's parameters. Raises ValidationError for unknown ones and twice-given ones."""
        given: dict[str, str | list[str]] = {}
        many = {
            name for name, field in model.model_fields.items()
            if "tuple" in str(field.annotation)
        }  # fmt: skip
        for name, value in self.request.query_params.multi_items():
            if name in many:
                there = given.setdefault(name, [])
                if isinstance(there, list):
                    there.append(value)
            elif name in given:
                raise ApiError(422, f"The parameter {name[:60]!r} is given twice.")
            else:
                given[name] = value
        return model.model_validate(given)

    async def body(self, kind: type[T] | TypeAdapter[T], *, empty: bytes = b"") -> T:
        """What was sent, as its model. `empty` stands for a body of no bytes."""
        text = await self._bytes()
        if not text and empty:
            text = empty
        elif not _JSON.fullmatch(self.request.headers.get("content-type", "").strip()):
            raise ApiError(415, "Send application/json.", headers={"Accept": "application/json"})
        adapter: TypeAdapter[T] = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
        return adapter.validate_json(text)

    async def _bytes(self) -> bytes:
        got = bytearray()
        async for piece in self.request.stream():
            got += piece
            if len(got) > self.api.max_body:
                raise ApiError(413, f"A body may have {self.api.max_body:,} bytes.")
        return bytes(got)

    def tenant(self, asked: str | None) -> str:
        """The tenant that the token's own and the asked one come to; empty: all. Raises ApiError
        where they differ."""
        own = self.token.tenant
        if own and asked and asked != own:
            raise ApiError(403, "The token is of another tenant.")
        return own or asked or ""

    def seen(self, row: RunRow) -> RunRow:
        """The run, if the token sees it. Raises ApiError as for one that is not there."""
        if not self.token.sees(row.tenant):
            raise not_there()
        return row

    def header(self, name: str) -> str | None:
        """A header that is given once at most."""
        values = self.request.headers.getlist(name)
        if len(values) > 1:
            raise ApiError(400, f"The header {name} is given twice.")
        return values[0] if values else None


def not_there() -> ApiError:
    """What is said of what is not there, and of what is another tenant's."""
    return ApiError(404, "It is not there, or not yours to see. Check the id.")


NO_STORE: Mapping[str, str] = {"Cache-Control": "no-store"}
