"""`pointsman console`: a real process, asked as a browser does."""

import contextlib
import json
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import cast

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.views.conftest import Shop


@contextlib.contextmanager
def running(
    shop: Shop, *args: str, **environ: str
) -> Iterator[tuple["subprocess.Popen[str]", dict[str, str]]]:
    """The console as a process, and what it printed with --json."""
    process = subprocess.Popen(
        shop.command("console", "--json", "--port", "0", "--as", "ana", *args),
        cwd=shop.folder, env={**shop.environ, **environ}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        yield process, cast("dict[str, str]", json.loads(line))
    finally:
        process.kill()
        process.communicate()


def sign_in(client: httpx.Client, said: dict[str, str]) -> httpx.Response:
    """As the page does with the token of its address."""
    origin = {"Origin": said["url"]}
    return client.post("/console/signin", json={"token": said["token"]}, headers=origin)


def test_from_start_to_end(shop: Shop) -> None:
    """The printed address signs in under the name that was given; a ticket is decided there;
    Ctrl-C ends it in order, also while a page listens."""
    shop.invoke("run", "refund A-1234", "--json")
    with running(shop) as (process, said), httpx.Client(base_url=said["url"], timeout=30) as client:
        assert said["open"] == f"{said['url']}/#token={said['token']}"
        session = sign_in(client, said).json()
        assert (session["name"], session["role"]) == ("ana", "admin")
        (card,) = client.get("/console/tickets").json()["cards"]
        ack = client.post(
            f"/console/tickets/{card['id']}/decide",
            json={"ticket": card["id"], "type": "approve", "digest": card["shows"]},
            headers={"Origin": said["url"], "X-CSRF-Token": session["csrf"]},
        )
        assert ack.json()["state"] == "done"
        bearer = {"Authorization": f"Bearer {said['token']}"}
        metrics = client.get("/metrics", headers=bearer)
        assert metrics.status_code == 200
        assert metrics.headers["content-type"].startswith("text/plain")
        with client.stream("GET", "/console/feed") as feed:
            lines = feed.iter_lines()
            while "event: overview" not in next(lines):
                pass
            process.send_signal(signal.SIGINT)
            assert any("stopping" in line for line in lines)
        assert process.wait(timeout=40) == 0
    assert shop.effects == ["A-1234 20"]


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file


def test_with_tls(shop: Shop, tmp_path: Path) -> None:
    """The session's cookie is for TLS only."""
    cert, key = _certificate(tmp_path)
    trust = ssl.create_default_context(cafile=str(cert))
    with running(shop, "--tls-cert", str(cert), "--tls-key", str(key)) as (process, said):
        assert said["url"].startswith("https://")
        with httpx.Client(base_url=said["url"], verify=trust, timeout=30) as client:
            found = sign_in(client, said)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=40) == 0
    assert found.status_code == 200
    assert "Secure" in found.headers["set-cookie"]
    assert "strict-transport-security" in found.headers


def test_tls_files_that_are_none(shop: Shop, tmp_path: Path) -> None:
    """Say so before anything listens."""
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    missing = shop.invoke("console", "--tls-cert", "x.pem", "--tls-key", "y.pem")
    broken = shop.invoke("console", "--port", "0", "--tls-cert", str(bad), "--tls-key", str(bad))
    half = shop.invoke("console", "--tls-cert", str(bad))
    assert (missing.code, broken.code, half.code) == (1, 1, 2)
    assert "x.pem" in missing.err
    assert "certificate cannot be used" in broken.err


def test_it_does_not_listen_beyond_this_machine_by_itself(shop: Shop) -> None:
    """Without TLS and a stored token it says what is missing."""
    done = shop.invoke("console", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 (refused)
    assert done.code == 1
    assert "TLS" in done.err
    assert "token" in done.err


def test_a_key_of_a_proxy_that_is_too_short(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is refused at the start."""
    monkeypatch.setenv("POINTSMAN_PROXY_KEY", "short")
    done = shop.invoke("console")
    assert done.code == 1
    assert "POINTSMAN_PROXY_KEY" in done.err


def test_an_issuer_signs_people_in(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server tells the page of it; a file that does not fit is refused at the start."""
    file = tmp_path / "oidc.toml"
    file.write_text('issuer = "https://login.example.org"\nclient_id = "x"\n')
    monkeypatch.setenv("POINTSMAN_OIDC", str(file))
    done = shop.invoke("console", "--port", "0")
    assert (done.code, "roles" in done.err) == (1, True)
    file.write_text(file.read_text() + '[roles]\nviewer = ["*"]\n')
    with running(shop, "--no-token", POINTSMAN_OIDC=str(file)) as (process, said):
        assert httpx.get(f"{said['url']}/console/signin").json() == {"issuer": "login.example.org"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=40) == 0


@pytest.mark.parametrize("package", ["itsdangerous", "jwt", "starlette", "uvicorn"])
def test_without_the_extra(shop: Shop, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """It names the line that installs it."""
    monkeypatch.setitem(sys.modules, package, None)
    done = shop.invoke("console")
    assert done.code == 1
    assert 'pip install "pointsman[console]"' in done.err
