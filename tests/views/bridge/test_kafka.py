"""What is committed of Kafka's partitions, at the border of its client; and who says what it was
tried with."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    InvalidReplicationFactorError,
    NoError,
    TopicAlreadyExistsError,
)

from pointsman.views.bridge import kafka
from pointsman.views.bridge.kafka import Kafka
from tests.views.bridge.site import SUBJECTS

SLOW, OTHER = TopicPartition("shop.in", 0), TopicPartition("shop.in", 1)


class Consumer:
    """Notes what is committed, and where it is told to go on."""

    def __init__(self, lost: tuple[TopicPartition, ...] = ()) -> None:
        self.lost = lost
        self.committed: list[tuple[int, int]] = []
        self.sought: list[tuple[int, int]] = []

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        for place, offset in offsets.items():
            if place in self.lost:
                raise CommitFailedError
            self.committed.append((place.partition, offset))

    def seek(self, place: TopicPartition, offset: int) -> None:
        if place in self.lost:
            raise IllegalStateError("not assigned")
        self.sought.append((place.partition, offset))


def record(place: TopicPartition, offset: int) -> "ConsumerRecord[bytes, bytes]":
    """A message."""
    body = b"%d-%d" % (place.partition, offset)
    return ConsumerRecord(
        place.topic, place.partition, offset, 0, 0, b"k", body, None, 1, len(body),
        [("x", b"\xff")],
    )  # fmt: skip


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two tries."""
    monkeypatch.setattr(kafka, "FIRST_PAUSE", 0.0)


async def handled(consumer: Consumer, fails: set[bytes]) -> list[bytes]:
    """What is taken of three messages of each partition."""
    taken: list[bytes] = []

    async def take(body: bytes) -> str:
        if body in fails:
            raise OSError("the store is away")
        taken.append(body)
        return ""

    records = tuple(record(place, offset) for offset in (5, 6, 7) for place in (SLOW, OTHER))
    message = SimpleNamespace(consumer=consumer, raw_message=records)
    broker = Kafka(("127.0.0.1:9092",), "shop", SUBJECTS)
    await broker._handle(cast("Any", message), take)
    return taken


async def test_nothing_is_committed_past_what_is_open() -> None:
    """Its partition goes on at it; the other one is not held up."""
    consumer = Consumer()
    taken = await handled(consumer, {b"0-6"})
    assert sorted(taken) == [b"0-5", b"1-5", b"1-6", b"1-7"]
    assert sorted(consumer.committed) == [(0, 6), (1, 6), (1, 7), (1, 8)]
    assert consumer.sought == [(0, 6)]


async def test_each_partition_is_taken_in_order() -> None:
    """One after the other."""
    taken = await handled(Consumer(), set())
    assert [one for one in taken if one.startswith(b"0")] == [b"0-5", b"0-6", b"0-7"]
    assert [one for one in taken if one.startswith(b"1")] == [b"1-5", b"1-6", b"1-7"]


async def test_a_partition_that_went_to_another_is_let_go() -> None:
    """What is open in it is not passed over, though it cannot be told where to go on."""
    consumer = Consumer(lost=(SLOW,))
    taken = await handled(consumer, {b"0-6"})
    assert b"0-7" not in taken
    assert sorted(consumer.committed) == [(1, 6), (1, 7), (1, 8)]


async def test_headers_that_are_no_text_lose_nothing() -> None:
    """They are left out before FastStream reads them."""
    seen: list[object] = []

    async def parse(records: tuple[Any, ...]) -> Any:
        seen.extend(one.headers for one in records)

    await kafka._without_headers((record(SLOW, 5),), parse)
    assert seen == [()]


def test_a_topic_that_could_not_be_made_is_said() -> None:
    """That somebody else has just made it is no fault."""
    fine = [("a", NoError.errno, None), ("b", TopicAlreadyExistsError.errno, None)]
    kafka._raise_refused(cast("Any", fine))
    bad = [*fine, ("shop.out", InvalidReplicationFactorError.errno, None)]
    with pytest.raises(InvalidReplicationFactorError, match=r"shop\.out"):
        kafka._raise_refused(cast("Any", bad))
