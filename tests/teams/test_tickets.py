"""Tickets and decisions as data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pointsman.teams.approvals.hitl import Wake
from pointsman.teams.approvals.lifecycle import decision_move, moved
from pointsman.teams.tickets import (
    DECISION,
    Approve,
    Decision,
    Edit,
    Escalate,
    Reject,
    Respond,
    Ticket,
    action_digest,
)
from tests.contracts.store import NOW, a_ticket

DECISIONS: list[Decision] = [
    Approve(by="ana"),
    Edit(by="ana", args={"usd": 4}),
    Reject(by="ana", reason="no"),
    Respond(by="ana", text="Call us."),
    Escalate(by="ana", to="bob"),
]


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda d: d.type)
def test_a_decision_survives_json(decision: Decision) -> None:
    """Stored, sent and resumed with: it comes back as itself."""
    assert DECISION.validate_json(decision.model_dump_json()) == decision
    wake = Wake(ticket="t1", decision=decision)
    assert Wake.model_validate(wake.model_dump(mode="json")) == wake


@pytest.mark.parametrize(
    "data",
    [
        {"type": "approve"},
        {"type": "approve", "by": ""},
        {"type": "approve", "by": "ana", "args": {}},
        {"type": "edit", "by": "ana"},
        {"type": "respond", "by": "ana", "text": ""},
        {"type": "escalate", "by": "ana"},
        {"type": "allow", "by": "ana"},
        {"by": "ana"},
        {},
        None,
        True,
    ],
)
def test_a_decision_that_is_none_is_refused(data: object) -> None:
    """Who decided is always on record, and nothing is guessed."""
    with pytest.raises(ValidationError):
        DECISION.validate_python(data)


@given(
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4),
)
def test_two_actions_share_a_digest_only_when_they_are_the_same(
    one: dict[str, int | str], other: dict[str, int | str]
) -> None:
    """Approval and run are compared by it."""
    a = action_digest("refund", one)  # pyright: ignore[reportArgumentType]
    b = action_digest("refund", other)  # pyright: ignore[reportArgumentType]
    assert (a == b) == (one == other)
    assert action_digest("other", one) != a  # pyright: ignore[reportArgumentType]


def decided(ticket: Ticket, decision: Decision) -> Ticket:
    """The ticket after a decision; an edit's arguments are laid over what it shows."""
    move = decision_move(decision, NOW, {}, lambda t, edit: {**t.runs, **edit.args})
    return moved(ticket, move)


def test_what_runs_is_what_was_approved() -> None:
    """`runs` are the edited arguments where there are any, and the digest is theirs."""
    ticket = a_ticket()
    approved = decided(ticket, Approve(by="ana"))
    edited = decided(ticket, Edit(by="ana", args={"usd": 4.0}))
    assert approved.runs == ticket.args
    assert approved.approved_digest == action_digest("refund", approved.runs)
    assert edited.runs == {"invoice": "INV-1", "usd": 4.0}
    assert edited.approved_digest == action_digest("refund", edited.runs)


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda d: d.type)
def test_a_decision_changes_a_copy(decision: Decision) -> None:
    """The ticket as it was asked stays as it was."""
    ticket = a_ticket()
    after = decided(ticket, decision)
    assert ticket == a_ticket()
    assert (after.id, after.args, after.digest) == (ticket.id, ticket.args, ticket.digest)
    assert Ticket.model_validate_json(after.model_dump_json()) == after
