"""People whom a reverse proxy has signed in: the headers by which it says who they are.

X-Pointsman-User: the name; printable ASCII, everything else percent-encoded as UTF-8
X-Pointsman-Role: viewer, reviewer or admin
X-Pointsman-Time: seconds since the epoch, when the proxy signed it
X-Pointsman-Signature: HMAC-SHA256, in hex, of the UTF-8 text
    pointsman.proxy@1\\n<time>\\n<role>\\n<user as sent>
by the shared key. A signature older or younger than 60 s does not count. The proxy must remove
these headers from what browsers send.
"""

import hmac
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import unquote

from pydantic import ValidationError

from pointsman.teams.access import ROLES, Role, Token

SLACK_SECONDS = 60.0
_ROLES: Mapping[str, Role] = {role: role for role in ROLES}


def signature(key: str, *, user: str, role: str, at: str) -> str:
    """What a proxy puts into X-Pointsman-Signature."""
    text = f"pointsman.proxy@1\n{at}\n{role}\n{user}"
    return hmac.new(key.encode(), text.encode(), sha256).hexdigest()


class Proxy:
    """Trusts what is signed with the key."""

    def __init__(self, team: str, key: str, clock: Callable[[], float] = time.time) -> None:
        self._team = team
        self._key = key
        self._clock = clock

    @staticmethod
    def speaks(headers: Mapping[str, str]) -> bool:
        """Whether a proxy says, or somebody claims, who this is."""
        return "x-pointsman-signature" in headers

    def person(self, headers: Mapping[str, str]) -> Token | None:
        """Who it is, as a token of theirs; None where the signature, its time, the name or the role
        is not right."""
        user, role, at, signed = (
            headers.get(f"x-pointsman-{name}", "") for name in ("user", "role", "time", "signature")
        )
        right = signature(self._key, user=user, role=role, at=at)
        # Compared before anything is looked at: what is not signed teaches nobody anything.
        if not hmac.compare_digest(right.encode(), signed.encode("utf-8", "surrogatepass")):
            return None
        if not re.fullmatch(r"\d{1,12}", at, re.ASCII) or role not in _ROLES:
            return None
        if abs(self._clock() - int(at)) > SLACK_SECONDS:
            return None
        name = unquote(user, errors="replace").strip()
        if not name.isprintable():
            return None
        try:
            return Token(
                id=f"proxy-{sha256(user.encode()).hexdigest()[:12]}", team=self._team, name=name,
                scopes=ROLES[_ROLES[role]], created=datetime.now(UTC), by="proxy",
            )  # fmt: skip
        except ValidationError:
            return None
