"""Who may use a team's servers: tokens with scopes, each of one tenant or of all.

A secret is `pm_<id>_<random>`: shown once, when it is made, and stored as its SHA-256. The random
part has 256 bits, so a digest without salt or stretching cannot be searched.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Literal

from pydantic import AwareDatetime, Field, ValidationError

from pointsman.errors import BadInput
from pointsman.nodes.message import Frozen

Scope = Literal["read", "submit", "decide", "admin"]
"""`read` runs, tickets and events; `submit` messages, cancel and resume runs; `decide` tickets;
`admin` what is about the server and the team itself."""
Role = Literal["viewer", "reviewer", "admin"]

SCOPES: tuple[Scope, ...] = ("read", "submit", "decide", "admin")
ROLES: Mapping[Role, tuple[Scope, ...]] = {
    "viewer": ("read",),
    "reviewer": ("read", "decide"),
    "admin": SCOPES,
}
_SECRET = re.compile(r"pm_([0-9a-f]{12})_[0-9a-f]{64}", re.ASCII)


class Token(Frozen):
    """A token as stored, without its secret. `name` is who acts with it: what it decides is on
    record under that name."""

    id: str
    team: str
    name: str = Field(min_length=1, max_length=200)
    scopes: tuple[Scope, ...] = Field(min_length=1)
    tenant: str = Field(default="", max_length=200)
    """Whose runs and tickets it sees and makes. Empty: those of all tenants."""
    created: AwareDatetime
    by: str = ""
    """Who made it."""
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None
    revoked_by: str = ""

    def may(self, scope: Scope) -> bool:
        """Whether it has the scope."""
        return scope in self.scopes

    def sees(self, tenant: str) -> bool:
        """Whether what belongs to the tenant is there for it."""
        return self.tenant in ("", tenant)

    def live(self, at: datetime) -> bool:
        """Whether it is neither revoked nor over."""
        return self.revoked is None and (self.expires is None or self.expires > at)


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that was just made, with its secret: the only time that anybody sees it."""

    token: Token
    secret: str = field(repr=False)

    @property
    def digest(self) -> str:
        """What is stored of the secret."""
        return secret_digest(self.secret)

    def opens(self, secret: str) -> bool:
        """Whether this is its secret. Takes as long whatever is given."""
        return compare_digest(self.digest, secret_digest(secret))


def issue(
    team: str,
    name: str,
    *,
    scopes: Sequence[Scope],
    tenant: str = "",
    expires: datetime | None = None,
    by: str = "",
    at: datetime,
) -> Issued:
    """A new token, stored nowhere. Raises BadInput for a name, scopes or times that cannot be."""
    if expires is not None and expires <= at:
        raise BadInput(
            f"A token for {name!r} cannot expire at {expires:%Y-%m-%d %H:%M}: that is past.",
            hint="Give a later time, or none.",
        )
    unprintable = [text for text in (name, tenant, by) if text and not text.isprintable()]
    id_ = secrets.token_hex(6)
    try:
        if unprintable or not name.strip():
            raise BadInput(
                f"The name or tenant {(unprintable or [name])[0]!r} of a token is no printable"
                " text."
            )
        token = Token(
            id=id_, team=team, name=name, scopes=tuple(s for s in SCOPES if s in scopes),
            tenant=tenant, created=at.astimezone(UTC), by=by, expires=expires,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadInput(
            f"A token for {name[:60]!r} cannot be made: {first['loc'][0]}: {first['msg']}.",
            hint=f"Scopes are {', '.join(SCOPES)}; names have at most 200 characters.",
        ) from error
    return Issued(token, f"pm_{id_}_{secrets.token_hex(32)}")


def token_id(secret: str) -> str:
    """Which token a secret names; empty for what is no secret of ours."""
    found = _SECRET.fullmatch(secret)
    return found[1] if found else ""


def secret_digest(secret: str) -> str:
    """SHA-256 of a secret, in hex."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
