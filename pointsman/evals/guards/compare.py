"""How findings are compared with the spans that people marked."""

from collections.abc import Sequence
from dataclasses import dataclass

from pointsman.evals.guards.kinds import fits, label_of
from pointsman.evals.guards.rows import GoldSpan

OVERLAP = "same type, and they share at least half of the longer of the two"
"""When a finding counts as a span's. One finding counts for one span, the closest pair first."""


@dataclass(frozen=True, slots=True)
class Spotted:
    """What a check found, in the indices of the original text."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One row's comparison. Each list has one entry for each span or finding."""

    found: tuple[bool, ...]
    """Of each gold span: whether a finding counts for it."""
    exact: tuple[bool, ...]
    """Of each gold span: whether that finding has its very borders."""
    hidden: tuple[bool, ...]
    """Of each gold span: whether findings of whatever type cover all of it."""
    right: tuple[bool, ...]
    """Of each finding: whether it counts for a span."""


def merged(spots: Sequence[Spotted]) -> list[Spotted]:
    """Spots of one label that overlap made one, as a filter redacts them."""
    made: list[Spotted] = []
    for spot in sorted(spots, key=lambda s: (s.label, s.start, s.end)):
        last = made[-1] if made else None
        if last and last.label == spot.label and spot.start < last.end:
            made[-1] = Spotted(last.start, max(last.end, spot.end), last.label)
        else:
            made.append(spot)
    return made


def compare(gold: Sequence[GoldSpan], spots: Sequence[Spotted], text: str) -> Compared:
    """Pair findings with spans. Both may hold any number; the text is needed for its length."""
    pairs = sorted(_pairs(gold, spots), key=lambda pair: (-pair[0], pair[1], pair[2]))
    by_gold: dict[int, int] = {}
    taken: set[int] = set()
    for _, g, s in pairs:
        if g not in by_gold and s not in taken:
            by_gold[g] = s
            taken.add(s)
    exact = tuple(
        g in by_gold and (spots[by_gold[g]].start, spots[by_gold[g]].end) == (one.start, one.end)
        for g, one in enumerate(gold)
    )
    return Compared(
        tuple(g in by_gold for g in range(len(gold))),
        exact,
        _hidden(gold, spots, text),
        tuple(s in taken for s in range(len(spots))),
    )


def _pairs(gold: Sequence[GoldSpan], spots: Sequence[Spotted]) -> list[tuple[float, int, int]]:
    """Closeness, place of the span, place of the finding: for each pair that may count."""
    found: list[tuple[float, int, int]] = []
    ordered = sorted(enumerate(gold), key=lambda item: item[1].start)
    at = 0
    for s, spot in sorted(enumerate(spots), key=lambda item: item[1].start):
        while at < len(ordered) and ordered[at][1].end <= spot.start:
            at += 1
        for g, one in ordered[at:]:
            if one.start >= spot.end:
                break
            shared = min(one.end, spot.end) - max(one.start, spot.start)
            longer = max(one.end - one.start, spot.end - spot.start)
            if shared * 2 >= longer and fits(label_of(one.type), spot.label):
                found.append((shared / longer, g, s))
    return found


def _hidden(gold: Sequence[GoldSpan], spots: Sequence[Spotted], text: str) -> tuple[bool, ...]:
    if not gold or not spots:
        return (False,) * len(gold)
    covered = bytearray(len(text))
    for spot in spots:
        covered[spot.start : spot.end] = b"\1" * (spot.end - spot.start)
    return tuple(covered.find(b"\0", one.start, one.end) < 0 for one in gold)
