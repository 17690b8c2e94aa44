"""Kafka, through FastStream."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false, reportUnknownVariableType=false

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from pointsman.nodes.cloudevent import CONTENT_TYPE
from pointsman.views.bridge.broker import (
    FIRST_PAUSE,
    REASON,
    SEND_SECONDS,
    Subjects,
    Take,
    connected,
    durable_name,
    leave,
    log,
    settled,
)

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
    from faststream.kafka import KafkaBroker, KafkaMessage
    from faststream.message import StreamMessage

    Record = ConsumerRecord[bytes, bytes]

UNTRIED = (
    "Kafka: tried with mock brokers only, never with a Kafka of Apache's."
    " Try it with your own before you rely on it."
)
PARTITIONS, REPLICAS = 6, 3
"""Of a topic that the bridge makes itself; of fewer servers there are fewer replicas."""
MOST_BYTES = 16 * 1024 * 1024
"""What the bridge sends at most; a topic's own limit holds, too."""


class Kafka:
    """Servers of Kafka. The bridges of one team are one group. Partitions are taken at the same
    time; each in order, one event after the other, and committed up to the last settled one."""

    def __init__(self, servers: tuple[str, ...], team: str, subjects: Subjects) -> None:
        self._servers, self._subjects = servers, subjects
        self._group = durable_name(team)
        self._in: KafkaBroker | None = None
        self._out: KafkaBroker | None = None
        self._sending: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._connecting = asyncio.Lock()

    async def start(self, take: Take, *, at_once: int) -> None:
        """As the protocol says."""
        await connected(lambda: self._start(take, at_once), self.stop, _lost())

    async def publish(self, subject: str, body: bytes, *, name: str, key: str = "") -> None:
        """As the protocol says. One that is still on its way from an earlier try is waited for,
        not sent twice."""
        await self._publish(subject, body, name=name, key=key.encode() or None)

    async def _publish(
        self, topic: str, body: bytes, *, name: str, key: bytes | None, why: str = ""
    ) -> None:
        sending = self._sending.get((topic, name))
        if sending is None:
            headers = {"content-type": CONTENT_TYPE} | ({REASON: why} if why else {})
            sending = asyncio.create_task(self._send(topic, body, key, headers))
            self._sending[topic, name] = sending
            sending.add_done_callback(lambda done: self._sent((topic, name), done))
        await asyncio.wait_for(asyncio.shield(sending), SEND_SECONDS)

    def _sent(self, name: tuple[str, str], done: "asyncio.Task[None]") -> None:
        self._sending.pop(name, None)
        if not done.cancelled():
            done.exception()  # nobody may be waiting for it any more

    async def _send(
        self, topic: str, body: bytes, key: bytes | None, headers: dict[str, str]
    ) -> None:
        from aiokafka.errors import KafkaError, MessageSizeTooLargeError

        out: KafkaBroker | None = None
        try:
            out = await self._sender()
            await out.publish(body, topic, key=key, headers=headers)
        except MessageSizeTooLargeError:
            raise
        except KafkaError as error:
            # Some of them end an idempotent producer for good: the next try has a new one.
            if out is not None and out is self._out:
                self._out = None
                await leave(out.stop)
            raise ConnectionError(f"{type(error).__name__}: {error}") from error

    async def _sender(self) -> "KafkaBroker":
        async with self._connecting:
            if self._out is None:
                out = self._made()
                await out.connect()
                self._out = out
            return self._out

    async def stop(self) -> None:
        """As the protocol says."""
        taking, self._in = self._in, None
        if taking is not None:
            await leave(taking.stop)
        for one in tuple(self._sending.values()):
            one.cancel()
        out, self._out = self._out, None
        if out is not None:
            await leave(out.stop)

    async def _start(self, take: Take, at_once: int) -> None:
        from faststream import AckPolicy
        from faststream.kafka import Topic

        await self._topics()
        broker = self._in = self._made()
        subscriber = broker.subscriber(
            Topic(self._subjects.requests, declare=False),
            group_id=self._group,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            batch=True,
            max_records=at_once,
            parser=_without_headers,
            decoder=_whole,
        )

        async def handle(message: "KafkaMessage") -> None:
            await self._handle(message, take)

        subscriber(handle)
        await broker.start()

    def _made(self) -> "KafkaBroker":
        from faststream.kafka import KafkaBroker

        return KafkaBroker(
            self._servers, acks="all", enable_idempotence=True,
            max_request_size=MOST_BYTES, graceful_timeout=15.0, logger=log,
            log_level=logging.DEBUG, apply_types=False,
        )  # fmt: skip

    async def _handle(self, message: "KafkaMessage", take: Take) -> None:
        """Settle what was fetched: at most `at_once` events."""
        from aiokafka import TopicPartition

        consumer = cast("AIOKafkaConsumer", message.consumer)
        fetched: dict[TopicPartition, list[Record]] = {}
        for record in cast("tuple[Record, ...]", message.raw_message):
            fetched.setdefault(TopicPartition(record.topic, record.partition), []).append(record)
        await asyncio.gather(
            *(self._in_order(consumer, place, fetched[place], take) for place in fetched)
        )

    async def _in_order(
        self, consumer: "AIOKafkaConsumer", place: "TopicPartition", records: "list[Record]",
        take: Take,
    ) -> None:  # fmt: skip
        """Commit what is settled. What is not is fetched again after a pause, with all that comes
        after it in its partition."""
        from aiokafka.errors import KafkaError

        for record in records:
            body = record.value or b""

            async def bury(why: str, record: "Record" = record, body: bytes = body) -> None:
                await self._bury(record, body, why)

            good = await settled(body, take, bury)
            if not good:
                await asyncio.sleep(FIRST_PAUSE * 2)
            try:
                if good:
                    await consumer.commit({place: record.offset + 1})
                else:
                    consumer.seek(place, record.offset)
            except KafkaError as error:
                # Either the partition is another's now, where this comes again; or the next
                # commit says this, too.
                log.debug("offset %d of %s is not noted: %s", record.offset, place, error)
            if not good:
                return

    async def _bury(self, record: "Record", body: bytes, why: str) -> None:
        from aiokafka.errors import MessageSizeTooLargeError

        name = f"{record.partition}-{record.offset}"
        try:
            await self._publish(self._subjects.dead, body, name=name, key=record.key, why=why)
        except MessageSizeTooLargeError as error:
            log.error("a refused event is kept as a letter only: %s", error)

    async def _topics(self) -> None:
        """Make the topics that nobody made. A user's own are left as they are."""
        from aiokafka.admin import AIOKafkaAdminClient, NewTopic

        admin = AIOKafkaAdminClient(bootstrap_servers=list(self._servers))
        try:
            await admin.start()
            there = set(await admin.list_topics())
            cluster = await admin.describe_cluster()
            copies = min(REPLICAS, max(len(cluster["brokers"]), 1))
            new = [
                NewTopic(name, PARTITIONS, copies)
                for name in self._subjects.all if name not in there
            ]  # fmt: skip
            if new:
                made = await admin.create_topics(new)
                _raise_refused(made.topic_errors)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType] (each version's class has it; the base does not say so)
        finally:
            await leave(admin.close)


def _raise_refused(answers: list[tuple[object, ...]]) -> None:
    """Raises the KafkaError of a topic that could not be made; that somebody else just made it is
    none."""
    from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code

    for topic, code, *_ in answers:
        assert isinstance(code, int)  # noqa: S101 (as the protocol says)
        error = for_code(code)
        if error not in (NoError, TopicAlreadyExistsError):
            raise error(f"topic {topic}")


async def _without_headers(
    records: "tuple[Record, ...]",
    parse: "Callable[[tuple[Record, ...]], Awaitable[StreamMessage[tuple[Record, ...]]]]",
) -> "StreamMessage[tuple[Record, ...]]":
    """The messages as FastStream reads them, headers left out: it drops all of them when a header
    of one is no UTF-8, and the next commit would go past them."""
    for one in records:
        one.headers = ()
    return await parse(records)


async def _whole(message: "KafkaMessage") -> "KafkaMessage":
    """The message as it came: what its bytes mean is looked at where it is taken in."""
    return message


def _lost() -> tuple[type[Exception], ...]:
    from aiokafka.errors import KafkaError

    return (OSError, TimeoutError, KafkaError)
