"""A team's run from message to result, on the scripted model."""

# ruff: noqa: ASYNC240 (a test may look at a file on the loop)

import asyncio
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from pointsman.errors import InvalidMessage, ModelOverloaded, NotFound
from pointsman.guardrails.policy import ApprovalPolicy, Limit, PolicyRule
from pointsman.nodes.event import ModelCalled, Routed, RunEnded, RunStarted, ToolCalled
from pointsman.nodes.gateway.scripted import ScriptedTransport, choice_reply, text_reply, tool_reply
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import Answer, Attachment, Handoff, Message, Request, ToolCall
from pointsman.nodes.routing.router import Router
from pointsman.nodes.run import Budget, Run
from pointsman.nodes.specialist import Specialist
from pointsman.teams.tickets import Approve
from tests.flow.shop import Shop, script, shop_team

ALLOW_ALL = ApprovalPolicy(rules=(PolicyRule("all", "allow"),))


async def test_a_message_gets_an_answer(home: Path, model: ScriptedTransport) -> None:
    """Routed by the model, answered by the specialist, everything counted."""
    result = await shop_team(home, model=model).run("what now", thread="c1")
    assert (result.status, result.answer, result.by) == ("done", "done:", "model")
    assert (result.route, result.route_tier, result.route_confidence) == ("billing", "model", 0.9)
    assert (result.specialist, result.thread, result.team) == ("billing", "c1", "shop")
    assert (result.model_calls, result.tickets, result.error) == (2, (), "")
    assert len(model.requests) == 2
    assert model.closed


async def test_reads_run_and_end_in_the_answer(home: Path) -> None:
    """A read needs nobody's leave."""
    result = await shop_team(home).run("lookup INV-1 > lookup INV-2")
    assert result.answer == "done: INV-1 is 20.00 USD | INV-2 is 20.00 USD"
    assert result.model_calls == 4


async def test_the_result_can_be_asked_for_later(home: Path) -> None:
    """Another Team object on the same folder knows the run, its result and its record."""
    result = await shop_team(home).run("lookup INV-1")
    later = shop_team(home)
    assert await later.result(result.run) == result
    events = [r.event for r in await later.events(result.run)]
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunEnded)
    assert [e.to for e in events if isinstance(e, Routed)] == ["billing"]
    assert [e.tool for e in events if isinstance(e, ToolCalled)] == ["lookup"]
    assert sum(isinstance(e, ModelCalled) for e in events) == result.model_calls
    assert [r.run for r in await later.runs(thread=result.thread)] == [result.run]


async def test_an_unknown_run_is_not_found(home: Path) -> None:
    """Asking for a run nobody began is one clear error, by every method."""
    team = shop_team(home)
    for ask in (team.result, team.events, team.resume):
        with pytest.raises(NotFound, match="'r-unknown'"):
            await ask("r-unknown")
    with pytest.raises(NotFound, match="'r-unknown'"):
        await team.cancel("r-unknown", by="ana")


async def test_a_redelivered_message_gives_the_first_result(
    home: Path, model: ScriptedTransport, shop: Shop
) -> None:
    """The same id in the same thread is the same run: no second model call, no second write."""
    team = shop_team(home, model=model, policy=ALLOW_ALL)
    first = await team.run("note paper", thread="c1", message_id="m1")
    asked = len(model.requests)
    again = await shop_team(home, model=model, policy=ALLOW_ALL).run(
        "note paper", thread="c1", message_id="m1"
    )
    assert again == first
    assert len(model.requests) == asked
    assert shop.wrote() == ["noted paper"]
    other = await team.run("note paper", thread="c2", message_id="m1")
    assert other.run != first.run


async def test_a_message_delivered_twice_at_once_runs_once(home: Path, shop: Shop) -> None:
    """Both callers get the one result."""
    one, two = await asyncio.gather(
        *(
            shop_team(home, policy=ALLOW_ALL).run("note paper", thread="c1", message_id="m1")
            for _ in range(2)
        )
    )
    assert one.answer == two.answer == "done: noted paper"
    assert one.run == two.run
    assert shop.wrote() == ["noted paper"]


async def test_runs_of_one_thread_follow_each_other(home: Path) -> None:
    """Two messages of a thread at once: one is worked on after the other, in one session too."""
    at_work: list[str] = []
    most: list[int] = []

    async def slow(request: ModelRequest) -> object:
        at_work.append("x")
        most.append(len(at_work))
        await asyncio.sleep(0.02)
        at_work.pop()
        return script(request)

    model = ScriptedTransport(slow)  # pyright: ignore[reportArgumentType]
    async with shop_team(home, model=model) as team:
        results = await asyncio.gather(*(team.run(f"say {n}", thread="c1") for n in range(3)))
    assert {r.status for r in results} == {"done"}
    assert max(most) == 1


async def test_the_second_run_of_a_thread_sees_the_first(
    home: Path, model: ScriptedTransport
) -> None:
    """Request and answer of earlier runs are in the transcript; other threads' are not."""
    team = shop_team(home, model=model)
    await team.run("lookup INV-1", thread="c1")
    await team.run("elsewhere", thread="c2")
    await team.run("now this", thread="c1")
    turns = [(t.role, t.content) for t in model.requests[-1].turns[1:]]
    assert turns == [
        ("user", "lookup INV-1"),
        ("assistant", "done: INV-1 is 20.00 USD"),
        ("user", "now this"),
    ]


async def test_history_is_cut_to_the_window(home: Path, model: ScriptedTransport) -> None:
    """A long thread does not grow the request without bound."""
    team = shop_team(home, model=model, window=2)
    for n in range(4):
        await team.run(f"message {n}", thread="c1")
    assert [t.content for t in model.requests[-1].turns[1:]] == [
        "message 2",
        "done:",
        "message 3",
    ]


async def test_a_follow_up_stays_with_the_specialist(home: Path, model: ScriptedTransport) -> None:
    """A short message that refers back goes where the thread was, without a routing call."""
    team = shop_team(home, model=model)
    await team.run("tech: x", thread="c1")
    before = len(model.requests)
    result = await team.run("and that one?", thread="c1")
    assert (result.route, result.route_tier, result.specialist) == ("tech", "sticky", "tech")
    assert len(model.requests) == before + 1


async def test_tenants_do_not_see_each_other(home: Path, model: ScriptedTransport) -> None:
    """The same thread name and message id under another tenant is another conversation and
    another run."""
    team = shop_team(home, model=model)
    one = await team.run("lookup INV-1", thread="c1", message_id="m1", tenant="acme")
    two = await team.run("my own words", thread="c1", message_id="m1", tenant="bolt")
    assert one.run != two.run
    assert two.answer == "done:"
    assert "INV-1" not in str(model.requests[-1].turns)


async def test_attachments_go_along_as_references(home: Path, model: ScriptedTransport) -> None:
    """The model reads where the file is; nobody opens it."""
    file = Attachment(uri="file:///nowhere/bill.pdf", media_type="application/pdf", name="bill")
    result = await shop_team(home, model=model).run("see", attachments=(file,))
    assert result.status == "done"
    assert "file:///nowhere/bill.pdf" in model.requests[-1].turns[-1].content


async def test_no_route_is_an_explicit_end(home: Path) -> None:
    """A message that is nobody's ends with its own status and the configured text."""
    model = ScriptedTransport(lambda _: choice_reply("none"))
    team = shop_team(
        home, model=model, router=Router(out_of_scope=("weather",)), no_route="Not ours."
    )
    result = await team.run("will it rain?")
    assert (result.status, result.answer, result.route) == ("no_route", "Not ours.", "")
    assert (result.specialist, result.by, result.model_calls) == ("", None, 1)


async def test_the_router_keeps_to_the_table(home: Path, model: ScriptedTransport) -> None:
    """Who is not in the row of `route` is neither offered to the model nor routed to."""
    table = {"route": ("billing", "end"), "billing": ("tech", "end"), "tech": ("end",)}

    def chain(shop: Shop) -> tuple[Specialist, ...]:
        return (
            Specialist("billing", handles="money", tools=shop.tools(), hands_off_to=("tech",)),
            Specialist("tech", handles="devices", tools=shop.tools()),
        )

    team = shop_team(home, model=model, specialists=chain, transitions=table)
    result = await team.run("tech: x")
    assert result.route != "tech"
    for request in model.requests:
        assert "tech" not in request.choices


async def test_a_hand_off_along_the_table(home: Path, model: ScriptedTransport) -> None:
    """Billing hands to tech; the result says who was chosen and who answered."""
    first = [choice_reply("billing"), tool_reply(ToolCall(id="a", name="transfer_to_tech",
             args={"reason": "broken"})), "Turn it off and on."]  # fmt: skip
    result = await shop_team(home, model=ScriptedTransport(first)).run("help")
    assert (result.status, result.answer) == ("done", "Turn it off and on.")
    assert (result.route, result.specialist) == ("billing", "tech")
    events = [r.event for r in await shop_team(home).events(result.run)]
    assert [(e.to, e.tier) for e in events if isinstance(e, Routed)] == [
        ("billing", "model"),
        ("tech", "handoff"),
    ]


async def _hands_to_mars(message: Message, run: Run) -> Message:
    handoff = Handoff(to="mars", reason="far", request=Request(text="x"))
    return message.reply(handoff, sender="billing")


async def test_a_hand_off_past_the_table_ends_the_run(home: Path) -> None:
    """A stand-in that hands to somebody its row does not hold ends the run as failed, saying so."""

    def lone(shop: Shop) -> tuple[Specialist, ...]:
        return (Specialist("billing", handles="money", fallback=_hands_to_mars),)

    model = ScriptedTransport(lambda _: text_reply(""))
    result = await shop_team(home, model=model, specialists=lone).run("help")
    assert result.status == "failed"
    assert "mars" in result.answer


async def _hands_to_tech(message: Message, run: Run) -> Message:
    handoff = Handoff(to="tech", reason="stuck", request=Request(text="x"))
    return message.reply(handoff, sender="billing")


async def test_a_fallback_may_hand_off_where_the_table_allows_it(home: Path) -> None:
    """The table alone says who may follow whom, also for a stand-in without a hand-off tool."""

    def pair(shop: Shop) -> tuple[Specialist, ...]:
        return (
            Specialist("billing", handles="money", fallback=_hands_to_tech),
            Specialist("tech", handles="devices"),
        )

    table = {"route": ("billing", "tech", "end"), "billing": ("tech", "end"), "tech": ("end",)}
    answers = [choice_reply("billing"), text_reply(""), "Fixed."]
    result = await shop_team(
        home, model=ScriptedTransport(answers), specialists=pair, transitions=table
    ).run("help")
    assert (result.status, result.answer, result.specialist) == ("done", "Fixed.", "tech")


async def _talks_nonsense(message: Message, run: Run) -> Message:
    return message.reply(Request(text="what?"), sender="billing")


async def test_a_node_that_gives_back_no_answer_ends_the_run(home: Path) -> None:
    """A stand-in that returns what no run can end with is a failure of the run, not a crash."""

    def lone(shop: Shop) -> tuple[Specialist, ...]:
        return (Specialist("billing", handles="money", fallback=_talks_nonsense),)

    model = ScriptedTransport(lambda _: text_reply(""))
    result = await shop_team(home, model=model, specialists=lone).run("help")
    assert (result.status, result.error) == ("failed", "BadOutput")


async def test_a_fallback_answers_for_bad_output(home: Path) -> None:
    """The answer is marked as the fallback's."""

    async def sorry(message: Message, run: Run) -> Message:
        return message.reply(Answer(text="Please call us.", by="fallback"), sender="billing")

    def lone(shop: Shop) -> tuple[Specialist, ...]:
        return (Specialist("billing", handles="money", fallback=sorry),)

    model = ScriptedTransport(lambda _: text_reply("  "))
    result = await shop_team(home, model=model, specialists=lone).run("help")
    assert (result.status, result.answer, result.by) == ("done", "Please call us.", "fallback")


async def test_going_in_circles_is_stopped(home: Path) -> None:
    """The same request back at the same specialist is a loop, whatever the hop limit says."""

    def pingpong(request: ModelRequest) -> object:
        if request.choices:
            return choice_reply("billing")
        to = next(t.name for t in request.tools if t.name.startswith("transfer_to_"))
        return tool_reply(ToolCall(id="a", name=to, args={"reason": "not mine"}))

    model = ScriptedTransport(pingpong)  # pyright: ignore[reportArgumentType]
    result = await shop_team(home, model=model, max_hops=50).run("help")
    assert (result.status, result.error) == ("partial", "HopLimit")
    assert "loop" in result.answer
    assert len(model.requests) == 3


async def test_hops_have_a_limit(home: Path) -> None:
    """Handing on and on to somebody new ends at max_hops."""

    def chain(shop: Shop) -> tuple[Specialist, ...]:
        names = [f"s{n}" for n in range(5)]
        return tuple(
            Specialist(name, handles=name, hands_off_to=(names[n + 1],) if n < 4 else ())
            for n, name in enumerate(names)
        )

    def onward(request: ModelRequest) -> object:
        if request.choices:
            return choice_reply("s0")
        if not request.tools:
            return text_reply("the end")
        return tool_reply(ToolCall(id="a", name=request.tools[-1].name, args={"reason": "on"}))

    for limit, status in ((4, "partial"), (5, "done")):
        model = ScriptedTransport(onward)  # pyright: ignore[reportArgumentType]
        team = shop_team(home, model=model, specialists=chain, max_hops=limit)
        result = await team.run("help", thread=f"c{limit}")
        assert result.status == status
        assert result.error == ("HopLimit" if status == "partial" else "")


async def test_rounds_of_proposals_have_a_limit(home: Path, shop: Shop) -> None:
    """A model that proposes one write after another is stopped; what was done is told."""
    plan = " > ".join(f"note n{n}" for n in range(9))
    result = await shop_team(home, policy=ALLOW_ALL, max_rounds=3).run(plan)
    assert (result.status, result.error) == ("partial", "HopLimit")
    assert shop.wrote() == ["noted n0", "noted n1", "noted n2"]
    assert "noted n2" in result.answer


async def test_the_longest_allowed_run_fits_the_recursion_limit(home: Path, shop: Shop) -> None:
    """LangGraph's own limit never ends a run that keeps the team's bounds."""
    plan = " > ".join(f"note n{n}" for n in range(12))
    result = await shop_team(home, policy=ALLOW_ALL, max_rounds=12, max_hops=1).run(plan)
    assert result.status in ("done", "partial")
    assert result.error in ("", "BadOutput")
    assert len(shop.wrote()) >= 6


async def test_a_spent_budget_ends_the_run(home: Path) -> None:
    """Calls beyond the bound are refused and the run says so."""
    result = await shop_team(home).run("lookup INV-1 > lookup INV-2", budget=Budget(calls=2))
    assert (result.status, result.error) == ("partial", "BudgetExceeded")
    assert result.model_calls == 2


async def test_money_is_counted_and_bounds_the_run(home: Path) -> None:
    """Each call's cost adds up; a price nobody knows makes the sum unknown, never zero."""
    paid = [choice_reply("billing", usd=0.25), text_reply("ok", usd=0.5)]
    team = shop_team(home, model=ScriptedTransport(paid), provider="acme")
    result = await team.run("x")
    assert result.usd == pytest.approx(0.75)
    unpriced = [choice_reply("billing", usd=0.25), text_reply("other", usd=None)]
    result = await shop_team(home, model=ScriptedTransport(unpriced), provider="acme").run("y")
    assert result.usd is None


async def test_a_deadline_ends_the_run(home: Path) -> None:
    """Past its deadline a run stops, explicitly, and no call outlasts it."""

    async def slow(_: ModelRequest) -> str:
        await asyncio.sleep(30)
        return "billing"

    result = await shop_team(home, model=ScriptedTransport(slow)).run("x", deadline=0.05)
    assert (result.status, result.error) == ("partial", "DeadlineExceeded")


async def test_a_model_that_cannot_answer_ends_the_run(home: Path) -> None:
    """Every model failing is a failed run with the error's class and a sentence."""
    model = ScriptedTransport(lambda _: ModelOverloaded("busy", retry_after=100.0))
    result = await shop_team(home, model=model).run("x")
    assert (result.status, result.error) == ("failed", "NoModel")
    assert "busy" in result.answer


async def test_a_fault_in_a_guard_or_node_ends_the_run_not_the_process(home: Path) -> None:
    """An unforeseen exception inside a step is a failed run; the next run works."""

    def broken(request: ModelRequest) -> object:
        raise ZeroDivisionError("boom")

    model = ScriptedTransport(broken)  # pyright: ignore[reportArgumentType]
    result = await shop_team(home, model=model).run("x", thread="c1")
    assert (result.status, result.error) == ("failed", "ZeroDivisionError")
    assert (await shop_team(home).run("y", thread="c1")).status == "done"


async def test_a_read_that_fails_is_the_models_to_answer(home: Path, shop: Shop) -> None:
    """A failing write is a result too, and is not tried again."""
    result = await shop_team(home, policy=ALLOW_ALL).run("fail_note x > fail_note x")
    assert result.status == "done"
    assert result.answer.count("no paper for x") == 2
    events = [r.event for r in await shop_team(home).events(result.run)]
    assert sum(isinstance(e, ToolCalled) for e in events) == 1


@pytest.mark.parametrize(
    "text", ["", "  \n\t ", "x" * 100_001, "nul \x00 byte", "cut \ud83d emoji"]
)
async def test_a_text_that_is_none_is_refused(home: Path, text: str) -> None:
    """Empty, huge and binary messages change nothing: no run, no file."""
    with pytest.raises(InvalidMessage, match="'shop'"):
        await shop_team(home).run(text)
    assert not home.exists()


@pytest.mark.parametrize(
    "options",
    [
        {"priority": 10},
        {"priority": -1},
        {"message_id": "x" * 201},
        {"message_id": "\ud83d"},
        {"thread": "\ud83d"},
        {"tenant": "\ud83d"},
        {"deadline": float("nan")},
    ],
)
async def test_an_option_that_cannot_be_is_refused(home: Path, options: dict[str, object]) -> None:
    """Priority, ids and deadline outside their bounds are InvalidMessage, before anything is
    stored."""
    with pytest.raises(InvalidMessage):
        await shop_team(home).run("x", **options)  # pyright: ignore[reportArgumentType]
    assert not home.exists()


def test_run_sync_is_run(home: Path) -> None:
    """For code without an event loop."""
    assert shop_team(home).run_sync("lookup INV-1").answer == "done: INV-1 is 20.00 USD"


async def test_policy_allows_and_denies(home: Path, shop: Shop) -> None:
    """An allowed write runs at once, a denied one never; neither asks, and each ticket names the
    rule."""
    policy = ApprovalPolicy(
        rules=(
            PolicyRule("big", "deny", tools=("refund",), when=(Limit("usd", at_least=100),),
                       reason="too much"),
            PolicyRule("notes", "allow", tools=("note",)),
        )
    )  # fmt: skip
    team = shop_team(home, policy=policy)
    result = await team.run("note paper + refund INV-1 500")
    assert result.status == "done"
    assert shop.wrote() == ["noted paper"]
    assert "too much" in result.answer
    tickets = await team.tickets(status=None, run=result.run)
    assert [(t.tool, t.status, t.by) for t in tickets] == [
        ("note", "executed", "policy:notes"),
        ("refund", "rejected", "policy:big"),
    ]


async def test_high_stakes_always_ask(home: Path, shop: Shop) -> None:
    """No rule lets a high-stakes write pass."""
    result = await shop_team(home, policy=ALLOW_ALL).run("refund INV-1 1")
    assert result.status == "waiting"
    assert shop.wrote() == []


async def test_the_policy_judges_what_would_run(home: Path, shop: Shop) -> None:
    """A number written as text is the same number to the policy as to the tool."""
    policy = ApprovalPolicy(
        rules=(PolicyRule("big", "deny", tools=("refund",), when=(Limit("usd", at_least=100),)),)
    )
    call = ToolCall(id="a", name="refund", args={"invoice": "INV-1", "usd": "500"})
    answers = [choice_reply("billing"), tool_reply(call), "ok"]
    result = await shop_team(home, model=ScriptedTransport(answers), policy=policy).run("x")
    assert result.status == "done"
    assert shop.wrote() == []


async def test_a_write_waits_and_a_session_can_go_on(home: Path, shop: Shop) -> None:
    """Run, decide and run again inside one `async with`; what it opened is closed after."""
    async with shop_team(home) as team:
        waiting = await team.run("refund INV-1 5", thread="c1")
        assert (waiting.status, len(waiting.tickets), shop.wrote()) == ("waiting", 1, [])
        done = await team.decide(waiting.tickets[0], Approve(by="ana"))
        assert getattr(done, "status", "") == "done"
        assert (await team.run("more", thread="c1")).status == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_the_same_question_again_costs_no_model_call(
    home: Path, model: ScriptedTransport
) -> None:
    """Another run, another thread, the same words: every answer comes from the cache, and the
    result says so."""
    first = await shop_team(home, model=model).run("lookup INV-1", thread="c1")
    asked = len(model.requests)
    again = await shop_team(home, model=model).run("lookup INV-1", thread="c2")
    assert (again.answer, again.run != first.run) == (first.answer, True)
    assert (again.model_calls, again.cache_hits) == (0, first.model_calls)
    assert len(model.requests) == asked


async def test_nothing_blocks_the_loop(home: Path, shop: Shop) -> None:
    """A team inside a web server holds nobody up: no file is touched on the loop."""
    team = shop_team(home, policy=ALLOW_ALL)
    await team.run("say")  # what is imported at first use is imported
    with blockbuster_ctx():
        result = await team.run("lookup INV-1 > slow_note paper > refund INV-1 5", thread="c1")
        await team.decide(result.tickets[0], Approve(by="ana"))
        await team.cancel(result.run, by="ana")
    assert shop.wrote() == ["noted paper slowly", "refunded 5 on INV-1"]
