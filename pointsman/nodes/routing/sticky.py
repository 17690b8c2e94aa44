"""The second tier: a message that goes on with its thread's topic stays where the thread is."""

import re

from pointsman.nodes.routing.classifier import Verdict
from pointsman.nodes.routing.router import Route, Router, Undecided

_FOLLOW_UP = re.compile(
    r"(and|but|so|then|also|ok(ay)?|yes|no|thanks|thank you|(what|how) about|it|that|this|they)\b",
    re.IGNORECASE,
)
"""How a message begins that goes on with what was said before."""


def follows_up(text: str, router: Router) -> bool:
    """Whether it is short and begins as a follow-up."""
    plain = text.strip()
    return len(plain.split()) <= router.sticky_words and _FOLLOW_UP.match(plain) is not None


def stay(text: str, previous: str, router: Router, verdict: Verdict | None) -> Route | Undecided:
    """Stay with the thread's specialist, or abstain.

    The topic holds where the classifier (`verdict`; None: there is none) gives the message to that
    specialist, and does not where it gives it to another. Where it is not sure, a short follow-up
    stays; everything else abstains: a wrong stay costs more than asking the next tier.
    """
    if verdict is not None and verdict.to:
        if verdict.to == previous:
            sure = verdict.seen.probability
            return Route(previous, "sticky", sure, "the topic holds", probabilities=verdict.chances)
        return Undecided(f"the topic is {verdict.to}'s now", verdict.seen.probability)
    if follows_up(text, router):
        return Route(previous, "sticky", None, "a short follow-up in the thread")
    return Undecided("it is no short follow-up")
