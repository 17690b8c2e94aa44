"""Embeddings, as vectors of bytes."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BadOutput, Misconfigured
from pointsman.nodes.gateway.embedding import (
    LocalEmbedding,
    Similar,
    Vector,
    hashed_grams,
    packed,
    unpacked,
)

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=64).filter(
    lambda given: max(map(abs, given)) > 1e-3
)


@given(NUMBERS)
def test_a_vector_is_like_itself(numbers: Sequence[float]) -> None:
    """And like itself at any length, and unlike its opposite; the journal keeps it as it is."""
    vector = Vector.of(numbers)
    assert vector.cosine(Vector.of([3 * number for number in numbers])) == pytest.approx(1.0)
    assert vector.cosine(Vector.of([-number for number in numbers])) == pytest.approx(-1.0)
    assert bytes(unpacked(packed(numbers))) == bytes(vector)


@given(st.integers(0, 1_000_000), st.sampled_from([256, 1536]))
def test_bytes_are_enough(seed: int, dimensions: int) -> None:
    """Of embeddings as wide as they come, the cosine is off by less than a hundredth."""
    dice = random.Random(seed)
    one = [dice.gauss(0, 1) for _ in range(dimensions)]
    other = [(a + dice.gauss(0, 1)) / 2 for a in one]
    exact = sum(a * b for a, b in zip(one, other, strict=True)) / (
        math.hypot(*one) * math.hypot(*other)
    )
    assert Vector.of(one).cosine(Vector.of(other)) == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("numbers", [[], [0.0, 0.0], [float("nan")], [float("inf")], [1.0] * 8193])
def test_what_is_no_direction_is_bad_output(numbers: list[float]) -> None:
    """Nothing is compared with it."""
    with pytest.raises(BadOutput):
        Vector.of(numbers)
    with pytest.raises(BadOutput):
        unpacked("not base64!")


def test_other_embeddings_are_not_compared() -> None:
    """Vectors of different lengths are alike in nothing."""
    assert Vector.of([1.0]).cosine(Vector.of([1.0, 0.0])) == 0.0


def test_hashed_grams_know_spelling() -> None:
    """Texts that are spelled alike are closer than others; the same text is the same vector."""
    grams = hashed_grams(256)
    assert grams.name == "hashed-grams-256"
    texts = ("how do I reset my card pin", "how can I reset my card's pin", "is it going to rain")
    one, alike, other = (Vector.of(list(grams.embed(text))) for text in texts)  # type: ignore[arg-type]
    assert one.cosine(alike) > 0.6
    assert one.cosine(other) < 0.4
    assert bytes(one) == bytes(Vector.of(list(grams.embed(texts[0]))))  # type: ignore[arg-type]
    with pytest.raises(Misconfigured):
        hashed_grams(8)


@pytest.mark.parametrize(
    ("embed", "threshold", "entries"),
    [("", 0.9, 10), ("m", 0.0, 10), ("m", 1.1, 10), ("m", float("nan"), 10), ("m", 0.9, 0),
     ("m", 0.9, 1001), (LocalEmbedding("", lambda _: [1.0]), 0.9, 10)],
)  # fmt: skip
def test_what_is_no_similarity_cache(
    embed: str | LocalEmbedding, threshold: float, entries: int
) -> None:
    """It says so when it is made."""
    with pytest.raises(Misconfigured):
        Similar(embed, threshold=threshold, entries=entries)
