"""Whether two sequences agree: strictly, in order, in any order, as a part or as a whole. Pure.

Elements are compared by a predicate, which need be no equality: an expected call with a matcher may
fit several real ones. So what is paired with what is a maximum matching, never the first that fits.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

E = TypeVar("E")
G = TypeVar("G")

Mode = Literal["strict", "in_order", "unordered", "subset", "superset"]
"""strict: the same, in the same order. in_order: all that is expected, in that order, and perhaps
more between. unordered: the same, in any order. subset: nothing but what is expected. superset: at
least what is expected."""


def agree(
    mode: Mode, expected: Sequence[E], got: Sequence[G], fits: Callable[[E, G], bool]
) -> bool:
    """Whether `got` is to `expected` as the mode says. Each element is paired at most once."""
    if mode == "strict":
        return len(expected) == len(got) and all(map(fits, expected, got))
    if mode == "in_order":
        rest = iter(got)
        return all(any(fits(wanted, one) for one in rest) for wanted in expected)
    if mode == "unordered" and len(expected) != len(got):
        return False
    size = sum(place is not None for place in paired(expected, got, fits))
    return size == (len(expected) if mode == "superset" else len(got))


def paired(
    expected: Sequence[E], got: Sequence[G], fits: Callable[[E, G], bool]
) -> list[int | None]:
    """For each expected element the place in `got` it is paired with, so that as many as possible
    are. By augmenting paths (Berge 1957), breadth first; `fits` is asked once for each pair."""
    edges = [[j for j, one in enumerate(got) if fits(wanted, one)] for wanted in expected]
    holder: dict[int, int] = {}
    for start in range(len(edges)):
        _augment(start, edges, holder)
    places: list[int | None] = [None] * len(edges)
    for place, wanted in holder.items():
        places[wanted] = place
    return places


def _augment(start: int, edges: Sequence[Sequence[int]], holder: dict[int, int]) -> None:
    """Pair `start` too, if others can move. `holder` maps a place to whom it is paired with."""
    came: dict[int, tuple[int, int | None]] = {}  # place: who reaches for it, and what it holds
    waiting: deque[tuple[int, int | None]] = deque([(start, None)])
    while waiting:
        wanted, held = waiting.popleft()
        for place in edges[wanted]:
            if place in came:
                continue
            came[place] = (wanted, held)
            if place in holder:
                waiting.append((holder[place], place))
                continue
            free: int | None = place
            while free is not None:  # back along the path, everybody takes what they reached for
                holder[free], free = came[free]
            return
