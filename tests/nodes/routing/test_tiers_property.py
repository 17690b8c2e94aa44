"""Whatever the rules, the examples and the answers: a decision names the team's, tiers in order."""

import asyncio
from string import ascii_lowercase

from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.nodes.gateway.scripted import choice_reply
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.message import Request
from pointsman.nodes.routing.classifier import Classifier, Unfitted
from pointsman.nodes.routing.router import NOBODY, ORDER, Router
from pointsman.nodes.routing.rules import Rule
from pointsman.nodes.routing.threshold import Abstained, Classified, Costs, decide
from pointsman.nodes.routing.tiers import RouterNode
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import PromptLibrary
from tests.nodes.bench import Bench
from tests.nodes.routing.rooms import HISTORY, giving

NAMES = ("ana", "ben", "cleo")
TEXTS = st.lists(
    st.sampled_from(("it broke.", "and", "refund me now!", "that", "why is it so?", "\n", "ok")),
    max_size=8,
).map(" ".join) | st.text(max_size=60)


class Drawn:
    """A classifier with drawn probabilities."""

    def __init__(self, chances: tuple[float, ...]) -> None:
        total = sum(chances) or 1.0
        self._shares = [chance / total for chance in chances]

    def classify(self, text: str) -> Classified:
        """The drawn probabilities, turned by the text's length, so that pieces differ."""
        turn = len(text) % 3
        names = (*NAMES[turn:], *NAMES[:turn])
        ranked = sorted(zip(names, self._shares, strict=False), key=lambda pair: -pair[1])
        (best, p), (second, q) = ranked[:2]
        return Classified(best, p, second, q, self._shares[3], tuple(ranked))

    def decide(self, text: str) -> str | Abstained:
        """By the default costs."""
        return decide(self.classify(text), Costs())


RULES = st.lists(
    st.builds(
        Rule,
        st.just("r"),
        st.sampled_from(NAMES),
        st.sampled_from(tuple(ascii_lowercase)),
    ),
    max_size=2,
)
ROUTERS = st.builds(
    Router,
    rules=RULES.map(tuple),
    sticky=st.booleans(),
    split=st.booleans(),
    reasons=st.booleans(),
    ask_person=st.booleans(),
    otherwise=st.sampled_from(("", "ben")),
    out_of_scope=st.sampled_from(((), ("weather",))),
    min_confidence=st.sampled_from((0.0, 0.5)),
)
CLASSIFIERS = st.none() | st.tuples(*[st.floats(0.0, 1.0)] * 4).map(Drawn)


def answered(picks: list[int], sure: float) -> object:
    """A model that answers in the shape it is asked for, with drawn choices."""

    def script(request: ModelRequest) -> ModelReply:
        if request.choices:
            choice = request.choices[picks[0] % len(request.choices)]
            return choice_reply(choice, probabilities=[(choice, sure)])
        import json

        properties = (request.output_schema or {})["properties"]
        assert isinstance(properties, dict)
        made = {}
        for n, (name, schema) in enumerate(properties.items()):
            options = schema.get("enum") or ["why"]
            made[name] = options[picks[n % len(picks)] % len(options)]
        return ModelReply(model="scripted", text=json.dumps(made))

    return script


@settings(max_examples=150, deadline=None)
@given(
    ROUTERS, CLASSIFIERS, TEXTS, st.sampled_from(("", *NAMES, "gone")),
    st.lists(st.integers(0, 9), min_size=1, max_size=8), st.floats(0.0, 1.0),
)  # fmt: skip
def test_a_decision_is_of_the_team_and_tiers_run_in_order(
    router: Router,
    classifier: Classifier | None,
    text: str,
    previous: str,
    picks: list[int],
    sure: float,
) -> None:
    """The route is one of the team or empty; the tiers before the one that settled it abstained,
    each with its reason, and nothing after it was asked; parts lose no word."""
    bench = Bench(answered(picks, sure))  # type: ignore[arg-type]
    node = RouterNode(
        router, [Specialist(name, handles=name) for name in NAMES], team="t",
        prompts=PromptLibrary(), classifier=giving(classifier or Unfitted("there is none")),
    )  # fmt: skip
    from dataclasses import replace

    run = replace(bench.run, previous=previous)
    request = Request(text=text, history=HISTORY if previous else ())
    route = asyncio.run(node.decide(request, run))

    assert route.to in ("", *NAMES)
    assert {part.to for part in route.parts} <= set(NAMES)
    asked = [one.tier for one in route.abstained]
    assert asked == list(ORDER[: len(asked)]) or route.parts
    assert all(one.reason for one in route.abstained)
    if not route.parts:
        assert route.settled == (ORDER[len(asked)] if len(asked) < len(ORDER) else "")
    assert len(bench.model.requests) == int("model" in (route.settled, *asked))
    assert route.ask == (router.ask_person and not route.settled)
    if not route.to and router.otherwise:
        assert route.ask
    if route.parts:
        owners = [part.to for part in route.parts]
        assert router.split
        assert len(owners) >= 2
        assert len(set(owners)) == len(owners)
        said = "".join(sorted("".join(part.text for part in route.parts).replace(" ", "")))
        assert "".join(said.split()) == "".join(sorted("".join(text.split())))
    if not router.out_of_scope and route.settled == "model" and not route.to:
        raise AssertionError(f"{NOBODY} was not offered")
    assert route.as_event().to == route.to
