"""Splitting a message: pieces by form, parts by owner."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.nodes.routing.parts import MOST, Part, parts, pieces


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Refund my order. My screen is black.", ("Refund my order.", "My screen is black.")),
        (
            "please refund my order and tell me why the screen is black",
            ("please refund my order", "and tell me why the screen is black"),
        ),
        ("salt and pepper", ("salt and pepper",)),
        ("Hi! Where is my parcel?", ("Hi! Where is my parcel?",)),
        ("Where is my parcel? Thanks!", ("Where is my parcel? Thanks!",)),
        ("It costs 3.50 dollars now", ("It costs 3.50 dollars now",)),
        ("", ()),
    ],
)
def test_a_message_is_cut_where_requests_may_end(text: str, cut: tuple[str, ...]) -> None:
    """At sentences and before joining words; a piece too short to ask anything stays with its
    neighbour."""
    assert pieces(text) == cut


@given(st.text(alphabet="ab .!?\n,and", max_size=300))
def test_no_character_is_lost(text: str) -> None:
    """The pieces are the message, in order, but for space; and never more than looked at."""
    cut = pieces(text)
    assert "".join("".join(cut).split()) == "".join(text.split())
    assert len(cut) <= MOST


def test_a_part_holds_all_pieces_of_its_owner() -> None:
    """One part for each owner, in the order they come; a piece of nobody stays where it stood."""
    assert parts(("hello", "a", "b", "so", "c"), ("", "x", "y", "", "x")) == (
        Part("x", "hello a c"),
        Part("y", "b so"),
    )


@pytest.mark.parametrize("owners", [("x", "x"), ("x", ""), ("", "")])
def test_one_owner_makes_no_parts(owners: tuple[str, str]) -> None:
    """There is nothing to split then."""
    assert parts(("a", "b"), owners) == ()
