"""The contract suite of every Store: subclass it and give the fixture `store`.

`clock` is a list whose only item is the store's time, in seconds since the epoch.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pointsman.errors import Conflict, InvalidDecision, NotFound, TicketClosed
from pointsman.nodes.event import Recorded, Routed, RunEnded
from pointsman.nodes.gateway.transport import ModelReply, Usage
from pointsman.nodes.message import Answer, Attachment, Message, Request, ToolCall
from pointsman.teams.approvals.audit import faults
from pointsman.teams.approvals.grant import Grant, grant_from
from pointsman.teams.approvals.lifecycle import decision_move, run_move
from pointsman.teams.result import Result
from pointsman.teams.store.protocol import RunRow, Store
from pointsman.teams.tickets import (
    Approve,
    Decision,
    Edit,
    Escalate,
    Reject,
    Respond,
    Ticket,
    action_digest,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def a_run(
    run: str = "r1",
    *,
    team: str = "shop",
    thread: str = "c1",
    tenant: str = "acme",
    nested: bool = False,
) -> RunRow:
    """A run as it begins."""
    request = Message(
        id=f"m-{run}",
        sender="user",
        receiver=team,
        time=NOW,
        payload=Request(text=f"hello {run}", attachments=(Attachment(uri="file:a.pdf"),)),
    )
    return RunRow(
        run=run,
        team=team,
        thread=thread,
        tenant=tenant,
        request=request,
        state="running",
        root_thread=run,
        nested=nested,
        seconds_left=10.0,
        budget_usd=0.5,
        budget_calls=7,
    )


def a_ticket(
    ticket: str = "t1", *, run: str = "r1", team: str = "shop", **change: object
) -> Ticket:
    """A pending refund."""
    args = {"invoice": "INV-1", "usd": 5.0}
    made = Ticket(
        id=ticket,
        team=team,
        run=run,
        thread="c1",
        specialist="billing",
        tool="refund",
        call_id="c2",
        args=args,
        digest=action_digest("refund", args),
        policy_rule="default",
        policy_version="v",
        reason="money",
        created=NOW,
    )
    return made.model_copy(update=change)


async def claim(store: Store, ticket: str, decision: Decision, at: datetime = NOW) -> Ticket:
    """A person's decision, as every view records it; an edit is laid over what the ticket shows."""
    laid = lambda shown, edit: {**shown.runs, **edit.args}  # noqa: E731
    return await store.amend(ticket, decision_move(decision, at, {}, laid))


def a_grant(ticket: Ticket | None = None, **bounds: object) -> Grant:
    """A grant for the ticket's refund: a day long, once, up to 20 dollars."""
    given = {"by": "ana", "at": NOW, "until": NOW + timedelta(days=1), "at_most": {"usd": 20}}
    return grant_from(ticket or a_ticket("t0"), **(given | bounds))  # pyright: ignore[reportArgumentType]


def a_result(run: str = "r1", *, specialist: str = "billing", status: str = "done") -> Result:
    """What a run came to."""
    return Result(
        run=run, thread="c1", team="shop", status=status, specialist=specialist, answer="Done."
    )


class StoreContract:
    """What every Store promises."""

    # Runs

    async def test_a_run_comes_back_as_it_was_given(self, store: Store) -> None:
        """Every field of a run survives the store."""
        row = a_run()
        assert await store.add_run(row)
        assert await store.find_run("r1") == row

    async def test_a_run_is_added_once(self, store: Store) -> None:
        """The second add of an id says False and changes nothing."""
        await store.add_run(a_run())
        assert not await store.add_run(a_run(thread="other"))
        found = await store.find_run("r1")
        assert found is not None
        assert found.thread == "c1"

    async def test_an_unknown_run_is_none(self, store: Store) -> None:
        """Nothing is made up for an id nobody added."""
        assert await store.find_run("r9") is None

    async def test_a_state_moves_only_from_where_it_may(self, store: Store) -> None:
        """move_run is a compare-and-set: the loser changes neither state nor result."""
        await store.add_run(a_run())
        assert await store.move_run("r1", "done", frm=("running",), result=a_result())
        assert not await store.move_run("r1", "failed", frm=("running", "waiting"))
        found = await store.find_run("r1")
        assert found is not None
        assert (found.state, found.result) == ("done", a_result())

    async def test_a_move_without_a_result_keeps_the_last_one(self, store: Store) -> None:
        """Going on after a wait does not lose what the run had come to."""
        await store.add_run(a_run())
        await store.move_run("r1", "waiting", frm=("running",), result=a_result(status="waiting"))
        await store.move_run("r1", "running", frm=("waiting",))
        found = await store.find_run("r1")
        assert found is not None
        assert found.result == a_result(status="waiting")

    async def test_moving_an_unknown_run_is_false(self, store: Store) -> None:
        """No row, no move."""
        assert not await store.move_run("r9", "done", frm=("running",))

    async def test_runs_are_listed_by_team_state_and_thread(self, store: Store) -> None:
        """Each filter holds, and another team's runs are never listed."""
        await store.add_run(a_run("r1"))
        await store.add_run(a_run("r2", thread="c2"))
        await store.add_run(a_run("r3", team="other"))
        await store.move_run("r2", "waiting", frm=("running",))
        assert {r.run for r in await store.runs("shop")} == {"r1", "r2"}
        assert [r.run for r in await store.runs("shop", states=("waiting", "done"))] == ["r2"]
        assert [r.run for r in await store.runs("shop", thread="c1")] == ["r1"]

    async def test_runs_are_newest_first_and_bounded(
        self, store: Store, clock: list[float]
    ) -> None:
        """The newest run is first, and no more than the limit come."""
        for n in range(4):
            clock[0] += 1
            await store.add_run(a_run(f"r{n}"))
        assert [r.run for r in await store.runs("shop", limit=2)] == ["r3", "r2"]

    async def test_a_cancel_request_is_kept(self, store: Store) -> None:
        """Who asked for the cancellation stands in the row."""
        await store.add_run(a_run())
        await store.ask_cancel("r1", "ana")
        found = await store.find_run("r1")
        assert found is not None
        assert found.cancelled_by == "ana"

    async def test_decided_runs_are_the_waiting_ones_with_a_decided_ticket(
        self, store: Store
    ) -> None:
        """Running, nested and undecided runs are not picked up by recovery."""
        for run, nested in (("r1", False), ("r2", False), ("r3", True), ("r4", False)):
            await store.add_run(a_run(run, nested=nested))
            await store.freeze([a_ticket(f"t-{run}", run=run)])
        for run in ("r1", "r2", "r3"):
            await store.move_run(run, "waiting", frm=("running",))
        for run in ("r1", "r3", "r4"):
            await claim(store, f"t-{run}", Approve(by="ana"))
        assert await store.decided_runs("shop") == ("r1",)
        assert await store.decided_runs("other") == ()

    # The log

    async def test_the_window_is_the_last_messages_of_earlier_runs_oldest_first(
        self, store: Store
    ) -> None:
        """A run sees what came before it in its thread: not itself, not what came later."""
        for n in range(3):
            await store.log(a_run(f"r{n}"), _said(f"m{n}"))
            await store.log(a_run(f"r{n}"), _said(f"a{n}", Answer(text=f"answer {n}")))
        await store.log(a_run("r7", tenant="bolt"), _said("another tenant"))
        await store.log(a_run("r8", thread="c2"), _said("elsewhere"))
        await store.log(a_run("r9", team="other"), _said("another team"))
        window = await store.window(a_run("r2"), limit=3)
        assert [m.id for m in window] == ["a0", "m1", "a1"]
        assert [m.id for m in await store.window(a_run("r1"), limit=9)] == ["m0", "a0"]
        assert len(await store.window(a_run("new"), limit=9)) == 6

    async def test_a_message_is_logged_once(self, store: Store) -> None:
        """A step that runs again does not repeat what was said."""
        await store.log(a_run("r1"), _said("m1"))
        await store.log(a_run("r1"), _said("m1"))
        assert len(await store.window(a_run("r2"), limit=9)) == 1

    async def test_the_last_specialist_is_the_newest_runs(
        self, store: Store, clock: list[float]
    ) -> None:
        """Who answered last in a thread, by the order the runs began; none in a new thread."""
        for run, name in (("r1", "billing"), ("r2", "tech"), ("r3", "")):
            clock[0] += 1
            await store.add_run(a_run(run))
            await store.move_run(run, "done", frm=("running",), result=a_result(specialist=name))
        assert await store.last_specialist(a_run("r9")) == "tech"
        assert await store.last_specialist(a_run("r9", thread="c9")) == ""
        assert await store.last_specialist(a_run("r9", tenant="bolt")) == ""

    # Tickets

    async def test_a_frozen_ticket_stays_as_it_was_first(self, store: Store) -> None:
        """Freezing again, as a step that runs twice does, changes nothing."""
        await store.freeze([a_ticket()])
        await store.freeze([a_ticket(args={"invoice": "INV-2", "usd": 500.0}), a_ticket("t2")])
        assert await store.find_ticket("t1") == a_ticket()
        assert await store.find_ticket("t2") == a_ticket("t2")

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
        args = {"invoice": "INV-1", "usd": 4.0}
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
        """Twenty decisions at the same time: one is recorded, nineteen are told so."""
        await store.freeze([a_ticket()])
        got = await asyncio.gather(
            *(claim(store, "t1", Approve(by=f"p{n}")) for n in range(20)),
            return_exceptions=True,
        )
        winners = [g for g in got if isinstance(g, Ticket)]
        assert len(winners) == 1
        assert sum(isinstance(g, TicketClosed) for g in got) == 19
        assert await store.find_ticket("t1") == winners[0]

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

    # Grants

    async def test_a_grant_approves_what_it_covers_and_is_used_up(self, store: Store) -> None:
        """A covered ticket is born approved, by the grant, and the use is counted and audited; the
        next one, and one it does not cover, ask."""
        await store.add_grant(a_grant())
        await store.add_grant(a_grant())
        first, dear = await store.freeze(
            [a_ticket("t1"), a_ticket("t2", args={"invoice": "INV-1", "usd": 21.0})]
        )
        (again,) = await store.freeze([a_ticket("t1")])
        (third,) = await store.freeze([a_ticket("t3")])
        (grant,) = await store.grants("shop")
        assert (first.status, first.by, first.grant) == ("approved", f"grant:{grant.id}", grant.id)
        assert first.approved_digest == first.digest
        assert again == first
        assert (dear.status, third.status, grant.uses) == ("pending", "pending", 1)
        actions = [(r.entry.action, r.entry.ticket) for r in await store.audit()]
        assert actions == [
            ("grant", "t0"), ("open", "t1"), ("use", "t1"), ("open", "t2"), ("open", "t3"),
        ]  # fmt: skip

    async def test_a_grant_is_used_as_often_as_it_says_by_many_at_once(self, store: Store) -> None:
        """Twenty tickets frozen at the same time, seven uses: seven are approved."""
        await store.add_grant(a_grant(times=7))
        rows = await asyncio.gather(*(store.freeze([a_ticket(f"t{n}")]) for n in range(1, 21)))
        assert sum(row.status == "approved" for (row,) in rows) == 7
        (grant,) = await store.grants("shop")
        assert (grant.uses, grant.live(NOW)) == (7, False)

    async def test_a_revoked_grant_approves_nothing(self, store: Store) -> None:
        """Once; another team's and an unknown one are not found."""
        grant = a_grant()
        await store.add_grant(grant)
        for team, name in (("other", grant.id), ("shop", "g9")):
            with pytest.raises(NotFound):
                await store.revoke_grant(team, name, by="bo", at=NOW)
        ended = await store.revoke_grant("shop", grant.id, by="bo", at=NOW)
        assert (ended.revoked, ended.revoked_by) == (NOW, "bo")
        with pytest.raises(Conflict, match="revoked by bo"):
            await store.revoke_grant("shop", grant.id, by="lea", at=NOW)
        (row,) = await store.freeze([a_ticket()])
        assert row.status == "pending"
        assert await store.grants("other") == ()

    # The audit log

    async def test_every_change_of_a_ticket_is_one_row_of_a_whole_chain(self, store: Store) -> None:
        """Numbered from 1 without a gap, with who and what it led to; read in pages."""
        await store.freeze([a_ticket(), a_ticket("t2", team="other")])
        await claim(store, "t1", Escalate(by="ana", to="bob"))
        await claim(store, "t1", Approve(by="bob"))
        await store.amend("t1", run_move("execute", "executed", NOW, outcome="refunded"))
        rows = await store.audit()
        assert faults(rows) == []
        assert [(r.seq, r.entry.action, r.entry.by, r.entry.status) for r in rows] == [
            (1, "open", "run", "pending"),
            (2, "open", "run", "pending"),
            (3, "escalate", "ana", "pending"),
            (4, "approve", "bob", "approved"),
            (5, "execute", "run", "executed"),
        ]
        assert (rows[2].entry.to, rows[1].entry.team) == ("bob", "other")
        assert [r.seq for r in await store.audit(after=2, limit=2)] == [3, 4]

    async def test_the_audit_log_stays_whole_under_many_writers(self, store: Store) -> None:
        """Forty decisions at once make forty rows of one chain."""
        await store.freeze([a_ticket(f"t{n}") for n in range(40)])
        await asyncio.gather(*(claim(store, f"t{n}", Approve(by="ana")) for n in range(40)))
        rows = await store.audit()
        assert len(rows) == 80
        assert faults(rows) == []

    # Effects

    async def test_a_write_is_intended_once(self, store: Store) -> None:
        """The first intention finds nothing; every later one finds the first."""
        assert await store.intend("k", "t1", "r1", "refund", "d1") is None
        again = await store.intend("k", "t2", "r2", "refund", "d2")
        assert again is not None
        assert (again.state, again.ticket, again.digest) == ("intended", "t1", "d1")
        assert (again.result, again.attempt) == ("", 1)

    async def test_the_end_of_a_write_is_kept(self, store: Store) -> None:
        """Done, failed and undone, each with its text, are what the next look finds."""
        for key, state in (("k1", "done"), ("k2", "failed"), ("k3", "undone")):
            await store.intend(key, "t1", "r1", "refund", "d")
            await store.effect_ended(key, state, f"it {state}")
            row = await store.intend(key, "t1", "r1", "refund", "d")
            assert row is not None
            assert (row.state, row.result) == (state, f"it {state}")
        assert [e.key for e in await store.effects("r1")] == ["k1", "k2", "k3"]
        assert await store.effects("r2") == ()

    async def test_a_write_is_begun_again_by_one(self, store: Store) -> None:
        """Of many at once one begins the next attempt; a done write is never begun again."""
        await store.intend("k", "t1", "r1", "refund", "d")
        won = await asyncio.gather(*(store.intend_again("k", 1) for _ in range(10)))
        assert sum(won) == 1
        row = await store.intend("k", "t1", "r1", "refund", "d")
        assert row is not None
        assert (row.state, row.attempt) == ("intended", 2)
        await store.effect_ended("k", "failed", "no")
        assert await store.intend_again("k", 2)
        await store.effect_ended("k", "done", "yes")
        assert not await store.intend_again("k", 3)

    # Journal and events

    async def test_the_journal_gives_back_the_first_answer_of_a_place(self, store: Store) -> None:
        """Key is run, step, occurrence and digest; the first answer of a place stays."""
        reply = ModelReply(
            model="m",
            text="héllo",
            tool_calls=(ToolCall(id="c", name="refund", args={"usd": 5}),),
            usage=Usage(3, 4),
            usd=0.25,
            seconds=1.5,
            probabilities=(("a", 0.75), ("b", 0.25)),
        )
        await store.journal_put("r1", "1:a", 0, "d", reply)
        await store.journal_put("r1", "1:a", 0, "d", ModelReply(model="m", text="later"))
        assert await store.journal_get("r1", "1:a", 0, "d") == reply
        for place in (("r2", "1:a", 0, "d"), ("r1", "2:a", 0, "d"), ("r1", "1:a", 1, "d")):
            assert await store.journal_get(*place) is None
        assert await store.journal_get("r1", "1:a", 0, "e") is None

    async def test_events_come_back_in_order_and_once(self, store: Store) -> None:
        """The record is append-only: an event's place is taken by the first that came."""
        await store.add_run(a_run())
        first = Recorded(run="r1", seq=0, at=1.0, event=Routed(to="billing", tier="model"))
        second = Recorded(run="r1", seq=1, at=2.0, event=RunEnded(run="r1", status="done"))
        await store.record("r1", [second], seconds=0.0)
        await store.record("r1", [first, second], seconds=0.0)
        assert await store.events("r1") == (first, second)
        assert await store.events("r2") == ()

    async def test_work_is_counted_off_the_time_that_is_left(self, store: Store) -> None:
        """Each record adds to the time worked and takes it from the time to the deadline."""
        await store.add_run(a_run())
        await store.record("r1", [], seconds=1.5)
        await store.record("r1", [], seconds=2.0)
        found = await store.find_run("r1")
        assert found is not None
        assert (found.seconds, found.seconds_left) == (3.5, 6.5)

    # Leases

    async def test_a_lease_has_one_holder(self, store: Store) -> None:
        """While one holds it nobody else gets it; the holder may renew."""
        first = await store.lease("x", "a", 10)
        assert first is not None
        assert await store.lease("x", "b", 10) is None
        assert await store.lease("x", "a", 10) == first
        assert await store.lease("y", "b", 10) is not None

    async def test_an_expired_lease_goes_to_the_next_with_a_higher_epoch(
        self, store: Store, clock: list[float]
    ) -> None:
        """After its time a lease is anybody's, and the old holder can tell it has lost it."""
        first = await store.lease("x", "a", 10)
        clock[0] += 10
        second = await store.lease("x", "b", 10)
        assert first is not None
        assert second is not None
        assert second > first
        assert await store.lease("x", "a", 10) is None

    async def test_a_released_lease_is_free_at_once(self, store: Store) -> None:
        """Release works for the holder only, and the epoch grows also for the same owner."""
        first = await store.lease("x", "a", 10)
        await store.release("x", "b")
        assert await store.lease("x", "b", 10) is None
        await store.release("x", "a")
        again = await store.lease("x", "a", 10)
        assert first is not None
        assert again is not None
        assert again > first

    async def test_closing_twice_is_fine(self, store: Store) -> None:
        """aclose may be called again, also before anything was opened."""
        await store.aclose()
        await store.aclose()


def _said(message_id: str, payload: Request | Answer | None = None) -> Message:
    return Message(
        id=message_id,
        sender="user",
        receiver="shop",
        time=NOW,
        payload=payload or Request(text=f"text of {message_id}"),
    )
