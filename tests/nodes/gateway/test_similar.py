"""Answers of similar requests: opt-in, and only where nothing but the last text differs."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pointsman.errors import DeadlineExceeded, Misconfigured, ModelOverloaded, PointsmanError
from pointsman.nodes import conventions as names
from pointsman.nodes.event import ModelCalled
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.cachedisk import DiskStore
from pointsman.nodes.gateway.cachememory import MemoryStore
from pointsman.nodes.gateway.cachestore import CacheStore, Row
from pointsman.nodes.gateway.cascade import Cascade
from pointsman.nodes.gateway.chain import Retry
from pointsman.nodes.gateway.cost import Price
from pointsman.nodes.gateway.embedding import LocalEmbedding, Similar, Vector, packed
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.kept import Answer, Match
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.nodes.gateway.similar import fixed, last_text
from pointsman.nodes.gateway.similarrow import Alike, Entry, decode, encode, nearest
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Read, Usage
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall, Turn
from pointsman.nodes.run import Budget, Run
from tests.nodes.gateway.conftest import Events
from tests.nodes.spans import check, recorded_spans, said

Make = Callable[..., Run]

DIRECTIONS: dict[str, Sequence[float]] = {
    "how do I pay": (1.0, 0.0, 0.0),
    "how can I pay": (1.0, 0.1, 0.0),
    "where is my bill": (0.0, 1.0, 0.0),
    "pay order 17": (0.0, 0.0, 1.0),
    "pay order 18": (0.0, 0.0, 1.0),
    "pay the order 17": (0.0, 0.01, 1.0),
}


def direction(text: str) -> Sequence[float]:
    """The embedding of these tests."""
    return DIRECTIONS[text]


LOCAL = Similar(LocalEmbedding("table", direction), threshold=0.95)
BY_MODEL = Similar("embedder/m", threshold=0.95)


class Embedder:
    """A provider that embeds."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: PointsmanError | None = None

    async def send(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """It does nothing else."""
        raise AssertionError(model)

    async def embed(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """By the table."""
        text = request.turns[-1].content
        self.asked.append(text)
        if self.fails is not None:
            raise self.fails
        return ModelReply(model="x", text=packed(DIRECTIONS[text]), usage=Usage(4, 0))

    async def aclose(self) -> None:
        """Nothing."""


class Desk:
    """A gateway with a cache, a model that says what it is asked, and an embedder."""

    def __init__(self, store: CacheStore, **options: object) -> None:
        self.embedder = Embedder()
        self.model = ScriptedTransport(self._answer)
        self.tools = False
        self.cache = ResponseCache(store)
        self.journal = MemoryJournal()
        self.gateway = ModelGateway(
            chains={"fast": ("a",), "two": Cascade(weak=("a", "a/2"), strong=("a",))},
            transports=Transports({"a": lambda: self.model, "embedder": lambda: self.embedder}),
            journal=self.journal,
            cache=self.cache,
            prices={"a": Price(1, 1), "embedder/m": Price(1_000_000, 0)},
            retry=Retry(first=0.0),
            **options,  # type: ignore[arg-type]
        )
        self.runs = 0

    def _answer(self, request: ModelRequest) -> ModelReply:
        calls = (ToolCall(id="k", name="look", args={}),) if self.tools else ()
        text = f"answer to {request.turns[-1].content}"
        return ModelReply(model="a", text=text, tool_calls=calls, usage=Usage(10, 5))

    async def ask(self, make: Make, text: str, **options: object) -> ModelReply:
        """Ask in a run of its own, and settle it."""
        self.runs += 1
        tenant = str(options.pop("tenant", "default"))
        turns = options.pop("turns", (Turn(role="user", content=text),))
        run = make(f"r{self.runs}", tenant=tenant)
        given = {"similar": LOCAL} | options
        request = ModelRequest(turns=turns, **given)  # type: ignore[arg-type]
        reply = await self.gateway.complete(request, run)
        await self.gateway.settle(run, keep=True)
        return reply


@pytest.fixture(params=["memory", "disk"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    """One in each store."""
    desk = Desk(MemoryStore() if request.param == "memory" else DiskStore(tmp_path / "cache"))
    yield desk
    await desk.gateway.aclose()


async def test_a_similar_request_is_served(desk: Desk, run: Make, events: Events) -> None:
    """The answer is that of the other; the record says how alike the two are."""
    await desk.ask(run, "how do I pay")
    reply = await desk.ask(run, "how can I pay")
    assert (reply.text, reply.source) == ("answer to how do I pay", "cache")
    assert len(desk.model.requests) == 1
    event = events.called[-1]
    assert event.source == "cache"
    assert event.similarity == pytest.approx(0.995, abs=0.002)
    assert (event.usd, event.saved_usd) == (0.0, 15e-6)
    stats = await desk.cache.stats()
    assert (stats.hits, stats.similar, stats.misses, stats.puts) == (0, 1, 2, 1)


async def test_the_same_request_needs_no_embedding(desk: Desk, run: Make, events: Events) -> None:
    """An exact hit comes first."""
    await desk.ask(run, "how do I pay", similar=BY_MODEL)
    asked = list(desk.embedder.asked)
    reply = await desk.ask(run, "how do I pay", similar=BY_MODEL)
    assert (reply.source, desk.embedder.asked) == ("cache", asked)
    assert events.called[-1].similarity is None


@pytest.mark.parametrize(
    "options",
    [
        {"tenant": "other"},
        {"prompt_version": "p@2"},
        {"temperature": 0.5},
        {"max_tokens": 99},
        {"similar": Similar(LocalEmbedding("other", direction), threshold=0.95)},
        {"similar": Similar(LocalEmbedding("table", direction), threshold=0.999)},
        {"similar": None},
        {"cacheable": False},
        {"turns": (Turn(role="system", content="S"), Turn(role="user", content="how can I pay"))},
        {
            "turns": (
                Turn(role="user", content="how can I pay"),
                Turn(role="assistant", content="?"),
            )
        },
    ],
    ids=["tenant", "prompt", "temperature", "max_tokens", "embedding", "threshold", "exact",
         "uncacheable", "system", "history"],
)  # fmt: skip
async def test_nothing_else_may_differ(desk: Desk, run: Make, options: dict[str, object]) -> None:
    """Tenant, prompt, parameters, embedding, conversation: any of them makes it another request."""
    await desk.ask(run, "how do I pay")
    reply = await desk.ask(run, "how can I pay", **options)
    assert reply.source == "model"


async def test_other_rules_find_nothing(run: Make) -> None:
    """As with the exact cache: an answer is judged anew under other rules."""
    store = MemoryStore()
    old, new = Desk(store, guards="1"), Desk(store, guards="2")
    await old.ask(run, "how do I pay")
    new.runs = 10
    assert (await new.ask(run, "how can I pay")).source == "model"


async def test_numbers_and_addresses_must_be_the_same(desk: Desk, run: Make) -> None:
    """Order 17 is spelled like order 18, and is another order."""
    await desk.ask(run, "pay order 17")
    assert (await desk.ask(run, "pay order 18")).source == "model"
    assert (await desk.ask(run, "pay the order 17")).text == "answer to pay order 17"


async def test_an_answer_that_calls_a_tool_is_never_served(desk: Desk, run: Make) -> None:
    """Its arguments are what the other text said."""
    desk.tools = True
    await desk.ask(run, "how do I pay")
    assert (await desk.ask(run, "how can I pay")).source == "model"


async def test_what_the_cache_refuses_is_not_found(run: Make) -> None:
    """Neither an answer that was not kept, nor one that was forgotten."""
    desk = Desk(MemoryStore())
    desk.cache._storable = lambda reply: "pay" not in reply.text
    await desk.ask(run, "how do I pay")
    assert (await desk.ask(run, "how can I pay")).source == "model"
    other = Desk(MemoryStore())
    await other.ask(run, "how do I pay")
    assert await other.cache.clear(Match(tags={"model": "a"})) == 1
    assert (await other.ask(run, "how can I pay")).source == "model"


async def test_a_step_that_was_refused_leaves_nothing(desk: Desk, run: Make) -> None:
    """Only a step whose output passed its guards is kept."""
    step = run("r0")
    request = ModelRequest(turns=(Turn(role="user", content="how do I pay"),), similar=LOCAL)
    await desk.gateway.complete(request, step)
    await desk.gateway.settle(step, keep=False)
    assert (await desk.ask(run, "how can I pay")).source == "model"


async def test_a_group_is_bounded(desk: Desk, run: Make) -> None:
    """The newest stay."""
    one = replace(LOCAL, entries=1)
    await desk.ask(run, "how do I pay", similar=one)
    await desk.ask(run, "where is my bill", similar=one)
    assert (await desk.ask(run, "how can I pay", similar=one)).source == "model"


async def test_an_embedding_is_a_call_like_any_other(desk: Desk, run: Make, events: Events) -> None:
    """Paid, recorded, traced, inside the budget, and in the journal."""
    step = run("r0", budget=Budget(usd=100.0))
    request = ModelRequest(turns=(Turn(role="user", content="how do I pay"),), similar=BY_MODEL)
    with recorded_spans() as exporter:
        await desk.gateway.complete(request, step)
        spans = exporter.get_finished_spans()
    assert check(spans) == {"chat", "embeddings"}
    (span,) = [said(one) for one in spans if one.name == "embeddings embedder/m"]
    assert (span[names.INPUT_TOKENS], span[names.USD]) == (4, 4.0)
    assert names.OUTPUT_TOKENS not in span
    embedded, answered = events.called
    assert (embedded.purpose, embedded.model, embedded.usd) == ("embed", "embedder/m", 4.0)
    assert (answered.purpose, answered.model) == ("chat", "a")
    assert step.spend.calls == 2
    assert step.spend.usd == pytest.approx(4.0 + 15e-6)
    await desk.gateway.complete(request, run("r0"))
    assert desk.embedder.asked == ["how do I pay"]


async def test_a_crash_after_the_embedding_pays_it_once(
    desk: Desk, run: Make, events: Events
) -> None:
    """The next process finds it in the journal, and on a lost record counts it."""
    failing = Desk(MemoryStore())
    failing.gateway._journal = failing.gateway._similar._journal = desk.journal
    failing.model = ScriptedTransport([DeadlineExceeded("x")])
    request = ModelRequest(turns=(Turn(role="user", content="how do I pay"),), similar=BY_MODEL)
    with pytest.raises(DeadlineExceeded):
        await failing.gateway.complete(request, run("r0"))
    again = replace(run("r0"), recorded=lambda _: False)
    await desk.gateway.complete(request, again)
    assert desk.embedder.asked == []
    assert again.spend.calls == 2
    later = replace(run("r0"), recorded=lambda _: False)
    events.all.clear()
    await desk.gateway.complete(request, later)
    assert later.spend.calls == 2
    paid = [e for e in events.all if isinstance(e, ModelCalled) and e.source == "model"]
    assert [e.purpose for e in paid] == ["embed", "chat"]


async def test_an_embedding_that_fails_is_a_miss(desk: Desk, run: Make, events: Events) -> None:
    """The request goes on, and the record says why it found nothing."""
    desk.embedder.fails = ModelOverloaded("busy")
    assert (await desk.ask(run, "how do I pay", similar=BY_MODEL)).source == "model"
    assert [(e.model, e.error) for e in events.failed] == [("embedder/m", "ModelOverloaded")]


async def test_an_embedding_that_does_not_fit_is_left_out(
    desk: Desk, run: Make, events: Events
) -> None:
    """Money for the answer alone buys the answer."""
    step = run("r0", budget=Budget(usd=0.5))
    request = ModelRequest(turns=(Turn(role="user", content="how do I pay"),), similar=BY_MODEL)
    assert (await desk.gateway.complete(request, step)).source == "model"
    assert (desk.embedder.asked, events.failed) == ([], [])


async def test_a_function_that_fails_is_a_miss(desk: Desk, run: Make, events: Events) -> None:
    """Its words, which may quote the text, are not on record."""
    reply = await desk.ask(run, "a text with a secret")
    assert reply.source == "model"
    assert [(e.model, e.error) for e in events.failed] == [("table", "BadOutput")]
    assert "secret" not in events.failed[0].message


async def test_an_async_function_embeds(desk: Desk, run: Make) -> None:
    """On the loop."""

    async def later(text: str) -> Sequence[float]:
        return DIRECTIONS[text]

    similar = Similar(LocalEmbedding("async", later), threshold=0.95)
    await desk.ask(run, "how do I pay", similar=similar)
    assert (await desk.ask(run, "how can I pay", similar=similar)).source == "cache"


async def test_a_model_that_cannot_embed_is_named(desk: Desk, run: Make, events: Events) -> None:
    """What embeds nothing is no embedding, and the request goes on."""
    await desk.ask(run, "how do I pay", similar=Similar("nobody-knows-it", threshold=0.9))
    assert [e.error for e in events.failed] == ["UnknownModel"]


async def test_a_cascade_takes_none(desk: Desk, run: Make) -> None:
    """It says so, before anything is asked."""
    with pytest.raises(Misconfigured, match="cascade"):
        await desk.ask(run, "how do I pay", tier="two")
    assert desk.model.requests == []


def test_which_text_may_differ() -> None:
    """The last turn's, where a user said it."""
    user, said = Turn(role="user", content=" hi "), Turn(role="assistant", content="x")
    assert last_text(ModelRequest(turns=(user,))) == "hi"
    assert last_text(ModelRequest(turns=(user, said))) == ""
    assert last_text(ModelRequest(turns=())) == ""
    assert last_text(ModelRequest(turns=(Turn(role="user", content="x" * 20_001),))) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [("Order A-17, please!", ["a-17"]), ("mail Bob@x.org (now)", ["bob@x.org"]),
     ("see https://a.b/c.", ["https://a.b/c"]), ("no names", []), ("1 and 2", ["1", "2"]),
     ("2 and 1", ["2", "1"])],
)  # fmt: skip
def test_what_must_be_the_same(text: str, words: list[str]) -> None:
    """Numbers, addresses and links, in their order."""
    assert fixed(text) == words


ENTRIES = [Entry(f"{n:064x}", Vector.of([1.0, float(n)])) for n in range(5)]


def test_a_row_reads_back() -> None:
    """Keys and vectors, oldest first; what has other dimensions than the newest is left out."""
    odd = Entry("odd", Vector.of([1.0]))
    found = decode("g", encode("g", [odd, *ENTRIES], secret=b"s"), secret=b"s")
    assert found is not None
    assert [(e.key, bytes(e.vector)) for e in found] == [(e.key, bytes(e.vector)) for e in ENTRIES]
    best = nearest(Vector.of([1.0, 3.1]), found)
    assert best is not None
    assert best[0].key == ENTRIES[3].key
    assert nearest(Vector.of([1.0]), []) is None


def test_a_row_that_was_touched_is_none() -> None:
    """Every byte, another secret, another place."""
    row = encode("g", ENTRIES, secret=b"s")
    for at in range(len(row)):
        assert decode("g", row[:at] + bytes([row[at] ^ 1]) + row[at + 1 :], secret=b"s") is None
    assert decode("g", row, secret=b"t") is None
    assert decode("h", row, secret=b"s") is None
    assert decode("g", row[:-1], secret=b"s") is None
    assert decode("g", b"", secret=b"s") is None


async def test_a_row_of_somebody_else_s_is_a_miss(caplog: pytest.LogCaptureFixture) -> None:
    """With one warning, and the next answer begins a new one."""
    store = MemoryStore()
    cache = ResponseCache(store)
    alike = Alike("g", Vector.of([1.0, 0.0]), 5)
    await store.put([Row("default:~g", b"x" * 100)])
    assert await cache.similar([alike], 0.9) is None
    assert await cache.similar([alike], 0.9) is None
    assert len([r for r in caplog.records if "vectors" in r.getMessage()]) == 1
    reply = ModelReply(model="a", text="hi", usd=0.0)
    await cache.put([Answer("k", reply, similar=alike)])
    found = await cache.similar([alike], 0.9)
    assert found is not None
    assert (found.text, found.similarity) == ("hi", 1.0)
    assert await cache.clear() == 2
