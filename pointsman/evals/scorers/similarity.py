"""How alike two texts are, 0 to 1, without a model and without a dependency."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Literal

from pointsman.nodes.resolve import normalised

Method = Literal["token_f1", "difflib"]
_TOKEN = re.compile(r"\w+")


def token_f1(one: str, other: str) -> float:
    """The harmonic mean of precision and recall over the words of both texts, each as often as it
    occurs, case and punctuation ignored; symmetric. Two texts without a word are alike.

    The F1 of SQuAD (Rajpurkar et al. 2016, arXiv:1606.05250), but with no English articles removed.
    """
    first, second = _words(one), _words(other)
    if not first or not second:
        return float(first == second)
    return 2 * (first & second).total() / (first.total() + second.total())


def difflib_ratio(one: str, other: str) -> float:
    """Python's difflib: twice the characters in matching blocks over the characters of both
    (Ratcliff and Obershelp 1988), of the texts normalised. Order matters, so it is taken both ways
    round and the larger is given. Quadratic: texts are cut after 20,000 characters."""
    first, second = normalised(one)[:20_000], normalised(other)[:20_000]
    return max(_ratio(first, second), _ratio(second, first))


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _words(text: str) -> Counter[str]:
    return Counter(_TOKEN.findall(normalised(text)))


METHODS: Mapping[Method, Callable[[str, str], float]] = MappingProxyType(
    {"token_f1": token_f1, "difflib": difflib_ratio}
)
