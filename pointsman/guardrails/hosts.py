"""Where a link leads, read as a browser reads it (WHATWG URL), and which hosts are allowed."""

import re
from collections.abc import Sequence
from html import unescape
from urllib.parse import unquote, urlsplit

from pointsman.errors import Misconfigured

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}):")
_WEB = frozenset({"http", "https", "ftp", "ws", "wss"})
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
_ALLOWED = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_-]{1,63}")


def target(written: str) -> str:
    """What is written as a link's target, without entities, blanks and controls."""
    return _CONTROL.sub("", unescape(written))


def scheme(url: str) -> str:
    """The scheme in lower case; empty for a relative link, `https` for one that begins with //."""
    found = _SCHEME.match(url)
    if found:
        return found[1].lower()
    return "https" if re.match(r"[/\\]{2}", url) else ""


def readings(url: str) -> frozenset[str]:
    """The hosts that a link may lead to: as browsers read it, and as Python does. Lower case.

    They differ where somebody plays tricks, as in `https:\\\\evil.example`. Empty: no host.
    """
    kind = scheme(url)
    if not kind:
        return frozenset()
    rest = url.split(":", 1)[1] if _SCHEME.match(url) else url
    if kind in _WEB:
        rest = rest.replace("\\", "/").lstrip("/")
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    elif rest.startswith("//"):
        authority = re.split(r"[/?#]", rest[2:], maxsplit=1)[0]
    else:
        authority = rest.split("?", 1)[0] if kind == "mailto" else ""
    hosts = {_host(authority)}
    if kind in _WEB:
        try:
            other = urlsplit(url if _SCHEME.match(url) else f"https:{url}").hostname
        except ValueError:
            other = "?"
        hosts |= {_plain(other)} if other else set[str]()
    return frozenset(host for host in hosts if host)


def _host(authority: str) -> str:
    host = authority.rsplit("@", 1)[-1]
    if host.startswith("["):
        return host.split("]", 1)[0] + "]"
    return _plain(re.sub(r":\d*$", "", host))


def _plain(host: str) -> str:
    """Percent signs decoded, in lower case, other scripts as `xn--`."""
    host = unquote(host).translate(_DOTS).lower().rstrip(".")
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def checked(allow: Sequence[str], whose: str) -> None:
    """Raises Misconfigured for an allowed host that is not `example.com` or `*.example.com`."""
    for host in allow:
        wide = host.startswith("*.") and "." not in host[2:]
        if wide or not _ALLOWED.fullmatch(host):
            raise Misconfigured(
                f"{whose}: allow={host!r} is no host.",
                hint="Write example.com, or *.example.com for the hosts below it; in lower case,"
                " without https:// and without a path.",
            )


def allowed(host: str, allow: Sequence[str]) -> bool:
    """Whether a host stands in the list. `*.example.com` holds not `example.com` itself."""
    return any(
        host == one if not one.startswith("*.") else host.endswith(one[1:]) and host != one[1:]
        for one in allow
    )
