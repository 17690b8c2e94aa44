"""Ordinary use of the public face, as in README. A strict type checker has nothing to say to it."""

from collections.abc import AsyncGenerator
from pathlib import Path

from pydantic import BaseModel, Field

from pointsman import (
    Answer,
    ApprovalPolicy,
    Approve,
    Budget,
    ContentFilter,
    Edit,
    Escalate,
    GroundingGuard,
    Message,
    PointsmanError,
    PolicyRule,
    RateLimit,
    Reject,
    Respond,
    Result,
    Router,
    Rule,
    Run,
    Specialist,
    Team,
    Ticket,
    Tool,
    tool,
)


class Refund(BaseModel):
    """What a refund needs."""

    invoice: str = Field(pattern=r"^INV-\d{4}$")
    usd: float = Field(gt=0)


class Reply(BaseModel):
    """The contract of an answer."""

    text: str
    invoice: str | None = None


@tool(effect="read")
async def lookup_invoice(invoice: str) -> str:
    """What is known of an invoice."""
    return f"Invoice {invoice} was paid twice."


@tool
def note(text: str) -> str:
    """Keep a note: a write of low stakes, since nothing else is said."""
    return text


def change(call: Refund) -> str:
    """What a refund would change."""
    return f"{call.invoice}: ${call.usd:.2f} goes back"


@tool(effect="write", stakes="high", timeout=10.0, preview=change)
async def refund(call: Refund) -> str:
    """Pay money back."""
    return f"${call.usd:.2f} of invoice {call.invoice} was refunded."


async def by_rules(message: Message, run: Run) -> Message:
    """A rule-based fallback is a node."""
    return message.reply(Answer(text="A colleague will call you.", by="rules"), sender="billing")


billing = Specialist(
    "billing",
    handles="charges, invoices, refunds",
    tools=(lookup_invoice, refund, note),
    examples=("I was charged twice",),
    output=Reply,
    fallback=by_rules,
    guards=(GroundingGuard(),),
    hands_off_to=("tech",),
)
tech = Specialist("tech", handles="devices that do not work", tier="strong")
team = Team(
    "support",
    specialists=[billing, tech],
    router=Router(rules=(Rule("invoice", to="billing", pattern=r"INV-\d{4}"),)),
    guards=[RateLimit(rate=10, per=1.0), ContentFilter()],
    policy=ApprovalPolicy((PolicyRule("notes", then="allow", tools=("note",)),)),
    models={"fast": ("openai/gpt-4o-mini", "embedded")},
    budget=Budget(usd=0.5),
    home=Path("state"),
)


async def direct() -> str:
    """A tool is still the function it was made from."""
    kept: str = note("x")
    looked: Tool[[str], object] = note
    return kept + await lookup_invoice("INV-1042") + looked.name


async def main() -> AsyncGenerator[str]:
    """A run, a decision, a stream, a record."""
    async with team:
        result = await team.run("Charged twice", thread="customer-17")
        if result.status == "waiting":
            ticket: Ticket = result.tickets[0]
            decided = await team.decide(ticket, Approve(by="ana"))
            if isinstance(decided, Result):  # not inside another graph
                yield decided.answer
            await team.decide(ticket.id, Edit(by="ana", args={"usd": 10}))
            await team.decide(ticket, Reject(by="ana", reason="too much"))
            await team.decide(ticket, Respond(by="ana", text="Please call us."))
            await team.decide(ticket, Escalate(by="ana", to="head"))
        async for recorded in team.stream("And now?", thread="customer-17"):
            yield f"{recorded.seq}: {recorded.event}"
        for waiting in await team.tickets():
            yield waiting.preview


def in_a_script() -> str:
    """Without a loop of one's own."""
    try:
        return team.run_sync("Charged twice").answer
    except PointsmanError as error:
        return error.hint
