"""The whole team on a scripted model: routed, paused, decided, written once."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pointsman import Approve, Reject, Team
from pointsman.nodes.gateway.scripted import ScriptedTransport, text_reply, tool_reply
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall

from nodes.shop import Shop
from teams.support import support_team

PROJECT = Path(__file__).parents[1]
TWICE = "I was charged twice for INV-1042, please refund the second charge."


def last_result(request: ModelRequest) -> str:
    """The newest tool result of a request; empty before the first."""
    results = [turn.content for turn in request.turns if turn.role == "tool"]
    return results[-1] if results else ""


def obedient(request: ModelRequest) -> ModelReply | str:
    """A model that does what a good one would: looks up, refunds a double charge, repeats."""
    text = next(t.content for t in reversed(request.turns) if t.role == "user")
    if request.choices:
        return "billing" if "INV-" in text else "shipping" if "PX-" in text else "technical"
    result = last_result(request)
    if not result and "INV-" in text:
        return tool_reply(ToolCall(id="c1", name="lookup_invoice", args={"invoice": text_id(text)}))
    if not result and "hold" in text:
        args = {"parcel": text_id(text), "days": 5 if "5 days" in text else 20}
        return tool_reply(ToolCall(id="c1", name="hold_parcel", args=args))
    if "paid too much" in result:
        args = {"invoice": text_id(text), "usd": 89.0}
        return tool_reply(ToolCall(id="c2", name="refund", args=args))
    return text_reply(result or "Please send me the number.")


def inventive(request: ModelRequest) -> ModelReply | str:
    """A model that answers with an amount nobody gave it."""
    return "billing" if request.choices else text_reply("You get $500.00 back on 2027-01-01.")


def text_id(text: str) -> str:
    """The number in a message."""
    return next(w.strip(".,?!") for w in text.split() if w.startswith(("INV-", "PX-")))


MakeTeam = Callable[[Callable[[ModelRequest], ModelReply | str]], Team]


@pytest.fixture
def team_of(shop: Shop, tmp_path: Path) -> MakeTeam:
    """The team over the test's shop, on a model that follows a script."""

    def make(script: Callable[[ModelRequest], ModelReply | str]) -> Team:
        transport = ScriptedTransport(script)
        return support_team(
            shop,
            home=tmp_path / "home",
            models={"fast": ("scripted",), "strong": ("scripted",)},
            transports=Transports({"scripted": lambda: transport}),
        )

    return make


async def test_a_refund_waits_and_is_made_once(team_of: MakeTeam, shop: Shop) -> None:
    """The run pauses before the money moves; approved, it moves once and the customer is told."""
    team = team_of(obedient)
    paused = await team.run(TWICE, thread="customer-7")
    assert (paused.status, paused.route) == ("waiting", "billing")
    [ticket] = paused.tickets
    assert (ticket.tool, ticket.args) == ("refund", {"invoice": "INV-1042", "usd": 89.0})
    assert ticket.preview == "INV-1042, paid and not refunded: $178.00 -> $89.00"
    assert shop.invoice("INV-1042").refunded == ()
    done = await team.decide(ticket, Approve(by="ana"))
    assert (done.status, done.answer) == ("done", "$89.00 of invoice INV-1042 was refunded.")
    assert shop.invoice("INV-1042").refunded == (("2026-11-21", 8900),)


async def test_a_rejected_refund_moves_no_money(team_of: MakeTeam, shop: Shop) -> None:
    """The reviewer's no ends the run with an answer and leaves the shop as it was."""
    team = team_of(obedient)
    paused = await team.run(TWICE, thread="customer-7")
    done = await team.decide(paused.tickets[0], Reject(by="ana", reason="Not yet settled."))
    assert done.status in ("done", "partial")
    assert shop.invoice("INV-1042").refunded == ()


async def test_a_short_hold_needs_nobody(team_of: MakeTeam, shop: Shop) -> None:
    """Up to a week the policy itself decides; the carrier is told at once."""
    done = await team_of(obedient).run("Please hold PX-2244 for 5 days", thread="customer-21")
    assert (done.status, done.tickets) == ("done", ())
    assert shop.parcel("PX-2244").hold_until == "2026-11-30"


async def test_a_long_hold_asks_a_person(team_of: MakeTeam, shop: Shop) -> None:
    """Beyond the rule's bound the same tool waits for a person."""
    paused = await team_of(obedient).run("Please hold PX-2244 for 20 days", thread="customer-21")
    assert (paused.status, [t.tool for t in paused.tickets]) == ("waiting", ["hold_parcel"])
    assert shop.parcel("PX-2244").hold_until is None


async def test_an_invented_amount_never_reaches_the_customer(team_of: MakeTeam) -> None:
    """An answer that rests on nothing is replaced by the rule-based one."""
    done = await team_of(inventive).run("Did my payment for INV-1017 arrive?", thread="c")
    assert (done.status, done.by) == ("done", "fallback")
    assert done.answer == "Invoice INV-1017 over $129.00 was paid once, on 2026-09-21."


async def test_orders_to_the_team_are_blocked(team_of: MakeTeam, shop: Shop) -> None:
    """The message that orders a refund is stopped before its specialist."""
    [text] = [
        m["text"]
        for m in map(json.loads, (PROJECT / "messages.jsonl").open(encoding="utf-8"))
        if m["id"] == "m28"
    ]
    done = await team_of(obedient).run(text, thread="customer-1")
    assert (done.status, done.by) == ("blocked", "guard")
    assert shop.invoice("INV-1001").refunded == ()


def test_the_team_is_sound(team_of: MakeTeam) -> None:
    """The static check finds nothing to mend."""
    assert [str(finding) for finding in team_of(obedient).check()] == []


def test_router_examples_are_not_the_messages() -> None:
    """What the router is shown is not what it is measured on."""
    messages = {
        json.loads(line)["text"]
        for name in ("messages.jsonl", "evals/support.jsonl")
        for line in (PROJECT / name).open(encoding="utf-8")
    }
    team = support_team(Shop())
    shown = {e for s in team.spec.specialists for e in s.examples}
    assert not shown & messages
