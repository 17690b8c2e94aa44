"""Work given to others: child runs, from the first task to the last result."""

import asyncio
from pathlib import Path

import pytest

from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport, text_reply
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import Answer, Delegation, Request, TaskResult
from pointsman.nodes.run import Budget
from pointsman.nodes.specialist import Specialist
from pointsman.teams.delegating import in_parts
from pointsman.teams.result import Result
from pointsman.teams.store.rows import RunRow
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Decision, Reject, Ticket
from tests.flow.giver import Gives, giving_team, task
from tests.flow.processes import killed, order
from tests.flow.shop import Shop, script
from tests.nodes.spans import recorded_spans, tree

ASK = "boss: please"


async def decided(team: Team, ticket: Ticket, decision: Decision) -> Result:
    """What the run of the message came to after a person's decision."""
    result = await team.decide(ticket, decision)
    assert isinstance(result, Result)
    return result


async def by_task(team: Team) -> dict[str, RunRow]:
    """The child runs, by their task."""
    return {row.task: row for row in await team.runs() if row.parent}


LATER = ("after-claim", "after-waiting", "after-finish")
"""More points at which a decision's process dies."""


async def test_every_task_is_a_run_of_its_own(home: Path) -> None:
    """Each has a row, checkpoints, events and a log of calls of its own, pinned to its specialist,
    and the one that asked gets their answers in the tasks' order."""
    team = giving_team(home, task("a", "lookup INV-1"), task("b", "lookup INV-2", to="tech"))
    result = await team.run(ASK, thread="c1", tenant="acme", priority=2)
    assert result.status == "done"
    assert result.answer == ("a done: done: INV-1 is 20.00 USD | b done: done: INV-2 is 20.00 USD")
    assert result.specialist == "boss"
    children = await by_task(team)
    assert {t: (r.pinned, r.state, r.parent) for t, r in children.items()} == {
        "a": ("billing", "done", result.run), "b": ("tech", "done", result.run)
    }  # fmt: skip
    for row in children.values():
        assert (row.thread, row.tenant, row.request.priority) == ("c1", "acme", 2)
        kinds = [e.event.kind for e in await team.events(row.run)]
        assert kinds[0] == "run_started"
        assert kinds[-1] == "run_ended"


async def test_tasks_run_at_once_up_to_a_bound(home: Path) -> None:
    """Five that need nothing from each other, two at a time."""
    now = most = 0

    async def slow(request: ModelRequest) -> Scripted:
        nonlocal now, most
        if "route" in request.purpose or request.choices:
            return script(request)
        now += 1
        most = max(most, now)
        if now == 2:
            met.set()
        async with asyncio.timeout(30):
            await met.wait()  # the first one waits for a second one
        await asyncio.sleep(0.02)
        now -= 1
        return text_reply("ok")

    met = asyncio.Event()
    tasks = [task(f"t{n}", f"say {n}") for n in range(5)]
    team = giving_team(home, *tasks, model=ScriptedTransport(slow))
    object.__setattr__(team.spec, "max_parallel", 2)
    assert (await team.run(ASK)).status == "done"
    assert most == 2


async def test_a_task_is_given_the_results_it_needs(home: Path) -> None:
    """As quotes of a model's, named by the task; it begins when they are there."""
    team = giving_team(
        home, task("last", "lookup INV-3", "a", "b"), task("a", "lookup INV-1"),
        task("b", "lookup INV-2"),
    )  # fmt: skip
    assert (await team.run(ASK)).status == "done"
    payload = (await by_task(team))["last"].request.payload
    assert isinstance(payload, Request)
    assert [(q.origin, q.source, q.text) for q in payload.handed] == [
        ("model", "a", "done: INV-1 is 20.00 USD"), ("model", "b", "done: INV-2 is 20.00 USD")
    ]  # fmt: skip


async def test_what_needs_a_failed_task_is_cancelled(home: Path) -> None:
    """Down the chain, with the reason; what needs nothing of it is done."""

    def failing(request: ModelRequest) -> Scripted:
        if any("please fail" in turn.content for turn in request.turns[-1:]):
            return ValueError("no")
        return script(request)

    team = giving_team(
        home, task("a", "please fail"), task("b", "lookup INV-1", "a"),
        task("c", "lookup INV-2", "b"), task("d", "lookup INV-3"),
        model=ScriptedTransport(failing),
    )  # fmt: skip
    result = await team.run(ASK)
    assert result.status == "done"
    a, b, c, d = result.answer.split(" | ")
    assert a.startswith("a failed:")
    assert b == "b cancelled: Not begun: it needs 'a' (failed)."
    assert c == "c cancelled: Not begun: it needs 'b' (cancelled)."
    assert d == "d done: done: INV-3 is 20.00 USD"
    assert set(await by_task(team)) == {"a", "d"}


async def test_a_second_round_is_new_work(home: Path) -> None:
    """The same task id in the next round is another run."""
    does = Gives((task("a", "lookup INV-1"),), again=(task("a", "lookup INV-2"),))
    team = giving_team(home, does=does)
    result = await team.run(ASK)
    assert result.answer == "a done: done: INV-2 is 20.00 USD"
    assert len([row for row in await team.runs() if row.parent]) == 2


async def test_a_task_may_need_a_result_of_an_earlier_round(home: Path) -> None:
    """It is quoted as the others are."""
    does = Gives((task("a", "lookup INV-1"),), again=(task("b", "lookup INV-2", "a"),))
    team = giving_team(home, does=does)
    assert (await team.run(ASK)).status == "done"
    payload = (await by_task(team))["b"].request.payload
    assert isinstance(payload, Request)
    assert [q.source for q in payload.handed] == ["a"]


async def test_a_child_that_waits_makes_its_parent_wait(home: Path, shop: Shop) -> None:
    """Its ticket is in the parent's result; a decision wakes the child and then the parent."""
    team = giving_team(home, task("a", "refund INV-1 5"), task("b", "lookup INV-2"))
    waiting = await team.run(ASK)
    assert waiting.status == "waiting"
    assert [t.tool for t in waiting.tickets] == ["refund"]
    assert (await by_task(team))["b"].state == "done"
    result = await decided(team, waiting.tickets[0], Approve(by="ana"))
    assert (result.run, result.status) == (waiting.run, "done")
    assert "a done: done: refunded 5 on INV-1" in result.answer
    assert shop.wrote() == ["refunded 5 on INV-1"]


@pytest.mark.parametrize("first", [0, 1])
async def test_tickets_of_two_children_are_decided_in_any_order(
    home: Path, shop: Shop, first: int
) -> None:
    """After one decision that child goes on at once, and the parent waits for the other."""
    team = giving_team(home, task("a", "refund INV-1 5"), task("b", "refund INV-2 7", to="tech"))
    waiting = await team.run(ASK)
    tickets = list(waiting.tickets)
    assert len(tickets) == 2
    half = await decided(team, tickets.pop(first), Approve(by="ana"))
    assert half.status == "waiting"
    assert [t.id for t in half.tickets] == [tickets[0].id]
    assert len(shop.wrote()) == 1
    whole = await decided(team, tickets[0], Reject(by="ana", reason="no"))
    assert whole.status == "done"
    assert len(shop.wrote()) == 1


async def test_what_needs_a_waiting_task_begins_after_the_decision(home: Path) -> None:
    """In a chain the decision starts the next task."""
    team = giving_team(home, task("a", "refund INV-1 5"), task("b", "lookup INV-2", "a"))
    waiting = await team.run(ASK)
    assert set(await by_task(team)) == {"a"}
    result = await decided(team, waiting.tickets[0], Approve(by="ana"))
    assert (await by_task(team))["b"].state == "done"
    assert result.status == "done"


async def test_a_decision_by_another_team_object_wakes_both(home: Path, shop: Shop) -> None:
    """Another process knows nothing but the store."""
    tasks = (task("a", "refund INV-1 5"),)
    waiting = await giving_team(home, *tasks).run(ASK)
    other = giving_team(home, *tasks)
    (ticket,) = await other.tickets()
    result = await decided(other, ticket, Approve(by="ana"))
    assert result.status == "done"
    assert (await giving_team(home, *tasks).result(waiting.run)).status == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]


@pytest.mark.parametrize(
    "kill",
    ["after-intend", *(pytest.param(at, marks=pytest.mark.slow) for at in LATER)],
)
async def test_a_decision_in_a_process_that_dies_is_not_lost(
    home: Path, shop: Shop, kill: str
) -> None:
    """Whoever resumes the run finds the decision: parent and child go on, each write once."""
    tasks = [
        t.model_dump() for t in (task("a", "note paper"), task("b", "now > refund INV-1 5", "a"))
    ]
    waiting = await order(home, run=ASK, thread="c1", message_id="m1", tasks=tasks)
    first = waiting["tickets"][0]["id"]
    approve = {"type": "approve", "by": "ana"}
    await killed(home, decide=first, decision=approve, tasks=tasks, kill=kill)
    result = await order(home, resume=waiting["run"], tasks=tasks)
    for _ in range(4):
        if result["status"] != "waiting":
            break
        ticket = result["tickets"][0]
        said = approve
        if ticket["kind"] == "ambiguous":
            said = {"type": "respond", "by": "bo", "text": "noted paper"}
            if not shop.wrote():
                shop.write("noted paper")
        result = await order(home, decide=ticket["id"], decision=said, tasks=tasks)
    assert result["status"] == "done"
    assert shop.wrote() == ["noted paper", "refunded 5 on INV-1"]


async def test_a_resume_of_a_child_takes_the_whole_tree_on(home: Path, shop: Shop) -> None:
    """A decision that nobody woke: resuming parent or child does the rest."""
    team = giving_team(home, task("a", "refund INV-1 5"))
    waiting = await team.run(ASK)
    from pointsman.teams.claim import claim

    async with team._sessions.services() as services:
        await claim(
            team.spec, services.store, waiting.tickets[0].id, Approve(by="ana"), services.now()
        )
    child = (await by_task(team))["a"]
    assert (await team.resume(child.run)).status == "done"
    assert (await team.result(waiting.run)).status == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_cancelling_the_parent_cancels_its_children(home: Path, shop: Shop) -> None:
    """All the way down; their tickets are closed and nothing is done."""
    team = giving_team(home, task("a", "refund INV-1 5"), task("b", "lookup INV-1", "a"))
    waiting = await team.run(ASK)
    cancelled = await team.cancel(waiting.run, by="ana")
    assert cancelled.status == "cancelled"
    assert (await by_task(team))["a"].state == "cancelled"
    assert [t.status for t in await team.tickets(status=None)] == ["cancelled"]
    assert (await team.resume(waiting.run)).status == "cancelled"
    assert shop.wrote() == []


async def test_cancelling_a_child_lets_its_parent_go_on(home: Path) -> None:
    """The task is cancelled, and so is what needs it; the parent hears it."""
    team = giving_team(home, task("a", "refund INV-1 5"), task("b", "lookup INV-1", "a"))
    waiting = await team.run(ASK)
    child = (await by_task(team))["a"]
    async with team._sessions.engine() as engine:
        await engine.cancel(child, "ana")
    result = await team.result(waiting.run)
    assert result.status == "done"
    assert result.answer.startswith("a cancelled: Cancelled by ana. | b cancelled: Not begun")


async def test_the_deadline_of_the_parent_bounds_its_children(home: Path) -> None:
    """What a child may take is what its parent has left."""
    now = [1000.0]

    def script_late(request: ModelRequest) -> Scripted:
        if any("lookup INV-1" in t.content for t in request.turns):
            now[0] += 20  # less than a lease lasts
        return script(request)

    team = giving_team(
        home, task("a", "lookup INV-1"), task("b", "lookup INV-2", "a"),
        model=ScriptedTransport(script_late), clock=lambda: now[0],
    )  # fmt: skip
    result = await team.run(ASK, deadline=10)
    assert "b cancelled: Not begun" in result.answer
    child = (await by_task(team))["a"]
    assert child.result is not None
    assert child.result.error == "DeadlineExceeded"
    assert child.seconds_left is not None
    assert child.seconds_left <= 10


@pytest.mark.parametrize("calls", [3, 4, 5, 9])
async def test_the_budget_of_the_run_holds_for_all_its_children(home: Path, calls: int) -> None:
    """Four at once want two calls each, after one for the route: never a call more than the
    budget."""
    tasks = [task(f"t{n}", f"lookup INV-{n}") for n in range(4)]
    model = ScriptedTransport(script)
    team = giving_team(home, *tasks, model=model, guards=[])
    result = await team.run(ASK, budget=Budget(calls=calls))
    assert len(model.requests) == calls
    assert result.model_calls == calls
    if calls == 9:
        assert result.status == "done"
        assert "cancelled" not in result.answer


async def test_money_is_counted_once(home: Path) -> None:
    """The parent's result holds what its children cost; the accounts count each call once."""

    def priced(request: ModelRequest) -> Scripted:
        reply = script(request)
        assert not isinstance(reply, str | Exception)
        from dataclasses import replace

        return replace(reply, usd=0.25)

    team = giving_team(
        home, task("a", "lookup INV-1"), task("b", "lookup INV-2"),
        model=ScriptedTransport(priced),
    )  # fmt: skip
    result = await team.run(ASK)
    assert (result.model_calls, result.usd) == (5, 1.25)
    accounts = await team.costs()
    assert float(accounts.total.usd) == 1.25
    assert accounts.total.calls == 5


async def test_children_do_not_stand_in_the_conversation(home: Path) -> None:
    """The next message of the thread sees one request and one answer of the run before."""
    model = ScriptedTransport(script)
    team = giving_team(home, task("a", "lookup INV-1"), model=model)
    await team.run(ASK, thread="c1")
    await team.run("billing: lookup INV-9", thread="c1")
    last = model.requests[-1].turns
    said = [turn.content for turn in last if turn.role in ("user", "assistant") and turn.content]
    assert [s for s in said if s == "lookup INV-1"] == []
    assert ASK in said


async def test_a_repeated_message_runs_nothing_again(home: Path) -> None:
    """The same run, the same children, no further call of a model."""
    model = ScriptedTransport(script)
    team = giving_team(home, task("a", "lookup INV-1"), model=model)
    first = await team.run(ASK, thread="c1", message_id="m1")
    asked = len(model.requests)
    assert await team.run(ASK, thread="c1", message_id="m1") == first
    assert len(model.requests) == asked
    assert len(await team.runs()) == 2


async def test_depth_is_bounded(home: Path) -> None:
    """A run that lies too deep may not give work on, and says so."""

    def more(_: Shop) -> tuple[Specialist, ...]:
        deep = Gives((task("x", "lookup INV-1"),))
        return (Specialist("boss2", handles="more", does=deep),)

    team = giving_team(home, does=Gives((task("y", "hi", to="boss2"),), may=("boss2",)), more=more)
    object.__setattr__(team.spec, "max_depth", 1)
    result = await team.run(ASK)
    assert "lies 1 runs below" in result.answer
    assert len(await team.runs()) == 2


CHECKED = {
    "none": ((), "0 tasks"),
    "twice": ((task("a", "x"), task("a", "y")), "stands twice"),
    "unknown target": ((task("a", "x", to="nobody"),), "is for 'nobody'"),
    "to itself": ((task("a", "x", to="boss"),), "is for 'boss'"),
    "unknown need": ((task("a", "x", "z"),), "needs 'z'"),
    "circle": ((task("a", "x", "b"), task("b", "y", "a"), task("c", "z")), "'a', 'b' wait"),
    "too many": (tuple(task(f"t{n}", "x") for n in range(17)), "17 tasks"),
    "no text": ((task("a", " "),), "asks for nothing"),
}


@pytest.mark.parametrize("case", CHECKED)
async def test_tasks_that_cannot_be_run_end_the_run(home: Path, case: str) -> None:
    """Before any of them begins, saying which and why."""
    tasks, said = CHECKED[case]
    team = giving_team(home, *tasks)
    result = await team.run(ASK)
    assert (result.status, result.error) == ("failed", "BadOutput")
    assert said in result.answer
    assert len(await team.runs()) == 1


def test_parts_are_one_answer() -> None:
    """Each under what was asked; a failed one is said to be, and the whole is partial."""
    tasks = (task("1", "refund it"), task("2", "reset it", to="tech"))
    whole = Delegation(of="parts", request=Request(text="refund it and reset it"), tasks=tasks)

    def ended(number: str, status: str, text: str) -> TaskResult:
        return TaskResult.model_validate(
            {"task": number, "to": "x", "run": "r", "status": status, "text": text}
        )

    done = in_parts(whole, (ended("1", "done", "Refunded."), ended("2", "done", "Reset.")))
    assert done == Answer(text="1. refund it\nRefunded.\n\n2. reset it\nReset.")
    part = in_parts(whole, (ended("1", "done", "Refunded."), ended("2", "failed", "No.")))
    assert isinstance(part, Answer)
    assert part.missing == ("reset it",)
    assert "This part could not be done. No." in part.text


async def test_a_models_task_is_not_the_persons_word(home: Path) -> None:
    """Where an argument stands only in the task that a planner wrote, its origin is a model; where
    the person wrote it too, the person."""
    team = giving_team(home, task("a", "refund INV-1 5"))
    made_up = await team.run("boss: please", thread="c1")
    origins = {p.argument: p.origin for p in made_up.tickets[0].provenance}
    assert origins == {"invoice": "model", "usd": "model"}
    meant = await team.run("boss: please give 5 back on INV-1", thread="c2")
    assert {p.origin for p in meant.tickets[0].provenance} == {"person"}


async def test_a_child_is_traced_below_its_parent(home: Path) -> None:
    """One trace: the child's run is a span under the run that gave it its task."""
    with recorded_spans() as exporter:
        await giving_team(home, task("a", "lookup INV-1")).run(ASK)
        spans = exporter.get_finished_spans()
    run = "invoke_workflow shop"
    assert f"{run} / {run} / invoke_agent billing / execute_tool lookup" in tree(spans)
    assert len({s.context.trace_id for s in spans if s.context}) == 1
