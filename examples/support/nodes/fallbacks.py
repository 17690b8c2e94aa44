"""Rule-based stand-ins: what answers when the model is slow, down, or says what it cannot know.

Each finds the numbers in the request, reads the shop through the same sentences as the tools, and
shows nothing else. Nothing is looked up without a number that the customer wrote.
"""

import re
from collections.abc import Callable

from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import (
    Answer,
    Message,
    Outcomes,
    Proposal,
    Request,
    ToolCall,
    Turn,
)
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

from nodes import sentences
from nodes.shop import Shop
from nodes.tools import LONGEST_HOLD

NUMBER = re.compile(r"\b(INV|PX|SO|DV)[-\s]?(\d{4})\b", re.IGNORECASE)
HOLD = re.compile(
    r"\b(hold|keep)\s+(it|my|the|this|parcel|package|PX)\b.*?\b(\d{1,2}) days?\b",
    re.IGNORECASE | re.DOTALL,
)
WANTS_MONEY = re.compile(r"\b(refund|money back|give (it )?back|reimburs\w+)\b", re.IGNORECASE)

KINDS = {
    "hub": r"\bhub",
    "camera": r"\bcam",
    "sensor": r"\bsensor|\bmotion",
    "plug": r"\bplug",
    "thermostat": r"\bthermostat|\bheating",
    "doorbell": r"\bdoor ?bell|\bbell",
    "lock": r"\block",
    "lamp": r"\blamp|\bbulb",
}
PROBLEMS = {
    "battery": r"\bbatter|\bcharg",
    "wifi": r"\bwi-?fi|\boffline|\bconnect|\bnetwork",
    "picture": r"\bpicture|\bimage|\bblur|\bblack",
    "heating": r"\bheat|\bcold|\bfreez",
    "alarm": r"\balarm|\bgoes off|\bfor no reason",
    "sound": r"\bsound|\bchime|\bsilent|\bring",
    "display": r"\bdisplay|\bscreen|\bblank",
    "update": r"\bupdat",
    "stuck": r"\bstuck|\bstick|\bjam",
    "light": r"\blight|\bred\b|\borange\b|\bflicker|\bblink",
    "setup": r"\bset ?up|\binstall|\bpair",
}
ASK = {
    "INV": "Please send me the number of the invoice, which begins with INV.",
    "PX": "Please send me the number of the parcel, which begins with PX.",
}


def billing_fallback(shop: Shop) -> Node:
    """Says what is known of the invoices named, and proposes the refund of a double charge."""

    async def answer(message: Message, run: Run) -> Message:
        payload = message.payload
        if isinstance(payload, Outcomes):
            return _told(message, payload, run)
        request = _request(message)
        numbers = _numbers(request, "INV")
        if not numbers:
            return _reply(message, run, request, (ASK["INV"],))
        invoice = shop.invoice(numbers[0])
        if invoice and invoice.overpaid and WANTS_MONEY.search(request.text):
            args: JsonObject = {"invoice": invoice.id, "usd": invoice.overpaid / 100}
            return _proposed(message, run, request, "refund", args)
        return _looked_up(
            message, run, request, numbers, lambda n: sentences.about_invoice(shop, n)
        )

    return answer


def shipping_fallback(shop: Shop) -> Node:
    """Says where the parcels and orders named are, and proposes to hold a parcel."""

    async def answer(message: Message, run: Run) -> Message:
        payload = message.payload
        if isinstance(payload, Outcomes):
            return _told(message, payload, run)
        request = _request(message)
        parcels, orders = _numbers(request, "PX"), _numbers(request, "SO")
        days = HOLD.search(request.text)
        if parcels and days and int(days[3]) <= LONGEST_HOLD:
            args: JsonObject = {"parcel": parcels[0], "days": int(days[3])}
            return _proposed(message, run, request, "hold_parcel", args)
        if parcels:
            return _looked_up(
                message, run, request, parcels, lambda n: sentences.about_parcel(shop, n)
            )
        if orders:
            return _looked_up(
                message, run, request, orders, lambda n: sentences.about_order(shop, n)
            )
        return _reply(message, run, request, (ASK["PX"],))

    return answer


def technical_fallback(shop: Shop) -> Node:
    """Says what the manual advises, or what is known of the devices named."""

    async def answer(message: Message, run: Run) -> Message:
        payload = message.payload
        if isinstance(payload, Outcomes):
            return _told(message, payload, run)
        request = _request(message)
        devices = _numbers(request, "DV")
        if devices:
            return _looked_up(
                message, run, request, devices, lambda n: sentences.about_device(shop, n)
            )
        kind = _first(KINDS, request.text)
        if kind is None:
            return _reply(message, run, request, ("Which of your devices is it about?",))
        problem = _first(PROBLEMS, request.text)
        advice = shop.advice(kind, problem) if problem else None
        if advice is None:
            known = ", ".join(shop.problems(kind))
            return _reply(message, run, request, (f"What is it about the {kind}: {known}?",))
        return _reply(message, run, request, (advice,))

    return answer


def _looked_up(
    message: Message,
    run: Run,
    request: Request,
    numbers: tuple[str, ...],
    find: Callable[[str], str],
) -> Message:
    """An answer on the first two numbers: more would be no answer to read."""
    return _reply(message, run, request, tuple(find(number) for number in numbers[:2]))


def _proposed(message: Message, run: Run, request: Request, tool: str, args: JsonObject) -> Message:
    """A proposal as the model would make it: it goes past the same policy and the same gate."""
    call = ToolCall(id=f"rule-{run.step or run.id}", name=tool, args=args)
    asked = Turn(role="user", content=request.text)
    transcript = (asked, Turn(role="assistant", tool_calls=(call,)))
    proposal = Proposal(request=request, calls=(call,), transcript=transcript)
    return message.reply(proposal, sender=run.specialist)


def _told(message: Message, outcomes: Outcomes, run: Run) -> Message:
    """What became of the actions: the tool's own words, or the reviewer's."""
    said: list[str] = []
    for outcome in outcomes.outcomes:
        match outcome.status:
            case "done" | "answered":
                said.append(outcome.text)
            case "rejected":
                reason = f" The reason: {outcome.text}" if outcome.text else ""
                said.append(f"A colleague looked at it and did not agree.{reason}")
            case "failed":
                said.append("That did not work. A colleague looks into it.")
            case _:
                said.append("A colleague looks into it and will write to you.")
    return _reply(message, run, outcomes.request, tuple(said))


def _reply(message: Message, run: Run, request: Request, said: tuple[str, ...]) -> Message:
    answer = Answer(text=" ".join(said), by="fallback", evidence=(request.text, *said))
    return message.reply(answer, sender=run.specialist)


def _request(message: Message) -> Request:
    payload = message.payload
    if not isinstance(payload, Request):
        raise TypeError(f"a fallback cannot take a message of type {message.type!r}")
    return payload


def _numbers(request: Request, prefix: str) -> tuple[str, ...]:
    """The numbers with that prefix: in the request, else in what was said last in the thread."""
    for text in (request.text, *(turn.content for turn in reversed(request.history))):
        found = [
            f"{kind.upper()}-{digits}"
            for kind, digits in NUMBER.findall(text)
            if kind.upper() == prefix
        ]
        if found:
            return tuple(dict.fromkeys(found))
    return ()


def _first(patterns: dict[str, str], text: str) -> str | None:
    matching = (name for name, pattern in patterns.items() if re.search(pattern, text, re.I))
    return next(matching, None)
