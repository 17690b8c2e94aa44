"""How a filter words a refusal: a plain apology, what it is about, and what to do next."""

from typing import Literal

from pointsman.guardrails.rules import Found
from pointsman.nodes.message import Invocation, Payload, Returned

_WORDS = {
    "SECRET": "a password, key or other credential",
    "EMAIL": "an e-mail address",
    "CARD": "a card number",
    "IBAN": "a bank account number",
    "PHONE": "a phone number",
    "SSN": "a social security number",
    "IP": "an IP address",
    "ID": "a national id number",
    "URL": "a web address",
    "CRYPTO": "a wallet's address",
    "PERSON": "a person's name",
    "LOCATION": "an address or place",
    "ORGANIZATION": "an organisation's name",
    "DATE": "a date",
    "LINK": "a link that is not allowed",
    "DENIED": "words that are not allowed here",
    "TOPIC": "a topic that is not handled here",
    "INJECTION": "instructions that I must not follow",
}


def what(found: Found) -> str:
    """The kind of what was found, never the thing."""
    return _WORDS.get(found.label, "something that is not allowed here")


def refusal_text(
    found: Found, stage: Literal["input", "output", "action"], payload: Payload
) -> str:
    """What the user, or the model that made a call, reads in place of what was stopped."""
    kind = what(found)
    if stage == "action":
        return f"Sorry, I can't do that: the action holds {kind}. Try it without."
    if isinstance(payload, Returned):
        return f"Sorry, I can't show what {payload.tool!r} gave back: it holds {kind}."
    if stage == "input":
        if found.label == "TOPIC":
            return "Sorry, I can't help with that here. Please ask somebody who handles it."
        return (
            f"Sorry, I can't take this message: it seems to hold {kind}. Please send it again"
            " without it."
        )
    return (
        f"Sorry, I can't show the answer: it held {kind}. Please ask again without asking for that."
    )


def why_held(found: Found, payload: Payload) -> str:
    """What the person who is asked reads."""
    kind = what(found)
    match payload:
        case Invocation(call=call):
            return f"A call of {call.name!r} seems to hold {kind}."
        case Returned(tool=tool):
            return f"What {tool!r} gave back seems to hold {kind}."
        case _:
            where = "answer" if payload.kind == "answer" else "message"
            return f"The {where} seems to hold {kind}."
