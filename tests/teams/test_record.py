"""The recorder: events numbered, stored, streamed."""

import logging
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from pointsman.errors import StoreFull
from pointsman.nodes.event import (
    Event,
    FellBack,
    ModelCalled,
    Recorded,
    Routed,
    RunEnded,
    RunStarted,
)
from pointsman.teams.record import MAX_EVENTS, MAX_RUNS, Recorder, spend
from pointsman.teams.store.sqlite import SqliteStore
from tests.contracts.store import a_run

START = RunStarted(run="r1", thread="c1")
END = RunEnded(run="r1", status="done")
ROUTED = Routed(to="billing", tier="model")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """A new store with one run."""
    made = SqliteStore(tmp_path / "s.db")
    await made.add_run(a_run())
    yield made
    await made.aclose()


async def test_events_are_numbered_and_stored(store: SqliteStore) -> None:
    """What was emitted is what the store holds, in order, with the recorder's time."""
    recorder = Recorder(store, clock=lambda: 7.0)
    await recorder.begin("r1")
    for event in (START, ROUTED, END):
        recorder.emit("r1", event)
    assert [r.seq for r in recorder.events("r1")] == [0, 1, 2]
    await recorder.flush("r1", 0.5)
    stored = await store.events("r1")
    assert [(r.seq, r.at, r.event) for r in stored] == [
        (0, 7.0, START),
        (1, 7.0, ROUTED),
        (2, 7.0, END),
    ]
    row = await store.find_run("r1")
    assert row is not None
    assert row.seconds == 0.5


async def test_a_second_recorder_goes_on_counting(store: SqliteStore) -> None:
    """After a pause another process continues the same record, and the first one, when its turn
    comes again, has seen what the other wrote."""
    one, two = Recorder(store), Recorder(store)
    for recorder, event in ((one, START), (two, ROUTED), (one, ROUTED)):
        await recorder.begin("r1")
        recorder.emit("r1", event)
        recorder.emit("r1", RunEnded(run="r1", status="waiting"))
        await recorder.flush("r1", 0.0)
    assert [r.seq for r in await store.events("r1")] == list(range(6))


async def test_a_failed_flush_loses_nothing(store: SqliteStore) -> None:
    """What could not be stored is stored by the next flush."""

    class Full(SqliteStore):
        full = True

        async def record(
            self, run: str, events: object, *, seconds: float, steps: object = ()
        ) -> None:
            if self.full:
                raise StoreFull("full")
            await super().record(run, events, seconds=seconds, steps=steps)  # pyright: ignore[reportArgumentType]

    full = Full(store._path)
    recorder = Recorder(full)
    await recorder.begin("r1")
    recorder.emit("r1", START)
    with pytest.raises(StoreFull):
        await recorder.flush("r1", 0.0)
    recorder.emit("r1", ROUTED)
    full.full = False
    await recorder.flush("r1", 0.0)
    assert [r.event for r in await store.events("r1")] == [START, ROUTED]
    await full.aclose()


async def test_listeners_get_what_comes_after(store: SqliteStore) -> None:
    """Each listener sees every later event once, until it leaves."""
    recorder = Recorder(store)
    await recorder.begin("r1")
    recorder.emit("r1", START)
    one, two = recorder.listen("r1"), recorder.listen("r1")
    recorder.emit("r1", ROUTED)
    recorder.unlisten("r1", two)
    recorder.emit("r1", END)
    assert [one.get_nowait().event for _ in range(one.qsize())] == [ROUTED, END]
    assert [two.get_nowait().event for _ in range(two.qsize())] == [ROUTED]


async def test_an_event_of_a_run_that_has_not_begun_is_dropped(store: SqliteStore) -> None:
    """emit never raises."""
    Recorder(store).emit("r9", START)
    assert await store.events("r9") == ()


async def test_a_record_has_a_bound_and_still_ends(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Beyond MAX_EVENTS nothing is recorded but the end; the log says so once."""
    recorder = Recorder(store)
    await recorder.begin("r1")
    with caplog.at_level(logging.WARNING):
        for _ in range(MAX_EVENTS + 50):
            recorder.emit("r1", ROUTED)
    recorder.emit("r1", END)
    events = recorder.events("r1")
    assert len(events) == MAX_EVENTS + 1
    assert events[-1].event == END
    assert len(caplog.records) == 1


async def test_memory_is_bounded(store: SqliteStore) -> None:
    """Runs that are stored in full and not streamed leave memory; those that are not, stay."""
    recorder = Recorder(store)
    for n in range(MAX_RUNS + 20):
        await recorder.begin(f"x{n}")
    await recorder.begin("r1")
    recorder.emit("r1", START)
    for n in range(MAX_RUNS + 20):
        await recorder.begin(f"y{n}")
    assert len(recorder._open) <= MAX_RUNS + 1
    assert recorder.events("r1")[0].event == START


def _recorded(event: Event) -> Recorded:
    return Recorded(run="r1", seq=0, at=0.0, event=event)


def test_spending_counts_what_a_model_answered() -> None:
    """Cache, journal and shared answers cost nothing; an unknown price is counted as such."""

    def called(source: str, usd: float | None) -> Recorded:
        return _recorded(
            ModelCalled.model_validate(
                {"purpose": "act", "model": "m", "source": source, "usd": usd}
            )
        )

    total = spend(
        [
            called("model", 0.5),
            called("model", None),
            called("cache", 9.0),
            called("journal", 9.0),
            called("flight", 9.0),
            _recorded(FellBack(specialist="x", error="E", message="m")),
        ]
    )
    assert (total.calls, total.usd, total.unpriced) == (2, 0.5, 1)
