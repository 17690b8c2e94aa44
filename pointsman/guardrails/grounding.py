"""The grounding guard: no figure, id, date, amount or address in an answer that nobody gave it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pointsman.errors import Ungrounded
from pointsman.guardrails.canonical import Canonical, canonical
from pointsman.guardrails.guard import closed
from pointsman.nodes.digest import digest
from pointsman.nodes.event import Judged, Span
from pointsman.nodes.message import Answer, Message, Refusal
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

_FACT = re.compile(
    r"""
    (?P<link>https?://[^\s)>\]]+|[\w.+-]+@[\w-]+\.[\w.-]+)   # a URL, an e-mail address
    | (?P<id>\b[A-Za-z]{1,6}[-_]?\d[\w-]*\b)                   # INV-1042, PX2231, DV-7004
    | (?P<date>(?<!\d)\d{4}-\d{2}-\d{2}(?!\d))
    | (?P<number>\d+(?:[.,']\d+)*)
    """,
    re.VERBOSE,
)
_LIST_MARK = re.compile(r"^\s*\d{1,2}[.)]\s", re.MULTILINE)
_THIN = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
"""Spaces that separate thousands. A plain space separates numbers."""
_VERSION = digest("grounding", _FACT.pattern, _LIST_MARK.pattern, _THIN.pattern)[:12]
_MOST_SPANS = 20


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure, id, date or address in a text."""

    kind: str
    value: str
    """Its normal form: `1,042.50` and `$1042.5` are the same number."""
    start: int
    end: int
    """Where it stands in the text."""


def facts(text: str) -> Iterable[tuple[str, str]]:
    """(kind, normal form) of every fact in a text, in canonical characters."""
    for fact in _facts(_spelled(text)):
        yield fact.kind, fact.value


def _spelled(text: str) -> Canonical:
    return canonical(_THIN.sub("'", text))


def _facts(text: Canonical) -> Iterator[Fact]:
    plain = _LIST_MARK.sub(lambda m: " " * len(m[0]), text.text)
    for match in _FACT.finditer(plain):
        kind = match.lastgroup or ""
        value = match.group().rstrip(".,;:!?'")
        start, end = text.span(match.start(), match.start() + len(value))
        value = _number(value) if kind == "number" else value.casefold()
        yield Fact(kind, value, start, end)


def _number(text: str) -> str:
    """Without separators of thousands and without trailing zeros. `1.234,50` reads as 1234.5."""
    last = max(text.rfind("."), text.rfind(","))
    decimals = len(text) - last - 1
    if last < 0 or (decimals == 3 and text.count(text[last]) >= 1 and text[0] != "0"):
        whole, fraction = re.sub(r"[.,']", "", text), ""
    else:
        whole, fraction = re.sub(r"[.,']", "", text[:last]), text[last + 1 :]
    fraction = fraction.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole


@dataclass(frozen=True)
class GroundingGuard:
    """Compares a model's answer with its evidence: the request and every tool result.

    Raises Ungrounded, so that the specialist's fallback answers. Compared in canonical characters:
    full-width digits, invisible characters and look-alikes make no other figure. An address must
    stand in the evidence in the very characters of the answer, as a look-alike of it leads
    elsewhere.

    Judges the figures of the text only: a wrong sentence made of right figures passes, and so does
    a number in words (`forty-two`), a sum that the model says it made, `data` beside the text.
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
                        verdict="block", rule="ungrounded", count=len(missing), confidence=1.0,
                        spans=tuple(
                            Span(at="answer.text", start=f.start, end=f.end)
                            for f in missing[:_MOST_SPANS]
                        ),
                        policy_version=_VERSION,
                    )
                )  # fmt: skip
                kinds = sorted({fact.kind for fact in missing})
                raise Ungrounded(
                    f"The answer of {run.specialist!r} shows a {' and a '.join(kinds)} that no"
                    " tool result and no request holds."
                )
            return reply

        return grounded


def _missing(answer: Answer) -> list[Fact]:
    """The facts that the answer shows and its evidence does not hold."""
    evidence = "\n".join(answer.evidence)
    known: set[str] = set()
    links: set[str] = set()
    for fact in _facts(_spelled(evidence)):
        known.add(fact.value)
        if fact.kind == "link":
            links.add(evidence[fact.start : fact.end].casefold())
        elif fact.kind == "date":
            # `2024-03-05` may be told as the 5th of March 2024.
            known |= {_number(part) for part in fact.value.split("-")}
    text = answer.text
    return [
        fact
        for fact in _facts(_spelled(text))
        if fact.value not in known
        or (fact.kind == "link" and text[fact.start : fact.end].casefold() not in links)
    ]
