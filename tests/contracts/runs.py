"""The contract of runs, their log, journal, events and leases."""

from dataclasses import replace

from pointsman.nodes.event import Recorded, Routed, RunEnded
from pointsman.nodes.gateway.transport import ModelReply, Usage
from pointsman.nodes.message import Answer, ToolCall
from pointsman.teams.approvals.lifecycle import Move, run_move, time_move
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import Summary
from pointsman.teams.tickets import Approve, Decision, Edit, Escalate, Reject, Respond
from tests.contracts.rows import NOW, a_result, a_run, a_ticket, claim, said


class RunContract:
    """What every Store promises of runs."""

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

    async def test_children_are_found_by_their_parent(
        self, store: Store, clock: list[float]
    ) -> None:
        """Direct ones oldest first, and all below with parents before their children. A run that a
        message began is nobody's child."""
        for run, parent in (("r1", ""), ("r2", "r1"), ("r3", "r2"), ("r4", "r1"), ("r5", "")):
            clock[0] += 1
            child = {"parent": parent, "root": "r1", "task": f"t{run}", "pinned": "tech"}
            await store.add_run(replace(a_run(run), **(child if parent else {})))
        assert [r.run for r in await store.children("r1")] == ["r2", "r4"]
        assert [r.run for r in await store.offspring("r1")] == ["r2", "r4", "r3"]
        assert await store.children("r3") == await store.offspring("r5") == ()
        assert await store.children("") == ()
        found = await store.find_run("r3")
        assert found is not None
        assert (found.parent, found.top, found.task, found.pinned) == ("r2", "r1", "tr3", "tech")

    async def test_a_cancel_request_goes_down_the_tree(self, store: Store) -> None:
        """All that a run gave to others is to be cancelled too, also what is added afterwards; what
        it works for is not."""
        for run, parent in (("r1", ""), ("r2", "r1"), ("r3", "r2"), ("r4", "r1")):
            await store.add_run(replace(a_run(run), parent=parent, root="r1" if parent else ""))
        await store.ask_cancel("r2", "ana")
        await store.add_run(replace(a_run("r5"), parent="r2", root="r1"))
        rows = [await store.find_run(f"r{n}") for n in range(1, 6)]
        assert [row.cancelled_by for row in rows if row] == ["", "ana", "ana", "", "ana"]

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

    async def test_every_way_to_decide_wakes_a_run(self, store: Store) -> None:
        """By a person or by the clock; a ticket that was passed on or cancelled wakes nobody, and
        one that the run has acted on wakes nobody again."""
        late = time_move(a_ticket(expires=NOW), NOW)
        assert late is not None
        moves: dict[str, Decision | Move] = {
            "approve": Approve(by="ana"),
            "edit": Edit(by="ana", args={"usd": 4.0}),
            "reject": Reject(by="ana"),
            "respond": Respond(by="ana", text="Call us."),
            "escalate": Escalate(by="ana", to="bob"),
            "expire": late,
            "cancel": run_move("cancel", "cancelled", NOW),
        }
        for name, move in moves.items():
            await store.add_run(a_run(name))
            await store.move_run(name, "waiting", frm=("running",))
            await store.freeze([a_ticket(name, run=name, expires=NOW if move is late else None)])
            await (store.amend(name, move) if isinstance(move, Move) else claim(store, name, move))
        woken = {"approve", "edit", "reject", "respond", "expire"}
        assert set(await store.decided_runs("shop")) == woken
        await store.amend("reject", run_move("settle", "rejected", NOW))
        await store.amend("approve", run_move("execute", "executed", NOW))
        assert set(await store.decided_runs("shop")) == {"edit", "respond", "expire"}

    # The log

    async def test_the_window_is_the_last_messages_of_earlier_runs_oldest_first(
        self, store: Store
    ) -> None:
        """A run sees what came before it in its thread: not itself, not what came later."""
        for n in range(3):
            await store.log(a_run(f"r{n}"), said(f"m{n}"))
            await store.log(a_run(f"r{n}"), said(f"a{n}", Answer(text=f"answer {n}")))
        await store.log(a_run("r7", tenant="bolt"), said("another tenant"))
        await store.log(a_run("r8", thread="c2"), said("elsewhere"))
        await store.log(a_run("r9", team="other"), said("another team"))
        window = await store.logged(a_run("r2"), after=0, limit=3)
        assert [m.message.id for m in window] == ["a0", "m1", "a1"]
        first = await store.logged(a_run("r1"), after=0, limit=9)
        assert [m.message.id for m in first] == ["m0", "a0"]
        later = await store.logged(a_run("r2"), after=first[-1].seq, limit=9)
        assert [m.message.id for m in later] == ["m1", "a1"]
        assert len(await store.logged(a_run("new"), after=0, limit=9)) == 6

    async def test_the_newest_summary_of_earlier_runs_is_given(self, store: Store) -> None:
        """Of the run's own thread and tenant, up to what came before it; one place, one summary."""
        for n in range(3):
            await store.log(a_run(f"r{n}"), said(f"m{n}"))
        places = [one.seq for one in await store.logged(a_run("new"), after=0, limit=9)]
        assert await store.summary(a_run("r2")) is None
        await store.add_summary(a_run("r1"), Summary(places[0], "one", "r1"))
        await store.add_summary(a_run("r2"), Summary(places[1], "two", "r2"))
        await store.add_summary(a_run("r2"), Summary(places[1], "two again", "r2"))
        assert await store.summary(a_run("r1")) == Summary(places[0], "one", "r1")
        assert await store.summary(a_run("new")) == Summary(places[1], "two again", "r2")
        assert await store.summary(a_run("new", tenant="bolt")) is None

    async def test_a_message_is_logged_once(self, store: Store) -> None:
        """A step that runs again does not repeat what was said."""
        await store.log(a_run("r1"), said("m1"))
        await store.log(a_run("r1"), said("m1"))
        assert len(await store.logged(a_run("r2"), after=0, limit=9)) == 1

    async def test_the_last_specialist_is_the_newest_runs(
        self, store: Store, clock: list[float]
    ) -> None:
        """Who answered last in a thread, by the order the runs began; none in a new thread."""
        for run, name in (("r1", "billing"), ("r2", "tech"), ("r3", ""), ("r4", "child")):
            clock[0] += 1
            await store.add_run(replace(a_run(run), parent="r1" if name == "child" else ""))
            await store.move_run(run, "done", frm=("running",), result=a_result(specialist=name))
        assert await store.last_specialist(a_run("r9")) == "tech"
        assert await store.last_specialist(a_run("r9", thread="c9")) == ""
        assert await store.last_specialist(a_run("r9", tenant="bolt")) == ""

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
