"""Asking a person about a ticket."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pointsman.errors import InvalidDecision
from pointsman.nodes.digest import JsonObject
from pointsman.teams.tickets import (
    Approve,
    Edit,
    Escalate,
    Kind,
    Reject,
    Respond,
    Ticket,
    action_digest,
)
from pointsman.views.cli.ask import ask, entry, parsed
from pointsman.views.cli.card import shown


def ticket(**args: object) -> Ticket:
    """A refund that waits."""
    made: JsonObject = {"invoice": "INV-1042", "usd": 20.0} | args  # type: ignore[assignment]
    return Ticket(
        id="7d1f0a2b3c4d5e6f",
        team="support",
        run="3fa2c1d0e5",
        thread="customer-17",
        specialist="billing",
        tool="refund",
        args=made,
        digest=action_digest("refund", made),
        policy_rule="high-stakes",
        policy_version="1",
        reason="money leaves the shop",
        preview="paid twice -> once",
        usd=0.0012,
        created=datetime(2026, 11, 21, tzinfo=UTC),
    )


@pytest.fixture
def screen() -> Console:
    """A screen of 80 columns whose text can be read back."""
    return Console(file=StringIO(), width=80, force_terminal=True, color_system=None)


def typing(*lines: str) -> Callable[[str], str]:
    """Somebody who types these lines and then ends the input."""
    left: Iterator[str] = iter(lines)

    def read(prompt: str) -> str:
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    return read


def text_of(screen: Console) -> str:
    """What is on the screen."""
    file = screen.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def test_the_card_shows_what_a_reviewer_needs(screen: Console) -> None:
    """Who asks, the action, each argument, the preview, the reason and the cost are on it."""
    ask(screen, ticket(), "ana", typing("l"))
    card = text_of(screen)
    for part in ("billing", "refund", "INV-1042", "20.0", "paid twice -> once",
                 "money leaves the shop", "high-stakes", "$0.0012", "7d1f0a2b"):  # fmt: skip
        assert part in card


@pytest.mark.parametrize(
    ("typed", "decision"),
    [
        (("a",), Approve(by="ana")),
        (("nonsense", "", "APPROVE"), Approve(by="ana")),
        (("r", "", "already done"), Reject(by="ana", reason="already done")),
        (("m", "We call you."), Respond(by="ana", text="We call you.")),
        (("e", "", "10"), Edit(by="ana", args={"invoice": "INV-1042", "usd": 10})),
        (("e", "1042", ""), Edit(by="ana", args={"invoice": "1042", "usd": 20.0})),
        (("e", "", "", "a"), Approve(by="ana")),
        (("x", "", "lead"), Escalate(by="ana", to="lead")),
        (("l",), None),
        ((), None),
        (("e", "INV-1"), None),
    ],
)
def test_what_is_typed_decides(screen: Console, typed: tuple[str, ...], decision: object) -> None:
    """A letter or word decides; an empty line and nonsense ask again; the end of input is later."""
    assert ask(screen, ticket(), "ana", typing(*typed)) == decision


def test_arguments_cannot_forge_the_card(screen: Console) -> None:
    """Control sequences and markup in an argument are shown as text."""
    ask(screen, ticket(note="\x1b[2K[bold]ok[/bold]\u202eevil"), "ana", typing("l"))
    card = text_of(screen)
    assert "\x1b[2K" not in card
    assert "\u202e" not in card
    assert "\\u001b[2K[bold]ok[/bold]\\u202eevil" in card


def test_only_what_has_arguments_to_edit_is_edited(screen: Console) -> None:
    """A held answer can be let out with another text; a held message comes in or not."""
    held = ticket().model_copy(update={"kind": "admit", "tool": "", "args": {"text": "hello"}})
    assert ask(screen, held, "ana", typing("e", "a")) == Approve(by="ana")
    out = held.model_copy(update={"kind": "release"})
    edit = Edit(by="ana", args={"text": "goodbye"})
    assert ask(screen, out, "ana", typing("e", "goodbye")) == edit


@pytest.mark.parametrize(
    ("kind", "lines", "words"),
    [
        ("ambiguous", ("m", "it is paid"), ("it did not happen: do it now",
         "it did not happen: leave it", "it happened: record this result", "[m] it happened")),
        ("compensate", ("m", "l"), ("undo it", "leave it done")),
    ],
)  # fmt: skip
def test_each_kind_says_what_an_answer_means(
    screen: Console, kind: Kind, lines: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """What approve, reject and respond mean stands on the card; undoing takes no answer."""
    asked = ticket().model_copy(update={"kind": kind, "about": "t1"})
    prompts: list[str] = []
    read = typing(*lines)

    def noted(prompt: str) -> str:
        prompts.append(prompt)
        return read(prompt)

    decision = ask(screen, asked, "ana", noted)
    seen = text_of(screen) + "".join(prompts)
    assert [word for word in words if word not in seen] == []
    assert decision == (Respond(by="ana", text="it is paid") if kind == "ambiguous" else None)


def test_a_reason_that_is_too_long_is_refused(screen: Console) -> None:
    """What no decision can hold is an error in words, not a bug."""
    with pytest.raises(InvalidDecision, match="reason"):
        ask(screen, ticket(), "ana", typing("r", "x" * 5000))


@pytest.mark.parametrize(
    ("typed", "like", "value"),
    [
        ("10", 20.0, 10),
        ("true", None, True),
        ("[1, 2]", None, [1, 2]),
        ("ten", 20.0, "ten"),
        ("NaN", 20.0, "NaN"),
        ("[" * 100_000, 20.0, "[" * 100_000),
        ("1042", "INV-1", "1042"),
        ('"quoted"', "x", "quoted"),
    ],
)
def test_typed_values(typed: str, like: object, value: object) -> None:
    """JSON where it is JSON, else text; what replaces text stays text."""
    assert parsed(typed, like) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "text"), [("INV-1", "INV-1"), (" x", '" x"'), ("", '""'), (1.5, "1.5")]
)
def test_shown_values(value: object, text: str) -> None:
    """Text stands without quotes unless spaces or emptiness would be lost."""
    assert shown(value) == text  # type: ignore[arg-type]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_is_edited_comes_back_as_it_was(value: object) -> None:
    """A value that is put before the person and not changed is the same value."""
    line = entry(value)  # type: ignore[arg-type]
    if isinstance(value, str):
        assert line.isprintable()
    back = parsed(line, value)  # type: ignore[arg-type]
    assert (back, type(back)) == (value, type(value))
