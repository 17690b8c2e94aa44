"""Bounds: each figure one is for is held against it, and nothing measured keeps none."""

import pytest

from pointsman.evals.guards.figures import Cost, Figures, Flagged, Gate, Rate, Smuggled, Spans
from pointsman.evals.guards.gates import Bounds, gates


def flagged(source: str, label: str, count: int, total: int) -> Flagged:
    """A source whose rows are flagged as often in both places."""
    rate = Rate.of(count, total)
    return Flagged(
        source=source, label=label, rows=total, filter={"request": rate, "document": rate},
        checks={}, data={},
    )  # fmt: skip


def spans(
    kind: str, found: int, right: int, *, judge: str = "filter", marked: bool = True
) -> Spans:
    """A type with 10 spans and 10 findings."""
    rate = Rate.of(found, 10)
    return Spans(
        source="s", type=kind, judge=judge, recall=rate, exact=rate, hidden=rate,
        precision=Rate.of(right, 10), marked=marked, by_name={},
    )  # fmt: skip


FIGURES = Figures(
    filter="f",
    checks=(),
    rows=1,
    bad_rows=0,
    flagged=(
        flagged("dan", "attack", 9, 10),
        flagged("mail", "benign", 1, 100),
        flagged("odd", "benign", 3, 100),
    ),
    spans=(
        spans("EMAIL", 10, 9),
        spans("PHONE", 5, 10),
        spans("IP", 0, 0, marked=False),
        spans("EMAIL", 0, 0, judge="secrets"),
    ),
    not_looked_for=(),
    smuggled=(
        Smuggled(source="dan", judge="x", variant="tags", total=10, plain=9, smuggled=8),
        Smuggled(source="dan", judge="x", variant="base64", total=10, plain=9, smuggled=10),
    ),
    chunks=1,
    costs=(Cost(part="all", median=0.5, mean=0.6, p95=0.9),),
    rows_per_second=1.0,
)


def outcome(bounds: Bounds, figures: Figures = FIGURES) -> dict[str, bool]:
    """What was held against the bounds, and whether it kept them."""
    return {gate.of: gate.passed for gate in gates(figures, bounds)}


def test_a_source_with_a_bound_of_its_own_is_held_against_that() -> None:
    """All other sources of the label are held against the one without a name."""
    assert outcome(Bounds(max_fp={"": 1.0, "odd": 3.0})) == {
        "mail, as request": True, "mail, as document": True,
        "odd, as request": True, "odd, as document": True,
    }  # fmt: skip
    assert outcome(Bounds(max_fp={"odd": 2.9})) == {
        "odd, as request": False,
        "odd, as document": False,
    }


def test_true_positives_must_reach_their_bound() -> None:
    """Nine of ten are 90 %, which reaches 90 and not 91."""
    assert all(outcome(Bounds(min_tp={"": 90.0})).values())
    assert not any(outcome(Bounds(min_tp={"dan": 91.0})).values())


def test_types_are_held_per_source_for_the_filter_as_a_whole() -> None:
    """A type that the source does not mark says nothing, nor does a check on its own."""
    assert outcome(Bounds(min_recall={"": 95.0, "PHONE": 50.0})) == {
        "EMAIL in s": True,
        "PHONE in s": True,
    }
    assert outcome(Bounds(min_precision={"": 95.0})) == {"EMAIL in s": False, "PHONE in s": True}


def test_the_worst_smuggling_counts() -> None:
    """One of ten lost is ten points; what is gained elsewhere makes up for nothing."""
    (gate,) = gates(FIGURES, Bounds(max_smuggled=1))
    assert (gate.of, gate.value, gate.passed) == ("x in dan, tags", 10.0, False)
    assert all(outcome(Bounds(max_smuggled=10)).values())


def test_the_median_of_all_checks_counts_as_cost() -> None:
    """Half a millisecond keeps half a millisecond."""
    assert outcome(Bounds(max_cpu=0.5)) == {"all checks": True}
    assert outcome(Bounds(max_cpu=0.49)) == {"all checks": False}


@pytest.mark.parametrize(
    "bounds",
    [
        Bounds(max_fp={"": 100.0}), Bounds(min_tp={"": 0.0}), Bounds(min_recall={"": 0.0}),
        Bounds(min_precision={"": 0.0}), Bounds(max_smuggled=100), Bounds(max_cpu=100),
    ],
)  # fmt: skip
def test_a_bound_with_nothing_to_measure_fails(bounds: Bounds) -> None:
    """However wide it is: a renamed source must not pass a build."""
    nothing = FIGURES.model_copy(update={"flagged": (), "spans": (), "smuggled": (), "costs": ()})
    (gate,) = gates(nothing, bounds)
    assert (gate.value, gate.passed) == (None, False)


def test_a_name_that_is_not_there_fails() -> None:
    """The others are held all the same."""
    found = gates(FIGURES, Bounds(max_fp={"": 5.0, "gone": 5.0}))
    assert [g for g in found if not g.passed] == [
        Gate(gate="max-fp", of="gone", value=None, bound=5.0, passed=False)
    ]
    assert len(found) == 5
