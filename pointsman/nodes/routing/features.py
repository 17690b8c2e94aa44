"""What the classifier sees of a text: its words, pairs of words, and short runs of letters."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

LONGEST = 4000
"""Characters read of a text: the request stands at the start, and serving time stays bounded."""
RUNS = (2, 3, 4)
"""Letters of a run."""
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words(text: str) -> list[str]:
    """The words of a text, case folded, without punctuation."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).casefold().replace("\u2019", "'")
    return _WORD.findall(plain)


def grams(text: str) -> Counter[str]:
    """How often each feature occurs: `w:word`, `p:two words`, `c:run`.

    A run of letters does not cross words; `<` and `>` stand for the ends of a word or the text.
    """
    found = words(text)
    counts = Counter([f"w:{word}" for word in found])
    if found:
        counts.update([f"p:{a} {b}" for a, b in zip(["<", *found], [*found, ">"], strict=True)])
    runs: list[str] = []
    for word in found:
        ended = f"<{word}>"
        for size in RUNS:
            runs += [f"c:{ended[n : n + size]}" for n in range(len(ended) - size + 1)]
    counts.update(runs)
    return counts


def weighed(counts: Mapping[str, int], idf: Mapping[str, float]) -> dict[str, float]:
    """The features that `idf` has, as (1 + ln count) * idf. Words with pairs, and runs, are each
    brought to length 1, so that many runs do not drown few words. Empty where none is known."""
    known = [
        (name, (1 + math.log(n)) * rarity)
        for name, n in counts.items()
        if (rarity := idf.get(name)) is not None
    ]
    runs = math.sqrt(math.fsum(value * value for name, value in known if name[0] == "c"))
    rest = math.sqrt(math.fsum(value * value for name, value in known if name[0] != "c"))
    return {name: value / (runs if name[0] == "c" else rest) for name, value in known}
