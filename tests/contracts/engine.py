"""The contract of engines: one machine or many, a team's runs end alike."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from pointsman.errors import InvalidDecision, ModelOverloaded, TicketClosed
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.event import Recorded, RunEnded
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import Terms
from pointsman.nodes.specialist import Specialist
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Decision, Edit, Escalate, Reject, Respond
from tests.flow.giver import giving_team, task
from tests.flow.shop import Shop, script, shop_team
from tests.flow.test_nested_team import desk
from tests.flow.test_panel import panel_team

Serve = Callable[[Team], Awaitable[Team]]
"""Has a team's runs moved by the engine under test; gives the team as a client of it."""
FREE = ApprovalPolicy(rules=(PolicyRule("all", "allow"),))


def passed(came: object) -> Result:
    """A result, and no graph's command."""
    assert isinstance(came, Result)
    return came


class EngineContract:
    """What every engine promises. Subclasses give the fixture `serve`."""

    # A message

    async def test_a_message_is_answered_once(self, serve: Serve, tmp_path: Path) -> None:
        """The same message again gives the first result, and nothing happens twice."""
        team = await serve(shop_team(tmp_path, policy=FREE))
        first = await team.run("note a", thread="t", message_id="m")
        again = await team.run("note a", thread="t", message_id="m")
        assert (first.status, first.answer) == ("done", "done: noted a")
        assert (again.run, again.answer) == (first.run, first.answer)
        assert Shop(tmp_path).wrote() == ["noted a"]

    async def test_a_message_three_times_at_once(self, serve: Serve, tmp_path: Path) -> None:
        """Three that send it at once get one run, and its write happens once."""
        team = await serve(shop_team(tmp_path, policy=FREE))
        came = await asyncio.gather(
            *(team.run("note a", thread="t", message_id="m") for _ in range(3))
        )
        assert {(one.status, one.answer) for one in came} == {("done", "done: noted a")}
        assert len({one.run for one in came}) == 1
        assert Shop(tmp_path).wrote() == ["noted a"]

    async def test_messages_of_a_thread_run_in_order(self, serve: Serve, tmp_path: Path) -> None:
        """One at a time, as they came; each knows what was said before it."""
        seen: list[int] = []

        def model(request: ModelRequest) -> Scripted:
            if not request.choices:
                seen.append(sum(turn.role == "user" for turn in request.turns))
            return script(request)

        team = await serve(shop_team(tmp_path, policy=FREE, model=ScriptedTransport(model)))
        async with team:
            first = asyncio.create_task(team.run("slow_note a", thread="t"))
            await started(team, 1)
            second = asyncio.create_task(team.run("note b", thread="t"))
            assert [one.status for one in await asyncio.gather(first, second)] == ["done", "done"]
        assert Shop(tmp_path).wrote() == ["noted a slowly", "noted b"]
        assert seen == sorted(seen)
        assert max(seen) == 2

    async def test_the_most_urgent_of_a_thread_is_next(self, serve: Serve, tmp_path: Path) -> None:
        """While one is worked on others come: the most urgent of them goes first."""
        team = await serve(shop_team(tmp_path, policy=FREE))
        async with team:
            tasks = [asyncio.create_task(team.run("slow_note a > slow_note b", thread="t"))]
            await started(team, 1)
            for number, (text, priority) in enumerate([("late", 9), ("soon", 0)]):
                tasks.append(
                    asyncio.create_task(team.run(f"note {text}", thread="t", priority=priority))
                )
                await started(team, number + 2)
            await asyncio.gather(*tasks)
        assert Shop(tmp_path).wrote()[2:] == ["noted soon", "noted late"]

    async def test_threads_do_not_wait_for_each_other(self, serve: Serve, tmp_path: Path) -> None:
        """One thread waits for a person; the others are answered."""
        team = await serve(shop_team(tmp_path))
        async with team:
            waits = await team.run("refund INV-1 5", thread="w")
            others = await asyncio.gather(
                *(team.run("lookup INV-1", thread=f"t{n}") for n in range(4))
            )
        assert waits.status == "waiting"
        assert [one.status for one in others] == ["done"] * 4

    # People

    @pytest.mark.parametrize(
        ("decision", "wrote", "answer"),
        [
            (Approve(by="ana"), ["refunded 5 on INV-1"], "refunded 5 on INV-1"),
            (Edit(by="ana", args={"usd": 4.0}), ["refunded 4 on INV-1"], "refunded 4 on INV-1"),
            (Reject(by="ana", reason="too much"), [], "too much"),
            (Respond(by="ana", text="by hand"), [], "by hand"),
        ],
        ids=["approve", "edit", "reject", "respond"],
    )
    async def test_a_decision_goes_on_with_the_run(
        self, serve: Serve, tmp_path: Path, decision: Decision, wrote: Sequence[str], answer: str
    ) -> None:
        """What a person decides is what happens, and the run ends with it."""
        team = await serve(shop_team(tmp_path))
        waits = await team.run("refund INV-1 5", thread="t")
        done = passed(await team.decide(waits.tickets[0], decision))
        assert (done.status, Shop(tmp_path).wrote()) == ("done", wrote)
        assert answer in done.answer

    async def test_an_escalated_ticket_waits_for_the_other(
        self, serve: Serve, tmp_path: Path
    ) -> None:
        """The run still waits, and the one that it went to decides."""
        reviewers = {"lead": ("lea",)}
        team = await serve(shop_team(tmp_path, reviewers=reviewers))
        waits = await team.run("refund INV-1 5", thread="t")
        still = passed(await team.decide(waits.tickets[0], Escalate(by="ana", to="lead")))
        assert still.status == "waiting"
        with pytest.raises(InvalidDecision):
            await team.decide(still.tickets[0], Approve(by="bo"))
        done = passed(await team.decide(still.tickets[0], Approve(by="lea")))
        assert (done.status, Shop(tmp_path).wrote()) == ("done", ["refunded 5 on INV-1"])

    async def test_of_two_approvers_at_once_one_is_first(
        self, serve: Serve, tmp_path: Path
    ) -> None:
        """The other is told who was; the write happens once."""
        team = await serve(shop_team(tmp_path))
        waits = await team.run("refund INV-1 5", thread="t")
        came = await asyncio.gather(
            team.decide(waits.tickets[0], Approve(by="ana")),
            team.decide(waits.tickets[0], Approve(by="bo")),
            return_exceptions=True,
        )
        (late,) = [one for one in came if isinstance(one, TicketClosed)]
        assert "ana" in str(late) or "bo" in str(late)
        assert [one.status for one in came if isinstance(one, Result)] == ["done"]
        assert Shop(tmp_path).wrote() == ["refunded 5 on INV-1"]

    async def test_a_late_approver_is_told(self, serve: Serve, tmp_path: Path) -> None:
        """A decision after the decision changes nothing."""
        team = await serve(shop_team(tmp_path))
        waits = await team.run("refund INV-1 5", thread="t")
        await team.decide(waits.tickets[0], Reject(by="ana"))
        with pytest.raises(TicketClosed, match="ana"):
            await team.decide(waits.tickets[0], Approve(by="bo"))
        assert Shop(tmp_path).wrote() == []

    async def test_a_ticket_expires_in_time(self, serve: Serve, tmp_path: Path) -> None:
        """Nobody decides: when its time is up the run goes on without the write."""
        policy = ApprovalPolicy(rules=(PolicyRule("all", "ask", terms=Terms(expires_after=0.7)),))
        team = await serve(shop_team(tmp_path, policy=policy))
        team.sessions.sweep_seconds = 0.2
        async with team:
            waits = await team.run("refund INV-1 5", thread="t")
            async with asyncio.timeout(30):
                while (came := await team.result(waits.run)).status == "waiting":  # noqa: ASYNC110 (other processes)
                    await asyncio.sleep(0.05)
        assert (came.status, Shop(tmp_path).wrote()) == ("done", [])

    # Child runs

    async def test_a_plan_runs_its_tasks(self, serve: Serve, tmp_path: Path) -> None:
        """Two tasks; one waits for a person, and then all end."""
        team = await serve(
            giving_team(tmp_path, task("a", "lookup INV-1"), task("b", "refund INV-1 5"))
        )
        waits = await team.run("boss: go", thread="t")
        assert (waits.status, len(waits.tickets)) == ("waiting", 1)
        done = passed(await team.decide(waits.tickets[0], Approve(by="ana")))
        assert (done.status, Shop(tmp_path).wrote()) == ("done", ["refunded 5 on INV-1"])
        assert "b done" in done.answer

    async def test_a_panel_answers(self, serve: Serve, tmp_path: Path) -> None:
        """Its members are asked, and most weight answers."""
        said = {"logs": "disk", "metrics": "Network.", "changes": "network"}
        team = await serve(panel_team(tmp_path, said))
        result = await team.run("what is down?")
        assert (result.status, result.answer) == ("done", "Network.")

    async def test_a_team_inside_waits_and_goes_on(self, serve: Serve, tmp_path: Path) -> None:
        """A ticket of the team inside is decided through the team around it."""
        inner = desk(tmp_path)

        def specialists(shop: Shop) -> Sequence[Specialist]:
            return (Specialist("refunds", handles="refunds", does=inner),)

        team = await serve(shop_team(tmp_path, specialists=specialists))
        waits = await team.run("refunds: refund INV-1 5", thread="t")
        assert (waits.status, len(waits.tickets)) == ("waiting", 1)
        done = passed(await team.decide(waits.tickets[0], Approve(by="ana")))
        assert (done.status, Shop(tmp_path).wrote()) == ("done", ["refunded 5 on INV-1"])

    # Ends

    async def test_a_waiting_run_is_cancelled_at_once(self, serve: Serve, tmp_path: Path) -> None:
        """Its ticket is closed, and the thread's next message is answered."""
        team = await serve(shop_team(tmp_path))
        waits = await team.run("refund INV-1 5", thread="t")
        gone = await team.cancel(waits.run, by="ana")
        assert gone.status == "cancelled"
        with pytest.raises(TicketClosed):
            await team.decide(waits.tickets[0].id, Approve(by="bo"))
        assert (await team.run("lookup INV-1", thread="t")).status == "done"
        assert Shop(tmp_path).wrote() == []

    async def test_a_run_is_cancelled_at_its_next_step(self, serve: Serve, tmp_path: Path) -> None:
        """What it does now ends; nothing after that happens."""
        team = await serve(shop_team(tmp_path, policy=FREE))
        async with team:
            running = asyncio.create_task(
                team.run("slow_note a > note b", thread="t", message_id="m")
            )
            (run,) = await started(team, 1)
            async with asyncio.timeout(30):
                while not await asked(team, run):  # noqa: ASYNC110 (other processes)
                    await asyncio.sleep(0.02)
            await team.cancel(run, by="ana")
            assert (await running).status == "cancelled"
        assert "noted b" not in Shop(tmp_path).wrote()

    async def test_a_dead_letter_is_driven_again(self, serve: Serve, tmp_path: Path) -> None:
        """A run that failed for good is kept, and ends when what was broken is mended."""
        broken = [True]

        def model(request: ModelRequest) -> Scripted:
            return ModelOverloaded("busy", retry_after=100.0) if broken[0] else script(request)

        team = await serve(shop_team(tmp_path, model=ScriptedTransport(model), policy=FREE))
        failed = await team.run("note a", thread="t")
        assert (failed.status, [row.run for row in await team.dead()]) == ("failed", [failed.run])
        broken[0] = False
        again = await team.redrive(failed.run, by="ana")
        assert (again.status, again.run) == ("done", failed.run)
        assert (await team.dead(), Shop(tmp_path).wrote()) == ((), ["noted a"])

    async def test_a_deadline_ends_the_run(self, serve: Serve, tmp_path: Path) -> None:
        """Work past the deadline is not begun."""
        team = await serve(shop_team(tmp_path, policy=FREE))
        late = await team.run("note a", thread="t", deadline=1e-6)
        assert (late.error, Shop(tmp_path).wrote()) == ("DeadlineExceeded", [])

    # Looking on

    async def test_a_stream_gives_each_event_once(self, serve: Serve, tmp_path: Path) -> None:
        """In their order, ending with the run's end; again, the end alone."""
        team = await serve(shop_team(tmp_path, policy=FREE))
        first = await streamed(team, "note a > note b")
        assert [e.seq for e in first] == list(range(len(first)))
        assert isinstance(first[-1].event, RunEnded)
        assert tuple(first) == await team.events(first[0].run)
        (again,) = await streamed(team, "note a > note b")
        assert again == first[-1]


async def started(team: Team, count: int) -> tuple[str, ...]:
    """The team's runs, once there are so many and the first was begun."""
    async with asyncio.timeout(30):
        while True:
            rows = await team.runs()
            if len(rows) >= count and await team.events(rows[-1].run):
                return tuple(row.run for row in rows)
            await asyncio.sleep(0.02)


async def streamed(team: Team, text: str) -> list[Recorded]:
    """All events of a message."""
    async with aclosing(team.stream(text, thread="s", message_id="m")) as events:
        return [event async for event in events]


async def asked(team: Team, run: str) -> bool:
    """Whether a model was asked in the run."""
    return "model_called" in [e.event.kind for e in await team.events(run)]
