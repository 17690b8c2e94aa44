"""Which issuer signs people in by OpenID Connect, and who has which role: a TOML file.

issuer = "https://login.example.org"
client_id = "pointsman"
client_secret = "..."              # none: a public client, by PKCE alone
name_claim = "preferred_username"  # who it is, here and in the audit log
role_claim = "groups"
scopes = ["openid", "profile", "email"]

[roles]                            # role = values of the claim; "*" is everybody
admin = ["ops"]
reviewer = ["support"]
viewer = ["*"]
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator

from pointsman.errors import Misconfigured
from pointsman.nodes.message import Frozen
from pointsman.teams.access import ROLES, Role
from pointsman.views.web.binding import is_loopback
from pointsman.views.web.problems import sentence

EVERYBODY = "*"


class OidcSetup(Frozen):
    """An issuer, this server as its client, and the roles."""

    issuer: str
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = SecretStr("")
    """Empty: a public client."""
    name_claim: str = Field(default="preferred_username", min_length=1)
    """Should be one that people cannot change themselves: tickets name their reviewers by it."""
    role_claim: str = Field(default="groups", min_length=1)
    """A claim, or a path to one: `realm_access.roles`."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    roles: Mapping[Role, tuple[str, ...]] = Field(min_length=1)

    @field_validator("issuer")
    @classmethod
    def _address(cls, issuer: str) -> str:
        if not trusted_address(issuer) or urlsplit(issuer).query or urlsplit(issuer).fragment:
            raise ValueError("it must be an https address, or http on this machine")
        return issuer

    @field_validator("scopes")
    @classmethod
    def _openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        return scopes if "openid" in scopes else ("openid", *scopes)

    @property
    def host(self) -> str:
        """The issuer as people know it."""
        return urlsplit(self.issuer).hostname or self.issuer

    def role(self, values: Iterable[str]) -> Role | None:
        """The highest role that one of the values gives; None: none of them does."""
        has = {*values, EVERYBODY}
        given: list[Role] = [role for role in ROLES if has & {*self.roles.get(role, ())}]
        return given[-1] if given else None


def trusted_address(url: str) -> bool:
    """Whether what is sent there is read by nobody else: https, or http on this machine."""
    try:
        split = urlsplit(url)
        name = split.hostname or ""
    except ValueError:
        return False
    return bool(name) and (
        split.scheme == "https" or (split.scheme == "http" and is_loopback(name))
    )


def read_setup(path: Path) -> OidcSetup:
    """The file's. Raises Misconfigured: it cannot be read, does not fit, or others can read the
    secret in it."""
    try:
        made = OidcSetup.model_validate(tomllib.loads(path.read_text("utf-8")))
        others = path.stat().st_mode & 0o077
    except ValidationError as error:
        raise Misconfigured(
            f"{path} does not set up OpenID Connect: {sentence(error)}",
            hint="It needs issuer, client_id and a table [roles]: see docs/console.md.",
        ) from None
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"The OpenID Connect file {path} cannot be read: {error}.",
            hint="Correct POINTSMAN_OIDC, or the file.",
        ) from error
    if others and made.client_secret.get_secret_value():
        raise Misconfigured(
            f"Others than its owner may read {path}, which holds a client secret.",
            hint=f"chmod 600 {path}",
        )
    return made
