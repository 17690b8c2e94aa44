"""Reading along: streams through retries, fallbacks, hits and shared flights."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Blocked, ModelOverloaded, ModelTimeout
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.chain import Retry
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.reading import Reading
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport, tool_reply
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Read
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall, Turn
from pointsman.nodes.run import Budget, Run

Make = Callable[..., Run]
Ask = Callable[..., ModelRequest]


class Heard:
    """A reader that remembers pieces and restarts in their order."""

    def __init__(self) -> None:
        self.all: list[str | None] = []

    def text(self, piece: str) -> None:
        """Keep it."""
        self.all.append(piece)

    def restart(self) -> None:
        """Note it."""
        self.all.append(None)

    @property
    def now(self) -> str:
        """The text since the last restart."""
        last = max((n for n, one in enumerate(self.all) if one is None), default=-1)
        return "".join(one for one in self.all[last + 1 :] if one is not None)


class Pieces:
    """A transport that streams; an exception among its pieces is raised there."""

    def __init__(self, *answers: tuple[str | Exception, ...]) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def send(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """The next answer."""
        self.calls += 1
        answer = self.answers[min(self.calls, len(self.answers)) - 1]
        for piece in answer:
            if isinstance(piece, Exception):
                raise piece
            if read is not None:
                read(piece)
        return ModelReply(model=model, text="".join(str(p) for p in answer), usd=0.5)

    async def aclose(self) -> None:
        """Nothing to close."""


def gateway(
    cache: ResponseCache | None = None, **models: Pieces | ScriptedTransport
) -> ModelGateway:
    """A gateway over these models."""

    def given(name: str) -> Callable[[], Pieces | ScriptedTransport]:
        return lambda: models[name]

    return ModelGateway(
        chains={"fast": tuple(models)},
        transports=Transports({name: given(name) for name in models}),
        journal=MemoryJournal(),
        cache=cache,
        retry=Retry(first=0.0),
    )


async def test_pieces_pass_as_they_come(run: Make, ask: Ask) -> None:
    """Every piece reaches the reader, once, and the whole is the answer."""
    heard = Heard()
    reply = await gateway(a=Pieces(("Hel", "", "lo"))).complete(ask(), run(), heard)
    assert heard.all == ["Hel", "lo"]
    assert reply.text == "Hello"


@pytest.mark.parametrize("error", [ModelOverloaded("x"), ModelTimeout("x")])
async def test_a_further_try_begins_again(run: Make, ask: Ask, error: Exception) -> None:
    """Pieces of a try that failed are taken back, by a retry and by the next model alike."""
    heard = Heard()
    models = {"a": Pieces(("Hal", error)), "b": Pieces(("Hello",))}
    reply = await gateway(**models).complete(ask(), run(), heard)
    assert (reply.text, reply.model, heard.now) == ("Hello", "b", "Hello")
    assert heard.all.count(None) == models["a"].calls
    assert [(one.model, one.error) for one in reply.fallbacks] == [("a", type(error).__name__)]


async def test_a_try_that_gave_nothing_is_not_taken_back(run: Make, ask: Ask) -> None:
    """Without pieces there is nothing to restart."""
    heard = Heard()
    models = {"a": Pieces((ModelTimeout("x"),)), "b": Pieces(("Hello",))}
    await gateway(**models).complete(ask(), run(), heard)
    assert heard.all == ["Hello"]


async def test_pieces_that_were_given_may_have_to_be_paid(run: Make, ask: Ask) -> None:
    """A stream that breaks is counted as of unknown price; an overload before it is not."""
    step = run()
    await gateway(a=Pieces(("H", ModelOverloaded("x")), ("Hi",))).complete(ask(), step, Heard())
    assert (step.spend.unpriced, step.spend.calls, step.spend.held_calls) == (1, 1, 0)
    step = run("r2")
    await gateway(a=Pieces((ModelOverloaded("x"),), ("Hi",))).complete(ask(), step, Heard())
    assert step.spend.unpriced == 0


@pytest.mark.parametrize("script", ["billing", '{"choice": "billing"}'])
async def test_a_shape_is_read_once_it_is_known(run: Make, ask: Ask, script: Scripted) -> None:
    """Of a choice the reader gets the choice, not the JSON around it."""
    heard = Heard()
    model = ScriptedTransport([script])
    await gateway(a=model).complete(ask(choices=("billing", "tech")), run(), heard)
    assert heard.all == ["billing"]


async def test_hits_are_read_as_streams(run: Make, ask: Ask, tmp_path: Path) -> None:
    """Cache and journal give the same text in pieces that have a bound."""
    text = "a word " * 500
    cache = ResponseCache(tmp_path / "cache")
    model = Pieces((text,))
    door = gateway(cache, a=model)
    await door.complete(ask(), run())
    again, other = Heard(), Heard()
    assert (await door.complete(ask(), run(), again)).source == "journal"
    await door.settle(run(), keep=True)
    assert (await door.complete(ask(), run("r2"), other)).source == "cache"
    await door.aclose()
    assert model.calls == 1
    assert again.now == other.now == text
    assert len(again.all) > 10
    assert max(len(piece or "") for piece in again.all) < 100


async def test_a_shared_flight_is_read_by_all(run: Make, ask: Ask) -> None:
    """Who shares another's call gets its text too, whether that one reads or not."""
    let = asyncio.Event()

    async def slow(request: ModelRequest) -> Scripted:
        await let.wait()
        return "late"

    model = ScriptedTransport(slow)
    door = gateway(a=model)
    readers = [None, Heard(), Heard()]
    calls = [
        asyncio.create_task(door.complete(ask(), run(f"r{n}"), reader))
        for n, reader in enumerate(readers)
    ]
    await asyncio.sleep(0)
    let.set()
    replies = await asyncio.gather(*calls)
    assert len(model.requests) == 1
    assert {reply.text for reply in replies} == {"late"}
    assert [reader.now for reader in readers if reader] == ["late", "late"]


async def test_what_the_reader_raises_ends_the_call(run: Make, ask: Ask) -> None:
    """A guard that reads along and says no is heard; what was given may have to be paid."""

    class Guarded(Heard):
        def text(self, piece: str) -> None:
            raise Blocked("no", rule="x")

    step = run(budget=Budget(calls=5))
    with pytest.raises(Blocked):
        await gateway(a=Pieces(("Hi",)), b=Pieces(("Hi",))).complete(ask(), step, Guarded())
    assert (step.spend.unpriced, step.spend.held_calls) == (1, 0)


async def test_calls_without_text_read_as_nothing(run: Make, ask: Ask) -> None:
    """An answer that only calls tools has no piece."""
    heard = Heard()
    model = ScriptedTransport([tool_reply(ToolCall(id="1", name="pay"))])
    await gateway(a=model).complete(ask(), run(), heard)
    assert heard.all == []


@given(st.lists(st.text(max_size=5), max_size=6), st.text(max_size=300))
def test_the_reader_ends_with_the_text(pieces: list[str], text: str) -> None:
    """Whatever a transport gave before, the pieces since the last restart are the answer."""
    heard = Heard()
    reading = Reading(heard, ModelRequest(turns=(Turn(role="user", content="x"),)))
    take = reading.next_try()
    assert take is not None
    for piece in pieces:
        take(piece)
    reading.end(ModelReply(model="m", text=text))
    assert heard.now == text
