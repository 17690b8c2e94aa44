"""A ticket's states: every legal step, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pointsman.errors import InvalidDecision, TicketClosed
from pointsman.nodes.digest import JsonObject
from pointsman.teams.approvals.lifecycle import (
    TRANSITIONS,
    Move,
    Step,
    deadlines,
    decision_move,
    moved,
    people,
    run_move,
    time_move,
)
from pointsman.teams.tickets import (
    TAKES,
    Approve,
    Decision,
    Edit,
    Escalate,
    Kind,
    Reject,
    Respond,
    Ticket,
    TicketStatus,
    action_digest,
)

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
GROUPS = {"finance": ("ana", "bo"), "leads": ("lea",)}
PEOPLE = ("ana", "bo", "lea", "mallory")
FINAL = ("rejected", "answered", "executed", "failed", "superseded", "cancelled", "expired")


def a_ticket(**changes: object) -> Ticket:
    """A refund that waits."""
    args: JsonObject = {"invoice": "INV-1", "usd": 5.0}
    ticket = Ticket(
        id="t1",
        team="shop",
        run="r1",
        thread="c1",
        specialist="billing",
        tool="refund",
        args=args,
        digest=action_digest("refund", args),
        policy_rule="default",
        policy_version="v1",
        reason="a refund",
        created=NOW,
    )
    return ticket.model_copy(update=changes)


def edited(ticket: Ticket, edit: Edit) -> JsonObject:
    """An edit that always fits."""
    return {**ticket.runs, **edit.args}


def decide(ticket: Ticket, decision: Decision, at: datetime = NOW) -> Ticket:
    """The ticket after a person's decision."""
    return moved(ticket, decision_move(decision, at, GROUPS, edited))


DECISIONS: dict[str, Decision] = {
    "approve": Approve(by="ana"),
    "edit": Edit(by="ana", args={"usd": 4.0}),
    "reject": Reject(by="ana", reason="no"),
    "respond": Respond(by="ana", text="Call us."),
    "escalate": Escalate(by="ana", to="lea"),
}


def every_move(at: datetime = NOW) -> list[Move]:
    """One move for each step there is."""
    moves = [decision_move(d, at, GROUPS, edited) for d in DECISIONS.values()]
    moves += [
        run_move("settle", "rejected", at),
        run_move("execute", "executed", at, outcome="ok"),
        run_move("supersede", "superseded", at),
        run_move("cancel", "cancelled", at),
    ]
    due = a_ticket(expires=at, remind=at)
    late = time_move(due, at)
    remind = time_move(a_ticket(remind=at), at)
    assert late is not None
    assert remind is not None
    return [*moves, late, remind]


def test_every_step_has_a_row_somewhere() -> None:
    """The table speaks of every step and of every state, and leads to known states only."""
    steps = {step for row in TRANSITIONS.values() for step in row}
    assert steps == set(get_args(Step))
    assert {move.step for move in every_move()} == steps
    assert TRANSITIONS.keys() == set(get_args(TicketStatus))
    led_to = {to for row in TRANSITIONS.values() for tos in row.values() for to in tos}
    assert led_to == set(get_args(TicketStatus))


@pytest.mark.parametrize("status", get_args(TicketStatus))
@pytest.mark.parametrize("move", every_move(), ids=lambda m: m.step)
def test_what_the_table_does_not_hold_is_refused(status: TicketStatus, move: Move) -> None:
    """A step that a state does not allow raises TicketClosed with ticket, team, who and when."""
    ticket = a_ticket(
        status=status, decision="approve", by="bo", decided=NOW, expires=NOW, remind=NOW
    )
    if move.step in TRANSITIONS[status]:
        return
    with pytest.raises(TicketClosed) as refused:
        moved(ticket, move)
    for word in ("t1", "'shop'", "approve by bo at 2026-11-21 09:00:00 UTC", repr(status)):
        assert word in str(refused.value)


def test_two_people_must_be_two() -> None:
    """With two approvals wanted the first leaves it open, the same person again is refused, and
    the second person's approves it for both names."""
    ticket = decide(a_ticket(approvals=2), Approve(by="ana"))
    assert ticket.status == "pending"
    assert [v.by for v in ticket.votes] == ["ana"]
    with pytest.raises(InvalidDecision, match="'ana' has approved ticket t1 already"):
        decide(ticket, Approve(by="ana"))
    done = decide(ticket, Approve(by="bo"))
    assert (done.status, done.by, done.approved_digest) == ("approved", "ana, bo", ticket.digest)


def test_an_edit_starts_the_count_anew() -> None:
    """An approval of other arguments does not count for the edited ones; the editor's does."""
    ticket = decide(a_ticket(approvals=2), Approve(by="ana"))
    ticket = decide(ticket, Edit(by="bo", args={"usd": 4.0}))
    assert ticket.status == "pending"
    assert [v.by for v in ticket.votes] == ["bo"]
    with pytest.raises(InvalidDecision, match="shows something else by now"):
        decide(ticket, Approve(by="ana", digest=ticket.digest))
    done = decide(ticket, Approve(by="ana", digest=ticket.shows))
    assert done.status == "approved"
    assert done.runs == {"invoice": "INV-1", "usd": 4.0}
    assert done.args == {"invoice": "INV-1", "usd": 5.0}
    assert done.approved_digest == action_digest("refund", done.runs) != done.digest


def test_only_its_reviewers_decide() -> None:
    """A group's people may, a group's name and everybody else may not, and nothing is changed."""
    ticket = a_ticket(reviewers=("finance", "mia"))
    for by in ("mallory", "finance"):
        with pytest.raises(InvalidDecision, match=r"its reviewers are finance, mia"):
            decide(ticket, Approve(by=by))
    assert decide(ticket, Approve(by="mia")).status == "approved"
    assert decide(ticket, Reject(by="bo")).status == "rejected"
    assert people(("finance", "mia"), GROUPS) == {"ana", "bo", "mia"}


def test_an_escalated_ticket_is_the_others() -> None:
    """Whoever passed it on may not decide it any more; the other has the same time anew."""
    ticket = a_ticket(expires_after=60.0, expires=NOW + timedelta(seconds=60))
    passed = decide(ticket, Escalate(by="ana", to="leads"), NOW + timedelta(seconds=50))
    assert (passed.status, passed.assigned) == ("pending", "leads")
    assert passed.expires == NOW + timedelta(seconds=110)
    with pytest.raises(InvalidDecision):
        decide(passed, Approve(by="ana"))
    assert decide(passed, Approve(by="lea")).status == "approved"


def test_time_passes_it_on_and_then_rejects() -> None:
    """Each next reviewer is asked for as long; when nobody is left it expires, decided by the clock
    with a reason that names who was silent."""
    ticket = a_ticket(expires_after=60.0, escalate_to=("bo", "lea"), reviewers=("ana",))
    ticket = ticket.model_copy(update=deadlines(ticket, NOW))
    for n, to in enumerate(("bo", "lea"), start=1):
        at = NOW + timedelta(seconds=60 * n)
        assert time_move(ticket, at - timedelta(microseconds=1)) is None
        move = time_move(ticket, at)
        assert move is not None
        with pytest.raises(TicketClosed, match="expired"):
            decide(ticket, Approve(by="ana"), at)
        ticket = moved(ticket, move)
        assert (ticket.status, ticket.reviewers) == ("pending", (to,))
        with pytest.raises(TicketClosed, match="not due"):
            moved(ticket, move)
    at = NOW + timedelta(seconds=180)
    move = time_move(ticket, at)
    assert move is not None
    ticket = moved(ticket, move)
    assert (ticket.status, ticket.by, ticket.decided) == ("expired", "clock", at)
    assert ticket.decision_reason == "Nobody decided by lea until 2026-11-21 09:03:00 UTC."


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        ("action", ()),
        ("admit", ("edit",)),
        ("release", ()),
        ("ambiguous", ("edit",)),
        ("compensate", ("edit", "respond")),
        ("route", ()),
        ("plan", ()),
    ],
)
def test_each_kind_takes_its_decisions(kind: str, refused: tuple[str, ...]) -> None:
    """What makes no sense for a kind of ticket is refused, and the ticket stays as it is."""
    args = {"to": "tech"} if kind == "route" else a_ticket().args
    ticket = a_ticket(kind=kind, args=args)
    for name, decision in DECISIONS.items():
        if name in refused:
            with pytest.raises(InvalidDecision, match="takes no"):
                decide(ticket, decision)
        else:
            assert decide(ticket, decision) != ticket


def test_every_kind_is_in_the_table() -> None:
    """A kind that is added must say which decisions it takes, and all can be passed on."""
    assert set(TAKES) == set(get_args(Kind))
    assert {takes[-1] for takes in TAKES.values()} == {"escalate"}


def test_nobody_cannot_be_approved() -> None:
    """A route ticket that proposes nobody takes an edit that names somebody, and then approval."""
    ticket = a_ticket(kind="route", args={"to": ""}, approvals=2)
    with pytest.raises(InvalidDecision, match="proposes nobody"):
        decide(ticket, Approve(by="ana"))
    named = decide(ticket, Edit(by="ana", args={"to": "tech"}))
    assert decide(named, Approve(by="bo")).runs == {"to": "tech"}


class TicketMachine(RuleBasedStateMachine):
    """Random people, clocks and runs at one ticket; the table is the law."""

    ticket: Ticket
    at: datetime
    legal: bool

    @initialize(
        approvals=st.integers(1, 3),
        expires=st.sampled_from((None, 30.0, 300.0)),
        remind=st.sampled_from((None, 20.0)),
        escalate=st.lists(st.sampled_from(("leads", "bo")), max_size=2),
        reviewers=st.sampled_from(((), ("finance",), ("ana", "leads"))),
        kind=st.sampled_from(get_args(Kind)),
    )
    def freeze(
        self,
        approvals: int,
        expires: float | None,
        remind: float | None,
        escalate: list[str],
        reviewers: tuple[str, ...],
        kind: str,
    ) -> None:
        """A ticket of any kind is frozen."""
        self.at = NOW
        args = {"to": "tech"} if kind == "route" else a_ticket().args
        ticket = a_ticket(
            kind=kind,
            args=args,
            digest=action_digest("refund", args),
            approvals=approvals,
            expires_after=expires,
            remind_after=remind,
            escalate_to=tuple(escalate),
            reviewers=reviewers,
        )
        self.ticket = ticket.model_copy(update=deadlines(ticket, NOW))

    def _try(self, move: Move) -> None:
        before, status = self.ticket, self.ticket.status
        try:
            after = moved(before, move)
        except TicketClosed:
            late = before.expires is not None and before.expires <= self.at
            clock = move.step in ("expire", "remind")
            taken = move.step == "settle" and before.settled is not None
            assert move.step not in TRANSITIONS[status] or late or clock or taken
            return
        except InvalidDecision:
            assert status == "pending"
            return
        assert after.status in TRANSITIONS[status][move.step]
        if move.step in DECISIONS:
            assert move.step in TAKES[before.kind]
        assert (after.args, after.digest, after.created) == (
            before.args, before.digest, before.created,
        )  # fmt: skip
        self.ticket = after

    @rule(by=st.sampled_from(PEOPLE), seen=st.booleans())
    def approve(self, by: str, seen: bool) -> None:
        """Somebody approves, saying what they saw or not."""
        decision = Approve(by=by, digest=self.ticket.shows if seen else "")
        self._try(decision_move(decision, self.at, GROUPS, edited))

    @rule(by=st.sampled_from(PEOPLE))
    def approve_something_else(self, by: str) -> None:
        """Somebody approves what the ticket does not show: it never becomes approved by that."""
        before = self.ticket
        self._try(decision_move(Approve(by=by, digest="x"), self.at, GROUPS, edited))
        assert self.ticket == before

    @rule(
        name=st.sampled_from(("edit", "reject", "respond", "escalate")), by=st.sampled_from(PEOPLE)
    )
    def other_decision(self, name: str, by: str) -> None:
        """Somebody decides otherwise."""
        decision = DECISIONS[name].model_copy(update={"by": by})
        self._try(decision_move(decision, self.at, GROUPS, edited))

    @rule(seconds=st.sampled_from((1, 10, 60, 400)))
    def wait(self, seconds: int) -> None:
        """Time passes, and is applied."""
        self.at += timedelta(seconds=seconds)
        move = time_move(self.ticket, self.at)
        if move is not None:
            assert self.ticket.open
            self._try(move)

    @rule(
        step=st.sampled_from(
            (
                ("settle", "rejected"), ("settle", "answered"), ("settle", "expired"),
                ("execute", "executed"), ("execute", "failed"), ("execute", "ambiguous"),
                ("supersede", "superseded"), ("cancel", "cancelled"),
            )
        )
    )  # fmt: skip
    def run_acts(self, step: tuple[str, str]) -> None:
        """The run acts, if the table lets this step lead there."""
        name, to = step
        if to in TRANSITIONS[self.ticket.status].get(name, (to,)):  # pyright: ignore[reportCallIssue, reportArgumentType]
            self._try(run_move(name, to, self.at))  # pyright: ignore[reportArgumentType]

    @invariant()
    def approved_means_enough_people_saw_it(self) -> None:
        """Nothing is approved without as many different people as it wants, all of them for the
        very digest that may run."""
        ticket = getattr(self, "ticket", None)
        if ticket is None or not ticket.approved_digest:
            return
        voters = {v.by for v in ticket.votes if v.digest == ticket.approved_digest}
        assert len(voters) >= ticket.approvals
        assert ticket.approved_digest == action_digest(ticket.tool, ticket.runs)

    @invariant()
    def what_ran_was_approved(self) -> None:
        """Executed, failed and ambiguous come after an approval only."""
        ticket = getattr(self, "ticket", None)
        if ticket is not None and ticket.status in ("executed", "failed", "ambiguous"):
            assert ticket.approved_digest
            assert ticket.decision in ("approve", "edit")


TicketMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
test_any_history_keeps_to_the_table = pytest.mark.filterwarnings("ignore")(TicketMachine.TestCase)


def test_a_move_is_data() -> None:
    """A move can be looked at before it is made."""
    move = run_move("cancel", "cancelled", NOW, by="ana")
    assert (move.step, move.by, move.at) == ("cancel", "ana", NOW)
    assert replace(move, by="bo").by == "bo"
