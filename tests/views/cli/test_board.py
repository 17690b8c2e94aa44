"""What the live table holds."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pointsman.teams.tickets import Ticket
from pointsman.views.cli.board import KEEP_SECONDS, Board

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def ticket(number: int, **changed: object) -> Ticket:
    """The ticket that was opened so many minutes after the first."""
    made = Ticket(
        id=f"t{number}", team="shop", run="r", thread="t", specialist="s", tool="x", args={},
        digest="", policy_rule="", policy_version="", reason="",
        created=NOW + timedelta(minutes=number),
    )  # fmt: skip
    return made.model_copy(update=changed)


def ids(board: Board) -> list[str]:
    """The table's rows."""
    return [t.id for t in board.rows()]


def test_new_tickets_come_below_and_the_selection_stays() -> None:
    """The oldest is selected first; what appears later changes neither order nor selection."""
    board = Board()
    board.update([ticket(2), ticket(3)], [], 0)
    assert (ids(board), board.selected) == (["t2", "t3"], "t2")
    board.move(1)
    board.update([ticket(1), ticket(2), ticket(3), ticket(4)], [], 1)
    assert (ids(board), board.selected) == (["t1", "t2", "t3", "t4"], "t3")
    board.move(99)
    assert board.selected == "t4"
    board.move(-99)
    assert board.selected == "t1"


def test_a_decided_ticket_stays_for_a_while() -> None:
    """It is looked up until its run acted on it, keeps its row for KEEP_SECONDS, then goes; the
    selection moves to the row that takes its place."""
    board = Board()
    board.update([ticket(1), ticket(2), ticket(3)], [], 0)
    board.move(1)
    left = [ticket(1), ticket(3)]
    assert board.unsettled(left) == ["t2"]
    board.update(left, [ticket(2, status="approved")], 10)
    assert (ids(board), board.waiting, board.selected) == (["t1", "t2", "t3"], 2, "t2")
    assert board.unsettled(left) == ["t2"]
    board.update(left, [ticket(2, status="executed", settled=NOW)], 20)
    assert board.unsettled(left) == []
    board.update(left, [], 10 + KEEP_SECONDS - 1)
    assert "t2" in ids(board)
    board.update(left, [], 10 + KEEP_SECONDS)
    assert (ids(board), board.selected) == (["t1", "t3"], "t3")


def test_what_is_carried_out_here_does_not_go() -> None:
    """A row stays as long as its decision is under way, however long that is."""
    board = Board()
    board.update([ticket(1)], [], 0)
    board.busy.add("t1")
    board.update([], [ticket(1, status="approved")], 0)
    board.update([], [], KEEP_SECONDS * 5)
    assert ids(board) == ["t1"]
    board.busy.clear()
    board.update([], [], KEEP_SECONDS * 5)
    assert (ids(board), board.selected, board.current) == ([], "", None)


@given(st.lists(st.tuples(st.sets(st.integers(0, 6)), st.integers(-3, 3), st.integers(0, 90))))
def test_something_is_selected_when_there_is_something(
    looks: list[tuple[set[int], int, int]],
) -> None:
    """After whatever happens the selected ticket is one of the rows, or there are none."""
    board, now = Board(), 0.0
    for numbers, step, seconds in looks:
        now += seconds
        there = [ticket(n) for n in numbers]
        gone = [board.by_id[i] for i in board.unsettled(there)]
        board.update(there, [t.model_copy(update={"status": "rejected"}) for t in gone], now)
        board.move(step)
        assert (board.selected in ids(board)) or not ids(board)
        assert board.waiting == len(numbers)
