"""The router's tiers in order: who decides, who abstains and why, what it cost."""

import json

import pytest

from pointsman.errors import BadOutput, ModelUnreachable, NoModel
from pointsman.nodes.gateway.scripted import Scripted, choice_reply, text_reply
from pointsman.nodes.message import Request
from pointsman.nodes.routing.classifier import Unfitted
from pointsman.nodes.routing.parts import Part
from pointsman.nodes.routing.router import NOBODY, Router
from pointsman.nodes.routing.rules import Rule
from tests.nodes.bench import Bench
from tests.nodes.routing.rooms import SURE, ask

BOTH = "I want a refund for the order. Also the screen stays black."


async def test_the_classifier_decides_where_it_is_sure() -> None:
    """No model call; the probabilities, the runner-up and who abstained before are kept."""
    bench = Bench()
    route = await ask(bench, "a refund please", classifier=SURE)
    assert (route.to, route.tier, route.confidence) == ("billing", "classifier", 0.97)
    assert (route.runner_up, route.settled, route.calls) == ("tech", "classifier", 0)
    assert [(one.tier, one.reason) for one in route.abstained] == [
        ("rules", "there are no rules"),
        ("sticky", "nobody of the team answered in this thread before"),
    ]
    assert bench.model.requests == []


async def test_the_model_is_asked_where_the_classifier_is_unsure() -> None:
    """What the classifier saw is the reason it abstained; the call is counted with its cost."""
    bench = Bench([choice_reply("billing", usd=0.002)])
    route = await ask(bench, "maybe", classifier=SURE)
    assert (route.to, route.tier, route.usd, route.calls) == ("billing", "model", 0.002, 1)
    assert route.abstained[-1].tier == "classifier"
    assert "tech at 0.70, 0.90 needed" in route.abstained[-1].reason


@pytest.mark.parametrize("reason", ["it is switched off", "scikit-learn is not installed"])
async def test_without_a_classifier_the_tier_says_why(reason: str) -> None:
    """The reason is recorded, and the model decides."""
    route = await ask(Bench(["tech"]), "a refund", classifier=Unfitted(reason))
    assert (route.to, route.abstained[-1].reason) == ("tech", reason)


async def test_out_of_scope_needs_examples_of_it() -> None:
    """With examples the classifier may call a text nobody's; without them it only doubts."""
    known = Router(out_of_scope=("weather",))
    route = await ask(Bench(), "nobody's thing", known, classifier=SURE)
    assert (route.to, route.tier, route.settled) == ("", "none", "classifier")
    assert not route.ask
    route = await ask(Bench(["tech"]), "nobody's thing", classifier=SURE)
    assert (route.to, route.settled) == ("tech", "model")


@pytest.mark.parametrize(
    ("text", "to", "tier"),
    [
        ("the screen is still black and I have waited for three weeks now", "tech", "sticky"),
        ("and that?", "tech", "sticky"),
        ("and a refund?", "billing", "classifier"),
        ("maybe it is about something that I have not said yet", "billing", "model"),
    ],
    ids=["topic holds", "unsure and a follow-up", "topic changed", "unsure and long"],
)
async def test_the_classifier_says_whether_the_topic_holds(text: str, to: str, tier: str) -> None:
    """The thread's specialist keeps its topic, whatever the length; another topic is let go, even
    by a short follow-up; where the classifier is not sure, only a short follow-up stays."""
    route = await ask(Bench(["billing"]), text, classifier=SURE, previous="tech")
    assert (route.to, route.tier) == (to, tier)


async def test_a_person_is_asked_where_every_tier_abstains() -> None:
    """The outcome names nobody and asks; every tier's reason is kept."""
    answer = choice_reply("tech", probabilities=[("tech", 0.4)])
    router = Router(min_confidence=0.9, ask_person=True, otherwise="billing")
    route = await ask(Bench([answer]), "maybe", router, classifier=SURE)
    assert (route.to, route.tier, route.ask, route.settled) == ("", "person", True, "")
    assert [one.tier for one in route.abstained] == ["rules", "sticky", "classifier", "model"]
    assert (route.confidence, route.calls) == (0.4, 1)


async def test_a_person_is_not_asked_about_what_is_nobodys() -> None:
    """That is a decision: `otherwise` takes it, or the run ends without a route."""
    router = Router(ask_person=True, out_of_scope=("weather",))
    route = await ask(Bench([choice_reply(NOBODY)]), "rain", router)
    assert (route.to, route.ask, route.tier, route.settled) == ("", False, "none", "model")


@pytest.mark.parametrize("answer", [ModelUnreachable("down"), choice_reply("mars")])
async def test_a_model_that_fails_is_an_abstention_where_somebody_can_take_it(
    answer: Scripted,
) -> None:
    """With a person or `otherwise` the message is not lost; without them the error is raised."""
    route = await ask(Bench(lambda _: answer), "hm", Router(ask_person=True))
    assert (route.ask, route.abstained[-1].tier) == (True, "model")
    route = await ask(Bench(lambda _: answer), "hm", Router(otherwise="tech"))
    assert (route.to, route.tier) == ("tech", "rules")
    with pytest.raises((NoModel, BadOutput)):
        await ask(Bench(lambda _: answer), "hm")


async def test_it_can_stop_before_the_model() -> None:
    """The best candidate seen is still told."""
    bench = Bench()
    route = await ask(bench, "maybe", classifier=SURE, ask_model=False)
    assert (route.to, route.settled, route.probabilities[0]) == ("", "", ("tech", 0.7))
    assert (route.abstained[-1].reason, bench.model.requests) == ("it was not asked", [])


async def test_the_model_gives_its_reason_where_that_is_wanted() -> None:
    """Names are an enum of the schema, and the reason is kept, short and on one line."""
    said = {"to": "tech", "reason": "a device\nthat " + "x" * 500}
    bench = Bench([text_reply(json.dumps(said))])
    route = await ask(bench, "hm", Router(reasons=True, out_of_scope=("weather",)))
    assert (route.to, route.tier) == ("tech", "model")
    assert route.reason.startswith("scripted: a device that xxx")
    assert len(route.reason) < 250
    (request,) = bench.model.requests
    assert request.output_schema is not None
    assert request.output_schema["properties"]["to"]["enum"] == ["billing", "tech", NOBODY]  # type: ignore[index,call-overload]
    assert json.loads(request.examples[0][1].content)["to"] == "billing"


async def test_several_requests_are_split_by_rules_and_classifier() -> None:
    """Each part goes to its owner, in the person's words, without a model."""
    bench = Bench()
    rules = (Rule("money", "billing", "refund"),)
    route = await ask(bench, BOTH, Router(split=True, rules=rules), classifier=SURE)
    assert route.parts == (
        Part("billing", "I want a refund for the order."),
        Part("tech", "Also the screen stays black."),
    )
    assert (route.to, route.tier, route.settled) == ("billing", "classifier", "classifier")
    assert route.as_event().parts == ("billing", "tech")
    assert bench.model.requests == []


async def test_without_split_a_message_stays_whole() -> None:
    """One specialist gets all of it."""
    route = await ask(Bench(), BOTH, classifier=SURE)
    assert (route.to, route.parts) == ("billing", ())


async def test_a_piece_that_may_be_anothers_goes_to_the_model() -> None:
    """The model names the owner of each piece and cannot change its words."""
    text = "I want a refund for the order. Maybe you know why it broke too. Have a nice day then."
    owners = {"1": "billing", "2": "tech", "3": NOBODY}
    bench = Bench([text_reply(json.dumps(owners), usd=0.01)])
    route = await ask(bench, text, Router(split=True), classifier=SURE)
    assert route.parts == (
        Part("billing", "I want a refund for the order."),
        Part("tech", "Maybe you know why it broke too. Have a nice day then."),
    )
    assert (route.tier, route.usd, route.calls) == ("model", 0.01, 1)
    assert "a request for tech too" in route.abstained[-1].reason
    assert "2. Maybe you know" in bench.model.requests[0].turns[-1].content


@pytest.mark.parametrize(
    ("owners", "to"),
    [({"1": "tech", "2": "tech"}, "tech"), ({"1": NOBODY, "2": "tech"}, "tech")],
)
async def test_one_owner_of_all_pieces_is_a_plain_route(owners: dict[str, str], to: str) -> None:
    """There is nothing to split."""
    bench = Bench([text_reply(json.dumps(owners))])
    route = await ask(bench, "Maybe this is it. Or that is it.", Router(split=True))
    assert (route.to, route.parts, route.tier) == (to, (), "model")


@pytest.mark.parametrize("owners", [{"1": "tech"}, {"1": "tech", "2": "mars"}, {}])
async def test_owners_outside_the_team_are_refused(owners: dict[str, str]) -> None:
    """A missing piece or a strange name is no route."""
    with pytest.raises(BadOutput):
        await ask(
            Bench([text_reply(json.dumps(owners))]),
            "Maybe this is it. Or that is it.",
            Router(split=True),
        )


async def test_a_long_text_is_classified_too() -> None:
    """Off the event loop, with the same verdict."""
    route = await ask(Bench(), "refund " * 500, classifier=SURE)
    assert (route.to, route.tier) == ("billing", "classifier")


async def test_the_event_tells_all_but_the_text() -> None:
    """Probabilities, runner-up, abstentions and cost; no word of the message."""
    bench = Bench([choice_reply("tech", probabilities=[("tech", 0.6), ("billing", 0.4)], usd=0.5)])
    event = (await ask(bench, "maybe a secret", classifier=SURE)).as_event()
    assert event.probabilities == (("tech", 0.6), ("billing", 0.4))
    assert (event.runner_up, event.usd, event.calls) == ("billing", 0.5, 1)
    assert [one.tier for one in event.abstained] == ["rules", "sticky", "classifier"]
    assert "secret" not in event.model_dump_json()


async def test_a_faulty_predicate_stands_in_the_record() -> None:
    """Its owner learns of it from the route."""

    def faulty(_request: Request) -> bool:
        raise ZeroDivisionError

    rules = (Rule("odd", "tech", predicate=faulty),)
    route = await ask(Bench(), "a refund", Router(rules=rules), classifier=SURE)
    assert route.abstained[0].reason == "the predicate of rule odd raised ZeroDivisionError"
