"""A small OpenID Connect issuer on loopback, which signs as a real one does, or wrongly as told."""

import base64
import hashlib
import html
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT, SECRET = "pointsman", "client-secret-of-the-tests"
Json = dict[str, object]


def rsa_key() -> rsa.RSAPrivateKey:
    """A key of its own."""
    return rsa.generate_private_key(65537, 2048)


KEY = rsa_key()


def listed(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, name: str, **more: str) -> Json:
    """The public half as an issuer lists it."""
    made: str
    if isinstance(key, rsa.RSAPrivateKey):
        made = RSAAlgorithm.to_jwk(key.public_key())
    else:
        made = ECAlgorithm.to_jwk(key.public_key())
    return {**json.loads(made), "kid": name, "use": "sig", **more}


@dataclass
class Idp:
    """The issuer: what it says can be changed by each test."""

    url: str = ""
    person: Json = field(
        default_factory=lambda: {
            "sub": "u-17", "preferred_username": "lena", "groups": ["staff", "support"],
        }
    )  # fmt: skip
    claims: Json = field(default_factory=dict[str, object])
    """Instead of what its ID token would say; None takes a claim away."""
    metadata: Json = field(default_factory=dict[str, object])
    answer: Json = field(default_factory=dict[str, object])
    """What comes with the code, instead of what should."""
    key: Any = field(default_factory=lambda: KEY)
    kid: str | None = "k1"
    alg: str = "RS256"
    keys: list[Json] = field(default_factory=lambda: [listed(KEY, "k1")])
    body: bytes | None = None
    """What the token's address answers with, whatever is asked."""
    down: bool = False
    asks: bool = False
    """Whether it shows a page with a button first, as for people."""
    asked: list[tuple[str, dict[str, str]]] = field(
        default_factory=list[tuple[str, dict[str, str]]]
    )
    _codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    def app(self) -> web.Application:
        """Its addresses."""
        app = web.Application()
        app.add_routes([
            web.get("/.well-known/openid-configuration", self.discovery),
            web.get("/authorize", self.authorize),
            web.post("/token", self.token),
            web.get("/keys", self.jwks),
        ])  # fmt: skip
        return app

    async def discovery(self, request: web.Request) -> web.Response:
        """Its addresses."""
        self.asked.append(("discovery", {}))
        if self.down:
            return web.Response(status=503, text="<h1>away</h1>")
        return web.json_response({
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/keys",
            "authorization_response_iss_parameter_supported": True, **self.metadata,
        })  # fmt: skip

    async def authorize(self, request: web.Request) -> web.Response:
        """Signs the person in without a question, or after a click."""
        asked = dict(request.query)
        self.asked.append(("authorize", asked))
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        sent = {"code": code, "state": asked["state"], "iss": self.url, **self.answer}
        back = f"{asked['redirect_uri']}?{urlencode({k: v for k, v in sent.items() if v})}"
        if self.asks:
            link = f'<a href="{html.escape(back)}">Continue</a>'
            page = f"<!doctype html><title>Issuer</title>{link}"
            return web.Response(text=page, content_type="text/html")
        raise web.HTTPFound(back)

    async def token(self, request: web.Request) -> web.Response:
        """An ID token for a code, once, for whom it was made and who has its verifier."""
        form = {key: str(value) for key, value in (await request.post()).items()}
        form["authorization"] = request.headers.get("Authorization", "")
        self.asked.append(("token", form))
        if self.body is not None:
            return web.Response(body=self.body, content_type="application/json")
        begun = self._codes.pop(form["code"], None)
        if begun is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == begun["code_challenge"]
        assert form["redirect_uri"] == begun["redirect_uri"]
        return web.json_response({"access_token": "a", "id_token": self.id_token(begun["nonce"])})

    async def jwks(self, request: web.Request) -> web.Response:
        """Its keys."""
        self.asked.append(("keys", {}))
        return web.json_response({"keys": self.keys})

    def id_token(self, nonce: str) -> str:
        """Signed, with the person's claims."""
        now = int(time.time())
        said: Json = {
            "iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce,
            **self.person, **self.claims,
        }  # fmt: skip
        said = {name: value for name, value in said.items() if value is not None}
        key = "" if self.alg == "none" else self.key
        return jwt.encode(said, key, self.alg, headers={"kid": self.kid} if self.kid else {})


@asynccontextmanager
async def issuing(**changes: object) -> AsyncGenerator[Idp]:
    """An issuer on a free port."""
    idp = Idp(**changes)  # pyright: ignore[reportArgumentType] (fields of an Idp)
    runner = web.AppRunner(idp.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    idp.url = f"http://{host}:{port}"
    try:
        yield idp
    finally:
        await runner.cleanup()
