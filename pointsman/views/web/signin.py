"""Signing in and out, and who a request is from."""

import logging
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from pointsman.errors import StoreError
from pointsman.teams.access import ROLES, Token, token_id
from pointsman.teams.team import Team
from pointsman.views.web.config import WebConfig
from pointsman.views.web.console import shapes
from pointsman.views.web.keyring import Keyring
from pointsman.views.web.problems import Refusal, answer, refusal_of
from pointsman.views.web.proxy import Proxy
from pointsman.views.web.sessions import Method, Session, SessionBook
from pointsman.views.web.tries import Tries

log = logging.getLogger("pointsman.views")

CSRF = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class Desk:
    """Where people sign in: what is needed to tell who they are."""

    team: Team
    config: WebConfig
    keyring: Keyring
    book: SessionBook
    tries: Tries
    proxy: Proxy | None

    async def session(self, request: Request, *, uses: bool = True) -> Session:
        """The session of a request. Raises Refusal 401 where there is none that holds."""
        found = self.book.find(self._cookie(request), uses=uses)
        if found is not None and not await self.holds(found, request):
            self.book.close(found)
            found = None
        if found is None:
            raise _sign_in("There is no session, or it has ended.")
        return found

    async def holds(self, session: Session, request: Request) -> bool:
        """Whether what the session began with is good still: its token, or the proxy's word that
        comes with every request."""
        if not self.book.live(session):
            return False
        if session.method == "token":
            return await self.keyring.still(session.token)
        if session.method == "oidc":  # the issuer's word is for the sign-in alone
            return True
        person = self.proxy.person(request.headers) if self.proxy else None
        return person is not None and _same(person, session.token)

    def changes(self, request: Request, session: Session) -> None:
        """Refuse what would change something and does not prove that it comes from the session's
        own page."""
        wants_json(request)
        if not session.proves(request.headers.get(CSRF, "")):
            raise Refusal(
                403, "CsrfRefused", "The X-CSRF-Token is missing or is not this session's.",
                hint="Load the page anew.",
            )  # fmt: skip

    async def sign_in(self, request: Request) -> Response:
        """`POST /console/signin`."""
        wants_json(request)
        address = address_of(request)
        try:
            slots = self.tries.take(address)
        except Refusal:
            log.warning("too many tries to sign in, the last from %s", address)
            raise
        try:
            said = shapes.SignIn.model_validate_json(await request.body())
        except ValidationError as error:
            raise refusal_of(error) from None
        token = await self.keyring.token(said.token)
        if token is None or not token.may("read"):
            await self._turned_away(said.token, address)
        assert token is not None  # noqa: S101 (else turned away)
        self.tries.give_back(address, slots)
        return await self._welcome(request, token, "token")

    async def sign_out(self, request: Request, session: Session) -> Response:
        """`POST /console/signout`."""
        self.changes(request, session)
        self.book.close(session)
        log.info("%r signed out of the console", session.name)
        gone = Response(status_code=204)
        gone.delete_cookie(self.config.cookie, path="/", secure=self.config.secure, httponly=True,
                           samesite="strict")  # fmt: skip
        return gone

    async def look(self, request: Request) -> Response:
        """`GET /console/session`: the one there is, or a new one for whom a proxy signed in."""
        person = self.proxy.person(request.headers) if self.proxy else None
        if self.proxy and person is None and self.proxy.speaks(request.headers):
            self.tries.take(address_of(request))
            await self._turned_away("", address_of(request))
        there = self.book.find(self._cookie(request))
        if person is not None and (there is None or not _same(person, there.token)):
            return await self._welcome(request, person, "proxy")
        return answer(self.shape(await self.session(request)))

    def shape(self, session: Session) -> shapes.Session:
        """A session as its page sees it."""
        token = session.token
        role: shapes.Role = "other"
        for name, scopes in ROLES.items():
            role = name if scopes == token.scopes else role
        return shapes.Session(
            name=token.name, role=role, scopes=token.scopes, tenant=token.tenant,
            team=self.team.name, csrf=session.csrf, expires=round(session.idle * 1000),
            ends=round(session.ends * 1000), method=session.method, version=_version(),
        )  # fmt: skip

    async def admit(self, request: Request, token: Token, method: Method) -> tuple[Session, str]:
        """A session of somebody who has shown who they are, and what its cookie holds."""
        before = self.book.find(self._cookie(request), uses=False)
        if before is not None:  # a session is never taken over by another sign-in
            self.book.close(before)
        address = address_of(request)
        await self.team.note_sign_in(
            token.name, token=token.id, scopes=" ".join(token.scopes), address=address
        )
        log.info("%r signed in to the console from %s", token.name, address)
        return self.book.open(token, method)

    def keeps(self, response: Response, cookie: str) -> Response:
        """The answer, with the session's cookie."""
        response.set_cookie(
            self.config.cookie, cookie, path="/", httponly=True, samesite="strict",
            secure=self.config.secure,
        )  # fmt: skip
        return response

    async def note_refused(self, secret: str, address: str) -> None:
        """A row of the audit log. What was tried is noted nowhere."""
        try:
            await self.team.note_sign_in(
                "unknown", token=token_id(secret), scopes="", address=address
            )
        except StoreError as error:
            log.warning("a refused sign-in could not be noted: %s", error)

    async def _welcome(self, request: Request, token: Token, method: Method) -> Response:
        session, cookie = await self.admit(request, token, method)
        return self.keeps(answer(self.shape(session)), cookie)

    async def _turned_away(self, secret: str, address: str) -> None:
        """Note it, and raise the Refusal."""
        log.warning("a sign-in from %s was refused", address)
        await self.note_refused(secret, address)
        raise _sign_in("That is no token of this team, or it is over.")

    def _cookie(self, request: Request) -> str:
        return cookie_of(request, self.config.cookie)


def cookie_of(request: Request, name: str) -> str:
    """A cookie's value, only where it stands there once: a second one of the name was planted."""
    found: list[str] = []
    for line in request.headers.getlist("cookie"):
        for part in line.split(";"):
            known, _, value = part.strip().partition("=")
            if known == name:
                found.append(_plain(value))
    return found[0] if len(found) == 1 else ""


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else "unknown"


def wants_json(request: Request) -> None:
    """Refuse what is not JSON: a form of another page cannot send it."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(
            415, "NotJson", "What changes something is sent as application/json.",
            hint="Set the Content-Type header.",
        )  # fmt: skip


def _same(one: Token, other: Token) -> bool:
    return (one.id, one.name, one.scopes) == (other.id, other.name, other.scopes)


def _sign_in(message: str) -> Refusal:
    return Refusal(
        401, "SignInNeeded", message,
        hint="Sign in with a token: the one printed at start, or `pointsman token new NAME`.",
    )  # fmt: skip


def _plain(value: str) -> str:
    """A cookie's value without the quotes that some put around it."""
    try:
        jar: SimpleCookie = SimpleCookie(f"x={value}")
    except CookieError:
        return ""
    return jar["x"].value if "x" in jar else ""


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pointsman")
    except PackageNotFoundError:
        return ""
