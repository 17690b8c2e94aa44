"""The grounding guard: no figure, id, date, amount or address in an answer that nobody gave it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pointsman.errors import Ungrounded
from pointsman.guardrails.guard import closed
from pointsman.nodes.event import Judged
from pointsman.nodes.message import Answer, Message, Refusal
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

_FACT = re.compile(
    r"""
    (?P<link>https?://[^\s)>\]]+|[\w.+-]+@[\w-]+\.[\w.-]+)   # a URL, an e-mail address
    | (?P<id>\b[A-Za-z]{1,6}[-_]?\d[\w-]*\b)                   # INV-1042, PX2231, DV-7004
    | (?P<date>\b\d{4}-\d{2}-\d{2}\b)
    | (?P<number>\d+(?:[.,]\d+)*)
    """,
    re.VERBOSE,
)
_LIST_MARK = re.compile(r"^\s*\d{1,2}[.)]\s", re.MULTILINE)


def facts(text: str) -> Iterable[tuple[str, str]]:
    """(kind, normal form) of every fact in a text: `1,042.50` and `$1042.5` are the same number."""
    for match in _FACT.finditer(_LIST_MARK.sub(" ", text)):
        kind = match.lastgroup or ""
        value = match.group().rstrip(".,;:!?").casefold()
        yield kind, _number(value) if kind == "number" else value


def _number(text: str) -> str:
    """Without separators of thousands and without trailing zeros. `1.234,50` reads as 1234.5."""
    last = max(text.rfind("."), text.rfind(","))
    decimals = len(text) - last - 1
    if last < 0 or (decimals == 3 and text.count(text[last]) >= 1 and text[0] != "0"):
        whole, fraction = re.sub(r"[.,]", "", text), ""
    else:
        whole, fraction = re.sub(r"[.,]", "", text[:last]), text[last + 1 :]
    fraction = fraction.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole


@dataclass(frozen=True)
class GroundingGuard:
    """Compares a model's answer with its evidence: the request and every tool result.

    Raises Ungrounded, so that the specialist's fallback answers. Judges the figures only: a wrong
    sentence made of right figures passes.
    """

    name: str = "grounding"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def grounded(message: Message, run: Run) -> Message:
            reply = await inner(message, run)
            payload = reply.payload
            if not isinstance(payload, Answer) or payload.by != "model":
                return reply
            missing = closed(self.name, "output", run, lambda: _missing(payload))
            if isinstance(missing, Refusal):
                return reply.carrying(missing)
            if missing:
                run.emit(
                    Judged(
                        guard=self.name, specialist=run.specialist, stage="output",
                        verdict="block", rule="ungrounded", count=len(missing),
                    )
                )  # fmt: skip
                raise Ungrounded(
                    f"The answer of {run.specialist!r} shows a {' and a '.join(missing)} that no"
                    " tool result and no request holds."
                )
            return reply

        return grounded


def _missing(answer: Answer) -> list[str]:
    """The kinds of facts that the answer shows and its evidence does not hold."""
    known = {fact for _, fact in facts("\n".join(answer.evidence))}
    return sorted({kind for kind, fact in facts(answer.text) if fact not in known})
