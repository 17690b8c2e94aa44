"""RabbitMQ, through FastStream."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from pointsman.errors import Misconfigured
from pointsman.nodes.cloudevent import CONTENT_TYPE
from pointsman.views.bridge.broker import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    REASON,
    SEND_SECONDS,
    Subjects,
    Take,
    connected,
    leave,
    log,
    settled,
)

if TYPE_CHECKING:
    from aio_pika.abc import AbstractConnection
    from faststream.rabbit import RabbitBroker, RabbitMessage

CONNECT_SECONDS = 5.0
LOOK_SECONDS = 60.0
"""How often it looks whether its queues are there still."""
QUORUM_SINCE = (3, 8)
"""The first version of the server that has quorum queues."""


class Rabbit:
    """A RabbitMQ server. It knows no event again: readers compare its id, which is the message's
    `message_id`, too."""

    def __init__(self, url: str, subjects: Subjects) -> None:
        self._url, self._subjects = url, subjects
        self._broker: RabbitBroker | None = None
        self._ready = False
        self._leaving, self._cut = asyncio.Event(), asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    async def start(self, take: Take, *, at_once: int) -> None:
        """As the protocol says. Raises Misconfigured for a user that the server refuses and for an
        exchange or a queue that is there and is another one."""
        await connected(lambda: self._start(take, at_once), self.stop, _lost())

    async def publish(self, subject: str, body: bytes, *, name: str, key: str = "") -> None:
        """As the protocol says; a queue has one order, whatever the key."""
        await self._publish(body, name=name, queue=subject)

    async def _publish(
        self, body: bytes, *, name: str, queue: str = "", exchange: str = "", why: str = ""
    ) -> None:
        broker = self._broker
        if broker is None or not self._ready:
            raise ConnectionError("not connected")
        from aio_pika.exceptions import DeliveryError
        from faststream.rabbit import RabbitExchange

        try:
            async with asyncio.timeout(SEND_SECONDS):
                await broker.publish(
                    body, routing_key=queue,
                    exchange=RabbitExchange(exchange, declare=False) if exchange else None,
                    persist=True, mandatory=True, message_id=name, content_type=CONTENT_TYPE,
                    headers={REASON: why} if why else None,
                )  # fmt: skip
        except DeliveryError as error:
            # Somebody has deleted the queue: made anew, the next try finds it.
            await self._declare()
            raise ConnectionError("no queue took it") from error
        except _lost() as error:
            raise ConnectionError(f"{type(error).__name__}: {error}") from error

    async def stop(self) -> None:
        """As the protocol says."""
        self._leaving.set()
        self._ready = False
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None
        broker, self._broker = self._broker, None
        if broker is not None:
            await leave(broker.stop)

    async def _start(self, take: Take, at_once: int) -> None:
        from faststream import AckPolicy
        from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

        self._leaving.clear()
        await self._declare()
        broker = self._broker = RabbitBroker(
            self._url, timeout=CONNECT_SECONDS, reconnect_interval=1.0, graceful_timeout=15.0,
            default_channel=Channel(on_return_raises=True), logger=log, log_level=logging.DEBUG,
            apply_types=False, on_close=[self._closed],
        )  # fmt: skip
        await broker.connect()
        subscriber = broker.subscriber(
            RabbitQueue(self._subjects.requests, declare=False),
            channel=Channel(prefetch_count=at_once),
            ack_policy=AckPolicy.MANUAL,
            decoder=_whole,
        )

        async def handle(message: "RabbitMessage") -> None:
            await self._handle(message, take)

        subscriber(handle)
        self._ready = True
        await broker.start()
        self._keeping = asyncio.create_task(self._keep())

    def _closed(self, connection: "AbstractConnection | None", why: object) -> None:
        self._cut.set()

    async def _keep(self) -> None:
        """Make queues anew that somebody has deleted, or that a server came back without: nothing
        is taken from a queue until it is there."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._cut.wait(), LOOK_SECONDS)
            self._cut.clear()
            try:
                await connected(self._declare, _nothing, _lost())
            except Misconfigured as error:
                log.error("the queues cannot be looked at: %s", error)

    async def _handle(self, message: "RabbitMessage", take: Take) -> None:
        """Acknowledge what is stored, here or as a dead letter. The rest is held back and tried
        again: given back to the queue it would come at once, and a quorum queue counts that."""
        body, raw = message.raw_message.body, message.raw_message

        async def bury(why: str) -> None:
            name = message.message_id
            await self._publish(body, name=name, exchange=self._subjects.dead, why=why)

        pause = FIRST_PAUSE
        while not await settled(body, take, bury):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), pause)
            if self._leaving.is_set() or raw.channel.is_closed:
                return  # the server has it still, and gives it to the next one
            pause = min(pause * 2, LONGEST_PAUSE)
        try:
            await message.ack()
        except _lost() as error:
            log.debug("not acknowledged, so it comes again: %s", error)

    async def _declare(self) -> None:
        """Make the queues that nobody made, and the exchange of dead letters. A user's own queues
        are left as they are."""
        import aio_pika
        from aio_pika.exceptions import (
            AuthenticationError,
            ChannelPreconditionFailed,
            ProbableAuthenticationError,
        )
        from aiormq.exceptions import ChannelAccessRefused

        try:
            async with await aio_pika.connect(self._url, timeout=CONNECT_SECONDS) as connection:
                for name in self._subjects.all:
                    await self._queue(connection, name)
                await self._dead_letters(connection)
        except (AuthenticationError, ProbableAuthenticationError, ChannelAccessRefused) as error:
            raise Misconfigured(
                f"RabbitMQ refuses the bridge: {error}",
                hint="Check user, password and virtual host of the address, and that the user may"
                " configure, write and read.",
            ) from error
        except ChannelPreconditionFailed as error:
            raise Misconfigured(
                f"RabbitMQ has something else of that name: {error}",
                hint=f"Delete it, or give other names than {', '.join(self._subjects.all)}.",
            ) from error

    async def _queue(self, connection: "AbstractConnection", name: str) -> None:
        from aio_pika.exceptions import ChannelNotFoundEntity

        with suppress(ChannelNotFoundEntity):  # which ends the channel, too
            async with connection.channel() as channel:
                await channel.declare_queue(name, passive=True)
                return
        arguments = {
            "x-queue-type": "quorum" if _version(connection) >= QUORUM_SINCE else "classic"
        }
        if name == self._subjects.requests:
            # What a server gives up itself, by its limit of deliveries.
            arguments["x-dead-letter-exchange"] = self._subjects.dead
        async with connection.channel() as channel:
            await channel.declare_queue(name, durable=True, arguments=dict(arguments))

    async def _dead_letters(self, connection: "AbstractConnection") -> None:
        dead = self._subjects.dead
        async with connection.channel() as channel:
            exchange = await channel.declare_exchange(dead, "fanout", durable=True)
            queue = await channel.get_queue(dead, ensure=False)
            await queue.bind(exchange)


def _version(connection: "AbstractConnection") -> tuple[int, ...]:
    """The server's version, as it says itself; (0,) where it says none."""
    transport = connection.transport
    said = transport.connection.server_properties.get("version") if transport else None
    parts = str(said or "0").split("-")[0].split(".")
    return tuple(int(part) for part in parts if part.isdecimal())


async def _nothing() -> None:
    """There is nothing to end."""


async def _whole(message: "RabbitMessage") -> "RabbitMessage":
    """The message as it came: what its bytes mean is looked at where it is taken in."""
    return message


def _lost() -> tuple[type[Exception], ...]:
    from aio_pika.exceptions import CONNECTION_EXCEPTIONS

    return (*CONNECTION_EXCEPTIONS, TimeoutError)
