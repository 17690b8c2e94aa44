"""What a server serves, to whom it listens, and how long a session lasts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pointsman.errors import Misconfigured
from pointsman.teams.access import Issued
from pointsman.teams.mailbox import WAITING, WORKERS
from pointsman.views.web.binding import is_loopback
from pointsman.views.web.oidc.setup import OidcSetup

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Own:
    """The names a server answers to: what `Host` and `Origin` may say."""

    hosts: frozenset[str]
    """`name:port`, in lower case; at the scheme's own port without it too."""
    origins: frozenset[str]
    """`scheme://name:port` as browsers write it."""

    @classmethod
    def of(cls, url: str, *more: str) -> "Own":
        """Those of a server at `url`, and at more addresses, such as a proxy's in front of it.

        At a loopback address all of this machine's names for it hold. Raises Misconfigured for what
        is no address.
        """
        hosts: set[str] = set()
        origins: set[str] = set()
        for one in (url, *more):
            scheme, name, port = _parts(one)
            names = LOOPBACK if is_loopback(name) else (name,)
            usual = port == _PORTS[scheme]
            hosts |= {f"{n}:{port}" for n in names} | (set(names) if usual else set())
            origins |= {f"{scheme}://{n}" if usual else f"{scheme}://{n}:{port}" for n in names}
        return cls(frozenset(hosts), frozenset(origins))

    def origins_of(self, host: str) -> Sequence[str]:
        """The origins of the name that was called, as `Host` says it; TLS first."""
        called = host.lower()
        names = {called, called.removesuffix(":443"), called.removesuffix(":80")}
        found = [o for o in self.origins if urlsplit(o).netloc in names]
        return sorted(found, reverse=True)


@dataclass(frozen=True, slots=True)
class WebConfig:
    """How the server is set up. Times are in seconds."""

    url: str = "http://127.0.0.1:8321"
    """Where it listens."""
    console: bool = True
    api: bool = False
    metrics: bool = True
    """Whether `/metrics` is there, for tokens with the scope `read`."""
    made: tuple[Issued, ...] = ()
    """Tokens of this process, stored nowhere: the one that is printed at start."""
    public_urls: tuple[str, ...] = ()
    """Addresses of a proxy in front of it."""
    proxy_key: str = field(default="", repr=False)
    """What a proxy that signs people in signs its headers with; empty: none is trusted."""
    oidc: OidcSetup | None = None
    """The OpenID Connect issuer that signs people in; None: none does."""
    evals: tuple[Path, ...] = ()
    """Folders with records of evaluations; the last folder's are baselines."""
    workers: int = WORKERS
    """Runs that are driven at once."""
    waiting: int = WAITING
    """Messages that may wait for them; then more are refused."""
    grace_seconds: float = 20.0
    """Time that runs under way have when the server stops."""
    rate: int = 600
    """Requests a minute of each token to the API."""
    max_body: int = 1_000_000
    """Bytes that a request may have."""
    receive_seconds: float = 20.0
    """Time in which a request's body must have come."""
    answer_seconds: float = 30.0
    """Time in which the console answers."""
    idle_seconds: float = 30 * 60.0
    """A session ends when nothing was asked for so long."""
    longest_seconds: float = 12 * 3600.0
    """A session ends after so long, whatever was asked."""
    heartbeat_seconds: float = 15.0
    """How often a silent feed says that it is there."""
    look_seconds: float = 0.5
    """How often the store is looked at for what other processes did."""
    feeds: int = 50
    """Live feeds at once."""

    @property
    def own(self) -> Own:
        """The names it answers to. Raises Misconfigured."""
        return Own.of(self.url, *self.public_urls)

    @property
    def secure(self) -> bool:
        """Whether browsers reach it through TLS only."""
        return all(u.startswith("https://") for u in self.public_urls or (self.url,))

    @property
    def cookie(self) -> str:
        """The session cookie's name. Browsers share cookies among the ports of a host, so it holds
        the port; `__Host-` binds it to this host and TLS."""
        port = _parts(self.url)[2]
        return f"__Host-pointsman-{port}" if self.secure else f"pointsman-{port}"


def _parts(url: str) -> tuple[str, str, int]:
    try:
        split = urlsplit(url)
        scheme, name, port = split.scheme, split.hostname or "", split.port
    except ValueError:
        scheme, name, port = "", "", None
    if scheme not in _PORTS or not name or split_has_more(url):
        raise Misconfigured(
            f"{url!r} is no address of a server.", hint="Such as https://console.example.org."
        )
    shown = f"[{name}]" if ":" in name else name
    return scheme, shown.lower(), port or _PORTS[scheme]


def split_has_more(url: str) -> bool:
    """Whether an address says more than scheme, name and port."""
    split = urlsplit(url)
    return bool(split.path.strip("/") or split.query or split.fragment or split.username)
