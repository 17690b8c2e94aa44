"""The loop guard: the same work coming round again, and nothing else."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pointsman.nodes.message import Handoff, Quote, Request
from pointsman.teams.trajectory import Way

READ = Quote(origin="tool", source="lookup", text="INV-1 is 20.00 USD")
FOUND = Quote(origin="document", source="fetch", text="The device is of 2024.")


def on(to: str, *quotes: Quote, reason: str = "", data: object = None) -> Handoff:
    """A hand-off of the one request."""
    request = Request(text="Refund my device", handed=quotes)
    return Handoff(to=to, reason=reason, request=request, data=data)  # pyright: ignore[reportArgumentType]


def walked(*steps: tuple[str, Handoff]) -> tuple[Way, bool]:
    """The way along hand-offs, each with who gave it, and whether the last one closes a loop."""
    way = Way().after("route", steps[0][0], Request(text="Refund my device"), None)
    for frm, handoff in steps[:-1]:
        assert not way.loops(handoff.to, handoff.request, handoff)
        way = way.after(frm, handoff.to, handoff.request, handoff)
    _, last = steps[-1]
    return way, way.loops(last.to, last.request, last)


def test_back_with_nothing_new_is_a_loop() -> None:
    """Another reason alone is no news: a model words it anew each time."""
    steps = ("a", on("b", reason="not mine")), ("b", on("a", reason="not mine either"))
    assert walked(*steps)[1]


def test_back_with_a_finding_is_none() -> None:
    """A return is legitimate when it brings what the first one did not have."""
    assert not walked(("a", on("b", READ)), ("b", on("a", READ, FOUND)))[1]
    assert not walked(("a", on("b")), ("b", on("a", data={"warranty": True})))[1]


def test_the_same_finding_twice_is_a_loop() -> None:
    """A to B to A to B: the second time round nobody learns anything."""
    there, back = on("b", READ), on("a", READ, FOUND)
    again = on("b", READ, FOUND)
    assert walked(("a", there), ("b", back), ("a", again))[1]


def test_what_one_gave_away_is_no_news_to_it() -> None:
    """Getting one's own findings back is no new information."""
    assert walked(("a", on("b", READ)), ("b", on("a", READ)))[1]


def test_a_circle_of_three_is_found() -> None:
    """Reasons that travel along with the request do not count as findings."""
    said = [Quote(origin="model", source=name, text=f"from {name}") for name in "ab"]
    steps = (
        ("a", on("b", reason="from a")),
        ("b", on("c", said[0], reason="from b")),
        ("c", on("a", *said, reason="from c")),
    )
    assert walked(*steps)[1]


def test_spaces_and_capitals_make_no_other_request() -> None:
    """The request is compared in its canonical form."""
    way = Way().after("route", "a", Request(text="Refund  my device"), None)
    assert way.loops("a", Request(text=" refund my DEVICE\n"), None)
    assert not way.loops("a", Request(text="refund my phone"), None)
    assert not way.loops("b", Request(text="refund my device"), None)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), max_size=12))
def test_edges_are_counted_and_survive_json(edges: list[tuple[str, str]]) -> None:
    """Each edge by itself, in the form that the state keeps."""
    way = Way()
    for frm, to in edges:
        way = way.after(frm, to, Request(text="x"), None)
        way = Way.of([*way.trail], way.as_json())
    assert all(way.taken(*one) == edges.count(one) for one in {*edges, ("a", "b")})


@given(st.lists(st.sampled_from("ab"), min_size=2, max_size=8), st.integers(0, 3))
def test_a_way_without_news_never_visits_anybody_twice(path: list[str], news: int) -> None:
    """However the circle runs: one visit a specialist for each new finding, and one more."""
    way, visits, given_ = Way().after("route", path[0], Request(text="x"), None), 1, 0
    for frm, to in pairwise(path):
        quotes = tuple(
            Quote(origin="tool", source="t", text=f"n{n}") for n in range(min(given_ + 1, news))
        )
        request = Request(text="x", handed=quotes)
        handoff = Handoff(to=to, reason="on", request=request)
        if way.loops(to, request, handoff):
            break
        way, visits, given_ = way.after(frm, to, request, handoff), visits + 1, given_ + 1
    assert visits <= 2 * (news + 1)
