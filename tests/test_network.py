"""What the whole test run relies on: no test reaches the real network."""

import os
import socket
import urllib.request

import pytest

from tests.conftest import CREDENTIALS, RealNetworkError


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", b"example.com"])
def test_no_name_is_looked_up(host: str | bytes) -> None:
    """A host elsewhere is refused before it is looked up."""
    with pytest.raises(RealNetworkError):
        socket.getaddrinfo(host, 80)


def test_a_reserved_name_is_not_found() -> None:
    """A name under .invalid fails as on a real network, so that such failures can be tested."""
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("example.invalid", 80)


@pytest.mark.parametrize("call", ["connect", "connect_ex"])
def test_no_address_is_reached(call: str) -> None:
    """A connection to an address elsewhere is refused."""
    with socket.socket() as client, pytest.raises(RealNetworkError):
        getattr(client, call)(("192.0.2.1", 80))


def test_no_datagram_leaves() -> None:
    """A datagram to an address elsewhere is refused."""
    with socket.socket(type=socket.SOCK_DGRAM) as client, pytest.raises(RealNetworkError):
        client.sendto(b"x", ("192.0.2.1", 53))


def test_no_page_is_fetched() -> None:
    """The standard library's own HTTP client is held too."""
    with pytest.raises(RealNetworkError):
        urllib.request.urlopen("http://192.0.2.1/", timeout=1)


def test_this_machine_is_reached() -> None:
    """A server on the loopback works, for tests that need one."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        client.sendall(b"x")
        connection, _ = server.accept()
        with connection:
            assert connection.recv(1) == b"x"


def test_no_key_is_in_the_environment() -> None:
    """No provider's key reaches a test, and state goes to the test's own folder."""
    assert not [name for name in os.environ if name.endswith(CREDENTIALS)]
    assert os.environ["POINTSMAN_HOME"].endswith("state")
