"""Findings against spans: which count for which."""

from hypothesis import given
from hypothesis import strategies as st

from pointsman.evals.guards.compare import Spotted, compare, merged
from pointsman.evals.guards.rows import GoldSpan

TEXT = "0123456789" * 4


def gold(start: int, end: int, kind: str = "EMAIL") -> GoldSpan:
    """A marked span."""
    return GoldSpan(start, end, kind)


def test_half_of_the_longer_is_enough() -> None:
    """5 of 10 characters count, 4 do not, and 5 of a finding of 11 do not."""
    for spot, counts in (((5, 10), True), ((6, 10), False), ((5, 16), False), ((0, 20), True)):
        found = compare([gold(0, 10)], [Spotted(*spot, "EMAIL")], TEXT)
        assert found.found == found.right == (counts,)
        assert found.exact == (False,)


def test_the_type_must_fit() -> None:
    """A finding of another type counts for nothing, and hides the span all the same."""
    found = compare([gold(0, 10)], [Spotted(0, 10, "PHONE")], TEXT)
    assert (found.found, found.right, found.hidden) == ((False,), (False,), (True,))


def test_one_finding_counts_for_one_span() -> None:
    """The closest pair first: of two findings on a span the second is a false positive."""
    spots = [Spotted(0, 8, "EMAIL"), Spotted(0, 10, "EMAIL")]
    found = compare([gold(0, 10)], spots, TEXT)
    assert (found.found, found.exact, found.right) == ((True,), (True,), (False, True))


def test_hidden_asks_for_every_character() -> None:
    """Two findings may hide a span together; one character left is not hidden."""
    spots = [Spotted(0, 5, "EMAIL"), Spotted(5, 10, "PHONE"), Spotted(20, 29, "IP")]
    assert compare([gold(0, 10), gold(20, 30)], spots, TEXT).hidden == (True, False)


def test_overlapping_findings_of_a_label_are_one() -> None:
    """As a filter redacts them; those that only touch stay apart."""
    spots = [Spotted(3, 9, "A"), Spotted(0, 5, "A"), Spotted(9, 12, "A"), Spotted(4, 6, "B")]
    assert merged(spots) == [Spotted(0, 9, "A"), Spotted(9, 12, "A"), Spotted(4, 6, "B")]


spans = st.tuples(st.integers(0, 39), st.integers(1, 9), st.sampled_from(["EMAIL", "PHONE"])).map(
    lambda s: (s[0], min(40, s[0] + s[1]), s[2])
)


@given(st.lists(spans, max_size=8), st.lists(spans, max_size=8))
def test_as_many_spans_as_findings_count(
    marked: list[tuple[int, int, str]], spotted: list[tuple[int, int, str]]
) -> None:
    """Whatever overlaps what: pairs are one to one, and what is exact is found."""
    found = compare([GoldSpan(*m) for m in marked], [Spotted(*s) for s in spotted], TEXT)
    assert sum(found.found) == sum(found.right)
    assert all(f for f, exact in zip(found.found, found.exact, strict=True) if exact)
    if marked == spotted:
        assert all(found.exact)
