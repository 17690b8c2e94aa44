"""Injection: clues that a text gives orders to the assistant. A score, a signal and no gate.

Rules see wording, not intent: a paraphrase passes, and so does most of what names no instruction at
all. What must not happen is kept from happening at the tool's door.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import prod

from pydantic import JsonValue

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import Canonical, canonical
from pointsman.guardrails.check import Action, Place
from pointsman.guardrails.clues import CLUES
from pointsman.guardrails.rules import Found, Rule, RuleSet
from pointsman.nodes.digest import digest

WINDOW = 2000
"""Characters in which clues add up: weak clues far apart in a long text are chance."""


@dataclass(frozen=True)
class Injection:
    """Scores a text by its clues: 1 - (1-w1)(1-w2)..., over the clues within `WINDOW` characters.

    Finds nothing below `threshold`; above it, every clue, its rule `injection-` and its family
    (override, persona, extraction, spoofing, agent), the score as confidence. `foreign`: the texts
    are a stranger's (tool results, documents), where any order to the assistant weighs more. Use
    `injection_checks` to read both kinds. Raises Misconfigured for a threshold outside 0 to 1.
    """

    name: str = "injection"
    action: Action = "record"
    shadow: bool = False
    places: frozenset[Place] = frozenset({"request"})
    foreign: bool = False
    threshold: float = 0.6

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise Misconfigured(
                f"Injection {self.name!r}: threshold={self.threshold!r} is not above 0 and at most"
                " 1.",
                hint="Leave it out for 0.6.",
            )

    @property
    def version(self) -> str:
        """Over the clues, their weights and the threshold."""
        return _version(foreign=self.foreign, threshold=self.threshold)

    def find(self, text: Canonical) -> Sequence[Found]:
        """Every clue of every stretch that reaches the threshold."""
        weights = _weights(foreign=self.foreign)
        hits = [hit for rules in _rules() for hit in rules.find(text.text)]
        hits.sort(key=lambda hit: (hit.start, hit.end, hit.rule))
        scores = _scores(hits, weights)
        found: list[Found] = []
        for hit in hits:
            block = hit.start // (WINDOW // 2)
            score = max(scores[block - 1], scores[block])
            if score >= self.threshold:
                rule = f"injection-{CLUES[int(hit.rule)].family}"
                found.append(Found(rule, "INJECTION", hit.start, hit.end, hit.key, round(score, 3)))
        return found


def injection_checks(
    action: Action = "record", *, threshold: float = 0.6, shadow: bool = False
) -> tuple[Injection, Injection]:
    """One check for what a person writes, one for what a stranger wrote."""
    places: frozenset[Place] = frozenset({"result", "document"})
    return (
        Injection(action=action, threshold=threshold, shadow=shadow),
        Injection("injection-foreign", action, shadow, places, foreign=True, threshold=threshold),
    )


def _scores(hits: Sequence[Found], weights: Sequence[float]) -> defaultdict[int, float]:
    """The score of each window. They begin every half window, so each clue is in two of them."""
    windows: defaultdict[int, set[int]] = defaultdict(set)
    for hit in hits:
        block = hit.start // (WINDOW // 2)
        windows[block].add(int(hit.rule))
        windows[block - 1].add(int(hit.rule))
    scores = ((at, 1 - prod(1 - weights[clue] for clue in held)) for at, held in windows.items())
    return defaultdict(float, scores)


def _weights(*, foreign: bool) -> tuple[float, ...]:
    return tuple(
        clue.weight if clue.foreign is None or not foreign else clue.foreign for clue in CLUES
    )


@cache
def _rules() -> tuple[RuleSet, ...]:
    # One set for each family: what an RE2 set learns of new texts grows faster than its rules.
    sets: defaultdict[str, list[Rule]] = defaultdict(list)
    for at, clue in enumerate(CLUES):
        sets[clue.family].append(Rule(str(at), _spelled(clue.pattern)))
    return tuple(RuleSet(rules) for rules in sets.values())


def _spelled(pattern: str) -> str:
    """RE2's spelling of a clue. Its words are spelled as they are in canonical texts."""
    spelled = canonical(pattern).text
    for mark, meaning in (
        ("<gap>", r"(?:[\w'\",:-]+ ){0,4}"),
        ("<any>", r"(?:[^.!?\n]|[.!?][^\s])*"),
        (" ?", r"\s*"),
        (" *", r"\s*"),
        (" ", r"\s+"),
    ):
        spelled = spelled.replace(mark, meaning)
    return f"(?i){spelled}"


@cache
def _version(*, foreign: bool, threshold: float) -> str:
    clues: list[JsonValue] = [f"{clue.family} {clue.pattern}" for clue in CLUES]
    return digest("injection", clues, [*_weights(foreign=foreign)], WINDOW, threshold)[:12]
