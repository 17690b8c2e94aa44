"""Where a server listens: on loopback, or beyond it with tokens and TLS, or because somebody said
in so many words that it may without."""

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

from pointsman.errors import Misconfigured

PORT = 8321
"""Taken when it is free and no port was given."""


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate chain and its key, as PEM files."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Binding:
    """An address that a server may listen on. `port` 0: whichever is free; None: PORT, or
    whichever is free."""

    host: str
    port: int | None
    tls: Tls | None = None

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)

    def listen(self) -> socket.socket:
        """A socket that listens there. Raises Misconfigured when the address cannot be had."""
        if self.port is not None:
            return self._listen(self.port)
        try:
            return self._listen(PORT)
        except Misconfigured:
            return self._listen(0)

    def url(self, listening: socket.socket) -> str:
        """How a browser on this machine calls the server behind the socket."""
        port = int(listening.getsockname()[1])
        host = self.host
        if host in ("", "0.0.0.0", "::"):  # noqa: S104 (told apart, not bound)
            host = socket.gethostname()
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self.tls else 'http'}://{shown}:{port}"

    def _listen(self, port: int) -> socket.socket:
        try:
            found = socket.getaddrinfo(
                self.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            family, kind, protocol, _, address = found[0]
            made = socket.socket(family, kind, protocol)
        except OSError as error:
            raise self._unusable(port, error) from error
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(128)
        except OSError as error:
            made.close()
            raise self._unusable(port, error) from error
        return made

    def _unusable(self, port: int, error: OSError) -> Misconfigured:
        return Misconfigured(
            f"The server cannot listen on {self.host}:{port}: {error.strerror or error}.",
            hint="Give another --port (0 takes a free one) or --host.",
        )


def is_loopback(host: str) -> bool:
    """Whether the host's name or address means this machine only."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def checked_binding(
    host: str, port: int | None, *, tls: Tls | None, insecure: bool, tokens: bool
) -> Binding:
    """The address, if a server may listen there.

    `tokens`: whether people sign in with tokens that are stored (or by a proxy), not only with the
    one that is printed at start. `insecure` says that somebody takes the danger on themselves.
    Raises Misconfigured: beyond loopback without TLS or without tokens, and for TLS files that are
    not there.
    """
    for path in (tls.cert, tls.key) if tls else ():
        if not path.is_file():
            raise Misconfigured(
                f"The TLS file {str(path)!r} is not there.",
                hint="--tls-cert and --tls-key are PEM files.",
            )
    if not is_loopback(host) and not insecure:
        lacks = [
            *([] if tls else ["TLS (--tls-cert and --tls-key)"]),
            *([] if tokens else ["a stored token (`pointsman token new NAME`)"]),
        ]
        if lacks:
            raise Misconfigured(
                f"The server does not listen on {host}, which others can reach, without"
                f" {' and '.join(lacks)}.",
                hint="Listen on 127.0.0.1 behind a proxy that has them, or say --insecure.",
            )
    return Binding(host, port, tls)
