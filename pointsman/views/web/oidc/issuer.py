"""What the issuer is asked: where it signs people in, for the token of a code, and for its keys.

OpenID Connect Core 1.0 with the authorization code flow and PKCE (RFC 7636); the token's signature
and claims are checked by PyJWT.
"""

# pyright: reportUnknownMemberType=false

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import quote_plus, urlencode

from pydantic import ValidationError

from pointsman.teams.access import ROLES, Token
from pointsman.views.web.oidc.setup import OidcSetup, trusted_address

if TYPE_CHECKING:
    from aiohttp import ClientSession

SECONDS = 10.0
"""What one question to the issuer may take."""
MOST = 1_000_000
"""Bytes that an answer of it may have."""
KEEPS = 3600.0
"""Seconds for which its addresses and keys are believed."""
PAUSE = 10.0
"""Seconds between two looks for a key that it did not have."""
LEEWAY = 60.0
"""Seconds by which its clock may differ."""
SIGNED = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key. One by a shared secret, or none, proves nothing."""

Fault = Literal["refused", "expired", "no-role", "too-many", "unavailable"]
Claims = Mapping[str, object]


class NotSignedIn(Exception):
    """Nobody was signed in. The text is for the server's log; people get the fault's words."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault: Fault = fault


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in that is under way."""

    back: str
    """Where the issuer sends the browser afterwards: the redirect URI."""
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def challenge(self) -> str:
        """PKCE's S256 of the verifier."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Metadata:
    """The issuer's addresses, and what it needs."""

    authorization: str
    token: str
    keys: str
    in_body: bool
    """Whether it wants the client's secret in the body."""
    names_itself: bool
    """Whether it says with each answer that it is its own (RFC 9207)."""
    until: float


@dataclass(frozen=True, slots=True)
class Keys:
    """Its public keys, as it says them."""

    listed: Sequence[Mapping[str, object]]
    asked: float


class Issuer:
    """Asks the issuer. One for a server."""

    def __init__(
        self, setup: OidcSetup, team: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.setup = setup
        self._team = team
        self._clock = clock
        self._metadata: Metadata | None = None
        self._keys: Keys | None = None
        self._asking = asyncio.Lock()

    async def address(self, flow: Flow) -> str:
        """Where the browser goes to sign in. Raises NotSignedIn `unavailable`."""
        there = (await self._found()).authorization
        asked = urlencode({
            "response_type": "code", "client_id": self.setup.client_id,
            "redirect_uri": flow.back, "scope": " ".join(self.setup.scopes),
            "state": flow.state, "nonce": flow.nonce,
            "code_challenge": flow.challenge, "code_challenge_method": "S256",
        })  # fmt: skip
        return f"{there}{'&' if '?' in there else '?'}{asked}"

    async def person(self, flow: Flow, code: str, issuer: str | None) -> Token:
        """Whom the code stands for, as a token of theirs. `issuer`: who says that the code is
        theirs, where somebody does. Raises NotSignedIn."""
        found = await self._found()
        if issuer != self.setup.issuer and (issuer is not None or found.names_itself):
            raise NotSignedIn("refused", f"the answer comes from another issuer: {issuer!r}")
        claims = await self._claims(await self._exchanged(found, flow, code), flow)
        role = self.setup.role(_values(_at(claims, self.setup.role_claim)))
        name = self._name(claims)
        if role is None:
            raise NotSignedIn("no-role", f"{name!r} has no role by {self.setup.role_claim!r}")
        subject = f"{self.setup.issuer}\n{claims['sub']}"
        try:
            return Token(
                id=f"oidc-{hashlib.sha256(subject.encode()).hexdigest()[:12]}", team=self._team,
                name=name, scopes=ROLES[role], created=datetime.now(UTC), by="oidc",
            )  # fmt: skip
        except ValidationError:
            raise NotSignedIn("refused", f"{name[:60]!r} is no name for a person") from None

    def _name(self, claims: Claims) -> str:
        claim = self.setup.name_claim
        name = claims.get(claim)
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise NotSignedIn("refused", f"the token has no {claim!r}: set name_claim to another")
        if claim == "email" and claims.get("email_verified") is False:
            raise NotSignedIn("refused", "the e-mail address is not verified")
        return name.strip()

    async def _exchanged(self, found: Metadata, flow: Flow, code: str) -> str:
        """The ID token that the code is good for, once."""
        secret = self.setup.client_secret.get_secret_value()
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": flow.back,
            "code_verifier": flow.verifier,
        }  # fmt: skip
        headers: dict[str, str] = {}
        if secret and not found.in_body:
            pair = f"{quote_plus(self.setup.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = self.setup.client_id
            if secret:
                form["client_secret"] = secret
        answer = await self._asked(found.token, form, headers)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotSignedIn("refused", f"it gave no ID token: {_error(answer)}")
        return token

    async def _claims(self, token: str, flow: Flow) -> Claims:
        """The token's claims, if the issuer signed them for this sign-in. Raises NotSignedIn."""
        import jwt

        try:
            header = cast("Claims", jwt.get_unverified_header(token))
            algorithm, name = header.get("alg"), header.get("kid")
            if algorithm not in SIGNED:
                raise NotSignedIn("refused", f"the token is signed by {algorithm!r}")
            key = await self._key(algorithm, name if isinstance(name, str) else None)
            claims = cast("Claims", jwt.decode(
                token, jwt.PyJWK(dict(key), algorithm), algorithms=[algorithm],
                audience=self.setup.client_id, issuer=self.setup.issuer, leeway=LEEWAY,
                options={"require": ["exp", "iat", "aud", "iss", "sub"]},
            ))  # fmt: skip
        except jwt.PyJWTError as error:
            raise NotSignedIn("refused", f"the token does not hold: {error}") from error
        nonce, audience = claims.get("nonce"), claims["aud"]
        if not isinstance(nonce, str) or not secrets.compare_digest(
            nonce.encode("utf-8", "surrogatepass"), flow.nonce.encode()
        ):
            raise NotSignedIn("refused", "the token is of another sign-in")
        party = claims.get("azp", None if isinstance(audience, list) else self.setup.client_id)
        if party != self.setup.client_id and (audience != [self.setup.client_id] or party):
            raise NotSignedIn("refused", f"the token was made for {party!r}")
        return claims

    async def _key(self, algorithm: str, name: str | None) -> Mapping[str, object]:
        """The key of that name. Keys change: one that is not known is looked for anew."""
        async with self._asking:
            keys = self._keys
            if keys is None or self._clock() - keys.asked > KEEPS:
                keys = await self._listed()
            fits = _fitting(keys, algorithm, name)
            if not fits and self._clock() - keys.asked > PAUSE:
                fits = _fitting(await self._listed(), algorithm, name)
        if len(fits) != 1:
            raise NotSignedIn("refused", f"the issuer has {len(fits)} keys {name!r}, {algorithm}")
        return fits[0]

    async def _listed(self) -> Keys:
        listed = (await self._asked((await self._found()).keys)).get("keys")
        if not isinstance(listed, list):
            raise NotSignedIn("unavailable", "the issuer lists no keys")
        each = cast("list[object]", listed)
        known = [cast("Mapping[str, object]", one) for one in each if isinstance(one, dict)]
        self._keys = Keys(known, self._clock())
        return self._keys

    async def _found(self) -> Metadata:
        """What stands at its well-known address (OpenID Connect Discovery 1.0)."""
        if self._metadata is not None and self._clock() < self._metadata.until:
            return self._metadata
        there = f"{self.setup.issuer.rstrip('/')}/.well-known/openid-configuration"
        said = await self._asked(there)
        if said.get("issuer") != self.setup.issuer:
            raise NotSignedIn("unavailable", f"{there} names the issuer {said.get('issuer')!r}")
        ends = [said.get(f"{what}_endpoint") for what in ("authorization", "token")]
        urls = [u for u in (*ends, said.get("jwks_uri")) if isinstance(u, str)]
        if len(urls) < 3 or not all(trusted_address(url) for url in urls):
            raise NotSignedIn("unavailable", f"{there} lacks addresses, or one is not https")
        ways = _values(said.get("token_endpoint_auth_methods_supported"))
        self._metadata = Metadata(
            *urls,
            in_body="client_secret_post" in ways and "client_secret_basic" not in ways,
            names_itself=said.get("authorization_response_iss_parameter_supported") is True,
            until=self._clock() + KEEPS,
        )
        return self._metadata

    async def _asked(
        self, url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] = {}
    ) -> Claims:
        """The JSON object at an address. Raises NotSignedIn: `refused` where it says so."""
        from aiohttp import ClientError, ClientSession, ClientTimeout

        try:
            async with ClientSession(
                timeout=ClientTimeout(total=SECONDS), trust_env=True, headers=dict(headers)
            ) as session:
                status, body = await _body(session, url, form)
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise NotSignedIn("unavailable", f"{url} does not answer: {reason}") from error
        try:
            said: object = json.loads(body)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise NotSignedIn("unavailable", f"{url} answered {status} with what is no JSON object")
        answer = cast("Claims", said)
        if status != 200:
            fault: Fault = "refused" if status in (400, 401, 403) and form else "unavailable"
            raise NotSignedIn(fault, f"{url} answered {status}: {_error(answer)}")
        return answer


async def _body(
    session: "ClientSession", url: str, form: Mapping[str, str] | None
) -> tuple[int, bytes]:
    method = "GET" if form is None else "POST"
    async with session.request(method, url, data=form, allow_redirects=False) as answer:
        body = bytearray()
        async for part in answer.content.iter_chunked(65_536):
            body += part
            if len(body) > MOST:
                raise ValueError(f"more than {MOST:,} bytes")
        return answer.status, bytes(body)


def _fitting(keys: Keys, algorithm: str, name: str | None) -> list[Mapping[str, object]]:
    """The keys of that name which may sign so; without a name, all that may."""
    kind = {"R": "RSA", "P": "RSA", "E": "EC"}[algorithm[0]] if algorithm != "EdDSA" else "OKP"
    return [
        key for key in keys.listed
        if key.get("kty") == kind and key.get("alg", algorithm) == algorithm
        and key.get("use", "sig") == "sig" and (name is None or key.get("kid") == name)
    ]  # fmt: skip


def _at(claims: Claims, path: str) -> object:
    """The claim of that name, which may have dots in it; else what the path leads to."""
    if path in claims:
        return claims[path]
    found: object = claims
    for part in path.split("."):
        found = cast("Claims", found).get(part) if isinstance(found, dict) else None
    return found


def _values(claim: object) -> list[str]:
    several = cast("list[object]", claim) if isinstance(claim, list) else [claim]
    return [one for one in several if isinstance(one, str)]


def _error(answer: Claims) -> str:
    """What the issuer says went wrong, for the log: never what it gave."""
    said = answer.get("error"), answer.get("error_description")
    return ": ".join(repr(one[:200]) for one in said if isinstance(one, str)) or "no reason"
