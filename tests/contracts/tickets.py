"""The contract of tickets."""

import asyncio
from datetime import timedelta

import pytest

from pointsman.errors import InvalidDecision, NotFound, TicketClosed
from pointsman.nodes.digest import JsonObject
from pointsman.teams.approvals.audit import faults
from pointsman.teams.approvals.lifecycle import Move, run_move, time_move
from pointsman.teams.store.protocol import Store
from pointsman.teams.tickets import (
    Approve,
    Edit,
    Escalate,
    Reject,
    Respond,
    Ticket,
    action_digest,
)
from tests.contracts.rows import NOW, a_run, a_ticket, claim


class TicketContract:
    """What every Store promises of tickets."""

    async def test_a_frozen_ticket_stays_as_it_was_first(self, store: Store) -> None:
        """Freezing again, as a step that runs twice does, changes nothing."""
        await store.freeze([a_ticket()])
        await store.freeze([a_ticket(args={"invoice": "INV-2", "usd": 500.0}), a_ticket("t2")])
        assert await store.find_ticket("t1") == a_ticket()
        assert await store.find_ticket("t2") == a_ticket("t2")

    async def test_freezing_again_gives_the_rows_as_they_stand(self, store: Store) -> None:
        """A step that runs twice sees what was decided in between, in the order it asked in."""
        await store.freeze([a_ticket(), a_ticket("t2")])
        decided = await claim(store, "t1", Reject(by="ana", reason="no"))
        assert await store.freeze([a_ticket("t3"), a_ticket(), a_ticket("t2")]) == (
            a_ticket("t3"), decided, a_ticket("t2"),
        )  # fmt: skip
        assert await store.freeze([]) == ()

    async def test_a_ticket_frozen_by_many_at_once_is_one(self, store: Store) -> None:
        """All are given the same row, and the log has it once."""
        rows = await asyncio.gather(
            *(store.freeze([a_ticket(reason=f"by {n}")]) for n in range(10))
        )
        assert len({row.reason for (row,) in rows}) == 1
        assert len(await store.audit()) == 1

    async def test_a_ticket_born_decided_is_in_the_log_as_such(self, store: Store) -> None:
        """The policy's own decision: opened by its rule, with what it led to."""
        born = a_ticket(status="approved", decision="approve", by="policy:small", decided=NOW)
        assert await store.freeze([born]) == (born,)
        (row,) = await store.audit()
        assert (row.entry.action, row.entry.by, row.entry.status) == (
            "open", "policy:small", "approved",
        )  # fmt: skip

    async def test_tickets_are_listed_oldest_first_by_status_and_run(self, store: Store) -> None:
        """Each filter holds, the order is that of freezing, and the limit bounds it."""
        await store.freeze([a_ticket("tb"), a_ticket("ta", run="r2")])
        await store.freeze([a_ticket("tc"), a_ticket("td", team="other")])
        await claim(store, "tc", Reject(by="ana"))
        assert [t.id for t in await store.tickets("shop")] == ["tb", "ta", "tc"]
        assert [t.id for t in await store.tickets("shop", status="pending")] == ["tb", "ta"]
        assert [t.id for t in await store.tickets("shop", run="r2")] == ["ta"]
        assert [t.id for t in await store.tickets("shop", limit=1)] == ["tb"]

    async def test_approval_pins_the_digest_of_what_was_shown(self, store: Store) -> None:
        """What may run is what the reviewer saw."""
        await store.freeze([a_ticket()])
        claimed = await claim(store, "t1", Approve(by="ana", reason="ok"))
        assert claimed.status == "approved"
        assert claimed.approved_digest == a_ticket().digest
        assert (claimed.by, claimed.decided, claimed.decision_reason) == ("ana", NOW, "ok")
        assert await store.find_ticket("t1") == claimed

    async def test_an_edit_pins_the_digest_of_the_edited_arguments(self, store: Store) -> None:
        """The shown arguments stay on record; the edited ones are what runs."""
        await store.freeze([a_ticket()])
        args: JsonObject = {"invoice": "INV-1", "usd": 4.0}
        claimed = await claim(store, "t1", Edit(by="ana", args={"usd": 4.0}))
        assert claimed.args == a_ticket().args
        assert claimed.runs == args
        assert claimed.approved_digest == action_digest("refund", args)

    async def test_respond_keeps_the_persons_text(self, store: Store) -> None:
        """A person's own answer is on the ticket."""
        await store.freeze([a_ticket()])
        claimed = await claim(store, "t1", Respond(by="ana", text="Call us."))
        assert (claimed.status, claimed.response) == ("answered", "Call us.")

    async def test_escalation_keeps_the_ticket_open_for_somebody_else(self, store: Store) -> None:
        """Passing on decides nothing: the next reviewer still can."""
        await store.freeze([a_ticket()])
        passed = await claim(store, "t1", Escalate(by="ana", to="bob"))
        assert (passed.status, passed.assigned, passed.by) == ("pending", "bob", "")
        assert (await claim(store, "t1", Approve(by="bob"))).by == "bob"

    async def test_the_second_decision_is_told_who_was_first(self, store: Store) -> None:
        """The loser learns the winner's name and decision, and changes nothing."""
        await store.freeze([a_ticket()])
        await claim(store, "t1", Reject(by="ana", reason="no"))
        with pytest.raises(TicketClosed, match="reject by ana"):
            await claim(store, "t1", Approve(by="bob"))
        found = await store.find_ticket("t1")
        assert found is not None
        assert (found.status, found.by) == ("rejected", "ana")

    async def test_a_claim_on_nothing_is_not_found(self, store: Store) -> None:
        """An unknown id says so."""
        with pytest.raises(NotFound, match="'t9'"):
            await claim(store, "t9", Approve(by="ana"))

    async def test_an_expired_ticket_cannot_be_claimed(self, store: Store) -> None:
        """A late decision is refused, to the second."""
        await store.freeze(
            [a_ticket(expires=NOW + timedelta(seconds=1)), a_ticket("t2", expires=NOW)]
        )
        with pytest.raises(TicketClosed, match="expired"):
            await claim(store, "t2", Approve(by="ana"))
        assert (await claim(store, "t1", Approve(by="ana"))).status == "approved"

    async def test_of_many_claims_at_once_one_wins(self, store: Store) -> None:
        """Twenty different decisions at the same time: one is recorded, and each of the nineteen
        others is told whose."""
        await store.freeze([a_ticket()])
        said = [Approve(by=f"p{n}") if n % 2 else Reject(by=f"p{n}") for n in range(20)]
        got = await asyncio.gather(*(claim(store, "t1", s) for s in said), return_exceptions=True)
        (winner,) = [g for g in got if isinstance(g, Ticket)]
        losers = [g for g in got if isinstance(g, TicketClosed)]
        assert len(losers) == 19
        assert all(f"{winner.decision} by {winner.by} at" in str(error) for error in losers)
        assert await store.find_ticket("t1") == winner
        assert [r.entry.by for r in await store.audit()] == ["run", winner.by]

    async def test_two_people_who_approve_at_once_both_count(self, store: Store) -> None:
        """The second move sees the first one's vote: neither is lost, and the log has both."""
        await store.freeze([a_ticket(approvals=3)])
        await asyncio.gather(*(claim(store, "t1", Approve(by=by)) for by in ("ana", "bo", "lea")))
        found = await store.find_ticket("t1")
        assert found is not None
        assert (found.status, {v.by for v in found.votes}) == ("approved", {"ana", "bo", "lea"})
        rows = await store.audit()
        assert [r.entry.status for r in rows] == ["pending", "pending", "pending", "approved"]
        assert faults(rows) == []

    async def test_a_decision_and_the_end_of_its_run_are_one_or_the_other(
        self, store: Store
    ) -> None:
        """Approved and cancelled at once: approved first and then cancelled, or cancelled only."""
        await store.freeze([a_ticket(f"t{n}") for n in range(10)])
        gone = run_move("cancel", "cancelled", NOW)
        for n in range(10):
            both = [claim(store, f"t{n}", Approve(by="ana")), store.amend(f"t{n}", gone)]
            await asyncio.gather(*both, return_exceptions=True)
        assert {t.status for t in await store.tickets("shop")} == {"cancelled"}
        assert faults(await store.audit()) == []

    async def test_a_move_that_the_table_forbids_changes_nothing(self, store: Store) -> None:
        """Executed only after an approval, and only once."""
        await store.freeze([a_ticket()])
        done = run_move("execute", "executed", NOW, outcome="refunded")
        with pytest.raises(TicketClosed):
            await store.amend("t1", done)
        await claim(store, "t1", Approve(by="ana"))
        assert (await store.amend("t1", done)).outcome == "refunded"
        with pytest.raises(TicketClosed):
            await store.amend("t1", run_move("execute", "failed", NOW, outcome="y"))
        with pytest.raises(NotFound):
            await store.amend("t9", done)
        found = await store.find_ticket("t1")
        assert found is not None
        assert (found.status, found.outcome, found.by) == ("executed", "refunded", "ana")

    async def test_a_move_that_raises_changes_nothing(self, store: Store) -> None:
        """Neither the ticket nor the audit log."""
        await store.freeze([a_ticket(reviewers=("bo",))])
        with pytest.raises(InvalidDecision):
            await claim(store, "t1", Approve(by="ana"))
        assert await store.find_ticket("t1") == a_ticket(reviewers=("bo",))
        assert len(await store.audit()) == 1

    async def test_a_move_that_changes_nothing_is_no_row(self, store: Store) -> None:
        """The ticket is given as it is, and the log stays as it was."""
        await store.freeze([a_ticket()])
        same = Move("remind", "clock", NOW, lambda ticket: ticket)
        assert await store.amend("t1", same) == a_ticket()
        assert len(await store.audit()) == 1

    async def test_due_tickets_are_the_open_ones_whose_time_is_up(self, store: Store) -> None:
        """By expiry or reminder, the longest due first; decided ones are never due."""
        soon, later = NOW + timedelta(seconds=5), NOW + timedelta(seconds=60)
        await store.freeze(
            [
                a_ticket("ta", expires=later),
                a_ticket("tb", expires=later, remind=soon),
                a_ticket("tc", expires=NOW),
                a_ticket("td"),
                a_ticket("te", expires=soon, team="other"),
                a_ticket("tf", expires=NOW),
            ]
        )
        await store.amend("tf", run_move("cancel", "cancelled", NOW))
        assert [t.id for t in await store.due_tickets("shop", soon)] == ["tc", "tb"]
        assert [t.id for t in await store.due_tickets("shop", later, limit=2)] == ["tc", "tb"]
        assert len(await store.due_tickets("shop", later)) == 3

    async def test_a_ticket_is_due_until_time_has_changed_it(self, store: Store) -> None:
        """A reminder moves to its next time, an expiry to the next reviewer's; an expired ticket
        is due no more."""
        minute = timedelta(minutes=1)
        await store.freeze(
            [
                a_ticket(
                    expires=NOW + 3 * minute, expires_after=180.0, escalate_to=("lea",),
                    remind=NOW + minute, remind_after=60.0,
                )
            ]
        )  # fmt: skip
        steps: list[str] = []
        for n in range(1, 7):
            at = NOW + n * minute
            for ticket in await store.due_tickets("shop", at):
                move = time_move(ticket, at)
                assert move is not None
                steps.append(f"{n} {move.step} {(await store.amend(ticket.id, move)).status}")
        assert steps == [
            "1 remind pending", "2 remind pending", "3 expire pending",
            "4 remind pending", "5 remind pending", "6 expire expired",
        ]  # fmt: skip
        assert await store.due_tickets("shop", NOW + timedelta(days=9)) == ()

    async def test_a_decided_offer_of_an_ended_run_is_found(self, store: Store) -> None:
        """Recovery sees it until somebody has acted on it, in a nested run too."""
        await store.add_run(a_run(nested=True))
        await store.move_run("r1", "cancelled", frm=("running",))
        await store.freeze([a_ticket(kind="compensate")])
        assert await store.decided_runs("shop") == ()
        await claim(store, "t1", Reject(by="ana"))
        assert await store.decided_runs("shop") == ("r1",)
        await store.amend("t1", run_move("settle", "rejected", NOW))
        assert await store.decided_runs("shop") == ()

    async def test_a_question_about_an_offer_counts_and_what_no_run_takes_up_does_not(
        self, store: Store
    ) -> None:
        """An ended run with a decided action, which nothing will ever settle, is not woken anew at
        each look; one that still has to learn whether an undoing happened is."""
        for run in ("r1", "r2"):
            await store.add_run(a_run(run))
            await store.move_run(run, "failed", frm=("running",))
        await store.freeze([a_ticket(), a_ticket("t2", run="r2", kind="ambiguous")])
        await claim(store, "t1", Reject(by="ana"))
        await claim(store, "t2", Respond(by="ana", text="It was undone."))
        assert await store.decided_runs("shop") == ("r2",)
