"""Counts of marked spans: recall and precision per type and source."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pointsman.evals.guards.compare import Spotted, compare, merged
from pointsman.evals.guards.figures import NotLookedFor, Rate, Smuggled, Spans
from pointsman.evals.guards.kinds import fits, label_of, labels_of, reads_data
from pointsman.evals.guards.rows import GoldSpan
from pointsman.evals.guards.smuggling import VARIANTS
from pointsman.guardrails.check import Check

FILTER = "filter"
LINK = "LINK"
"""Links that lead out are no personal data, and no data set marks them."""
Spots = Mapping[str, Sequence[Spotted]]
"""What each check found."""


@dataclass(frozen=True, slots=True)
class Disguised:
    """A row whose marked values are smuggled in one way, and what was found in it."""

    variant: str
    text: str
    gold: Sequence[GoldSpan]
    found: Spots


@dataclass
class SpanTally:
    """Counts only: of each check that looks for data, and of all of them together."""

    checks: Sequence[Check]
    _gold: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    """(source, label, name of the type): spans."""
    _counts: Counter[tuple[str, str, str, str]] = field(
        default_factory=Counter[tuple[str, str, str, str]]
    )
    """(source, judge, label, what): spans found, exact, hidden; findings given, right."""
    _named: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    """(source, judge, name of the type): spans found."""
    _smuggled: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    _tried: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    _plain: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    _sources: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self._names = [check.name for check in self.checks if reads_data(check)]

    def add(self, source: str, text: str, gold: Sequence[GoldSpan], found: Spots) -> None:
        """Count a row."""
        self._sources.add(source)
        for one in gold:
            self._gold[source, label_of(one.type), one.type] += 1
        self._count(source, FILTER, text, gold, _together(found))
        for name in self._names:
            self._count(source, name, text, gold, _together({name: found.get(name, ())}))

    def add_smuggled(
        self,
        source: str,
        text: str,
        gold: Sequence[GoldSpan],
        found: Spots,
        smuggled: Sequence["Disguised"],
    ) -> None:
        """Count a row's marked values as they stand, and under each way of smuggling."""
        _, outer = disguised(text, gold, str)
        for one, plain in zip(outer, compare(outer, _together(found), text).found, strict=True):
            self._tried[source, label_of(one.type)] += 1
            self._plain[source, label_of(one.type)] += plain
        for way in smuggled:
            caught = compare(way.gold, _together(way.found), way.text).found
            for one, hit in zip(way.gold, caught, strict=True):
                self._smuggled[source, label_of(one.type), way.variant] += hit

    def figures(self) -> Iterator[Spans]:
        """Every source's types, by judge: what is looked for or was found."""
        for source in sorted(self._sources):
            marks = {label for at, label, _ in self._gold if at == source}
            for judge in (FILTER, *self._names):
                given = {
                    label
                    for (at, who, label, what), count in self._counts.items()
                    if (at, who, what) == (source, judge, "given") and count
                }
                for label in sorted(given | {m for m in marks if self._is_looked_for(m, judge)}):
                    yield self._figure(source, judge, label, marks)

    def not_looked_for(self) -> Iterator[NotLookedFor]:
        """The rows' types that no check looks for."""
        missed = Counter[tuple[str, str]]()
        for (source, label, name), count in self._gold.items():
            if not self._is_looked_for(label):
                missed[source, name] += count
        for (source, name), count in sorted(missed.items()):
            yield NotLookedFor(source=source, type=name, spans=count)

    def smuggled(self) -> Iterator[Smuggled]:
        """Recall under each way of smuggling, of the types that are looked for."""
        for source, label in sorted(self._tried):
            for variant in VARIANTS if self._is_looked_for(label) else ():
                yield Smuggled(
                    source=source,
                    judge=label,
                    variant=variant,
                    total=self._tried[source, label],
                    plain=self._plain[source, label],
                    smuggled=self._smuggled[source, label, variant],
                )

    def _count(
        self,
        source: str,
        judge: str,
        text: str,
        gold: Sequence[GoldSpan],
        spots: Sequence[Spotted],
    ) -> None:
        compared = compare(gold, spots, text)
        for one, found, exact, hidden in zip(
            gold, compared.found, compared.exact, compared.hidden, strict=True
        ):
            self._named[source, judge, one.type] += found
            for what, holds in (("found", found), ("exact", exact), ("hidden", hidden)):
                self._counts[source, judge, label_of(one.type), what] += holds
        for spot, right in zip(spots, compared.right, strict=True):
            self._counts[source, judge, spot.label, "given"] += 1
            self._counts[source, judge, spot.label, "right"] += right

    def _figure(self, source: str, judge: str, label: str, marks: set[str]) -> Spans:
        names = {n: c for (at, of, n), c in self._gold.items() if (at, of) == (source, label)}
        total = sum(names.values())

        def count(what: str) -> int:
            return self._counts[source, judge, label, what]

        return Spans(
            source=source,
            type=label,
            judge=judge,
            recall=Rate.of(count("found"), total),
            exact=Rate.of(count("exact"), total),
            hidden=Rate.of(count("hidden"), total),
            precision=Rate.of(count("right"), count("given")),
            marked=not marks or any(fits(mark, label) for mark in marks),
            by_name={
                name: Rate.of(self._named[source, judge, name], of)
                for name, of in sorted(names.items())
            },
        )

    def _is_looked_for(self, label: str, judge: str = FILTER) -> bool:
        checks = [c for c in self.checks if judge in (FILTER, c.name)]
        labels, known = labels_of(checks)
        if not known:
            labels |= {of for (_, who, of, what) in self._counts if (who, what) == (judge, "given")}
        return any(fits(label, one) for one in labels)


def disguised(
    text: str, gold: Sequence[GoldSpan], smuggle: Callable[[str], str]
) -> tuple[str, list[GoldSpan]]:
    """The text with every marked value smuggled where it stands, and where the values are then.

    A value that begins inside another stays as it is with it.
    """
    pieces: list[str] = []
    moved: list[GoldSpan] = []
    at = length = 0
    for one in sorted(gold, key=lambda g: (g.start, -g.end)):
        if one.start < at:
            continue
        value = smuggle(text[one.start : one.end])
        pieces += [text[at : one.start], value]
        start = length + one.start - at
        length, at = start + len(value), one.end
        moved.append(GoldSpan(start, length, one.type))
    return "".join([*pieces, text[at:]]), moved


def _together(found: Spots) -> list[Spotted]:
    """What the checks found, one span where those of a label overlap; no links."""
    return merged([spot for spots in found.values() for spot in spots if spot.label != LINK])
