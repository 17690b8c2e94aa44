"""A classifier that a test writes, and a way to ask a router."""

from collections.abc import Mapping
from dataclasses import replace

from pointsman.nodes.message import Request, Turn
from pointsman.nodes.routing.classifier import Classifier, GetClassifier, Unfitted
from pointsman.nodes.routing.router import Route, Router
from pointsman.nodes.routing.threshold import Abstained, Classified, Costs, decide
from pointsman.nodes.routing.tiers import RouterNode
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import PromptLibrary
from tests.nodes.bench import Bench

BILLING = Specialist("billing", handles="charges and refunds", examples=("I was charged twice",))
TECH = Specialist("tech", handles="devices", examples=("my screen is black",))
HISTORY = (Turn(role="user", content="hello"), Turn(role="assistant", content="hi"))


class Words:
    """Gives a text to the label whose word it holds, at the probability written for the word; the
    rest of it is the other label's, or nobody's for a text with `nobody` in it."""

    def __init__(self, words: Mapping[str, tuple[str, float]]) -> None:
        self._words = words

    def classify(self, text: str) -> Classified:
        """The probabilities by the first word of the table that is in the text."""
        found = [pair for word, pair in self._words.items() if word in text.lower()]
        label, sure = found[0] if found else ("billing", 0.5)
        other = "tech" if label == "billing" else "billing"
        nobody = 0.99 if "nobody" in text else 0.0
        sure, rest = (0.006, 0.004) if nobody else (sure, 1 - sure)
        return Classified(label, sure, other, rest, nobody, ((label, sure), (other, rest)))

    def decide(self, text: str) -> str | Abstained:
        """By the default costs."""
        return decide(self.classify(text), Costs())


SURE = Words({"refund": ("billing", 0.97), "screen": ("tech", 0.95), "maybe": ("tech", 0.7)})


def giving(classifier: Classifier | Unfitted) -> GetClassifier:
    """Gives this classifier."""

    async def get() -> Classifier | Unfitted:
        return classifier

    return get


async def ask(
    bench: Bench,
    text: str,
    router: Router | None = None,
    *,
    classifier: Classifier | Unfitted | None = None,
    previous: str = "",
    ask_model: bool | None = None,
) -> Route:
    """What a router of billing and tech decides; with `previous`, in a thread that goes on."""
    node = RouterNode(
        router or Router(), (BILLING, TECH), team="shop", prompts=PromptLibrary(),
        classifier=giving(classifier) if classifier else None,
    )  # fmt: skip
    request = Request(text=text, history=HISTORY if previous else ())
    run = replace(bench.run, previous=previous)
    if ask_model is None:
        return await node.decide(request, run)
    return await node.by_tiers(request, run, ask_model=ask_model)
