"""Measuring a similarity cache."""

import random
from collections.abc import Sequence

import pytest

from pointsman.errors import BadInput
from pointsman.evals.report import Share
from pointsman.evals.similarity import Labelled, Row, measure, recommend
from pointsman.nodes.gateway.embedding import Vector

DICE = random.Random(7)
VECTORS = {f"text {'x' * n}": [DICE.gauss(0, 1) for _ in range(6)] for n in range(1, 151)}


async def embed(text: str) -> Vector:
    """Six random numbers for each text."""
    return Vector.of(VECTORS[text.split(" #", maxsplit=1)[0]])


def rows(labels: int) -> list[Labelled]:
    """The texts, with as many labels."""
    return [Labelled(text=text, label=str(n % labels)) for n, text in enumerate(VECTORS)]


async def test_it_counts_what_a_plain_loop_counts() -> None:
    """Hits and false hits of every threshold, by comparing each with all before it, one by one."""
    given = rows(3)
    thresholds = (0.5, 0.8, 0.9, 0.97)
    measured = await measure(given, embed, name="six", thresholds=thresholds, seed=5)
    order = sorted(row.text for row in given)
    random.Random(5).shuffle(order)
    label = {row.text: row.label for row in given}
    vectors = {text: await embed(text) for text in order}
    hits, false = dict.fromkeys(thresholds, 0), dict.fromkeys(thresholds, 0)
    for n, text in enumerate(order[1:], 1):
        like, nearest = max((vectors[text].cosine(vectors[before]), before) for before in order[:n])
        for threshold in thresholds:
            hits[threshold] += like >= threshold
            false[threshold] += like >= threshold and label[nearest] != label[text]
    assert {row.threshold: row.hits.passed for row in measured.rows} == hits
    assert {row.threshold: row.false.passed for row in measured.rows} == false
    assert hits[0.5] > hits[0.97] > 0
    assert false[0.8] > 0


async def test_what_must_be_the_same_parts_the_texts() -> None:
    """Texts that are alike but for a number are no hit."""
    given = [Labelled(text=f"{row.text} #{n}", label="a") for n, row in enumerate(rows(1))]
    measured = await measure(given, embed, name="six", thresholds=(0.1,))
    assert measured.rows[0].hits.passed == 0


async def test_too_few_different_texts_are_refused() -> None:
    """However often they come."""
    with pytest.raises(BadInput):
        await measure([Labelled(text="a", label="b")] * 500, embed, name="six")


def row(threshold: float, hits: int, false: int) -> Row:
    """What a threshold did with a thousand texts."""
    return Row(threshold, Share(hits, 1000, 1000), Share(false, hits, hits))


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        ([row(0.9, 900, 0), row(0.95, 500, 0)], 0.9),
        ([row(0.9, 900, 9), row(0.95, 500, 0)], 0.95),
        ([row(0.8, 990, 0), row(0.9, 900, 9), row(0.95, 500, 0)], 0.95),
        ([row(0.9, 900, 0), row(0.95, 20, 0), row(0.99, 0, 0)], 0.9),
        ([row(0.9, 100, 0), row(0.95, 20, 0)], None),
        ([row(0.9, 900, 9)], None),
        ([], None),
    ],
)
def test_a_threshold_is_recommended_from_above(made: Sequence[Row], wanted: float | None) -> None:
    """The lowest before the first that fails; those with too few hits say nothing."""
    assert recommend(made, 0.01) == wanted
