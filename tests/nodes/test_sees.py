"""What a specialist sees of a conversation that is handed on to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.nodes.message import Quote, Request, Turn
from pointsman.nodes.sees import CHARACTERS_PER_TOKEN, Said, Sees, seen


def said(*lines: tuple[str, str]) -> list[Said]:
    """A thread: who and what; `user` is the person."""
    return [
        Said(turn=Turn(role="user" if by == "user" else "assistant", content=text), by=by)
        for by, text in lines
    ]


THREAD = said(
    ("user", "my invoice INV-1"), ("billing", "it is 20 USD"),
    ("user", "my phone is broken"), ("tech", "which phone"),
)  # fmt: skip


def shown(sees: Sees, name: str = "tech", thread: list[Said] = THREAD) -> Request:
    """The request as `name` sees it."""
    return seen(Request(text="go on"), thread, name=name, sees=sees, giver="billing")


def test_its_own_answers_and_the_persons_words() -> None:
    """Of what others answered it learns only that they did; turns still alternate."""
    history = shown(Sees()).history
    assert [turn.content for turn in history] == [
        "my invoice INV-1", "[billing answered this]", "my phone is broken", "which phone",
    ]  # fmt: skip
    assert [turn.role for turn in history] == ["user", "assistant", "user", "assistant"]


def test_everything_or_nothing_when_told_so() -> None:
    """`all` shows everybody's answers, `none` no history."""
    assert shown(Sees(history="all")).history == tuple(one.turn for one in THREAD)
    assert shown(Sees(history="none")) == Request(text="go on")


def test_what_is_cut_is_the_oldest_and_is_said() -> None:
    """A bound leaves the newest turns, beginning with the person's, and says how many are gone."""
    request = shown(Sees(history_tokens=8))
    assert [turn.content for turn in request.history] == ["my phone is broken", "which phone"]
    (quote,) = request.handed
    assert (quote.origin, quote.source, quote.cut) == ("model", "billing", True)
    assert quote.text == "The 2 oldest messages of the conversation are not shown here."


def test_what_was_read_is_bounded_too() -> None:
    """The oldest quotes go first, and leave a mark."""
    quotes = tuple(Quote(origin="tool", source="t", text=f"{n} " * 100) for n in range(3))
    request = Request(text="x", handed=quotes)
    kept = seen(request, [], name="b", sees=Sees(handed_tokens=75), giver="a").handed
    assert kept[-1] == quotes[-1]
    assert [quote.cut for quote in kept] == [True, True, False]


@given(
    st.lists(st.tuples(st.sampled_from(("user", "a", "b")), st.text(max_size=40)), max_size=12),
    st.integers(0, 60),
)
def test_a_bound_holds(lines: list[tuple[str, str]], tokens: int) -> None:
    """History stays within it, is the end of the thread, and begins with the person."""
    thread = said(*lines)
    request = shown(Sees(history="all", history_tokens=tokens), "a", thread)
    size = sum(len(turn.content) for turn in request.history)
    assert size <= tokens * CHARACTERS_PER_TOKEN
    turns = tuple(one.turn for one in thread)
    assert request.history == turns[len(turns) - len(request.history) :]
    cut = len(request.history) < len(turns)
    assert bool(request.handed) == cut
    assert not cut or not request.history or request.history[0].role == "user"


@pytest.mark.parametrize("tokens", [-1, 2_000_000])
def test_a_bound_that_is_none_is_refused(tokens: int) -> None:
    """It says which, when the specialist is described."""
    with pytest.raises(Misconfigured, match="history_tokens"):
        Sees(history_tokens=tokens)
    with pytest.raises(Misconfigured, match="handed_tokens"):
        Sees(handed_tokens=tokens)
