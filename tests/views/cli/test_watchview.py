"""The live table's pictures."""

import unicodedata
from datetime import UTC, datetime, timedelta
from io import StringIO

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from pointsman.nodes.message import Change, Provenance
from pointsman.teams.tickets import Ticket, TicketStatus
from pointsman.views.cli.board import Board
from pointsman.views.cli.keys import Editor
from pointsman.views.cli.watchview import Ask, Scene, Screenful

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def ticket(number: int = 0, text: str = "A-1002", status: TicketStatus = "pending") -> Ticket:
    """A payment with every detail."""
    return Ticket(
        id=f"t{number:011}", team="shop", run="r", thread=text, specialist=text, tool="pay",
        stakes="high", args={"order": text, "usd": 20.0}, digest="", policy_rule=text,
        policy_version="", reason=text, usd=0.0123, approvals=2, reviewers=("finance", text),
        provenance=(Provenance(argument="usd", origin="document", source=text),),
        changes=(Change(what=text, before=1, after=text),), status=status,
        created=NOW - timedelta(hours=number + 1), expires=NOW + timedelta(minutes=5),
    )  # fmt: skip


def picture(
    width: int, height: int, *tickets: Ticket, showing: str = "list", ask: Ask | None = None,
    status: str = "", select: int = 0,
) -> list[str]:  # fmt: skip
    """The lines of the screen."""
    board = Board()
    board.update([t for t in tickets if t.open], [t for t in tickets if not t.open], 0)
    board.move(-len(tickets))
    board.move(select)
    scene = Scene("shop", "ana", NOW, showing=showing, ticket=board.current, ask=ask, status=status)
    out = Console(file=StringIO(), width=width, height=height, color_system=None, markup=False)
    lines = out.render_lines(Screenful(board, scene), out.options.update(height=height))
    return ["".join(segment.text for segment in line) for line in lines]


AWKWARD = st.text(max_size=80) | st.sampled_from(
    [
        "\x1b[2J\x1b[H",
        "\u202etxt",
        "a\r\nb\tc",
        "漢字" * 30,
        "😀" * 30,
        "[red]x",
        "",
        "e\u0301" * 30,
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    width=st.integers(12, 220), height=st.integers(3, 60), text=AWKWARD, count=st.integers(0, 12),
    showing=st.sampled_from(["list", "card", "help"]), select=st.integers(0, 12), asked=AWKWARD,
    typed=st.none() | AWKWARD,
)  # fmt: skip
def test_every_picture_fills_the_screen(
    width: int, height: int, text: str, count: int, showing: str, select: int, asked: str,
    typed: str | None,
) -> None:  # fmt: skip
    """Whatever is shown, at whatever size: exactly the screen's lines, each exactly as wide, and
    no character that moves the cursor."""
    ask = Ask("Reason:", Editor(typed, len(typed) // 2)) if typed is not None else None
    tickets = [ticket(n, text, "rejected" if n % 3 == 2 else "pending") for n in range(count)]
    lines = picture(width, height, *tickets, showing=showing, ask=ask, status=asked, select=select)
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}
    strange = {c for line in lines for c in line if unicodedata.category(c) in ("Cc", "Cf")}
    assert strange <= {"\u200c", "\u200d"}


def test_a_wide_screen_has_every_column() -> None:
    """Age, who asks, action with arguments, why and risk, cost, approvals and reviewers, expiry."""
    text = "\n".join(picture(160, 20, ticket()))
    parts = ["1 h", "pay(order=A-1002, usd=20.0)", "usd from a document!", "$0.0123", "high-stakes"]
    parts += ["0 of 2 finance, A-1002", "5 min", "1 waiting", "you are ana"]
    assert [part for part in parts if part not in text] == []


def test_a_narrow_screen_says_the_same_below_the_action() -> None:
    """What has no column any more stands in the second line, as far as it fits."""
    text = "\n".join(picture(59, 20, ticket(text="x")))
    assert "pay(order=x, usd=20.0)" in text
    assert "who asks" not in text
    second = "\n".join(picture(95, 20, ticket(text="x")))
    assert "cost $0.0123" in second


def test_the_selected_row_is_in_the_picture() -> None:
    """However many tickets there are and however small the screen, the selection is seen."""
    tickets = [ticket(n, f"A-{n:04}") for n in range(40)]
    for select in (0, 1, 20, 38, 39):
        lines = picture(100, 12, *tickets, select=select)
        (chosen,) = [line for line in lines if line.startswith(">")]
        assert f"A-{39 - select:04}" in chosen  # the oldest is first


def test_a_long_card_says_how_much_is_below() -> None:
    """A question over a card that does not fit says so, before anybody approves what it hides."""
    lines = picture(80, 10, ticket(), showing="card", ask=Ask("Approve?"))
    assert "more lines: down) Approve?" in lines[-1]
    assert "more lines" not in "".join(picture(80, 50, ticket(), showing="card", ask=Ask("A?")))


def test_hints_fit_the_ticket() -> None:
    """Only the keys that the ticket takes are offered."""
    undo = ticket().model_copy(update={"kind": "compensate"})
    assert "s respond" in picture(120, 20, ticket())[-1]
    hints = picture(120, 20, undo)[-1]
    assert "a approve" in hints
    assert "s respond" not in hints
    assert "e edit" not in hints
    assert "a approve" not in picture(120, 20, ticket(status="rejected"))[-1]
    assert "a approve  e edit  r reject" in picture(80, 20, ticket())[-1]
    assert picture(25, 20, ticket())[-1].split() == ["a", "e", "r", "s", "x", "?", "q"]
