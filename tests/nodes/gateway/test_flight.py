"""Single-flight."""

import asyncio

import pytest

from pointsman.errors import ModelOverloaded
from pointsman.nodes.gateway.flight import Flights
from pointsman.nodes.gateway.transport import ModelReply


class Model:
    """A model that answers when let, and counts its calls."""

    def __init__(self, *, failures: int = 0) -> None:
        self.calls = 0
        self.failures = failures
        self.let = asyncio.Event()

    async def __call__(self) -> ModelReply:
        """Wait, then answer or fail."""
        self.calls += 1
        number = self.calls
        await self.let.wait()
        if number <= self.failures:
            raise ModelOverloaded("busy")
        return ModelReply(model="m", text=str(number))


async def started(model: Model) -> None:
    """Let every task run up to where it waits."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert model.calls


async def test_identical_calls_become_one() -> None:
    """A hundred calls at once make one, and all but the leader know that they shared."""
    flights, model = Flights(), Model()
    tasks = [asyncio.create_task(flights.share("k", model)) for _ in range(100)]
    await started(model)
    model.let.set()
    replies = await asyncio.gather(*tasks)
    assert model.calls == 1
    assert {reply.text for reply in replies} == {"1"}
    assert [reply.source for reply in replies].count("model") == 1
    assert [reply.source for reply in replies].count("flight") == 99


async def test_other_keys_fly_alone_and_later_calls_fly_again() -> None:
    """Sharing ends with the key and with the answer."""
    flights, model = Flights(), Model()
    model.let.set()
    await asyncio.gather(flights.share("a", model), flights.share("b", model))
    await flights.share("a", model)
    assert model.calls == 3


async def test_a_failed_leader_fails_alone() -> None:
    """One of ninety-nine followers leads next, and its answer serves the rest: two calls."""
    flights, model = Flights(), Model(failures=1)
    tasks = [asyncio.create_task(flights.share("k", model)) for _ in range(100)]
    await started(model)
    model.let.set()
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(replies[0], ModelOverloaded)
    assert all(isinstance(reply, ModelReply) for reply in replies[1:])
    assert model.calls == 2


async def test_the_wait_for_failing_leaders_is_bounded() -> None:
    """After two failed flights everyone asks for himself, at once."""
    flights, model = Flights(), Model(failures=100)
    tasks = [asyncio.create_task(flights.share("k", model)) for _ in range(10)]
    await started(model)
    model.let.set()
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(reply, ModelOverloaded) for reply in replies)
    assert model.calls == 10


async def test_a_cancelled_leader_takes_nobody_along() -> None:
    """The leader's cancellation makes one of ninety-nine followers the leader."""
    flights, model = Flights(), Model()
    leader, *followers = [asyncio.create_task(flights.share("k", model)) for _ in range(100)]
    await started(model)
    leader.cancel()
    model.let.set()
    replies = await asyncio.gather(*followers)
    assert leader.cancelled()
    assert {reply.text for reply in replies} == {"2"}
    assert [reply.source for reply in replies].count("model") == 1
    assert model.calls == 2


async def test_everybody_cancelled_leaves_nothing() -> None:
    """The key is free again, and the next call is its own."""
    flights, model = Flights(), Model()
    tasks = [asyncio.create_task(flights.share("k", model)) for _ in range(100)]
    await started(model)
    for task in tasks:
        task.cancel()
    assert all(
        isinstance(e, asyncio.CancelledError)
        for e in await asyncio.gather(*tasks, return_exceptions=True)
    )
    model.let.set()
    assert (await flights.share("k", model)).source == "model"


async def test_a_cancelled_follower_takes_nobody_along() -> None:
    """A follower's cancellation leaves the flight to the others."""
    flights, model = Flights(), Model()
    tasks = [asyncio.create_task(flights.share("k", model)) for _ in range(3)]
    await started(model)
    tasks[1].cancel()
    model.let.set()
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(replies[1], asyncio.CancelledError)
    assert [reply.text for reply in (replies[0], replies[2])] == ["1", "1"]  # type: ignore[union-attr]
    assert model.calls == 1


async def test_loops_never_share() -> None:
    """A caller in another loop makes its own call instead of waiting on a foreign future."""
    flights, model = Flights(), Model()
    task = asyncio.create_task(flights.share("k", model))
    await started(model)

    async def elsewhere() -> ModelReply:
        other = Model()
        other.let.set()
        return await flights.share("k", other)

    reply = await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
    assert reply.source == "model"
    model.let.set()
    await task


async def test_errors_pass_unchanged() -> None:
    """The caller that leads gets the very error."""
    error = ModelOverloaded("busy")

    async def ask() -> ModelReply:
        raise error

    with pytest.raises(ModelOverloaded) as caught:
        await Flights().share("k", ask)
    assert caught.value is error
