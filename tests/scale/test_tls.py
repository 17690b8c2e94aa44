"""The way to a Temporal server that is not open to everybody: TLS, certificates, keys."""

import datetime
import ipaddress
import ssl
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from temporalio.client import Client

from pointsman.errors import Misconfigured, StoreUnreachable
from pointsman.teams.settings import Settings
from pointsman.teams.team import Team
from pointsman.teams.temporal.duty import Duty, on_duty
from pointsman.teams.temporal.server import connect
from tests.contracts.engine import FREE
from tests.flow.shop import shop_team
from tests.scale.proxy import Proxy, proxied
from tests.scale.server import Server
from tests.scale.worker import LIMITS

NAME = "temporal.test"
"""The name in the server's certificate."""


@dataclass(frozen=True)
class Issuer:
    """A certificate authority of its own."""

    folder: Path
    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def made(cls, folder: Path) -> "Issuer":
        """A new one; its certificate is `ca.pem`."""
        folder.mkdir()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA of {folder.name}")])
        issuer = cls(folder, name, ec.generate_private_key(ec.SECP256R1()))
        issuer._write("ca", name, issuer.key, x509.BasicConstraints(ca=True, path_length=0))
        return issuer

    def issue(self, name: str, *others: x509.GeneralName) -> tuple[Path, Path]:
        """A certificate for a name, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.DNSName(name), *others])
        return self._write(name, subject, key, names)

    def _write(
        self, file: str, subject: x509.Name, key: ec.EllipticCurvePrivateKey,
        more: x509.ExtensionType,
    ) -> tuple[Path, Path]:  # fmt: skip
        now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
        made = x509.CertificateBuilder(
            self.name, subject, key.public_key(), x509.random_serial_number(), now - day, now + day,
            [x509.Extension(more.oid, True, more)],
        ).sign(self.key, hashes.SHA256())  # fmt: skip
        certificate, secret = self.folder / f"{file}.pem", self.folder / f"{file}.key"
        certificate.write_bytes(made.public_bytes(Encoding.PEM))
        secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, secret

    @property
    def certificate(self) -> str:
        """The file that others trust."""
        return str(self.folder / "ca.pem")


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """The authority of this test."""
    return Issuer.made(tmp_path / "ca")


@pytest.fixture
async def closed(issuer: Issuer, server: Server) -> AsyncGenerator[Proxy]:
    """The server behind TLS, for those with a certificate of the issuer."""
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=issuer.certificate)
    context.load_cert_chain(*issuer.issue(NAME, loopback))
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    async with proxied(server.port, context) as proxy:
        yield proxy


def trusting(issuer: Issuer) -> dict[str, str]:
    """The environment of one that the server lets in."""
    certificate, key = issuer.issue("client.test")
    return {
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": issuer.certificate,
        "TEMPORAL_TLS_CLIENT_CERT_PATH": str(certificate),
        "TEMPORAL_TLS_CLIENT_KEY_PATH": str(key),
    }


def text_of(file: str) -> str:
    """What is in a file."""
    return Path(file).read_text()


def told(team: Team, environ: dict[str, str]) -> Team:
    """The team with the settings of an environment."""
    settings = Settings.read(environ)
    team.sessions.settings = lambda: settings
    team.sessions.limits = LIMITS
    return team


@pytest.mark.slow
async def test_a_message_is_answered_over_tls(
    tmp_path: Path, address: str, issuer: Issuer, closed: Proxy
) -> None:
    """Client and workers know the server by its certificate and are known by theirs."""
    where = f"127.0.0.1:{closed.port}/{address.partition('/')[2]}"
    environ = {"POINTSMAN_TEMPORAL": where, **trusting(issuer)}
    async with AsyncExitStack() as stack:
        workers = told(shop_team(tmp_path, policy=FREE), environ)
        await stack.enter_async_context(on_duty(workers.sessions, Duty(drain=5.0)))
        done = await told(shop_team(tmp_path, policy=FREE), environ).run("note a", thread="t")
        assert closed.used
    assert (done.status, done.answer) == ("done", "done: noted a")


async def test_texts_of_certificates_do_as_well(issuer: Issuer, closed: Proxy) -> None:
    """`_DATA` instead of `_PATH`, and a server that is called by another name than its own."""
    files = trusting(issuer)
    given = {name.replace("_PATH", "_DATA"): text_of(file) for name, file in files.items()}
    given["TEMPORAL_TLS_SERVER_NAME"] = NAME
    client = await connect(f"127.0.0.1:{closed.port}", given.get)
    assert (await client.count_workflows()).count == 0


async def test_who_is_not_trusted_does_not_get_in(
    tmp_path: Path, issuer: Issuer, closed: Proxy
) -> None:
    """Without TLS, without a certificate, and with one of somebody else; nor is a server believed
    that somebody else vouches for. Each is told that nobody answers, and how it asked."""
    stranger = Issuer.made(tmp_path / "stranger")
    ours, theirs = trusting(issuer), trusting(stranger)
    ca = "TEMPORAL_TLS_SERVER_CA_CERT_PATH"
    for given, said in (
        ({}, "asked without TLS"),
        ({ca: ours[ca]}, "asked with TLS"),
        ({**theirs, ca: ours[ca]}, "asked with TLS"),
        ({**ours, ca: theirs[ca]}, "not believed, UnknownIssuer"),
        ({**ours, "TEMPORAL_TLS_SERVER_NAME": "other.test"}, "not believed, NotValidForName"),
    ):
        with pytest.raises(StoreUnreachable, match=said):
            await connect(f"127.0.0.1:{closed.port}", given.get)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"TEMPORAL_TLS": "maybe"}, "neither yes nor no"),
        ({"TEMPORAL_TLS_SERVER_CA_CERT_PATH": "missing.pem"}, "missing.pem"),
        ({"TEMPORAL_TLS_CLIENT_CERT_DATA": "x"}, "both client cert and private key"),
        (
            {"TEMPORAL_TLS_SERVER_CA_CERT_DATA": "x", "TEMPORAL_TLS_SERVER_CA_CERT_PATH": "y"},
            "Cannot specify both",
        ),
    ],
)
async def test_a_mistake_in_the_settings_is_named(given: dict[str, str], says: str) -> None:
    """Before anybody is asked, and never passed over: what was to be secret would go out open."""
    with pytest.raises(Misconfigured, match=says):
        await connect("127.0.0.1:1", given.get)


async def test_an_address_that_is_none_is_named() -> None:
    """As a mistake, not as a server that is down."""
    with pytest.raises(Misconfigured, match="host:port/namespace"):
        await connect("not an address")


@pytest.mark.parametrize(
    ("switch", "tls"),
    [({}, True), ({"TEMPORAL_TLS": "true"}, True), ({"TEMPORAL_TLS": "0"}, False)],
)
async def test_a_key_goes_over_tls(
    monkeypatch: pytest.MonkeyPatch, switch: dict[str, str], tls: bool
) -> None:
    """TEMPORAL_API_KEY alone turns TLS on; only who says so sends it in the open."""
    asked: list[tuple[str, object, bool]] = []

    async def connected(
        host: str, *, namespace: str, api_key: str | None, tls: object, runtime: object
    ) -> None:
        asked.append((namespace, api_key, bool(tls)))

    monkeypatch.setattr(Client, "connect", connected)
    environ = {"TEMPORAL_API_KEY": "k", **switch}
    await connect("cloud.test:7233/shop", environ.get)
    assert asked == [("shop", "k", tls)]
