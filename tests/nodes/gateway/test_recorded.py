"""A call that was paid for stands in the run's record, whenever the process died."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pointsman.nodes.event import Cascaded, Event, ModelCalled, RunEnded
from pointsman.nodes.gateway.cascade import Cascade
from pointsman.nodes.gateway.chain import Retry
from pointsman.nodes.gateway.cost import Price
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import Journal, MemoryJournal
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Usage
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.run import Budget, Run, Spend
from pointsman.teams.record import Recorder, spend
from pointsman.teams.store.sqlite import SqliteStore
from tests.contracts.store import a_run

Make = Callable[..., Run]
Ask = Callable[..., ModelRequest]
PAID = ModelReply(model="x", text="paid", usd=0.25, seconds=2.0, usage=Usage(10, 5))
TWO = Cascade(weak=("a", "b"), strong=("c",))


def gateway(
    journal: Journal, chain: tuple[str, ...] | Cascade, **models: list[Scripted]
) -> ModelGateway:
    """A gateway over scripted models."""
    made = {name: ScriptedTransport(answers) for name, answers in models.items()}

    def of(name: str) -> Callable[[], ScriptedTransport]:
        return lambda: made[name]

    return ModelGateway(
        chains={"fast": chain},
        transports=Transports({name: of(name) for name in models}),
        journal=journal,
        prices={name: Price(1, 1) for name in models},
        retry=Retry(first=0.0),
    )


class Process:
    """One process at work on a run: its record, and the run as its steps get it."""

    def __init__(self, store: SqliteStore, run: Run) -> None:
        self.recorder = Recorder(store)
        self.run = run

    async def begin(self) -> Run:
        """Read the record, and make the step's run of it."""
        await self.recorder.begin("r1")
        return replace(
            self.run,
            emit=lambda event: self.recorder.emit("r1", event),
            recorded=lambda call: self.recorder.recorded("r1", call),
            spend=spend(self.recorder.events("r1")),
            occurrences=type(self.run.occurrences)(),
        )

    @property
    def events(self) -> list[Event]:
        """The record as this process has it."""
        return [one.event for one in self.recorder.events("r1")]

    @property
    def paid(self) -> list[float | None]:
        """What was paid, by the record."""
        return [e.usd for e in self.events if isinstance(e, ModelCalled) and e.source == "model"]


@pytest.fixture
async def process(tmp_path: Path, run: Make) -> AsyncIterator[Callable[[], Process]]:
    """Makes processes that take the same run on, one after another."""
    store = SqliteStore(tmp_path / "s.db")
    await store.add_run(a_run())
    yield lambda: Process(store, run(budget=Budget(usd=10.0)))
    await store.aclose()


async def test_a_crash_before_the_record_is_stored_loses_no_cost(
    process: Callable[[], Process], ask: Ask
) -> None:
    """The answer is in the journal, its event is not: the replay is recorded as the paid call."""
    journal, first, second = MemoryJournal(), process(), process()
    reply = await gateway(journal, ("a",), a=[PAID]).complete(ask(), await first.begin())
    again = await second.begin()
    replay = await gateway(journal, ("a",), a=[]).complete(ask(), again)
    assert (replay.text, replay.source, replay.usd) == (reply.text, "journal", reply.usd)
    assert second.events == first.events
    assert second.paid == [reply.usd]
    assert (again.spend.calls, again.spend.usd) == (1, reply.usd)


async def test_a_call_on_record_is_not_counted_again(
    process: Callable[[], Process], ask: Ask
) -> None:
    """However often the step runs again, in the same process or in another one."""
    journal, first = MemoryJournal(), process()
    door = gateway(journal, ("a",), a=[PAID, replace(PAID, text="other")])
    await door.complete(ask(), await first.begin())
    await door.complete(ask(), await first.begin())
    await first.recorder.flush("r1", 0.0)
    for _ in range(2):
        later = process()
        again = await later.begin()
        usd = again.spend.usd
        await door.complete(ask(), again)
        assert (again.spend.calls, again.spend.usd) == (1, usd)
        await later.recorder.flush("r1", 0.0)
    assert len(later.paid) == 1
    assert [e.source for e in later.events if isinstance(e, ModelCalled)] == [
        "model", "journal", "journal", "journal",
    ]  # fmt: skip


async def test_the_same_request_twice_is_two_calls(
    process: Callable[[], Process], ask: Ask
) -> None:
    """Of two that were asked alike and of which one is on record, only the other is made up."""
    journal, first, second, third = MemoryJournal(), process(), process(), process()
    door = gateway(journal, ("a",), a=[PAID, PAID])
    step = await first.begin()
    await door.complete(ask(cacheable=False), step)
    await first.recorder.flush("r1", 0.0)
    await door.complete(ask(cacheable=False), step)
    for process_ in (second, third):
        again = await process_.begin()
        await door.complete(ask(cacheable=False), again)
        await door.complete(ask(cacheable=False), again)
        await process_.recorder.flush("r1", 0.0)
        assert (len(process_.paid), again.spend.calls) == (2, 2)


async def test_a_cascade_that_was_paid_is_recorded_whole(
    process: Callable[[], Process], ask: Ask
) -> None:
    """Every try, the strong call and the verdict, once."""
    journal, first, second, third = MemoryJournal(), process(), process(), process()
    answers: dict[str, list[Scripted]] = {
        name: [replace(PAID, text=name)] for name in ("a", "b", "c")
    }
    await gateway(journal, TWO, **answers).complete(ask(), await first.begin())
    none: dict[str, list[Scripted]] = {"a": [], "b": [], "c": []}
    for process_ in (second, third):
        again = await process_.begin()
        reply = await gateway(journal, TWO, **none).complete(ask(), again)
        await process_.recorder.flush("r1", 0.0)
        assert (reply.text, reply.source) == ("c", "journal")
        assert sorted(process_.paid, key=str) == sorted(first.paid, key=str)
        assert again.spend.calls == 3
        assert [e.verdict for e in process_.events if isinstance(e, Cascaded)] == ["escalated"]


async def test_a_crash_inside_a_cascade_loses_no_try(
    process: Callable[[], Process], ask: Ask
) -> None:
    """What was answered before is counted once by the next process, and by the one after that."""
    journal, first, second, third = MemoryJournal(), process(), process(), process()
    down = gateway(journal, TWO, a=[PAID], b=[replace(PAID, text="b")], c=[_Crash()])
    with pytest.raises(_Crash):
        await down.complete(ask(), await first.begin())
    up = gateway(journal, TWO, a=[], b=[], c=[replace(PAID, text="c")])
    await up.complete(ask(), await second.begin())
    again = await third.begin()
    await up.complete(ask(), again)
    assert (len(second.paid), len(third.paid), again.spend.calls) == (3, 3, 3)


class _Crash(Exception):
    """The process dies, as far as a test can die."""


async def test_a_record_of_an_older_version_counts_as_whole(
    process: Callable[[], Process], ask: Ask
) -> None:
    """Its calls have no names: nothing is counted twice on a guess."""
    journal, first = MemoryJournal(), process()
    door = gateway(journal, ("a",), a=[PAID])
    await door.complete(ask(), await first.begin())
    old = process()
    await old.begin()
    unnamed = ModelCalled(purpose="chat", model="a", source="model", usd=0.25)
    old.recorder.emit("r1", unnamed)
    again = await old.begin()
    await door.complete(ask(), again)
    assert (old.paid, again.spend.calls) == ([0.25], 1)
    assert not any(isinstance(event, RunEnded) for event in old.events)


async def test_what_is_paid_before_a_crash_leaves_the_budget(
    process: Callable[[], Process], ask: Ask, run: Make
) -> None:
    """A run that goes on has as little left as it would have had."""
    journal, first, second = MemoryJournal(), process(), process()
    door = gateway(journal, ("a",), a=[replace(PAID, usage=Usage(9_000_000, 0)), PAID])
    await door.complete(ask("one"), await first.begin())
    again = await second.begin()
    assert again.spend.usd == 0
    await door.complete(ask("one"), again)
    assert again.spend.usd == pytest.approx(9.0)
    assert isinstance(again.spend, Spend)
