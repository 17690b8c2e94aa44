"""The mock cluster of librdkafka, in a process that can be held and let go again, and its client.

    python -m tests.views.bridge.kafkad

It speaks Kafka's protocol over TCP (groups, committed offsets, idempotent producers), and keeps
what it is given in memory. It is not a Kafka of Apache's.
"""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

MISSING = "The tests of Kafka need the mock cluster of librdkafka: pip install confluent-kafka"
TOPICS = ("shop.in", "shop.out", "shop.events", "shop.in.dead")


class KafkaServer:
    """One mock broker; each of its topics has four partitions."""

    kind = "kafka"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"kafka://{self.address}"

    def start(self) -> None:
        """Start it, or let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            return
        said = self._folder / "kafka.out"
        with said.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.views.bridge.kafkad"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                cwd=Path(__file__).parents[3],
            )  # fmt: skip
        while not said.read_text().endswith("ready\n"):
            assert self._process.poll() is None, said.read_text()
            time.sleep(0.05)
        self.address = said.read_text().split()[0]

    def kill(self) -> None:
        """Hold it: it answers nothing, and has everything still when it goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    async def send(self, *bodies: bytes, key: str = "") -> None:
        """Publish requests."""
        async with AIOKafkaProducer(bootstrap_servers=self.address) as producer:
            for body in bodies:
                # A header that is no text: nobody has promised any.
                await producer.send_and_wait(
                    "shop.in", body, key=key.encode() or None, headers=[("x", b"\xff")]
                )

    async def gets(self, subject: str, count: int, *, seconds: float = 60) -> list[bytes]:
        """The first messages of a topic; they stay there."""
        return [one.value or b"" for one in await self._gets(subject, count, seconds)]

    async def dead(self) -> tuple[bytes, str]:
        """The first dead letter, and why it is one."""
        (found,) = await self._gets("shop.in.dead", 1, 10)
        return found.value or b"", dict(found.headers)["pointsman-reason"].decode()

    async def _gets(
        self, topic: str, count: int, seconds: float
    ) -> list["ConsumerRecord[Any, Any]"]:
        found: list[ConsumerRecord[Any, Any]] = []
        async with AIOKafkaConsumer(
            topic, bootstrap_servers=self.address, auto_offset_reset="earliest"
        ) as consumer:
            async with asyncio.timeout(seconds):
                while len(found) < count:
                    found.append(await consumer.getone())
        return found

    async def left(self) -> int:
        """Requests that are not committed yet."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
        await admin.start()
        places = [TopicPartition("shop.in", one) for one in range(4)]
        noted = await admin.list_consumer_group_offsets("pointsman-shop", partitions=places)
        await admin.close()
        async with AIOKafkaConsumer(bootstrap_servers=self.address) as consumer:
            ends = await consumer.end_offsets(places)
        done = {place: max(one.offset, 0) for place, one in noted.items()}
        return sum(end - done.get(place, 0) for place, end in ends.items())

    async def counted(self, subject: str) -> int:
        """How many messages a topic holds."""
        async with AIOKafkaConsumer(bootstrap_servers=self.address) as consumer:
            ends = await consumer.end_offsets([TopicPartition(subject, one) for one in range(4)])
        return sum(ends.values())


def main() -> None:
    """Be a mock cluster until killed."""
    try:
        from confluent_kafka.admin import AdminClient
    except ImportError as error:
        raise SystemExit(MISSING) from error
    client = AdminClient({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
    (broker,) = client.list_topics(timeout=10).brokers.values()
    for topic in TOPICS:
        client.list_topics(topic, timeout=10)  # which makes it
    sys.stdout.write(f"{broker.host}:{broker.port}\nready\n")
    sys.stdout.flush()
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
