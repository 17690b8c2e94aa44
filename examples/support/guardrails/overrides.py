"""A guard of the team's own: blocks messages that try to give the team orders as if they were its
operator. It is a first fence only; what keeps money safe is that a person decides on refunds."""

import re
import unicodedata
from dataclasses import dataclass

from pointsman.nodes.event import Judged
from pointsman.nodes.message import Message, Refusal, Request
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

RULE = "operator-orders"
ORDERS = re.compile(
    r"\b(ignore|forget|disregard)\s+(all\s+|any\s+|your\s+|the\s+|my\s+)*"
    r"(previous|prior|earlier|above|former)?\s*(instructions?|rules|prompts?)\b"
    r"|\b(developer|debug|admin|god)\s+mode\b"
    r"|\bsystem\s+prompt\b"
)
TEXT = (
    "I cannot act on that. Tell me what is wrong with your order, parcel or device, and I will"
    " help."
)


@dataclass(frozen=True)
class Overrides:
    """Blocks a request that orders the team to drop its rules."""

    name: str = "overrides"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def guarded(message: Message, run: Run) -> Message:
            payload = message.payload
            found = len(ORDERS.findall(plain(payload.text))) if isinstance(payload, Request) else 0
            if not found:
                return await inner(message, run)
            run.emit(
                Judged(
                    guard=self.name,
                    specialist=run.specialist,
                    stage="input",
                    verdict="block",
                    rule=RULE,
                    count=found,
                )
            )
            return message.reply(
                Refusal(guard=self.name, rule=RULE, text=TEXT), sender=run.specialist
            )

        return guarded


def plain(text: str) -> str:
    """Text as its reader takes it: one form of each letter, no invisible characters, lower case."""
    shown = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return "".join(shown).casefold()
