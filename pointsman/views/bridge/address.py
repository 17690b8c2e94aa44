"""Which broker an address names."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from pointsman.errors import Misconfigured, MissingExtra
from pointsman.views.bridge.broker import Broker, Subjects

Kind = Literal["nats", "rabbitmq", "kafka"]

KINDS: dict[str, Kind] = {
    "nats": "nats", "tls": "nats", "amqp": "rabbitmq", "amqps": "rabbitmq", "kafka": "kafka",
}  # fmt: skip
EXAMPLES = "nats://host:4222, amqp://user:password@host:5672/ or kafka://host:9092,host2:9092"
KAFKA_PORT = 9092


@dataclass(frozen=True)
class Address:
    """A broker's address, taken apart."""

    kind: Kind
    url: str
    """As it was given. It may hold a password."""
    servers: tuple[str, ...]
    """HOST:PORT of each server of Kafka; else none."""

    @property
    def shown(self) -> str:
        """The address without user, password and options."""
        if self.kind == "kafka":
            return f"kafka://{','.join(self.servers)}"
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def parsed(url: str) -> Address:
    """Raises Misconfigured for one that names none of the brokers; it is not repeated, since it
    may hold a password."""
    scheme, there, rest = url.partition("://")
    kind = KINDS.get(scheme.lower()) if there and rest else None
    if kind is None:
        raise Misconfigured(
            f"The broker's address begins with none of {', '.join(f'{one}://' for one in KINDS)}.",
            hint=f"Give one like {EXAMPLES}.",
        )
    return Address(kind, url, _kafka_servers(rest) if kind == "kafka" else ())


def _kafka_servers(rest: str) -> tuple[str, ...]:
    if "@" in rest:
        raise Misconfigured(
            "The bridge speaks with Kafka without user and password (no SASL, no TLS).",
            hint="Give kafka://host:9092 of a listener that asks for none.",
        )
    named = [one.strip() for one in rest.rstrip("/").split(",")]
    for one in named:
        host, _, port = one.rpartition(":") if ":" in one else (one, "", str(KAFKA_PORT))
        if not host or not port.isdecimal() or "/" in one:
            raise Misconfigured(
                f"The address of Kafka holds '{one}', which is no HOST:PORT.",
                hint="Give kafka://host:9092,host2:9092.",
            )
    return tuple(one if ":" in one else f"{one}:{KAFKA_PORT}" for one in named)


def broker_at(address: Address, team: str, subjects: Subjects) -> Broker:
    """The broker, not connected yet. Raises MissingExtra."""
    installed(address.kind)
    match address.kind:
        case "nats":
            from pointsman.views.bridge.nats import Nats

            return Nats(address.url, team, subjects)
        case "rabbitmq":
            from pointsman.views.bridge.rabbit import Rabbit

            return Rabbit(address.url, subjects)
        case "kafka":
            from pointsman.views.bridge.kafka import Kafka

            return Kafka(address.servers, team, subjects)


def installed(kind: Kind) -> None:
    """Raises MissingExtra where the packages that speak with this broker are not."""
    from importlib import import_module

    part = {"nats": "nats", "rabbitmq": "rabbit", "kafka": "kafka"}[kind]
    try:
        import_module(f"faststream.{part}")
    except ImportError as error:
        raise MissingExtra(
            f"The bridge needs packages for {kind} that are not installed.",
            hint='pip install "pointsman[bridge]"',
        ) from error
