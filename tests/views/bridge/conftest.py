"""The brokers that the bridge is tested with: each is a process of its own on loopback."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from tests.views.bridge.harness import Server, Site
from tests.views.bridge.kafkad import KafkaServer
from tests.views.bridge.natsd import NatsServer
from tests.views.bridge.rabbitd import RabbitServer

BROKERS = (
    "nats",
    pytest.param("rabbitmq", marks=pytest.mark.slow),
    pytest.param("kafka", marks=pytest.mark.slow),
)


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    """One RabbitMQ for all tests: it takes eight seconds to start."""
    made = RabbitServer(tmp_path_factory.mktemp("rabbit"))
    made.start()
    yield made
    made.close()


@pytest.fixture(params=BROKERS)
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Server]:
    """A broker with nothing in it."""
    if request.param == "rabbitmq":
        rabbit: RabbitServer = request.getfixturevalue("rabbit")
        await rabbit.empty()
        yield rabbit
        return
    made = NatsServer(tmp_path) if request.param == "nats" else KafkaServer(tmp_path)
    made.start()
    yield made
    made.close()


@pytest.fixture
async def site(tmp_path: Path, server: Server) -> AsyncGenerator[Site]:
    """A broker without a bridge yet."""
    made = Site(tmp_path, server)
    yield made
    await made.close()
