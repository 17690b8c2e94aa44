"""NATS with JetStream, through FastStream."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

import asyncio
import logging
from typing import TYPE_CHECKING

from pointsman.nodes.cloudevent import CONTENT_TYPE
from pointsman.views.bridge.broker import (
    FIRST_PAUSE,
    REASON,
    Subjects,
    Take,
    connected,
    durable_name,
    leave,
    log,
    settled,
)

if TYPE_CHECKING:
    from faststream.nats import NatsBroker, NatsMessage
    from nats.aio.client import Client

CONNECT_SECONDS = 5.0
ACK_SECONDS = 30.0
"""An event that was not acknowledged for this long is delivered again."""
KEPT_SECONDS = 7 * 24 * 3600.0
"""How long results stay in a stream that the bridge made itself."""


class Nats:
    """A NATS server with JetStream. What comes twice within a stream's duplicate window it drops
    itself, by `name`."""

    def __init__(self, url: str, team: str, subjects: Subjects) -> None:
        self._url, self._subjects = url, subjects
        self._broker: NatsBroker | None = None
        self._found: dict[str, str] = {}
        self._name = durable_name(team)

    async def start(self, take: Take, *, at_once: int) -> None:
        """As the protocol says."""
        away = (OSError, TimeoutError, *_lost())
        await connected(lambda: self._start(take, at_once), self.stop, away)

    async def publish(self, subject: str, body: bytes, *, name: str, key: str = "") -> None:
        """As the protocol says; a stream has one order, whatever the key."""
        await self._publish(subject, body, {"Nats-Msg-Id": name})

    async def _publish(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        if self._broker is None:
            raise ConnectionError("not connected")
        try:
            await self._broker.publish(
                body, subject, stream=await self._stream_of(subject), timeout=5.0,
                headers={**headers, "content-type": CONTENT_TYPE},
            )  # fmt: skip
        except (*_lost(),) as error:
            self._found.clear()
            raise ConnectionError(f"{type(error).__name__}: {error}") from error

    async def stop(self) -> None:
        """As the protocol says."""
        broker, self._broker = self._broker, None
        if broker is not None:
            await leave(broker.stop)

    async def _start(self, take: Take, at_once: int) -> None:
        from faststream import AckPolicy
        from faststream.nats import JStream, NatsBroker, PullSub
        from nats.js.api import ConsumerConfig

        broker = self._broker = NatsBroker(
            self._url, max_reconnect_attempts=-1, reconnect_time_wait=1, connect_timeout=5,
            graceful_timeout=15.0, logger=log, log_level=logging.DEBUG,
            apply_types=False, ping_interval=10,
        )  # fmt: skip
        # Its first try would go on for ever, and say nothing.
        await asyncio.wait_for(broker.connect(), CONNECT_SECONDS)
        await self._streams()
        subscriber = broker.subscriber(
            self._subjects.requests,
            stream=JStream(await self._stream_of(self._subjects.requests), declare=False),
            durable=self._name,
            pull_sub=PullSub(batch_size=1, timeout=1.0),
            config=ConsumerConfig(ack_wait=ACK_SECONDS, max_ack_pending=max(at_once, 1)),
            ack_policy=AckPolicy.MANUAL,
            max_workers=at_once,
            decoder=_whole,
        )

        async def handle(message: "NatsMessage") -> None:
            await self._handle(message, take)

        subscriber(handle)
        await broker.start()

    async def _handle(self, message: "NatsMessage", take: Take) -> None:
        """Acknowledge what is stored, here or as a dead letter; the rest comes again."""
        body = bytes(message.body)

        async def bury(why: str) -> None:
            name = f"dead-{message.message_id}"
            await self._publish(self._subjects.dead, body, {"Nats-Msg-Id": name, REASON: why})

        if await settled(body, take, bury):
            await message.ack()
        else:
            await message.nack(delay=FIRST_PAUSE * 2)

    async def _streams(self) -> None:
        """Make the streams that nobody made. A user's own are left as they are."""
        from nats.js.api import RetentionPolicy, StreamConfig

        subjects = self._subjects
        js = self._client().jetstream()
        inward = await self._free(subjects.requests)
        outward = await self._free(subjects.results, subjects.events, subjects.dead)
        if inward:
            await js.add_stream(
                StreamConfig(
                    name=f"{self._name}-in", subjects=inward,
                    retention=RetentionPolicy.WORK_QUEUE,
                )
            )  # fmt: skip
        if outward:
            await js.add_stream(
                StreamConfig(name=f"{self._name}-out", subjects=outward, max_age=KEPT_SECONDS)
            )

    async def _free(self, *subjects: str) -> list[str]:
        found: list[str] = []
        for one in filter(None, subjects):
            try:
                await self._stream_of(one)
            except _missing():
                found.append(one)
        return found

    async def _stream_of(self, subject: str) -> str:
        if subject not in self._found:
            found = await self._client().jetstream().find_stream_name_by_subject(subject)
            self._found[subject] = found
        return self._found[subject]

    def _client(self) -> "Client":
        assert self._broker is not None  # noqa: S101 (connected)
        client = self._broker._connection  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (FastStream gives it nowhere else)
        if client is None:
            raise ConnectionError("not connected")
        return client


async def _whole(message: "NatsMessage") -> "NatsMessage":
    """The message as it came: what its bytes mean is looked at where it is taken in."""
    return message


def _lost() -> tuple[type[Exception], ...]:
    from nats.errors import Error

    return (Error,)


def _missing() -> type[Exception]:
    from nats.js.errors import NotFoundError

    return NotFoundError
