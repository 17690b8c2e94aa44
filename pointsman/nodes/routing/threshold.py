"""When a classifier decides and when it abstains: the cheaper of the two, by the user's costs."""

import math
from dataclasses import dataclass
from typing import Literal

from pointsman.errors import Misconfigured

Doubt = Literal["out of scope", "unsure", "too few examples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What each outcome costs, in one unit of the user's choice; only the ratios matter."""

    wrong: float = 10.0
    """A message sent to a specialist whose it is not."""
    ask: float = 1.0
    """Asking the next tier: a model call, or a person."""
    refused: float = 2.5
    """A message called out of scope that was some specialist's: its sender sees that at once."""
    out_of_scope: float = 0.1
    """Expected share of messages that are nobody's, from 0 to below 1."""

    def __post_init__(self) -> None:
        prices = (self.wrong, self.ask, self.refused)
        if not all(math.isfinite(price) and price > 0 for price in prices):
            raise Misconfigured(
                f"Costs must be finite and above 0, and are {prices}.",
                hint="Give a wrong route's cost against a model call's: Costs(wrong=10, ask=1).",
            )
        if not 0 <= self.out_of_scope < 1:
            raise Misconfigured(
                f"Costs(out_of_scope={self.out_of_scope}) is no share of messages.",
                hint="Give a number from 0 to below 1, such as 0.1.",
            )


@dataclass(frozen=True, slots=True)
class Classified:
    """What the classifier makes of one text. Probabilities are calibrated on the examples."""

    label: str
    """The best label."""
    probability: float
    """That the text is the best label's."""
    runner_up: str
    """Empty where there is one label only."""
    runner_up_probability: float
    out_of_scope: float
    """Probability that the text is nobody's."""
    probabilities: tuple[tuple[str, float], ...]
    """Each label's, best first; they and `out_of_scope` sum to 1."""


@dataclass(frozen=True, slots=True)
class Abstained:
    """No decision: why in a word, why in a sentence, and what was seen."""

    because: Doubt
    reason: str
    seen: Classified


def decide(seen: Classified, costs: Costs, *, known: bool = True) -> str | Abstained:
    """The best label, where sending the text there is expected to cost less than asking (Chow's
    rule, 1970). `known` is false for a label with too few examples to trust its probability."""
    sure = f"{seen.label} at {seen.probability:.2f}"
    if not known:
        return Abstained("too few examples", f"{sure}, and {seen.label} has few examples", seen)
    if costs.wrong * (1 - seen.probability) <= costs.ask:
        return seen.label
    if costs.refused * (1 - seen.out_of_scope) <= costs.ask:
        return Abstained("out of scope", f"nobody's at {seen.out_of_scope:.2f}", seen)
    needed = max(0.0, 1 - costs.ask / costs.wrong)
    return Abstained("unsure", f"{sure}, {needed:.2f} needed, then {seen.runner_up or '-'}", seen)
