"""The broker's address: which broker it names, and what it does not tell."""

import sys

import pytest

from pointsman.errors import Misconfigured, MissingExtra
from pointsman.views.bridge.address import broker_at, installed, parsed
from tests.views.bridge.site import SUBJECTS


@pytest.mark.parametrize(
    ("url", "kind", "shown"),
    [
        ("nats://127.0.0.1:4222", "nats", "nats://127.0.0.1:4222"),
        ("tls://me:secret@nats.example", "nats", "tls://nats.example"),
        ("amqp://me:secret@rabbit:5672/shop", "rabbitmq", "amqp://rabbit:5672/shop"),
        ("amqps://me:secret@rabbit/?cafile=ca.pem", "rabbitmq", "amqps://rabbit/"),
        ("kafka://k1,k2:9093", "kafka", "kafka://k1:9092,k2:9093"),
    ],
)
def test_the_scheme_names_the_broker(url: str, kind: str, shown: str) -> None:
    """What is shown of it holds no password."""
    address = parsed(url)
    assert (address.kind, address.shown) == (kind, shown)
    made = broker_at(address, "shop", SUBJECTS)
    assert type(made).__module__.rpartition(".")[2] == {"rabbitmq": "rabbit"}.get(kind, kind)


@pytest.mark.parametrize(
    "url",
    [
        "redis://me:secret@host",
        "127.0.0.1:4222",
        "nats://",
        "",
        "kafka://a:b",
        "kafka://u:secret@k",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    """The message says which there are, and does not repeat a password."""
    with pytest.raises(Misconfigured) as caught:
        parsed(url)
    said = f"{caught.value} {caught.value.hint}"
    assert "kafka://" in said
    assert "secret" not in said


@pytest.mark.parametrize("kind", ["nats", "rabbitmq", "kafka"])
def test_missing_packages_are_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that installs them."""
    part = {"rabbitmq": "rabbit"}.get(kind, kind)
    monkeypatch.setitem(sys.modules, f"faststream.{part}", None)
    with pytest.raises(MissingExtra, match=kind) as caught:
        installed(kind)  # pyright: ignore[reportArgumentType] (one of them)
    assert caught.value.hint == 'pip install "pointsman[bridge]"'
