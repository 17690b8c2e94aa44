"""A whole answer as a stream."""

from hypothesis import given
from hypothesis import strategies as st

from pointsman.nodes.gateway.replay import MAX_CHUNK, chunks_of
from pointsman.nodes.gateway.transport import ModelReply


@given(st.text() | st.text("ab \n", min_size=60, max_size=300))
def test_the_pieces_are_the_text(text: str) -> None:
    """Character for character; none is empty, none is long."""
    pieces = list(chunks_of(ModelReply(model="m", text=text)))
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= MAX_CHUNK for piece in pieces)


def test_a_piece_is_about_a_word() -> None:
    """Words stay whole, with the space behind them."""
    pieces = list(chunks_of(ModelReply(model="m", text="You get  it back.\n")))
    assert pieces == ["You ", "get ", " ", "it ", "back.\n"]
