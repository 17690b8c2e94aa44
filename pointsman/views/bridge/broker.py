"""A broker as the bridge uses it: NATS with JetStream, through FastStream."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pointsman.errors import Misconfigured, MissingExtra, is_control_flow
from pointsman.nodes.cloudevent import CONTENT_TYPE

if TYPE_CHECKING:
    from faststream.nats import NatsBroker, NatsMessage
    from nats.aio.client import Client

log = logging.getLogger("pointsman.bridge")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries of a broker that is away."""
ACK_SECONDS = 30.0
"""An event that was not acknowledged for this long is delivered again."""
KEPT_SECONDS = 7 * 24 * 3600.0
"""How long results stay in a stream that the bridge made itself."""

Take = Callable[[bytes], Awaitable[str]]
"""Takes an event in. Gives why it was refused, or an empty text once it is stored."""


@dataclass(frozen=True)
class Subjects:
    """Where requests come from, and where everything else goes."""

    requests: str
    results: str
    events: str = ""
    """Empty: a run's events are not published."""

    @property
    def dead(self) -> str:
        """Where requests go that were refused."""
        return f"{self.requests}.dead"


class Nats:
    """A NATS server with JetStream. Raises MissingExtra, and Misconfigured for another scheme."""

    def __init__(self, url: str, team: str, subjects: Subjects) -> None:
        if not url.startswith(("nats://", "tls://")):
            raise Misconfigured(
                "The bridge speaks with NATS only, and the broker's address is none of one.",
                hint="Give nats://host:4222. RabbitMQ and Kafka are not supported yet.",
            )
        self._url, self._team, self._subjects = url, team, subjects
        self._broker: NatsBroker | None = None
        self._found: dict[str, str] = {}
        self._name = re.sub(r"[^A-Za-z0-9_-]", "_", team)

    async def start(self, take: Take, *, at_once: int) -> None:
        """Connect, for as long as it takes, and begin to take events in."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._start(take, at_once)
            except (OSError, TimeoutError, *_lost()) as error:
                log.warning("the broker is away, trying again in %.1f s: %s", pause, error)
                await self.stop()
            else:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def publish(self, subject: str, body: bytes, *, name: str) -> None:
        """Returns when the broker has stored it. `name` is the same for the same event: the broker
        knows it again for a while. Raises OSError or TimeoutError when it is away."""
        if self._broker is None:
            raise ConnectionError("not connected")
        try:
            await self._broker.publish(
                body, subject, stream=await self._stream_of(subject), timeout=5.0,
                headers={"Nats-Msg-Id": name, "content-type": CONTENT_TYPE},
            )  # fmt: skip
        except (*_lost(),) as error:
            self._found.clear()
            raise ConnectionError(f"{type(error).__name__}: {error}") from error

    async def stop(self) -> None:
        """Take nothing more, and leave. Safe to call twice."""
        broker, self._broker = self._broker, None
        if broker is not None:
            try:
                await asyncio.wait_for(broker.stop(), 20.0)
            except Exception as error:
                if is_control_flow(error):
                    raise
                # FastStream collects what each part says of a broker that is gone.
                log.debug("leaving the broker: %s", error)

    async def _start(self, take: Take, at_once: int) -> None:
        from faststream import AckPolicy
        from faststream.nats import JStream, NatsBroker, PullSub
        from nats.js.api import ConsumerConfig

        broker = self._broker = NatsBroker(
            self._url, max_reconnect_attempts=-1, reconnect_time_wait=1, connect_timeout=5,
            graceful_timeout=15.0, logger=log, log_level=logging.DEBUG,
            apply_types=False, ping_interval=10,
        )  # fmt: skip
        await broker.connect()
        await self._streams()
        subscriber = broker.subscriber(
            self._subjects.requests,
            stream=JStream(await self._stream_of(self._subjects.requests), declare=False),
            durable=f"pointsman-{self._name}",
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
        try:
            refused = await take(body)
            if refused:
                await self.publish(self._subjects.dead, body, name=f"dead-{message.message_id}")
        except (OSError, TimeoutError) as error:
            log.warning("an event is left to be delivered again: %s", error)
            await message.nack(delay=FIRST_PAUSE * 2)
            return
        await message.ack()

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
                    name=f"pointsman-{self._name}-in", subjects=inward,
                    retention=RetentionPolicy.WORK_QUEUE,
                )
            )  # fmt: skip
        if outward:
            await js.add_stream(
                StreamConfig(
                    name=f"pointsman-{self._name}-out", subjects=outward, max_age=KEPT_SECONDS
                )
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


def installed() -> None:
    """Raises MissingExtra where the packages of the bridge are not."""
    try:
        import faststream.nats  # noqa: F401  # pyright: ignore[reportUnusedImport] (asks for it)
    except ImportError as error:
        raise MissingExtra(
            "The bridge needs packages that are not installed.",
            hint='pip install "pointsman[bridge]"',
        ) from error


def _lost() -> tuple[type[Exception], ...]:
    from nats.errors import Error

    return (Error,)


def _missing() -> type[Exception]:
    from nats.js.errors import NotFoundError

    return NotFoundError
