"""Writes that fail, hang, repeat or must be undone."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from pointsman.errors import TicketClosed
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.specialist import AnyTool, Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Decision, Reject, Respond, Ticket
from tests.flow.processes import rows
from tests.flow.shop import Shop, script, shop_team

FREE = ApprovalPolicy(rules=(PolicyRule("low", "allow", stakes="low"),))


def a_team(home: Path, *tools: AnyTool, **options: object) -> Team:
    """Billing with these tools; low-stakes writes need no person."""

    def one(shop: Shop) -> Sequence[Specialist]:
        return (Specialist("billing", handles="money", tools=tools),)

    return shop_team(home, specialists=one, policy=FREE, **options)


async def decided(team: Team, ticket: Ticket, decision: Decision) -> Result:
    """The run after a decision."""
    result = await team.decide(ticket, decision)
    assert isinstance(result, Result)
    return result


def hanging(shop: Shop, *, acts: bool, reconcile: bool = False, fails: bool = False) -> AnyTool:
    """A write that gives no result in time the first time it is called, whether it acted or not."""
    calls: list[str] = []

    def look(text: str) -> str | None:
        return shop.look(f"noted {text}")

    @tool(effect="write", timeout=0.1, reconcile=look if reconcile else None)
    async def note(text: str) -> str:
        """Write a note."""
        calls.append(text)
        if len(calls) > 1 or acts:
            shop.write(f"noted {text}")
        if len(calls) == 1:
            if fails:
                raise OSError("connection lost")
            await asyncio.sleep(30)
        return f"noted {text}"

    return note


@pytest.mark.parametrize("acts", [True, False])
async def test_a_write_without_a_result_asks_a_person(home: Path, shop: Shop, acts: bool) -> None:
    """The tool timed out: it is not tried again; a ticket says what is known, and the run waits."""
    team = a_team(home, hanging(shop, acts=acts))
    result = await team.run("note paper", thread="c1")
    assert result.status == "waiting"
    (asked,) = result.tickets
    assert (asked.kind, asked.effect, asked.runs) == ("ambiguous", "write", {"text": "paper"})
    assert "It may have happened or not" in asked.reason.replace("it may", "It may")
    first, _ = await team.tickets(status=None)
    assert (first.status, asked.about) == ("ambiguous", first.id)
    assert shop.wrote() == (["noted paper"] if acts else [])


@pytest.mark.parametrize(
    ("acts", "answer", "status", "outcome"),
    [
        (False, Approve(by="ana"), "executed", "noted paper"),
        (
            True,
            Respond(by="ana", text="noted paper, I looked"),
            "executed",
            "noted paper, I looked",
        ),
        (False, Reject(by="ana", reason="leave it"), "failed", "leave it"),
    ],
    ids=["do it now", "it happened", "leave it"],
)
async def test_a_person_settles_an_ambiguous_write(
    home: Path, shop: Shop, acts: bool, answer: Decision, status: str, outcome: str
) -> None:
    """Approve does it now, respond records its result, reject leaves it: the run goes on with what
    the person said, and the write happened once or not at all."""
    team = a_team(home, hanging(shop, acts=acts))
    result = await team.run("note paper", thread="c1")
    done = await decided(team, result.tickets[0], answer)
    assert done.status == "done"
    assert outcome in done.answer
    first, asked = await team.tickets(status=None)
    assert first.status == status
    assert asked.status == ("executed" if isinstance(answer, Approve) else asked.status)
    assert shop.wrote() == ([] if isinstance(answer, Reject) else ["noted paper"])
    assert await team.resume(result.run) == await team.result(result.run)
    assert len(shop.wrote()) <= 1


async def test_nobody_knows_and_nobody_says(home: Path, shop: Shop) -> None:
    """The question expires: the run ends saying that it is not known, and nothing is tried."""
    from pointsman.nodes.message import Terms

    now = [1_800_000_000.0]
    policy = ApprovalPolicy(rules=FREE.rules, terms=Terms(expires_after=60))

    def one(shop: Shop) -> Sequence[Specialist]:
        return (Specialist("billing", handles="money", tools=(hanging(shop, acts=False),)),)

    team = shop_team(home, specialists=one, policy=policy, clock=lambda: now[0])
    result = await team.run("note paper", thread="c1")
    now[0] += 61
    await team.sweep()
    after = await team.result(result.run)
    assert (after.status, after.error) == ("failed", "Ambiguous")
    assert "not known whether 'note' happened" in after.answer
    assert shop.wrote() == []


async def test_reconcile_finds_a_late_write(home: Path, shop: Shop) -> None:
    """It timed out and had acted: the tool's own look says so, and nobody is asked."""
    result = await a_team(home, hanging(shop, acts=True, reconcile=True)).run("note paper")
    assert (result.status, result.answer) == ("done", "done: noted paper")
    assert shop.wrote() == ["noted paper"]


async def test_a_time_out_that_is_not_found_may_come_yet(home: Path, shop: Shop) -> None:
    """It timed out and is not there: it may still arrive, so a person is asked, and their approval
    looks once more before it acts."""
    team = a_team(home, hanging(shop, acts=False, reconcile=True))
    result = await team.run("note paper", thread="c1")
    assert result.status == "waiting"
    shop.write("noted paper")  # here it comes
    done = await decided(team, result.tickets[0], Approve(by="ana"))
    assert done.answer == "done: noted paper"
    assert shop.wrote() == ["noted paper"]


@pytest.mark.parametrize(("acts", "answer"), [(True, "noted paper"), (False, "failed:")])
async def test_a_failure_is_looked_into(home: Path, shop: Shop, acts: bool, answer: str) -> None:
    """A tool that raised and can look: what it finds is what happened."""
    result = await a_team(
        home, hanging(shop, acts=acts, reconcile=True, fails=True)
    ).run("note paper")  # fmt: skip
    assert result.status == "done"
    assert answer in result.answer
    assert shop.wrote() == (["noted paper"] if acts else [])


async def test_a_look_that_fails_asks_a_person(home: Path, shop: Shop) -> None:
    """The write failed and so does its reconcile: that leaves it open."""

    def blind(text: str) -> str | None:
        raise OSError("no connection")

    @tool(effect="write", reconcile=blind)
    async def note(text: str) -> str:
        """Note."""
        raise OSError("connection lost")

    result = await a_team(home, note).run("note paper")
    assert [t.kind for t in result.tickets] == ["ambiguous"]


def keyed(shop: Shop) -> AnyTool:
    """A write whose key is its first word."""

    @tool(effect="write", idempotency_key=lambda text: text.split("-")[0])
    async def note(text: str) -> str:
        """Note."""
        await asyncio.sleep(0.05)
        return shop.write(f"noted {text}")

    return note


async def test_one_key_is_one_effect_in_any_run(home: Path, shop: Shop) -> None:
    """Two runs at once and a later one, one key: it happens once, and all get its result."""
    async with a_team(home, keyed(shop)) as team:
        both = await asyncio.gather(*(team.run("note order1", thread=f"c{n}") for n in range(2)))
        later = await team.run("note order1", thread="c3")
    assert [r.answer for r in (*both, later)] == ["done: noted order1"] * 3
    assert shop.wrote() == ["noted order1"]


async def test_a_key_with_other_arguments_is_refused(home: Path, shop: Shop) -> None:
    """The same key for another action is a mistake that would lose one of them: it says so."""
    team = a_team(home, keyed(shop))
    await team.run("note order1-a", thread="c1")
    result = await team.run("note order1-b", thread="c2")
    assert "used for other arguments" in result.answer
    assert shop.wrote() == ["noted order1-a"]


def undoable(shop: Shop) -> AnyTool:
    """A write that can be undone."""

    def undo(text: str, result: str) -> str:
        return shop.write(f"undone {text} ({result})")

    @tool(effect="write", compensate=undo)
    async def note(text: str) -> str:
        """Note."""
        return shop.write(f"noted {text}")

    return note


def breaking(request: ModelRequest) -> Scripted:
    """A model that fails once the notes are written."""
    if sum(turn.role == "tool" for turn in request.turns) >= 2:
        raise RuntimeError("no model")
    return script(request)


async def test_a_failed_run_offers_to_undo(home: Path, shop: Shop) -> None:
    """Two writes done, then the run failed: an offer for each, the last one first; each is undone
    once when approved, with the recorded result, and left alone when rejected."""
    team = a_team(home, undoable(shop), model=ScriptedTransport(breaking))
    result = await team.run("note one > note two", thread="c1")
    assert result.status == "partial"
    second, first = await team.tickets()
    assert [(t.kind, t.runs["text"]) for t in (second, first)] == [
        ("compensate", "two"), ("compensate", "one"),
    ]  # fmt: skip
    assert "was done: noted two" in second.reason
    after = await decided(team, second, Approve(by="ana"))
    assert after.status == "partial"
    assert shop.wrote() == ["noted one", "noted two", "undone two (noted two)"]
    await decided(team, first, Reject(by="ana", reason="keep it"))
    await team.resume(result.run)
    assert len(shop.wrote()) == 3
    with pytest.raises(TicketClosed):
        await team.decide(second, Approve(by="bo"))
    assert sorted(rows(home, "SELECT tool, state FROM effects ORDER BY rowid")) == [
        ("note", "done"), ("note", "done"), ("note", "undone"),
    ]  # fmt: skip


async def test_a_cancelled_run_offers_to_undo(home: Path, shop: Shop) -> None:
    """One write done, one waiting, cancelled: the waiting one is closed, the done one offered."""

    @tool(effect="write", stakes="high")
    async def refund(invoice: str, usd: float) -> str:
        """Refund."""
        return shop.write("refunded")

    team = a_team(home, undoable(shop), refund)
    result = await team.run("note one > refund INV-1 5", thread="c1")
    assert result.status == "waiting"
    assert (await team.cancel(result.run, by="bo")).status == "cancelled"
    (offer,) = await team.tickets()
    assert (offer.kind, offer.reason) == (
        "compensate", "The run ended as cancelled. 'note' was done: noted one",
    )  # fmt: skip
    assert (await decided(team, offer, Approve(by="ana"))).status == "cancelled"
    assert shop.wrote() == ["noted one", "undone one (noted one)"]


async def test_a_done_run_offers_nothing(home: Path, shop: Shop) -> None:
    """What came to something stays."""
    team = a_team(home, undoable(shop))
    assert (await team.run("note one")).status == "done"
    assert await team.tickets() == ()
