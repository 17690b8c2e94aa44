"""The router's tiers: rules, sticky, model, and nobody."""

from dataclasses import replace

import pytest

from pointsman.errors import BadOutput, Misconfigured
from pointsman.nodes.gateway.scripted import Scripted, choice_reply
from pointsman.nodes.message import Request, Turn
from pointsman.nodes.routing.router import NOBODY, Route, Router
from pointsman.nodes.routing.rules import Rule
from pointsman.nodes.routing.tiers import RouterNode
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import PromptLibrary
from tests.nodes.bench import Bench

BILLING = Specialist("billing", handles="charges and refunds", examples=("I was charged twice",))
TECH = Specialist("tech", handles="devices", examples=("my screen is black",))
HISTORY = (Turn(role="user", content="hello"), Turn(role="assistant", content="hi"))


async def decide(
    bench: Bench,
    router: Router,
    text: str = "my parcel",
    *,
    history: tuple[Turn, ...] = (),
    previous: str = "",
    specialists: tuple[Specialist, ...] = (BILLING, TECH),
) -> Route:
    """What the router decides for a text."""
    node = RouterNode(router, specialists, team="shop", prompts=PromptLibrary())
    run = replace(bench.run, previous=previous)
    return await node.decide(Request(text=text, history=history), run)


async def test_the_first_rule_that_matches_decides() -> None:
    """Rules are ordered, ignore case, and cost no model call."""
    bench = Bench()
    router = Router(
        rules=(
            Rule("number", to="billing", pattern=r"inv-\d+"),
            Rule("late", to="tech", pattern=r"INV"),
        )
    )
    route = await decide(bench, router, "where is INV-42?")
    assert (route.to, route.tier, route.confidence) == ("billing", "rules", 1.0)
    assert "number" in route.reason
    assert bench.model.requests == []


def test_a_pattern_that_does_not_compile_is_refused() -> None:
    """A bad rule is named when it is made."""
    with pytest.raises(Misconfigured, match="'broken'"):
        Rule("broken", to="billing", pattern="(")


async def test_the_model_chooses_among_the_specialists() -> None:
    """The model sees who handles what and worked examples, and can answer with a name only."""
    bench = Bench([choice_reply("tech", probabilities=[("tech", 0.8), ("billing", 0.2)])])
    route = await decide(bench, Router(), "it does not turn on")
    assert (route.to, route.tier, route.confidence) == ("tech", "model", 0.8)
    assert (route.reason, route.runner_up, route.calls) == ("chosen by scripted", "billing", 1)
    (request,) = bench.model.requests
    assert request.choices == ("billing", "tech")
    assert "billing: charges and refunds" in request.turns[0].content
    assert request.turns[-1].content == "it does not turn on"
    assert [e[1].content for e in request.examples] == ["billing", "tech"]
    assert (request.purpose, request.tools) == ("route", ())


async def test_a_model_without_probabilities_is_still_a_route() -> None:
    """No probability is not a low one."""
    bench = Bench(["tech"])
    route = await decide(bench, Router(min_confidence=0.9))
    assert (route.to, route.tier, route.confidence) == ("tech", "model", None)


@pytest.mark.parametrize(("sure", "to", "tier"), [(0.59, "", "none"), (0.6, "tech", "model")])
async def test_below_the_bound_there_is_no_route(sure: float, to: str, tier: str) -> None:
    """A choice the model is not sure enough of counts as none; at the bound it counts."""
    bench = Bench([choice_reply("tech", probabilities=[("tech", sure)])])
    route = await decide(bench, Router(min_confidence=0.6))
    assert (route.to, route.tier, route.confidence) == (to, tier, sure)


async def test_nobody_can_be_chosen_only_where_examples_show_it() -> None:
    """Out-of-scope examples add the choice `none`, which is no route."""
    bench = Bench([choice_reply(NOBODY, probabilities=[(NOBODY, 0.9)])])
    route = await decide(bench, Router(out_of_scope=("what is the weather",)))
    assert (route.to, route.tier) == ("", "none")
    (request,) = bench.model.requests
    assert request.choices == ("billing", "tech", NOBODY)
    assert request.examples[-1][0].content == "what is the weather"


@pytest.mark.parametrize(
    ("answer", "router"),
    [
        (choice_reply(NOBODY), Router(out_of_scope=("x",), otherwise="tech")),
        (
            choice_reply("billing", probabilities=[("billing", 0.1)]),
            Router(min_confidence=0.5, otherwise="tech"),
        ),
    ],
)
async def test_otherwise_takes_what_has_no_route(answer: Scripted, router: Router) -> None:
    """The named specialist gets what nobody was chosen for."""
    route = await decide(Bench([answer]), router)
    assert (route.to, route.tier) == ("tech", "rules")


@pytest.mark.parametrize(
    "text", ["and what about that one?", "Thanks!", "it still does not work", " AND THEM"]
)
async def test_a_short_follow_up_stays_where_it_was(text: str) -> None:
    """A short message that refers back costs no model call."""
    bench = Bench()
    route = await decide(bench, Router(), text, history=HISTORY, previous="tech")
    assert (route.to, route.tier) == ("tech", "sticky")
    assert bench.model.requests == []


@pytest.mark.parametrize(
    ("text", "history", "previous", "router"),
    [
        ("I want a refund", HISTORY, "tech", Router()),
        ("Android is slow", HISTORY, "tech", Router()),
        ("and that", (), "tech", Router()),
        ("and that", HISTORY, "", Router()),
        ("and that", HISTORY, "gone", Router()),
        ("and that", HISTORY, "tech", Router(sticky=False)),
        ("that " + "word " * 12, HISTORY, "tech", Router()),
        ("", HISTORY, "tech", Router()),
    ],
    ids=[
        "no reference",
        "part of a word",
        "no history",
        "nobody before",
        "left the team",
        "off",
        "long",
        "empty",
    ],
)
async def test_everything_else_is_the_models(
    text: str, history: tuple[Turn, ...], previous: str, router: Router
) -> None:
    """The sticky tier abstains where it is not sure: a wrong stay costs more than a call."""
    bench = Bench(["billing"])
    route = await decide(bench, router, text, history=history, previous=previous)
    assert (route.to, route.tier) == ("billing", "model")


async def test_a_rule_goes_before_the_thread() -> None:
    """What a rule names is not overridden by where the thread was."""
    router = Router(rules=(Rule("money", to="billing", pattern="refund"),))
    route = await decide(Bench(), router, "and that refund?", history=HISTORY, previous="tech")
    assert route.to == "billing"


async def test_an_only_specialist_needs_no_choice() -> None:
    """One candidate and nothing out of scope: no model call."""
    bench = Bench()
    assert (await decide(bench, Router(), specialists=(TECH,))).to == "tech"
    assert bench.model.requests == []


async def test_an_only_specialist_with_things_out_of_scope_is_asked_about() -> None:
    """The message may still be nobody's."""
    bench = Bench([choice_reply(NOBODY)])
    route = await decide(bench, Router(out_of_scope=("weather",)), specialists=(TECH,))
    assert route.to == ""


async def test_a_name_outside_the_choices_is_no_route() -> None:
    """A reply that names nobody of the team (a cache or a transport gone wrong) is never a goto."""
    with pytest.raises(BadOutput, match="'mars'"):
        await decide(Bench([choice_reply("mars")]), Router())


def test_a_route_as_an_event() -> None:
    """Everything the decision holds is recorded."""
    event = Route("tech", "model", 0.5, "why").as_event()
    assert (event.to, event.tier, event.confidence, event.reason) == ("tech", "model", 0.5, "why")
