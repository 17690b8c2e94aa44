"""Kappa statistics against published examples, scikit-learn and their bounds."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (  # pyright: ignore[reportMissingTypeStubs]
    cohen_kappa_score,  # pyright: ignore[reportUnknownVariableType]
)

from pointsman.errors import BadInput
from pointsman.evals.scorers.agreement import (
    Weights,
    cohen_kappa,
    fleiss_kappa,
    judges_agreement,
)
from tests.evals.scorers.builders import sample

FLEISS = (
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
)  # fmt: skip
"""Ten subjects, fourteen raters, five categories: the worked example of the encyclopedia article on
Fleiss' kappa, whose kappa is 0.210."""

LABELS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1)


def test_cohen_as_worked_by_hand() -> None:
    """Fifty proposals, 20 both yes, 15 both no, 5 and 10 apart: 0.7 observed, 0.5 by chance."""
    first = ["y"] * 25 + ["n"] * 25
    second = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)


def test_cohen_sees_chance() -> None:
    """Two published tables with the same 60 of 100 agreed on: 45, 15, 25, 15 gives 0.1304 and
    25, 35, 5, 35 gives 0.2593."""
    for (a, b, c, d), kappa in (((45, 15, 25, 15), 0.1304), ((25, 35, 5, 35), 0.2593)):
        first = ["y"] * (a + b) + ["n"] * (c + d)
        second = ["y"] * a + ["n"] * b + ["y"] * c + ["n"] * d
        assert cohen_kappa(first, second) == pytest.approx(kappa, abs=5e-5)


def test_fleiss_as_published() -> None:
    """0.378 observed, 0.213 by chance, 0.210 beyond it."""
    items = [{str(i): n for i, n in enumerate(row)} for row in FLEISS]
    assert fleiss_kappa(items) == pytest.approx(0.210, abs=5e-4)


@given(LABELS)
def test_cohen_is_that_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    """Plain, linear and quadratic, for every table; None where it is not defined."""
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    kinds: tuple[Weights, ...] = ("none", "linear", "quadratic")
    for weights in kinds:
        got = cohen_kappa(first, second, order="abc", weights=weights)
        if len({*first, *second}) == 1:
            assert got is None
            continue
        known = None if weights == "none" else weights
        wanted = cohen_kappa_score(first, second, labels=list("abc"), weights=known)
        assert got == pytest.approx(wanted)


@given(LABELS)
def test_kappa_is_symmetric_and_bounded(pairs: list[tuple[str, str]]) -> None:
    """At most 1, reached by who always agrees; the same both ways round."""
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    one, other = cohen_kappa(first, second), cohen_kappa(second, first)
    assert one == (None if other is None else pytest.approx(other))
    assert one is None or -1.0 - 1e-9 <= one <= 1.0
    assert cohen_kappa(first, first) in (None, 1.0)


@given(st.lists(st.lists(st.sampled_from("ab"), min_size=2, max_size=2), min_size=1))
def test_fleiss_of_two_is_scotts_pi(rows: list[list[str]]) -> None:
    """With two raters: observed agreement against the pooled shares (W. A. Scott 1955)."""
    got = fleiss_kappa([Counter(row) for row in rows])
    pooled = Counter(label for row in rows for label in row)
    chance = sum((n / pooled.total()) ** 2 for n in pooled.values())
    same = sum(a == b for a, b in rows) / len(rows)
    assert got == (None if len(pooled) == 1 else pytest.approx((same - chance) / (1 - chance)))


def test_what_cannot_be_compared_is_refused() -> None:
    """Lists of different lengths, raters who left something out, labels without a place."""
    with pytest.raises(BadInput, match="not of the same items"):
        cohen_kappa(["a"], [])
    with pytest.raises(BadInput, match="same number of raters"):
        fleiss_kappa([{"a": 2}, {"a": 1}])
    with pytest.raises(BadInput, match="not in the order"):
        cohen_kappa(["a"], ["b"], order="a", weights="linear")
    assert cohen_kappa([], []) is None
    assert fleiss_kappa([]) is None


def test_judges_are_compared_over_a_run() -> None:
    """Only samples that all judges rated are in the figures; the rest is counted."""
    rows = [(True, True), (True, False), (False, False), (False, False)]
    samples = [
        sample(scores={"tone": a, "tone.judge.fast": a, "tone.judge.strong": b}) for a, b in rows
    ]
    samples.append(
        sample(scores={"tone.judge.fast": True}, unscored={"tone.judge.strong": "no grade"})
    )
    samples.append(sample(scores={"other": True}))
    found = judges_agreement(samples, "tone")
    assert found.judges == ("fast", "strong")
    assert (found.rated, found.total, found.same) == (4, 5, 0.75)
    assert found.kappa == pytest.approx(0.5)
    assert found.pairs == {("fast", "strong"): found.kappa}


def test_three_judges_get_fleiss_and_each_pair_cohen() -> None:
    """Numbers are labels with an order: 10 comes after 9."""
    rows = [(1.0, 1.0, 2.0), (9.0, 9.0, 9.0), (10.0, 9.0, 10.0)]
    samples = [
        sample(scores={f"r.judge.{tier}": value for tier, value in zip("abc", row, strict=True)})
        for row in rows
    ]
    found = judges_agreement(samples, "r", weights="linear")
    assert found.kappa == fleiss_kappa([Counter(f"{v:g}" for v in row) for row in rows])
    assert found.pairs["a", "b"] == cohen_kappa(
        ["1", "9", "10"], ["1", "9", "9"], order=["1", "2", "9", "10"], weights="linear"
    )
    assert found.same == pytest.approx(1 / 3)
