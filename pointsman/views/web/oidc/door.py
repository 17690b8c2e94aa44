"""The two addresses by which people come in through the issuer: the way there and the way back."""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pointsman.guardrails.gcra import Slot
from pointsman.views.web.oidc.issuer import Fault, Flow, Issuer, NotSignedIn
from pointsman.views.web.problems import Refusal
from pointsman.views.web.signin import Desk, address_of, cookie_of

log = logging.getLogger("pointsman.views")

SECONDS = 600.0
"""What signing in at the issuer may take."""
MOST = 1000
"""Sign-ins under way at once; beyond, the oldest is forgotten."""
THERE, BACK = "/console/oidc", "/console/oidc/callback"
_BROWSER = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_PLACE = re.compile(r"/[\x21-\x7e]{0,500}", re.ASCII)


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A sign-in, whose browser it is, and where that wants to be afterwards."""

    flow: Flow
    browser: str
    place: str
    address: str
    slots: tuple[Slot, Slot]
    until: float


class Door:
    """Sends browsers to the issuer, and lets in whom it sends back."""

    def __init__(
        self, desk: Desk, issuer: Issuer, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._desk = desk
        self._issuer = issuer
        self._clock = clock
        self._open: dict[str, UnderWay] = {}  # by state, the oldest first
        # Beside the session's: Strict cookies do not come with the way back from another site.
        self._cookie = f"{desk.config.cookie}-oidc"

    @property
    def host(self) -> str:
        """Where people are sent."""
        return self._issuer.setup.host

    async def leave(self, request: Request) -> Response:
        """`GET /console/oidc?at=PAGE`."""
        address = address_of(request)
        slots = self._try(address)
        if slots is None:
            return _to_page("too-many")
        known = cookie_of(request, self._cookie)  # of a sign-in in another tab
        browser = known if _BROWSER.fullmatch(known) else secrets.token_urlsafe(32)
        (origin, *_) = self._desk.config.own.origins_of(request.headers["host"])
        flow = Flow(f"{origin}{BACK}")
        place = request.query_params.get("at", "")
        now = self._clock()
        self._tidy(now)
        self._open[flow.state] = UnderWay(
            flow, browser, place if _PLACE.fullmatch(place) else "/now", address, slots,
            now + SECONDS,
        )  # fmt: skip
        try:
            there = RedirectResponse(await self._issuer.address(flow), 303)
        except NotSignedIn as error:
            del self._open[flow.state]
            return await self._refused(error, address)
        there.set_cookie(
            self._cookie, browser, max_age=round(SECONDS), path="/", httponly=True,
            samesite="lax", secure=self._desk.config.secure,
        )  # fmt: skip
        return there

    async def back(self, request: Request) -> Response:
        """`GET /console/oidc/callback`: the issuer's answer."""
        try:
            one, code = self._begun(request)
        except NotSignedIn as error:
            if error.fault == "expired" and self._try(address_of(request)) is None:
                return _to_page("too-many")
            return await self._refused(error, address_of(request))
        try:
            async with asyncio.timeout(self._desk.config.answer_seconds):
                person = await self._issuer.person(one.flow, code, request.query_params.get("iss"))
        except NotSignedIn as error:
            return await self._refused(error, address_of(request))
        except TimeoutError:
            error = NotSignedIn("unavailable", "the issuer took too long")
            return await self._refused(error, address_of(request))
        self._desk.tries.give_back(one.address, one.slots)
        _, cookie = await self._desk.admit(request, person, "oidc")
        return self._desk.keeps(RedirectResponse(f"/#{one.place}", 303), cookie)

    def _begun(self, request: Request) -> tuple[UnderWay, str]:
        """The sign-in that this answers, which it ends, and the code. Raises NotSignedIn."""
        said = request.query_params
        one = self._open.get(said.get("state", ""))
        mine = cookie_of(request, self._cookie)
        # Another browser's answer ends nothing: somebody may have been sent here with it.
        if one is None or not compare_digest(one.browser.encode(), mine.encode()):
            raise NotSignedIn("expired", "the answer belongs to no sign-in of this browser")
        del self._open[one.flow.state]
        if self._clock() >= one.until:
            raise NotSignedIn("expired", "the sign-in took too long")
        if "error" in said or not said.get("code"):
            raise NotSignedIn("refused", f"the issuer says {said.get('error', 'nothing')[:60]!r}")
        return one, said["code"]

    async def _refused(self, error: NotSignedIn, address: str) -> Response:
        log.warning("a sign-in from %s through the issuer failed: %s", address, error)
        if error.fault in ("refused", "no-role"):
            await self._desk.note_refused("", address)
        return _to_page(error.fault)

    def _try(self, address: str) -> tuple[Slot, Slot] | None:
        """A try of theirs; None: they had too many."""
        try:
            return self._desk.tries.take(address)
        except Refusal:
            log.warning("too many tries to sign in, the last from %s", address)
            return None

    def _tidy(self, now: float) -> None:
        for state in [s for s, one in self._open.items() if now >= one.until]:
            del self._open[state]
        while len(self._open) >= MOST:
            del self._open[next(iter(self._open))]


def _to_page(fault: Fault) -> Response:
    """The sign-in page, with one of five words: nothing of what was sent comes with it."""
    return RedirectResponse(f"/#{urlencode({'signin': fault})}", 303)
