"""What is RabbitMQ's own: how its queues are made, and what is not made anew."""

import asyncio

import aio_pika
import pytest

from pointsman.errors import Misconfigured
from pointsman.views.bridge.rabbit import Rabbit
from tests.views.bridge.rabbitd import RabbitServer
from tests.views.bridge.site import SUBJECTS
from tests.views.bridge.test_brokers import taking, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("server", ["rabbitmq"], indirect=True),
]


async def taken(body: bytes) -> str:
    """Takes everything."""
    return ""


async def test_queues_are_durable_and_replicated(server: RabbitServer) -> None:
    """Quorum queues; what the server itself gives up goes to the dead letters."""
    async with taking(server, taken):
        requests = await server.arguments("shop.in")
        results = await server.arguments("shop.out")
    assert requests == {"x-queue-type": "quorum", "x-dead-letter-exchange": "shop.in.dead"}
    assert results == {"x-queue-type": "quorum"}


async def test_a_users_own_queue_is_left_as_it_is(server: RabbitServer) -> None:
    """One of another type, with other arguments."""
    async with await server.connect() as connection, connection.channel() as channel:
        await channel.declare_queue("shop.in", durable=True, arguments={"x-max-length": 7})
    got: list[bytes] = []

    async def take(body: bytes) -> str:
        got.append(body)
        return ""

    async with taking(server, take):
        await server.send(b"one")
        await until(lambda: got == [b"one"])
        assert await server.arguments("shop.in") == {"x-max-length": 7}


async def test_what_is_published_is_persistent_and_named(server: RabbitServer) -> None:
    """With the event's id as message id, and a content type."""
    async with taking(server, taken) as broker:
        await broker.publish("shop.out", b"{}", name="r1")
    async with await server.connect() as connection, connection.channel() as channel:
        found = await (await channel.get_queue("shop.out")).get()
        await found.nack()
    assert (found.message_id, found.content_type) == ("r1", "application/cloudevents+json")
    assert found.delivery_mode == aio_pika.DeliveryMode.PERSISTENT


async def test_a_server_that_comes_back_empty_gets_its_queues_again(server: RabbitServer) -> None:
    """The bridge does not wait for ever for a queue that nobody makes."""
    got: list[bytes] = []

    async def take(body: bytes) -> str:
        got.append(body)
        return ""

    async with taking(server, take) as broker:
        await server.lose()
        await server.send(b"one")
        await until(lambda: got == [b"one"])

        async def published() -> bool:
            try:
                await broker.publish("shop.out", b"{}", name="r1")
            except (OSError, TimeoutError):
                return False
            return True

        await until(published)
        assert await server.gets("shop.out", 1) == [b"{}"]


async def test_a_queue_that_was_deleted_is_made_again(server: RabbitServer) -> None:
    """When a result finds none."""
    async with taking(server, taken) as broker:
        async with await server.connect() as connection, connection.channel() as channel:
            await channel.queue_delete("shop.out")
        with pytest.raises(ConnectionError):
            await broker.publish("shop.out", b"{}", name="r1")
        await broker.publish("shop.out", b"{}", name="r1")
        assert await server.gets("shop.out", 1) == [b"{}"]


async def test_what_waiting_does_not_mend_is_said(server: RabbitServer) -> None:
    """A wrong password, and an exchange of that name of another kind."""
    await (await server.connect()).close()
    wrong = Rabbit(server.url.replace("guest:guest", "guest:wrong"), SUBJECTS)
    async with asyncio.timeout(30):
        with pytest.raises(Misconfigured, match="refuses the bridge") as caught:
            await wrong.start(taken, at_once=1)
        assert "wrong" not in f"{caught.value} {caught.value.hint}"
        async with await server.connect() as connection, connection.channel() as channel:
            await channel.declare_exchange("shop.in.dead", "direct")
        with pytest.raises(Misconfigured, match="something else of that name"):
            await Rabbit(server.url, SUBJECTS).start(taken, at_once=1)
