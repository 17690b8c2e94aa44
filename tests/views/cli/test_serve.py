"""`pointsman serve`: a real process, told to listen, to stop, and refused where it must be."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.flow.processes import expire_leases, rows

if TYPE_CHECKING:
    from tests.views.conftest import Shop


@contextmanager
def serving(shop: "Shop", *options: str) -> Iterator[tuple["subprocess.Popen[str]", str, str]]:
    """A server process; its address, and the token that it printed (empty: none)."""
    process = subprocess.Popen(
        shop.command("serve", "--port", "0", *options), cwd=shop.folder, env=shop.environ,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert process.stdout is not None
        first = process.stderr.readline()
        found = re.match(r"serving on (\S+)", first)
        assert found, first + process.stderr.read()
        made = "token of this process" in process.stderr.readline()
        yield process, found[1], process.stdout.readline().strip() if made else ""
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def client(url: str, secret: str) -> httpx.Client:
    """A client with this token."""
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False)


def stopped(process: "subprocess.Popen[str]", end: int) -> None:
    """Tell it to stop; it does, in order."""
    os.kill(process.pid, end)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in err


def test_it_serves_and_stops_in_order(shop: "Shop") -> None:
    """It prints its address and a token; told to stop, by Ctrl-C or a supervisor, it ends with 0,
    also with a run under way, and what it took is kept."""
    with serving(shop, "--grace", "0.5") as (process, url, secret):
        with client(url, secret) as http:
            taken = http.post(
                "/v1/messages", json={"text": "Where is A-1001?"}, headers={"Prefer": "wait=30"}
            )
            assert taken.json()["answer"] == "Order A-1001 is on its way."
            assert http.get("/readyz").json() == {"status": "ok"}
            slow = http.post("/v1/messages", json={"text": "slow please"}).json()["run"]
        stopped(process, signal.SIGTERM)
    with serving(shop, "--grace", "0") as (process, url, secret):
        with client(url, secret) as http:
            assert http.get(f"/v1/runs/{slow}").json()["state"] == "running"
            other = http.post("/v1/messages", json={"text": "slow too"})
            assert other.status_code == 202
        stopped(process, signal.SIGINT)


def test_a_stored_token_is_used(shop: "Shop") -> None:
    """Where there is one, none is made; the printed secret works. A page of a foreign name that was
    made to point here gets nothing, also with it."""
    secret = shop.invoke("token", "new", "web", "--role", "viewer").out.strip()
    with serving(shop) as (_, url, made):
        assert made == ""
        with client(url, secret) as http:
            assert http.get("/v1/runs").json() == {"runs": [], "next": None}
            assert http.post("/v1/messages", json={"text": "hello"}).status_code == 403
            for path in ("/v1/runs", "/healthz"):
                told = http.get(path, headers={"Host": "evil.example"})
                assert told.status_code == 421
                assert told.headers["content-type"].startswith("application/")


def test_a_killed_server_goes_on_at_the_next_start(shop: "Shop") -> None:
    """kill -9 with messages taken and unanswered: all are answered by the next one, once."""
    with serving(shop, "--workers", "1") as (process, url, secret), client(url, secret) as http:
        for n in range(6):
            body = {"text": f"Where is A-100{n}?", "thread": f"c{n}"}
            key = {"Idempotency-Key": f"k{n}"}
            assert http.post("/v1/messages", json=body, headers=key).status_code in (200, 202)
        process.kill()
        process.wait()
    home = shop.folder / ".pointsman"
    expire_leases(home)
    with serving(shop) as (process, url, secret), client(url, secret) as http:
        for n in range(6):
            body = {"text": f"Where is A-100{n}?", "thread": f"c{n}"}
            key = {"Idempotency-Key": f"k{n}", "Prefer": "wait=30"}
            again = http.post("/v1/messages", json=body, headers=key).json()
            assert again["answer"] == f"Order A-100{n} is on its way."
    assert rows(home, "SELECT count(*) FROM runs") == [(6,)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0"), "without TLS"),  # noqa: S104 (refused)
        (("--tls-cert", "no.pem"), "go together"),
        (("--tls-cert", "no.pem", "--tls-key", "no.key"), "no.pem"),
    ],
)
def test_what_it_refuses(shop: "Shop", options: tuple[str, ...], said: str) -> None:
    """Before it listens, with a sentence that says what is missing."""
    done = shop.invoke("serve", *options)
    assert done.code in (1, 2)
    assert said in done.err
