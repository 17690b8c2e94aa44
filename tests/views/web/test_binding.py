"""Where a server may listen."""

import socket
from pathlib import Path

import pytest

from pointsman.errors import Misconfigured
from pointsman.views.web.binding import Tls, checked_binding, is_loopback


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """Files that are there."""
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("")
    return Tls(tmp_path / "cert.pem", tmp_path / "key.pem")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "::1", "[::1]"]
)
def test_loopback(host: str) -> None:
    """This machine only."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "10.0.0.1", "example.org", "", "127.0.0.1.example.org", "localhost.x"],  # noqa: S104 (refused)
)
def test_beyond_loopback(host: str, tls: Tls) -> None:
    """Refused unless it has tokens and TLS, or somebody says in so many words that it may."""
    assert not is_loopback(host)
    for given, tokens, word in ((None, True, "TLS"), (tls, False, "token"), (None, False, "TLS")):
        with pytest.raises(Misconfigured, match=word):
            checked_binding(host, 0, tls=given, insecure=False, tokens=tokens)
    assert not checked_binding(host, 0, tls=tls, insecure=False, tokens=True).loopback
    assert not checked_binding(host, 0, tls=None, insecure=True, tokens=False).loopback


def test_on_loopback_nothing_is_needed() -> None:
    """The token of the process is enough."""
    assert checked_binding("127.0.0.1", None, tls=None, insecure=False, tokens=False).loopback


def test_tls_files_that_are_not_there(tmp_path: Path) -> None:
    """Said before anything listens."""
    missing = Tls(tmp_path / "no.pem", tmp_path / "no.key")
    with pytest.raises(Misconfigured, match=r"no\.pem"):
        checked_binding("127.0.0.1", 0, tls=missing, insecure=False, tokens=True)


def test_a_port_that_is_taken() -> None:
    """An asked-for port is an error when it is taken; the usual one gives way to a free one."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = int(other.getsockname()[1])
        binding = checked_binding("127.0.0.1", taken, tls=None, insecure=False, tokens=True)
        with pytest.raises(Misconfigured, match=str(taken)):
            binding.listen()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pointsman.views.web.binding.PORT", taken)
            usual = checked_binding("127.0.0.1", None, tls=None, insecure=False, tokens=True)
            with usual.listen() as listening:
                assert listening.getsockname()[1] != taken
                assert usual.url(listening).startswith("http://127.0.0.1:")


def test_the_address_as_a_browser_writes_it(tls: Tls) -> None:
    """With the scheme, the port, and brackets around an IPv6 address."""
    binding = checked_binding("::1", 0, tls=tls, insecure=False, tokens=True)
    with binding.listen() as listening:
        port = listening.getsockname()[1]
        assert binding.url(listening) == f"https://[::1]:{port}"
