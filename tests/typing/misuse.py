"""Wrong use of the public face. A strict type checker reports every line that is marked."""

from pointsman import Approve, Budget, Edit, Message, Reject, Result, Router, Specialist, Team, tool


@tool(effect="read")
def lookup(invoice: str) -> str:
    """What is known of an invoice."""
    return invoice


@tool(effect="delete")  # error
def unknown_effect(invoice: str) -> None:
    """An effect is a read or a write."""


@tool(stakes="huge")  # error
def unknown_stakes(invoice: str) -> None:
    """Stakes are low or high."""


@tool("read")  # error
def positional(invoice: str) -> None:
    """An effect is named."""


async def alone(message: Message) -> Message:
    """No node: a node gets the run too."""
    return message


lookup(1042)  # error
billing = Specialist("billing", handles="invoices", tools=(lookup,))
Specialist("billing", "invoices")  # error
Specialist("billing")  # error
Specialist("billing", handles="invoices", tools=(len,))  # error
Specialist("billing", handles="invoices", fallback=alone)  # error
Specialist("billing", handles="invoices", output=str)  # error
billing.tier = "strong"  # error

team = Team("support", specialists=[billing])
Team("support", [billing])  # error
Team("support", specialists=["billing"])  # error
Team("support", specialists=[billing], router=Router)  # error
Team("support", specialists=[billing], budget=0.5)  # error
Team("support", specialists=[billing], on_ticket=print, models={"fast": 1})  # error
Team("support", specialists=[billing], guards=[billing])  # error
Budget(euros=1)  # error
Approve()  # error
Edit(by="ana")  # error
Reject(by="ana", text="no")  # error


async def main() -> str:
    """Wrong calls of a team."""
    result = await team.run("Charged twice")
    await team.run(b"Charged twice")  # error
    await team.run("Charged twice", "customer-17")  # error
    await team.decide(result.tickets[0])  # error
    await team.decide(result.tickets[0], "approve")  # error
    if result.status == "finished":  # error
        return ""
    wrong: Result = await team.events(result.run)  # error
    for _ in team.stream("Charged twice"):  # error
        return wrong.answer
    team.reply("Thanks")  # error
    return result.usd  # error
