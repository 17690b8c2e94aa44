"""The bridge's AsyncAPI document, for each broker."""

import json
from pathlib import Path

import pytest

from pointsman.nodes.digest import JsonObject
from pointsman.views.bridge.address import parsed
from pointsman.views.bridge.asyncapi import document
from tests.views.bridge.site import SUBJECTS, a_team


def made(home: Path, url: str) -> JsonObject:
    """The shop's."""
    return document(a_team(home).spec, SUBJECTS, "1.0", parsed(url) if url else None)


@pytest.mark.parametrize(
    ("url", "servers", "binding"),
    [
        ("", [("localhost:4222", "nats")], "nats"),
        ("tls://me:secret@nats.example:4443", [("nats.example:4443", "nats")], "nats"),
        ("amqp://me:secret@rabbit.example/shop", [("rabbit.example:5672", "amqp")], "amqp"),
        ("amqps://me:secret@rabbit.example", [("rabbit.example:5671", "amqps")], "amqp"),
        ("kafka://k1,k2:9093", [("k1:9092", "kafka"), ("k2:9093", "kafka")], "kafka"),
    ],
)
def test_it_names_the_server_and_its_bindings(
    tmp_path: Path, url: str, servers: list[tuple[str, str]], binding: str
) -> None:
    """The protocol of the address, without its password; every channel has that protocol's
    bindings."""
    found = made(tmp_path, url)
    assert "secret" not in json.dumps(found)
    named, channels = found["servers"], found["channels"]
    assert isinstance(named, dict)
    assert isinstance(channels, dict)
    assert [(one["host"], one["protocol"]) for one in named.values()] == servers
    assert list(channels) == ["dead", "events", "requests", "results"]
    for one in channels.values():
        assert isinstance(one, dict)
        assert isinstance(one["bindings"], dict)
        assert list(one["bindings"]) == [binding]


def test_messages_to_rabbitmq_are_persistent(tmp_path: Path) -> None:
    """As the bridge publishes them."""
    text = json.dumps(made(tmp_path, "amqp://rabbit.example"))
    assert text.count('"deliveryMode": 2') == 3
    assert '"deliveryMode": 1' not in text
