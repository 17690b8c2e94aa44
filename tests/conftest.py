"""For the whole test run: no network, a clean environment, a folder of state of its own."""

import gc
import os
import signal
import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.postgres import Server

CREDENTIALS = ("_API_KEY", "_TOKEN", "_ACCESS_KEY_ID", "_APPLICATION_CREDENTIALS")
SETTINGS = ("POINTSMAN_", "OTEL_", "LITELLM_")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where recorded data is. The environment is read here, before the tests clean it."""
    told = os.environ.get("POINTSMAN_TEST_DATA")
    folder = Path(told) / "tau2-retail" if told else None
    parser.addoption("--retail-data", metavar="DIR", type=Path, default=folder)


# No test says how long something may take: the machine may be busy.
settings.register_profile("pointsman", deadline=None)
settings.load_profile("pointsman")


def pytest_collection_finish() -> None:
    """What thousands of tests are made of stays: without this, each of the collector's rounds looks
    at all of it again."""
    gc.collect()
    gc.freeze()


class RealNetworkError(Exception):
    """A test reached for the real network. Start a server on 127.0.0.1, or script the model."""


def is_local(host: object) -> bool:
    """Whether a host is this machine; a name other than localhost would be looked up elsewhere."""
    text = host.decode() if isinstance(host, bytes) else host
    if text in (None, "", "localhost"):
        return True
    try:
        address = ip_address(str(text))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse(host: object) -> None:
    if not is_local(host):
        raise RealNetworkError(f"A test reached for {host!r}; the network is off in tests.")


class GuardedSocket(socket.socket):
    """A socket that reaches this machine only: the loopback and AF_UNIX."""

    def connect(self, address: object, /) -> None:
        self._check(address)
        super().connect(address)  # pyright: ignore[reportArgumentType]

    def connect_ex(self, address: object, /) -> int:
        self._check(address)
        return super().connect_ex(address)  # pyright: ignore[reportArgumentType]

    def sendto(self, data: bytes, *rest: object) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._check(rest[-1])
        return super().sendto(data, *rest)  # pyright: ignore

    def _check(self, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            _refuse(cast("tuple[object, ...]", address)[0])


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Forbid the real network. asyncio, http clients and servers all build on these two names."""
    look_up = socket.getaddrinfo

    def guarded(host: object, *rest: object, **named: object) -> object:
        if str(host).endswith(".invalid"):  # RFC 2606: a name that no look-up ever finds
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        _refuse(host)
        return look_up(host, *rest, **named)  # pyright: ignore[reportArgumentType, reportCallIssue]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", GuardedSocket)
        patch.setattr(socket, "getaddrinfo", guarded)
        yield


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_reaches_programs() -> None:
    """A shell starts a job in the background with Ctrl-C ignored, and every program that the tests
    start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """What the tests opened they closed: a thread that is no daemon would hang a program's exit."""
    yield
    gc.collect()
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join(timeout=5)
            assert not thread.is_alive(), f"A test left the thread {thread.name!r} running."


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting and no provider's key of the person who runs the tests; state in a new folder."""
    for name in os.environ:
        if name.startswith(SETTINGS) or name.endswith(CREDENTIALS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("POINTSMAN_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="session")
def postgres() -> "Iterator[Server]":
    """One PostgreSQL for the whole run of a worker."""
    from tests.postgres import server

    with server() as running:
        yield running


@pytest.fixture
def database(postgres: "Server") -> "Iterator[str]":
    """The address of a new database in it, with the tables and nothing in them."""
    url = postgres.prepared()
    yield url
    postgres.drop(url)


@pytest.fixture
def empty_database(postgres: "Server") -> "Iterator[str]":
    """The address of a new database in it, without a table."""
    url = postgres.database()
    yield url
    postgres.drop(url)
