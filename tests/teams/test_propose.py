"""From a proposal to tickets."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from langgraph.errors import GraphInterrupt

from pointsman.errors import BadOutput, Misconfigured
from pointsman.guardrails.approval import ApprovalGuard
from pointsman.guardrails.policy import ApprovalPolicy, Limit, PolicyRule
from pointsman.nodes.message import (
    Answer,
    Change,
    Escalation,
    Message,
    Proposal,
    Provenance,
    Request,
    Ruling,
    Terms,
    ToolCall,
)
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.propose import action_tickets, ask, held_ticket
from pointsman.teams.spec import TeamSpec
from pointsman.teams.team import Team
from pointsman.teams.tickets import Ticket, action_digest
from tests.nodes.bench import Bench
from tests.nodes.bench import ask as asked


@tool(effect="write", stakes="high")
def refund(invoice: str, usd: float = 5.0) -> str:
    """Refund."""
    raise AssertionError("proposing never runs a tool")


@tool(effect="write")
def note(text: str) -> str:
    """Note."""
    raise AssertionError("proposing never runs a tool")


@tool(effect="read", egress=True)
def rates(currency: str) -> str:
    """Ask the bank."""
    raise AssertionError("proposing never runs a tool")


STANDARD = Terms(reviewers=("ana",), expires_after=3600)
SPEC: TeamSpec = Team(
    "shop",
    specialists=[Specialist("billing", handles="money", tools=(refund, note, rates))],
    policy=ApprovalPolicy(terms=STANDARD),
).spec
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def ruled(call_id: str, verdict: str, **more: object) -> Ruling:
    """A ruling as the guard writes it."""
    given = {"call_id": call_id, "verdict": verdict, "rule": "r", "policy_version": "v"}
    return Ruling.model_validate({**given, "reason": "w", **more})


async def tickets(
    *calls: ToolCall, rulings: tuple[Ruling, ...] = (), spec: TeamSpec = SPEC
) -> list[Ticket]:
    """The tickets of a proposal."""
    proposal = Proposal(request=Request(text="x"), calls=calls, transcript=(), rulings=rulings)
    run = replace(Bench().run, clock=NOW.timestamp)
    return await action_tickets(spec, "billing", proposal, run)


@pytest.mark.parametrize(
    ("verdict", "status", "by", "reason"),
    [
        ("ask", "pending", "", ""),
        ("allow", "approved", "policy:r", "w"),
        ("deny", "rejected", "policy:r", "w"),
    ],
)
async def test_a_ruling_decides_or_asks(verdict: str, status: str, by: str, reason: str) -> None:
    """What the policy settles is born decided, by the rule's name."""
    call = ToolCall(id="a", name="note", args={"text": "x"})
    (ticket,) = await tickets(call, rulings=(ruled("a", verdict),))
    assert (ticket.status, ticket.by, ticket.decision_reason) == (status, by, reason)
    assert ticket.created == NOW
    assert ticket.decided == (None if verdict == "ask" else NOW)
    assert ticket.approved_digest == (ticket.digest if verdict == "allow" else "")


async def test_no_ruling_asks() -> None:
    """A call that no policy saw is a person's to decide."""
    (ticket,) = await tickets(ToolCall(id="a", name="note", args={"text": "x"}))
    assert ticket.status == "pending"


async def test_high_stakes_ask_whatever_the_ruling_says() -> None:
    """Also when something else than the policy wrote an allow."""
    call = ToolCall(id="a", name="refund", args={"invoice": "INV-1"})
    (ticket,) = await tickets(call, rulings=(ruled("a", "allow"),))
    assert (ticket.status, ticket.approved_digest) == ("pending", "")


async def test_a_ruling_is_for_one_call_only() -> None:
    """Two calls of one id could borrow each other's ruling: both ask."""
    calls = [ToolCall(id="a", name="note", args={"text": t}) for t in ("big", "small")]
    made = await tickets(*calls, rulings=(ruled("a", "allow"), ruled("a", "allow")))
    assert [t.status for t in made] == ["pending", "pending"]


async def test_what_is_frozen_is_complete_and_its_digest_covers_it() -> None:
    """Defaults are filled in: the reviewer sees all that would run."""
    (ticket,) = await tickets(ToolCall(id="a", name="refund", args={"invoice": "INV-1"}))
    assert ticket.args == {"invoice": "INV-1", "usd": 5.0}
    assert ticket.digest == action_digest("refund", ticket.args)
    shown = ask(ticket)
    assert (shown["id"], shown["args"], shown["digest"]) == (ticket.id, ticket.args, ticket.digest)


async def test_a_step_that_runs_again_makes_the_same_tickets() -> None:
    """Ids depend on run, step and place only; another step's are others."""
    calls = [ToolCall(id=c, name="note", args={"text": c}) for c in "ab"]
    one, two = await tickets(*calls), await tickets(*calls)
    assert [t.id for t in one] == [t.id for t in two]
    assert one[0].id != one[1].id
    proposal = Proposal(request=Request(text="x"), calls=tuple(calls), transcript=())
    later = replace(Bench().run, step="1.1:billing")
    assert (await action_tickets(SPEC, "billing", proposal, later))[0].id != one[0].id


async def test_what_is_not_the_specialists_tool_is_refused() -> None:
    """And so are arguments that do not fit."""
    with pytest.raises(Misconfigured, match="'delete'"):
        await tickets(ToolCall(id="a", name="delete"))
    with pytest.raises(BadOutput, match="text"):
        await tickets(ToolCall(id="a", name="note"))


async def test_the_policy_rules_on_the_arguments_as_they_would_run() -> None:
    """A default that the model left out, and a number it wrote as text, count."""
    policy = ApprovalPolicy(
        rules=(
            PolicyRule("some", "deny", when=(Limit("usd", at_least=5),)),
            PolicyRule("rest", "allow"),
        )
    )

    async def proposes(message: Message, run: Run) -> Message:
        calls = (
            ToolCall(id="a", name="refund", args={"invoice": "INV-1"}),
            ToolCall(id="b", name="refund", args={"invoice": "INV-1", "usd": "500"}),
        )
        proposal = Proposal(request=Request(text="x"), calls=calls, transcript=())
        return message.reply(proposal, sender="billing")

    guard = ApprovalGuard(policy, {"refund": refund})
    reply = await guard.wrap(proposes)(asked(), Bench().run)
    assert isinstance(reply.payload, Proposal)
    assert [r.verdict for r in reply.payload.rulings] == ["deny", "deny"]


async def test_a_ticket_shows_what_it_is_about() -> None:
    """Effect, stakes, schema, provenance: all frozen, and all that the gate shows is JSON."""
    found = (Provenance(argument="invoice", origin="document", source="mail"),)
    calls = [
        ToolCall(id="a", name="refund", args={"invoice": "INV-1"}),
        ToolCall(id="b", name="rates", args={"currency": "usd"}),
    ]
    paid, asked_for = await tickets(*calls, rulings=(ruled("a", "ask", provenance=found),))
    assert (paid.effect, paid.stakes, paid.provenance) == ("write", "high", found)
    assert (asked_for.effect, asked_for.stakes) == ("read", "low")
    assert asked_for.reason == "rates is a low-stakes read"
    assert paid.args_schema == refund.args_model.model_json_schema()
    shown = ask(paid)
    assert json.loads(json.dumps(shown)) == shown
    assert shown["args_schema"] == paid.args_schema
    (shown_origin,) = shown["provenance"]  # pyright: ignore
    assert shown_origin == found[0].model_dump()
    assert (shown["approvals"], shown["changes"], shown["expires"]) == (1, [], None)
    shown = ask(asked_for)
    assert (shown["reviewers"], shown["expires"]) == (["ana"], "2026-11-21T13:00:00Z")


TERMS = Terms(
    reviewers=("finance",), approvals=2, expires_after=60, escalate_to=("boss",), remind_after=20
)


async def test_a_ticket_waits_on_the_terms_of_its_ruling() -> None:
    """Who decides, how many, who is next; its times run from when it was made."""
    call = ToolCall(id="a", name="note", args={"text": "x"})
    (ticket,) = await tickets(call, rulings=(ruled("a", "ask", terms=TERMS),))
    assert {n: getattr(ticket, n) for n in Terms.model_fields} == TERMS.model_dump()
    assert ticket.expires == NOW + timedelta(seconds=60)
    assert ticket.remind == NOW + timedelta(seconds=20)


async def test_a_ticket_without_a_ruling_waits_on_the_policys_terms() -> None:
    """Nobody's word is needed for the standard ones to hold."""
    (ticket,) = await tickets(ToolCall(id="a", name="note", args={"text": "x"}))
    assert (ticket.reviewers, ticket.expires) == (("ana",), NOW + timedelta(hours=1))
    assert ticket.remind is None


async def test_high_stakes_wait_on_the_terms_of_the_ruling_that_was_overruled() -> None:
    """An allow that does not count still says who decides."""
    call = ToolCall(id="a", name="refund", args={"invoice": "INV-1"})
    (ticket,) = await tickets(call, rulings=(ruled("a", "allow", terms=TERMS),))
    assert (ticket.approvals, ticket.expires) == (2, NOW + timedelta(seconds=60))


@pytest.mark.parametrize("verdict", ["allow", "deny"])
async def test_a_ticket_that_is_settled_never_expires(verdict: str) -> None:
    """Nobody is asked, so nobody is reminded."""
    call = ToolCall(id="a", name="note", args={"text": "x"})
    (ticket,) = await tickets(call, rulings=(ruled("a", verdict, terms=TERMS),))
    assert (ticket.expires, ticket.remind) == (None, None)


@pytest.mark.parametrize(("stage", "kind"), [("input", "admit"), ("output", "release")])
def test_a_held_text_waits_on_the_policys_terms(stage: str, kind: str) -> None:
    """A guard that holds a text names no reviewers; the policy does."""
    held = Escalation.model_validate(
        {
            "stage": stage, "guard": "content", "rule": "email", "reason": "an address",
            "held": (Request(text="a@x.org") if stage == "input" else Answer(text="a@x.org")),
        }
    )  # fmt: skip
    run = replace(Bench().run, clock=NOW.timestamp)
    ticket = held_ticket(SPEC, "billing", held, run)
    assert (ticket.kind, ticket.args, ticket.policy_rule) == (
        kind,
        {"text": "a@x.org"},
        "content:email",
    )
    assert (ticket.reviewers, ticket.created) == (("ana",), NOW)
    assert ticket.expires == NOW + timedelta(hours=1)
    assert ticket.policy_version == SPEC.policy.version


PAID = Change(what="INV-1", before=20, after=15.5)


def previewed(preview: object) -> TeamSpec:
    """A team with a write that has this preview."""
    made = replace(note, preview=preview)  # pyright: ignore[reportArgumentType]
    return Team("shop", specialists=[Specialist("billing", handles="x", tools=(made,))]).spec


@pytest.mark.parametrize(
    ("preview", "text", "changes"),
    [
        (lambda text: f"writes {text}", "writes x", ()),
        (lambda text: PAID, "INV-1: 20 -> 15.5", (PAID,)),
        (
            lambda text: [PAID, Change(what="note", after=text)],
            "INV-1: 20 -> 15.5\nnote: nothing -> x",
            (PAID, Change(what="note", after="x")),
        ),
        (lambda text: [], "", ()),
        (None, "", ()),
    ],
)
async def test_a_preview_is_shown_in_words_too(
    preview: object, text: str, changes: tuple[Change, ...]
) -> None:
    """Every view shows something, also one that knows no changes."""
    call = ToolCall(id="a", name="note", args={"text": "x"})
    (ticket,) = await tickets(call, spec=previewed(preview))
    assert (ticket.preview, ticket.changes) == (text, changes)
    assert ask(ticket)["changes"] == [c.model_dump(mode="json") for c in changes]


def broken(text: str) -> str:
    """A preview that fails."""
    raise KeyError(text)


@pytest.mark.parametrize(
    ("preview", "said"),
    [
        (broken, "(the preview failed: KeyError: 'x')"),
        (lambda text: [{"what": text}], "{'what': 'x'}, no Change"),
        (lambda text: Change(what=text, before=object()), "ValidationError"),  # pyright: ignore
    ],
)
async def test_a_preview_that_fails_says_so_and_the_ticket_asks(preview: object, said: str) -> None:
    """The reviewer must know that nothing was shown."""
    call = ToolCall(id="a", name="note", args={"text": "x"})
    (ticket,) = await tickets(call, spec=previewed(preview))
    assert ticket.preview.startswith("(the preview failed: ")
    assert said in ticket.preview
    assert (ticket.status, ticket.changes) == ("pending", ())


async def test_a_pause_inside_a_preview_is_no_failure() -> None:
    """LangGraph's control flow passes through as the very same object."""
    pause = GraphInterrupt(())

    def pausing(text: str) -> str:
        raise pause

    call = ToolCall(id="a", name="note", args={"text": "x"})
    with pytest.raises(GraphInterrupt) as caught:
        await tickets(call, spec=previewed(pausing))
    assert caught.value is pause
