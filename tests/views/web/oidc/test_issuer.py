"""What of an issuer's answers is believed."""

import base64
import hmac
import json
import time
from collections.abc import AsyncGenerator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import SecretStr

from pointsman.teams.access import ROLES as SCOPES_OF
from pointsman.teams.access import Token
from pointsman.views.web.oidc.issuer import Flow, Issuer, NotSignedIn
from pointsman.views.web.oidc.setup import OidcSetup
from tests.views.web.oidc.issuing import CLIENT, KEY, SECRET, Idp, Json, issuing, listed, rsa_key

OTHER = rsa_key()
CURVE = ec.generate_private_key(ec.SECP256R1())
HERE = "http://127.0.0.1:1/console/oidc/callback"


@pytest.fixture
async def idp() -> AsyncGenerator[Idp]:
    """An issuer."""
    async with issuing() as one:
        yield one


def issuer_of(idp: Idp, **changes: object) -> Issuer:
    """It, as the server asks it."""
    said = {
        "issuer": idp.url, "client_id": CLIENT, "client_secret": SecretStr(SECRET),
        "roles": {"admin": ("ops",), "reviewer": ("support",)},
    }  # fmt: skip
    return Issuer(OidcSetup.model_validate({**said, **changes}), "shop")


async def person(issuer: Issuer) -> Token:
    """Who comes back, once the browser was there."""
    flow = Flow(HERE)
    there = await issuer.address(flow)
    async with httpx.AsyncClient(trust_env=False) as browser:
        sent = await browser.get(there)
    said = parse_qs(urlsplit(sent.headers["location"]).query)
    return await issuer.person(flow, said["code"][0], said["iss"][0])


async def fault(issuer: Issuer) -> str:
    """Why nobody is in."""
    with pytest.raises(NotSignedIn) as found:
        await person(issuer)
    return found.value.fault


@pytest.mark.parametrize(
    ("groups", "role"),
    [(["ops", "support"], "admin"), (["support"], "reviewer"), ("support", "reviewer")],
)
async def test_the_highest_role_counts(idp: Idp, groups: object, role: str) -> None:
    """One value or several."""
    idp.claims = {"groups": groups}
    made = await person(issuer_of(idp))
    assert (made.name, made.scopes) == ("lena", SCOPES_OF[role])  # pyright: ignore[reportArgumentType] (a role)
    assert (made.team, made.by, made.tenant) == ("shop", "oidc", "")


@pytest.mark.parametrize(
    "claims",
    [{"groups": ["staff"]}, {"groups": None}, {"groups": [1, None]}, {"groups": {"ops": 1}}],
)
async def test_nobody_is_in_without_a_role(idp: Idp, claims: Json) -> None:
    """Whatever the claim is instead."""
    idp.claims = claims
    assert await fault(issuer_of(idp)) == "no-role"


async def test_claims_may_lie_deeper_and_have_other_names(idp: Idp) -> None:
    """A path leads into a claim; a name with dots in it is found first; everybody has a role where
    the file says so."""
    idp.claims = {
        "realm_access": {"roles": ["ops"]}, "email": "l@example.org",
        "https://example.org/roles": "ops", "groups": None,
    }  # fmt: skip
    made = await person(issuer_of(idp, role_claim="realm_access.roles", name_claim="email"))
    assert (made.name, made.scopes) == ("l@example.org", SCOPES_OF["admin"])
    assert await person(issuer_of(idp, role_claim="https://example.org/roles"))
    made = await person(issuer_of(idp, roles={"viewer": ("*",)}))
    assert made.scopes == SCOPES_OF["viewer"]


async def test_an_address_that_is_not_verified_is_no_name(idp: Idp) -> None:
    """Anybody can claim it."""
    idp.claims = {"email": "ana@example.org", "email_verified": False}
    assert await fault(issuer_of(idp, name_claim="email")) == "refused"


async def test_one_person_has_one_id(idp: Idp) -> None:
    """By the issuer and the subject, not by the name."""
    one = await person(issuer_of(idp))
    idp.claims = {"preferred_username": "lena2"}
    two = await person(issuer_of(idp))
    idp.claims = {"sub": "u-18"}
    three = await person(issuer_of(idp))
    assert one.id == two.id != three.id


async def test_a_secret_goes_where_the_issuer_wants_it(idp: Idp) -> None:
    """Into the head, or into the body; a public client has none."""
    await person(issuer_of(idp))
    idp.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    await person(issuer_of(idp))
    await person(issuer_of(idp, client_secret=SecretStr("")))
    head, body, public = [form for what, form in idp.asked if what == "token"]
    basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
    assert (head["authorization"], "client_secret" in head) == (f"Basic {basic}", False)
    assert (body["client_secret"], body["authorization"]) == (SECRET, "")
    assert (public["client_id"], public["authorization"]) == (CLIENT, "")
    assert "client_secret" not in public


NOW = int(time.time())
WRONG: tuple[tuple[str, Json], ...] = (
    ("another issuer's", {"claims": {"iss": "https://evil.example"}}),
    ("no issuer", {"claims": {"iss": None}}),
    ("for another client", {"claims": {"aud": "another"}}),
    ("for another of several", {"claims": {"aud": [CLIENT, "another"], "azp": "another"}}),
    ("for several, whose is not said", {"claims": {"aud": [CLIENT, "another"]}}),
    ("for another party", {"claims": {"azp": "another"}}),
    ("over", {"claims": {"exp": NOW - 120}}),
    ("without an end", {"claims": {"exp": None}}),
    ("of the future", {"claims": {"iat": NOW + 86_400}}),
    ("not yet good", {"claims": {"nbf": NOW + 86_400}}),
    ("of another sign-in", {"claims": {"nonce": "another"}}),
    ("of no sign-in", {"claims": {"nonce": None}}),
    ("a nonce that is no text", {"claims": {"nonce": ["x"]}}),
    ("of nobody", {"claims": {"sub": None}}),
    ("without a name", {"claims": {"preferred_username": None}}),
    ("a name of blanks", {"claims": {"preferred_username": "  "}}),
    ("a name with a newline", {"claims": {"preferred_username": "a\nb"}}),
    ("a name that is none", {"claims": {"preferred_username": ["lena"]}}),
    ("a name too long", {"claims": {"preferred_username": "x" * 201}}),
    ("signed by another", {"key": OTHER}),
    ("of a key that is not listed", {"kid": "k2"}),
    ("of two keys that fit", {"kid": None, "keys": [listed(KEY, "k1"), listed(OTHER, "k2")]}),
    ("unsigned", {"alg": "none"}),
    ("by a shared secret", {"alg": "HS256", "key": "s" * 32}),
    ("for encryption", {"keys": [{**listed(KEY, "k1"), "use": "enc"}]}),
    ("a key for another algorithm", {"keys": [listed(KEY, "k1", alg="PS256")]}),
    ("a key of another kind", {"keys": [listed(CURVE, "k1")]}),
    ("a broken key", {"keys": [{"kty": "RSA", "kid": "k1"}]}),
    ("no token", {"body": b'{"access_token": "a"}'}),
    ("a token that is none", {"body": b'{"id_token": "a.b.c"}'}),
)


@pytest.mark.parametrize("changes", [c for _, c in WRONG], ids=[name for name, _ in WRONG])
async def test_a_token_that_does_not_hold(idp: Idp, changes: Json) -> None:
    """Nobody is in by it."""
    for name, value in changes.items():
        setattr(idp, name, value)
    assert await fault(issuer_of(idp)) == "refused"


@pytest.mark.parametrize("secret", [json.dumps(listed(KEY, "k1")).encode(), b"shared" * 8])
async def test_a_public_key_is_no_shared_secret(idp: Idp, secret: bytes) -> None:
    """A token is refused whose HMAC is by the text of a listed key, and one whose secret the issuer
    lists."""
    shared = base64.urlsafe_b64encode(b"shared" * 8).decode()
    idp.keys = [listed(KEY, "k1"), {"kty": "oct", "kid": "k2", "k": shared}]
    issuer, flow = issuer_of(idp), Flow(HERE)
    await issuer.address(flow)
    for kid, alg in (("k1", "HS256"), ("k2", "HS256"), ("k2", "RS256")):
        said = {
            "iss": idp.url, "aud": CLIENT, "iat": NOW, "exp": NOW + 300, "sub": "u",
            "groups": "ops", "nonce": flow.nonce, "preferred_username": "eve",
        }  # fmt: skip
        text = ".".join(_part(json.dumps(one).encode()) for one in ({"alg": alg, "kid": kid}, said))
        signed = _part(hmac.digest(secret, text.encode(), "sha256"))
        idp.body = json.dumps({"id_token": f"{text}.{signed}"}).encode()
        with pytest.raises(NotSignedIn):
            await issuer.person(flow, "x", idp.url)


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize(("alg", "key"), [("PS256", KEY), ("ES256", CURVE)], ids=["PS256", "ES256"])
async def test_keys_that_do_not_say_their_algorithm(
    idp: Idp, alg: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
) -> None:
    """They sign by what their kind can."""
    idp.alg, idp.key, idp.keys = alg, key, [listed(key, "k1")]
    assert await person(issuer_of(idp))


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"authorization_endpoint": None},
        {"jwks_uri": "javascript:alert(1)"},
    ],
)
async def test_an_issuer_that_says_wrong_things_is_not_asked(idp: Idp, metadata: Json) -> None:
    """Another one's name, or addresses that others can listen to."""
    idp.metadata = metadata
    assert await fault(issuer_of(idp)) == "unavailable"
    assert [what for what, _ in idp.asked] == ["discovery"]


@pytest.mark.parametrize(
    "body", [b"<h1>away</h1>", b"[]", b"\xff", b'{"id_token": "' + b"x" * 1_000_000 + b'"}']
)
async def test_answers_that_are_none(idp: Idp, body: bytes) -> None:
    """No JSON, no object, no text, too large."""
    idp.body = body
    assert await fault(issuer_of(idp)) == "unavailable"
