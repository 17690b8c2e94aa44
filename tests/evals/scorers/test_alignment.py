"""Agreement of sequences, as properties."""

from collections import Counter
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from pointsman.evals.scorers.alignment import Mode, agree, paired

WORDS = st.lists(st.sampled_from("abc"), max_size=6)
EDGES = st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)))


def equal(one: str, other: str) -> bool:
    """Plain equality."""
    return one == other


@given(WORDS, WORDS)
def test_with_equality_the_modes_are_those_of_bags_and_lists(
    one: list[str], two: list[str]
) -> None:
    """strict is list equality; unordered, subset and superset are those of multisets."""
    a, b = Counter(one), Counter(two)
    assert agree("strict", one, two, equal) == (one == two)
    assert agree("unordered", one, two, equal) == (a == b)
    assert agree("subset", one, two, equal) == (b <= a)
    assert agree("superset", one, two, equal) == (a <= b)


@given(WORDS, WORDS)
def test_subset_and_superset_are_duals(one: list[str], two: list[str]) -> None:
    """What is a subset one way round is a superset the other; both together are unordered."""
    sub, sup = agree("subset", one, two, equal), agree("superset", one, two, equal)
    assert sub == agree("superset", two, one, equal)
    assert (sub and sup) == agree("unordered", one, two, equal)


@given(EDGES)
def test_duality_holds_for_any_predicate(edges: set[tuple[int, int]]) -> None:
    """Also where several expected elements fit several real ones."""
    all_of = range(5)
    forth = agree("subset", all_of, all_of, lambda e, g: (e, g) in edges)
    assert forth == agree("superset", all_of, all_of, lambda e, g: (g, e) in edges)


@given(st.data(), WORDS, WORDS)
def test_order_says_nothing_but_where_it_is_asked(
    data: st.DataObject, one: list[str], two: list[str]
) -> None:
    """unordered, subset and superset are the same for every permutation of either side."""
    shuffled = data.draw(st.permutations(two))
    for mode in ("unordered", "subset", "superset"):
        assert agree(mode, one, two, equal) == agree(mode, one, shuffled, equal)
        assert agree(mode, two, one, equal) == agree(mode, shuffled, one, equal)


@given(WORDS, WORDS)
def test_the_modes_imply_each_other(one: list[str], two: list[str]) -> None:
    """strict implies in_order and unordered; in_order implies superset."""
    implied: dict[Mode, tuple[Mode, ...]] = {
        "strict": ("in_order", "unordered"),
        "in_order": ("superset",),
        "unordered": ("subset", "superset"),
    }
    for mode, others in implied.items():
        if agree(mode, one, two, equal):
            assert all(agree(other, one, two, equal) for other in others)


@given(WORDS, st.data())
def test_in_order_allows_more_between(one: list[str], data: st.DataObject) -> None:
    """Whatever is put between, the expected steps are still found; one left out is missed."""
    longer = [word for step in one for word in [*data.draw(WORDS), step]] + data.draw(WORDS)
    assert agree("in_order", one, longer, equal)
    assert not agree("in_order", [*one, "z"], longer, equal)


@given(EDGES)
def test_as_many_are_paired_as_can_be(edges: set[tuple[int, int]]) -> None:
    """Against every assignment tried out; nothing is paired twice, nor with what does not fit."""
    places = paired(range(5), range(5), lambda e, g: (e, g) in edges)
    held = [place for place in places if place is not None]
    assert len(held) == len(set(held))
    assert all((e, place) in edges for e, place in enumerate(places) if place is not None)
    best = max(
        sum((e, g) in edges for e, g in enumerate(order)) for order in permutations(range(5))
    )
    assert len(held) == best


def test_a_greedy_choice_is_taken_back() -> None:
    """A matcher that fits both calls leaves the one that only fits one its place."""
    fits = {("any", "x"), ("any", "y"), ("x", "x")}
    assert agree("unordered", ["any", "x"], ["x", "y"], lambda e, g: (e, g) in fits)


def test_long_sequences_are_paired() -> None:
    """A chain in which everybody must move once, 400 times over."""
    n = 400
    expected, got = [*range(1, n), 0], range(n)
    assert agree("unordered", expected, got, lambda e, g: g in (e, e + 1))
