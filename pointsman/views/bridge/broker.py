"""What the bridge needs of a broker, and what all brokers do alike."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from pointsman.errors import is_control_flow

log = logging.getLogger("pointsman.bridge")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries of a broker that is away."""
SEND_SECONDS = 10.0
"""How long a broker has to store what is published."""
REASON = "pointsman-reason"
"""The header of a dead letter that says why it was refused."""
REASON_LENGTH = 500

Take = Callable[[bytes], Awaitable[str]]
"""Takes an event in. Gives why it was refused, or an empty text once it is stored. Whatever it
raises says that neither is so: the event has to come again."""


@dataclass(frozen=True)
class Subjects:
    """Where requests come from, and where everything else goes: subjects of NATS, queues of
    RabbitMQ, topics of Kafka."""

    requests: str
    results: str
    events: str = ""
    """Empty: a run's events are not published."""

    @property
    def dead(self) -> str:
        """Where requests go that were refused."""
        return f"{self.requests}.dead"

    @property
    def all(self) -> tuple[str, ...]:
        """Each of them once."""
        return tuple(
            dict.fromkeys(filter(None, (self.requests, self.results, self.events, self.dead)))
        )


class Broker(Protocol):
    """A broker, as the bridge uses it. Start it once; one that is away is waited for."""

    async def start(self, take: Take, *, at_once: int) -> None:
        """Connect, for as long as it takes, and begin to take events in, `at_once` of them at a
        time. One is acknowledged once `take` has answered, and a refused one once it is a dead
        letter. Raises Misconfigured for what waiting does not mend."""
        ...

    async def publish(self, subject: str, body: bytes, *, name: str, key: str = "") -> None:
        """Returns when the broker has stored it. `name` is the same for the same event; events of
        one `key` keep their order where the broker has partitions. Raises OSError or TimeoutError
        when it is away: then it may be stored or not."""
        ...

    async def stop(self) -> None:
        """Take nothing more, and leave. Safe to call twice."""
        ...


async def connected(
    start: Callable[[], Awaitable[None]],
    stop: Callable[[], Awaitable[None]],
    away: tuple[type[Exception], ...],
) -> None:
    """Try `start` until it raises none of `away`, with pauses that grow."""
    pause = FIRST_PAUSE
    while True:
        try:
            await start()
        except away as error:
            said = str(error) or type(error).__name__
            log.warning("the broker is away, trying again in %.1f s: %s", pause, said)
            await stop()
        else:
            return
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


async def settled(body: bytes, take: Take, bury: Callable[[str], Awaitable[None]]) -> bool:
    """Whether the event may be acknowledged: it is stored, or refused and a dead letter. If not,
    it has to come again."""
    try:
        refused = await take(body)
        if refused:
            await bury(reason(refused))
    except Exception as error:
        if is_control_flow(error):
            raise
        log.warning("an event is left to be delivered again: %s: %s", type(error).__name__, error)
        return False
    return True


async def leave(stop: Callable[[], Awaitable[None]]) -> None:
    """Stop what may be gone already."""
    try:
        await asyncio.wait_for(stop(), 20.0)
    except Exception as error:
        if is_control_flow(error):
            raise
        # FastStream collects what each part says of a broker that is gone.
        log.debug("leaving the broker: %s", error)


def reason(why: str) -> str:
    """Why an event was refused, as a header may carry it: one line of ASCII."""
    line = " ".join(why.split()).encode("ascii", "backslashreplace").decode()
    return line[:REASON_LENGTH]


def durable_name(team: str) -> str:
    """What the bridges of one team share at a broker: its consumer, or its group."""
    return f"pointsman-{re.sub(r'[^A-Za-z0-9_-]', '_', team)}"
