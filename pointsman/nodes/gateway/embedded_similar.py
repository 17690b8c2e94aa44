"""Similar: which worked examples are most like a text.

An example is near when it shares the words, word pairs and four-letter pieces that tell the
examples' labels apart: inverse document frequency (Spaerck Jones 1972) times one minus the entropy
of the feature's labels, which is the entropy weight of text retrieval (Dumais 1991) taken over
labels instead of documents. Digits count as one shape, so one number is as good as another.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

_WORD = re.compile(r"[^\W\d_]+|\d+")
_PIECE = 4
_PIECE_WEIGHT = 0.5
_SMOOTHING = 0.3


class Similar:
    """An index of labelled texts."""

    def __init__(self, labelled: Sequence[tuple[str, str]]) -> None:
        self._features = [_features(text) for text, _ in labelled]
        self._weights = _weights(self._features, [label for _, label in labelled])
        self._norms = [
            math.sqrt(sum(self._weights[f] ** 2 for f in found)) or 1.0 for found in self._features
        ]
        self._having: dict[str, list[int]] = defaultdict(list)
        for index, found in enumerate(self._features):
            for feature in found:
                self._having[feature].append(index)

    def nearest(self, text: str, count: int) -> list[int]:
        """Indexes of the examples most like the text, nearest first; equals keep their order."""
        scores = [0.0] * len(self._features)
        for feature in _features(text):
            weight = self._weights.get(feature, 0.0) ** 2
            for index in self._having.get(feature, ()):
                scores[index] += weight
        order = sorted(range(len(scores)), key=lambda i: -scores[i] / self._norms[i])
        return order[:count]


@lru_cache(maxsize=32)
def similar(labelled: tuple[tuple[str, str], ...]) -> Similar:
    """The index of these (text, label) pairs, kept for the next request with the same examples."""
    return Similar(labelled)


def _features(text: str) -> frozenset[str]:
    words = ["#" if word.isdigit() else word for word in _WORD.findall(text.lower())]
    found = {f"w {word}" for word in words}
    found |= {f"p {first} {second}" for first, second in pairwise(words)}
    for word in words:
        edged = f"^{word}$"
        found |= {f"c {edged[i : i + _PIECE]}" for i in range(len(edged) - _PIECE + 1)}
    return frozenset(found)


def _weights(features: Sequence[frozenset[str]], labels: Sequence[str]) -> dict[str, float]:
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for found, label in zip(features, labels, strict=True):
        for feature in found:
            seen[feature][label] += 1
    kinds = len(set(labels))
    return {
        feature: _rarity(counts.total(), len(labels))
        * (_sharpness(counts, kinds) + 0.05)
        * (_PIECE_WEIGHT if feature.startswith("c ") else 1.0)
        for feature, counts in seen.items()
    }


def _rarity(count: int, total: int) -> float:
    return math.log((total + 1) / (count + 0.5))


def _sharpness(counts: Counter[str], kinds: int) -> float:
    """1 for a feature of one label, 0 for one that is spread evenly over all."""
    if kinds < 2:
        return 1.0
    whole = counts.total() + _SMOOTHING * kinds
    shares = [(n + _SMOOTHING) / whole for n in counts.values()]
    shares += [_SMOOTHING / whole] * (kinds - len(counts))
    return 1.0 + sum(share * math.log(share) for share in shares) / math.log(kinds)
