"""Sessions of people who signed in: kept by the server, known to the browser by a signed cookie.

They live as long as the process: what a cookie says is only which one it is.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Literal

from itsdangerous import BadSignature, Signer

from pointsman.teams.access import Token

MOST = 1000
"""Sessions at once; MOST_OF of one token. Beyond, those unused longest end."""
MOST_OF = 20
Method = Literal["token", "proxy", "oidc"]


@dataclass(slots=True)
class Session:
    """One person's session. Times are seconds of the book's clock."""

    id: str
    token: Token
    """Whose it is, and what they may."""
    csrf: str = field(repr=False)
    method: Method
    ends: float
    """When it ends at the latest."""
    idle: float
    """When it ends if nothing is asked."""
    ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when it ends: live feeds wait for it."""

    @property
    def name(self) -> str:
        """Who acts."""
        return self.token.name

    def proves(self, csrf: str) -> bool:
        """Whether this is its CSRF token. Takes as long whatever is given."""
        return compare_digest(self.csrf.encode(), csrf.encode("utf-8", "surrogatepass"))


class SessionBook:
    """All sessions of a server."""

    def __init__(
        self, *, idle: float, longest: float, clock: Callable[[], float] = time.time
    ) -> None:
        """Seconds until an unused session ends, and until any does."""
        self._signer = Signer(
            secrets.token_bytes(32), salt="pointsman.session", digest_method=sha256
        )
        self._idle = idle
        self._longest = longest
        self._clock = clock
        self._open: dict[str, Session] = {}  # the one unused longest first

    def __len__(self) -> int:
        return len(self._open)

    def open(self, token: Token, method: Method = "token") -> tuple[Session, str]:
        """A new session, and what its cookie holds."""
        self._tidy(token)
        now = self._clock()
        ends = now + self._longest
        if token.expires is not None:
            ends = min(ends, token.expires.timestamp())
        session = Session(
            id=secrets.token_urlsafe(32), token=token, csrf=secrets.token_urlsafe(32),
            method=method, ends=ends, idle=min(ends, now + self._idle),
        )  # fmt: skip
        self._open[session.id] = session
        return session, self._signer.sign(session.id).decode()

    def find(self, cookie: str, *, uses: bool = True) -> Session | None:
        """The session of a cookie; None for a forged one, and for one that has ended. `uses`: it
        lasts longer for it."""
        try:
            id_ = self._signer.unsign(cookie).decode()
        except (BadSignature, UnicodeError):
            return None
        session = self._open.get(id_)
        if session is None:
            return None
        if not self.live(session):
            self.close(session)
            return None
        if uses:
            session.idle = min(session.ends, self._clock() + self._idle)
            self._open[id_] = self._open.pop(id_)
        return session

    def live(self, session: Session) -> bool:
        """Whether it has not ended."""
        return not session.ended.is_set() and self._clock() < session.idle

    def close(self, session: Session) -> None:
        """End it, and the feeds it has."""
        self._open.pop(session.id, None)
        session.ended.set()

    def close_all(self) -> None:
        """End every session: the server stops."""
        for session in list(self._open.values()):
            self.close(session)

    def _tidy(self, token: Token) -> None:
        for session in [s for s in self._open.values() if not self.live(s)]:
            self.close(session)
        mine = [s for s in self._open.values() if s.token.id == token.id]
        over = [*mine[: len(mine) - MOST_OF + 1]] if len(mine) >= MOST_OF else []
        for session in over:
            self.close(session)
        while len(self._open) >= MOST:
            self.close(next(iter(self._open.values())))
