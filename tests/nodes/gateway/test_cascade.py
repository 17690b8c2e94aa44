"""The cascade: two cheap tries, and the strong model where they do not hold."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from pointsman.errors import (
    BadOutput,
    BudgetExceeded,
    Misconfigured,
    ModelRejected,
    ModelTimeout,
    NoModel,
    PointsmanError,
)
from pointsman.nodes.budgets import Budgets
from pointsman.nodes.event import Cascaded, Event, ModelCalled
from pointsman.nodes.gateway.acceptance import (
    Acceptance,
    ByModel,
    ByProbability,
    BySchema,
    ByScore,
    BySelector,
)
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.cascade import Cascade, Try, agree, models_of
from pointsman.nodes.gateway.chain import Retry
from pointsman.nodes.gateway.cost import Price, input_tokens
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import Journal, MemoryJournal
from pointsman.nodes.gateway.scripted import (
    Scripted,
    ScriptedTransport,
    choice_reply,
    text_reply,
    tool_reply,
)
from pointsman.nodes.gateway.selector import GroupPart, Selector
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Usage
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall
from pointsman.nodes.run import Budget, Run, Spend

Make = Callable[..., Run]
Ask = Callable[..., ModelRequest]


class Door:
    """A gateway whose tier `fast` is the cascade, over scripted models."""

    def __init__(
        self,
        cascade: Cascade,
        *,
        journal: Journal | None = None,
        cache: ResponseCache | None = None,
        prices: dict[str, Price] | None = None,
        budgets: Budgets | None = None,
        **answers: list[Scripted],
    ) -> None:
        self.models = {name: ScriptedTransport(given) for name, given in answers.items()}

        def of(name: str) -> Callable[[], ScriptedTransport]:
            return lambda: self.models[name]

        self.gateway = ModelGateway(
            chains={"fast": cascade},
            transports=Transports({name: of(name) for name in answers}),
            journal=journal or MemoryJournal(),
            cache=cache,
            prices=prices,
            budgets=budgets,
            retry=Retry(first=0.0),
        )

    @property
    def calls(self) -> dict[str, int]:
        """Calls that each model got."""
        return {name: len(model.requests) for name, model in self.models.items()}


def paid(text: str, usd: float = 0.25) -> ModelReply:
    """An answer that costs something."""
    return ModelReply(model="x", text=text, usd=usd, usage=Usage(10, 5))


def of_kind(events: list[Event]) -> tuple[list[str], list[tuple[str, str]]]:
    """The models called, and the cascades' verdicts."""
    called = [e.model for e in events if isinstance(e, ModelCalled)]
    return called, [(e.verdict, e.model) for e in events if isinstance(e, Cascaded)]


def seen(run: Run) -> list[Event]:
    """The events of a run from now on."""
    found: list[Event] = []
    object.__setattr__(run, "emit", found.append)
    return found


TWO = Cascade(weak=("a", "b"), strong=("c",))


async def test_two_that_agree_are_enough(run: Make, ask: Ask) -> None:
    """The first's answer is given, both are paid, and the strong model is not asked."""
    door, step = Door(TWO, a=[paid("Yes.")], b=[paid("yes")], c=[]), run()
    events = seen(step)
    reply = await door.gateway.complete(ask(), step)
    assert (reply.text, reply.model) == ("Yes.", "a")
    assert door.calls == {"a": 1, "b": 1, "c": 0}
    called, verdicts = of_kind(events)
    assert (sorted(called), verdicts) == (["a", "b"], [("agreed", "a")])
    assert (step.spend.usd, step.spend.calls, step.spend.held_calls) == (0.5, 2, 0)


async def test_two_that_differ_are_not(run: Make, ask: Ask) -> None:
    """The strong model answers, and every try is accounted."""
    door, step = Door(TWO, a=[paid("yes")], b=[paid("no")], c=[paid("maybe", 2.0)]), run()
    events = seen(step)
    assert (await door.gateway.complete(ask(), step)).text == "maybe"
    assert sorted(of_kind(events)[0]) == ["a", "b", "c"]
    assert of_kind(events)[1] == [("escalated", "c")]
    assert (step.spend.usd, step.spend.calls) == (2.5, 3)


@pytest.mark.parametrize("error", [ModelTimeout("x"), BadOutput("x"), ModelRejected("x")])
async def test_a_try_that_fails_does_not_hold(run: Make, ask: Ask, error: PointsmanError) -> None:
    """A cheap model that is away, or answers nonsense, escalates."""
    door = Door(TWO, a=[error], b=["yes"], c=["strong"])
    assert (await door.gateway.complete(ask(), run())).text == "strong"


async def test_a_strong_model_that_fails_fails(run: Make, ask: Ask) -> None:
    """An answer that did not hold is not given after all."""
    door = Door(TWO, a=["yes"], b=["no"], c=[ModelTimeout("x")])
    with pytest.raises(NoModel):
        await door.gateway.complete(ask(), run())


class Refund(BaseModel):
    """An answer's schema."""

    usd: int


SCORED = ByScore(lambda request, reply: float(len(reply.text)), at_least=3)


@pytest.mark.parametrize(
    ("accept", "good", "bad"),
    [
        (BySchema(Refund), text_reply('{"usd": 3}'), text_reply('{"usd": "three"}')),
        (SCORED, text_reply("long"), text_reply("s")),
        (
            ByProbability(0.8),
            choice_reply("x", probabilities=(("x", 0.9), ("y", 0.1))),
            choice_reply("x", probabilities=(("x", 0.6), ("y", 0.4))),
        ),
        (ByProbability(0.8), choice_reply("x", probabilities=(("x", 0.8),)), choice_reply("x")),
    ],
    ids=["schema", "score", "probability", "no probability"],
)
async def test_a_check_accepts_or_not(
    run: Make, ask: Ask, accept: Acceptance, good: ModelReply, bad: ModelReply
) -> None:
    """One try is enough where its answer passes; else the strong model is asked."""
    one = Cascade(weak=("a",), strong=("c",), accept=accept)
    door = Door(one, a=[good, bad], c=["strong"])
    step = run()
    events = seen(step)
    assert (await door.gateway.complete(ask("one"), step)).model == "a"
    assert (await door.gateway.complete(ask("two"), step)).model == "c"
    assert of_kind(events)[1] == [("checked", "a"), ("escalated", "c")]


async def test_the_second_try_is_made_when_the_first_does_not_pass(run: Make, ask: Ask) -> None:
    """With a check the tries come one after another."""
    checked = Cascade(weak=("a", "b"), strong=("c",), accept=SCORED)
    door = Door(checked, a=["long", "s"], b=["longer"], c=[])
    await door.gateway.complete(ask("one"), run())
    assert door.calls == {"a": 1, "b": 0, "c": 0}
    assert (await door.gateway.complete(ask("two"), run())).text == "longer"


@pytest.mark.parametrize(("group", "model"), [("hard", "c"), ("easy", "a")])
async def test_a_fitted_selector_accepts(
    run: Make, ask: Ask, tmp_path: Path, group: str, model: str
) -> None:
    """What it would send to the strong model is not accepted."""
    fitted = Selector(
        kind="cascade",
        parts=(GroupPart(gains={"hard": 0.9}, otherwise=-0.1),),
        mix=(1.0,), centre=(0.0,), base=0.0, usd_each=0.1, usd_character=0.0, usd_least=0.1,
        damping=0.0, threshold=0.0,
    )  # fmt: skip
    file = tmp_path / "selector.json"
    file.write_text(fitted.model_dump_json())
    accept = BySelector.load(file, group=group)
    door = Door(Cascade(weak=("a",), strong=("c",), accept=accept), a=["weak"], c=["strong"])
    assert (await door.gateway.complete(ask(), run())).model == model


async def test_an_async_scorer_and_one_that_fails(run: Make, ask: Ask) -> None:
    """A scorer may be async; one that raises accepts nothing."""

    async def later(request: ModelRequest, reply: ModelReply) -> float:
        await asyncio.sleep(0)
        return 1.0

    def broken(request: ModelRequest, reply: ModelReply) -> float:
        raise ZeroDivisionError

    for score, model in ((later, "a"), (broken, "c")):
        one = Cascade(weak=("a",), strong=("c",), accept=ByScore(score, at_least=1))
        door = Door(one, a=["weak"], c=["strong"])
        assert (await door.gateway.complete(ask(), run())).model == model


@pytest.mark.parametrize(
    ("verdict", "model"),
    [
        ("right", "a"),
        ("wrong", "c"),
        (choice_reply("right", probabilities=(("right", 0.55), ("wrong", 0.45))), "c"),
        (choice_reply("right", probabilities=(("right", 0.9), ("wrong", 0.1))), "a"),
        (ModelTimeout("x"), "c"),
    ],
)
async def test_another_model_may_verify(run: Make, ask: Ask, verdict: Scripted, model: str) -> None:
    """It sees request and answer, says right or wrong, and its probability counts where it gives
    one; a verifier that fails accepts nothing."""
    by = ByModel(("v",), at_least=0.6)
    door = Door(
        Cascade(weak=("a",), strong=("c",), accept=by), a=["weak"], v=[verdict], c=["strong"]
    )
    step = run()
    events = seen(step)
    assert (await door.gateway.complete(ask("what is it?"), step)).model == model
    (asked,) = door.models["v"].requests
    assert asked.choices == ("right", "wrong")
    assert "what is it?" in asked.turns[1].content
    assert '"answer": "weak"' in asked.turns[1].content
    purposes = [e.purpose for e in events if isinstance(e, ModelCalled) and e.model == "v"]
    assert purposes == ([] if isinstance(verdict, Exception) else ["judge"])


async def test_tries_never_collapse(run: Make, ask: Ask, tmp_path: Path) -> None:
    """The same model asked in two ways is two calls, two records and two cached answers, and the
    strong answer is none of them."""
    cache = ResponseCache(tmp_path / "cache")
    twice = Cascade(weak=("a", Try("a", temperature=0.0)), strong=("a",))
    door = Door(twice, cache=cache, a=["1", "2", "strong"])
    assert (await door.gateway.complete(ask(), run())).text == "strong"
    await door.gateway.settle(run(), keep=True)
    again = run("r2")
    events = seen(again)
    assert (await door.gateway.complete(ask(), again)).text == "strong"
    called = [e.source for e in events if isinstance(e, ModelCalled)]
    assert called == ["cache"] * 3
    assert door.calls == {"a": 3}
    await door.gateway.aclose()


async def test_a_replay_pays_nothing_and_takes_the_same_way(run: Make, ask: Ask) -> None:
    """A step that runs again gets the recorded answer, whatever its scorer says now."""
    journal, scores = MemoryJournal(), iter([0.0, 1.0])
    one = Cascade(weak=("a",), strong=("c",), accept=ByScore(lambda *_: next(scores), at_least=1))
    door = Door(one, journal=journal, a=["weak"], c=["strong"])
    first = await door.gateway.complete(ask(), run())
    again = run()
    events = seen(again)
    reply = await door.gateway.complete(ask(), again)
    assert (reply.text, reply.source) == (first.text, "journal")
    assert [e.usd for e in events if isinstance(e, ModelCalled)] == [0.0]
    assert (again.spend.calls, door.calls) == (0, {"a": 1, "c": 1})


async def test_a_crash_in_the_middle_pays_no_try_again(run: Make, ask: Ask) -> None:
    """Tries that were answered before it are in the journal."""
    journal = MemoryJournal()
    down = Door(TWO, journal=journal, a=["yes"], b=["no"], c=[ModelTimeout("x")])
    with pytest.raises(NoModel):
        await down.gateway.complete(ask(), run())
    up = Door(TWO, journal=journal, a=[], b=[], c=["strong"])
    assert (await up.gateway.complete(ask(), run())).text == "strong"
    assert up.calls == {"a": 0, "b": 0, "c": 1}


PRICES = {name: Price(1_000_000, 1_000_000) for name in "abc"}


async def test_the_worst_case_is_reserved(run: Make, ask: Ask) -> None:
    """A budget for the tries alone begins nothing: the strong call must fit as well."""
    asked = ask(max_tokens=10)
    each = input_tokens(asked) + 10
    door = Door(TWO, prices=PRICES, a=[paid("1")], b=[paid("2")], c=[paid("3")])
    spend = Spend()
    with pytest.raises(BudgetExceeded):
        await door.gateway.complete(asked, run(budget=Budget(usd=2 * each), spend=spend))
    assert door.calls == {"a": 0, "b": 0, "c": 0}
    assert (spend.held_usd, spend.held_calls) == (0, 0)
    step = run(budget=Budget(usd=3 * each))
    assert (await door.gateway.complete(asked, step)).text == "3"
    assert (step.spend.usd, step.spend.held_usd) == (45.0, 0)


async def test_calls_are_reserved_too(run: Make, ask: Ask) -> None:
    """Three calls may be needed, so a budget of two is not enough and one of three is."""
    door = Door(TWO, a=["1"], b=["2"], c=["3"])
    with pytest.raises(BudgetExceeded):
        await door.gateway.complete(ask(), run(budget=Budget(calls=2)))
    assert (await door.gateway.complete(ask(), run(budget=Budget(calls=3)))).text == "3"


async def test_a_cancelled_cascade_leaves_nothing_held(run: Make, ask: Ask) -> None:
    """Both tries end with it, and what was set aside goes back."""
    never, both = asyncio.Event(), asyncio.Barrier(3)

    async def hang(request: ModelRequest) -> Scripted:
        await both.wait()
        await never.wait()
        return "late"

    model, step = ScriptedTransport(hang), run()
    gateway = ModelGateway(
        chains={"fast": Cascade(weak=("a", "a/2"), strong=("a",))},
        transports=Transports({"a": lambda: model}),
        journal=MemoryJournal(),
    )
    call = asyncio.create_task(gateway.complete(ask(), step))
    await both.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (step.spend.held_calls, step.spend.unpriced) == (0, 2)


def test_tries_are_asked_otherwise(ask: Ask) -> None:
    """Instruction and temperature are the try's; the instruction comes before what users say."""
    cascade = Cascade(weak=("a", Try("a", "Work backwards.", 0.7)), strong=("c",))
    plain, other = (cascade.tried(ask("hi"), n) for n in (0, 1))
    assert [turn.content for turn in plain.turns] == ["hi"]
    assert [(t.role, t.content) for t in other.turns] == [
        ("system", "Work backwards."), ("user", "hi"),
    ]  # fmt: skip
    assert (plain.temperature, other.temperature) == (0.0, 0.7)
    assert plain.prompt_version != other.prompt_version


@pytest.mark.parametrize(
    "given",
    [
        {"weak": (), "strong": ("c",)},
        {"weak": ("a", "b", "d"), "strong": ("c",)},
        {"weak": ("a", "b"), "strong": ()},
        {"weak": ("a",), "strong": ("c",)},
        {"weak": ("a", "a"), "strong": ("c",)},
        {"weak": ("a", Try("a")), "strong": ("c",)},
    ],
)
def test_what_is_no_cascade(given: dict[str, tuple[str, ...]]) -> None:
    """No try, three, the same try twice, one that nothing accepts, nobody strong: all refused."""
    with pytest.raises(Misconfigured):
        Cascade(**given)  # type: ignore[arg-type]


def test_its_models_are_listed() -> None:
    """Each model of a tier once, whatever kind of tier it is."""
    cascade = Cascade(weak=("a", "b"), strong=("c", "a"), accept=ByModel(("v",)))
    assert models_of(cascade) == ("a", "b", "v", "c")
    assert models_of(("x", "y")) == ("x", "y")


CALL = ToolCall(id="1", name="pay", args={"usd": 3, "to": "x"})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (text_reply("It is  Paris."), text_reply("it is paris"), True),
        (text_reply("Paris"), text_reply("London"), False),
        (text_reply(""), text_reply(""), False),
        (text_reply('{"a": 1, "b": 2}'), text_reply('{"b": 2, "a": 1}'), True),
        (text_reply('{"a": 1}'), text_reply('{"a": 2}'), False),
        (tool_reply(CALL), tool_reply(CALL.model_copy(update={"id": "9"})), True),
        (tool_reply(CALL), tool_reply(CALL.model_copy(update={"args": {"usd": 4}})), False),
        (tool_reply(CALL), text_reply("paid"), False),
    ],
)
def test_what_agreement_is(one: ModelReply, other: ModelReply, same: bool) -> None:
    """Words without regard to case and spaces, JSON by value, calls by name and arguments."""
    assert agree(one, other) is same
    assert agree(other, one) is same


async def test_a_cascade_is_read_as_one_answer(run: Make, ask: Ask) -> None:
    """A try is read once it is accepted; one that does not hold is never read."""

    class Heard:
        def __init__(self) -> None:
            self.said = ""

        def text(self, piece: str) -> None:
            self.said += piece

        def restart(self) -> None:
            raise AssertionError("nothing was taken back")

    for second, said in (("yes", "yes"), ("no", "strong answer")):
        heard = Heard()
        door = Door(TWO, a=["yes"], b=[second], c=["strong answer"])
        await door.gateway.complete(ask(), run(), heard)
        assert heard.said == said
        again = Heard()
        await door.gateway.complete(ask(), run(), again)
        assert again.said == said
