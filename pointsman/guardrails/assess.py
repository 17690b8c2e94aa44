"""Guards that ask somebody about a text: what they read, and what comes of an opinion."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, cast

from pointsman.errors import Misconfigured, PointsmanError, is_control_flow
from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.check import PLACES, Place
from pointsman.guardrails.guard import closed
from pointsman.guardrails.reading import MOST_SPANS
from pointsman.guardrails.texts import rewritten
from pointsman.guardrails.verdict import VerdictName
from pointsman.nodes.event import Judged, Span
from pointsman.nodes.message import (
    Answer,
    Escalation,
    Failure,
    Invocation,
    Message,
    Outcomes,
    Payload,
    Proposal,
    Refusal,
    Request,
    Returned,
)
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

Consequence = Literal["block", "escalate", "record"]
Down = Literal["block", "allow"]
Stage = Literal["input", "output", "action"]

_ACTIONS = ("block", "escalate", "record")
_MANY = re.compile(r"(answer\.data|args|history\.\d+\.args)(?:\.|\Z)")
"""Paths of which many strings are read as one text."""
_HIDDEN = re.compile(
    "[A-Za-z][\u00ad\u034f\u200b-\u200f\u2060-\u2064\ufeff]+[A-Za-z]|[\U000e0020-\U000e007e]"
)
"""Letters held apart by what nobody sees, and letters that nobody sees."""
_UNCHECKED = (
    "Sorry, I can't check this message just now, so it was stopped. Please try again later."
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One text of a payload: where it stands, and its path."""

    text: str
    place: Place
    at: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is wrong with a text."""

    rule: str
    confidence: float | None = None
    """0 to 1; None where it is not known."""
    spans: tuple[tuple[int, int], ...] = ()
    """Characters of the text; none: all of it."""
    fixed: str | None = None
    """The text with which an answer may go on instead."""
    judged: bool = True
    """False: there is no opinion, as nobody could be asked."""
    passes: bool = False
    """It is recorded, and nothing comes of it."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a guard behaves: its settings, for the part that all of these guards share."""

    guard: str
    action: Consequence
    places: frozenset[Place]
    version: str
    shadow: bool = False
    says: str = ""
    """What the user reads in place of what was stopped; empty: a plain apology."""


Assess = Callable[[Piece, Run], Awaitable[Opinion | None]]
"""The opinion on a text; None where nothing is wrong with it."""


def assessed(inner: Node, conduct: Conduct, assess: Assess) -> Node:
    """The node with every text of the chosen places assessed, one after another, both ways.

    The first text that is blocked ends it: no more are asked about. `escalate` asks a person where
    one can be asked, and blocks elsewhere (a proposal, a hand-off).
    """

    async def node(message: Message, run: Run) -> Message:
        seen = await _passed(message.payload, "input", run, conduct, assess)
        if isinstance(seen, Refusal | Escalation):
            return message.reply(seen, sender=run.specialist)
        reply = await inner(message, run)
        given = await _passed(reply.payload, "output", run, conduct, assess)
        return reply if given is reply.payload else reply.carrying(given)

    return node


def pieces(payload: Payload, places: frozenset[Place]) -> list[Piece]:
    """The texts of a payload that stand in these places, each once; blank ones left out.

    The strings of an answer's data, and those of arguments, are one text each, a line for each
    string. What was judged before is read only where `places` has `history`.
    """
    if isinstance(payload, Refusal | Failure):
        return []
    parts: dict[tuple[Place, str], list[str]] = {}

    def visit(text: str, place: Place, at: str, *, past: bool = False) -> str:
        if place in places and text.strip() and (not past or "history" in places):
            many = _MANY.match(at)
            parts.setdefault((place, many[1] if many else at), []).append(text)
        return text

    rewritten(payload, visit)
    found = dict[tuple[str, Place], Piece]()
    for (place, at), texts in parts.items():
        text = "\n".join(texts)
        found.setdefault((text, place), Piece(text, place, at))
    return list(found.values())


def windows(text: str, size: int, overlap: int) -> list[str]:
    """The text in stretches of at most `size` characters; each but the first begins with the last
    `overlap` characters of the one before."""
    last = max(len(text) - overlap, 1)
    return [text[at : at + size] for at in range(0, last, size - overlap)]


def readings(text: str) -> list[str]:
    """The text as it is, and in plain letters too where some are hidden or encoded."""
    plain = canonical(text)
    if plain.unwrapped:
        return [text, plain.unwrapped[-1].text.text]
    return [text, plain.text] if _HIDDEN.search(text) else [text]


def check_settings(guard: str, action: str, places: frozenset[Place], down: str = "block") -> None:
    """Raises Misconfigured for an action, a place or a `when_down` that there is not."""
    unknown = sorted(set(places) - PLACES)
    fault = ""
    if action not in _ACTIONS:
        fault = f"there is no action {action!r}; use {', '.join(_ACTIONS)}"
    elif unknown or not places:
        fault = f"places={unknown or 'none'}; use some of {', '.join(sorted(PLACES))}"
    elif down not in ("block", "allow"):
        fault = f"when_down={down!r}; use block or allow"
    if fault:
        raise Misconfigured(f"Guard {guard!r}: {fault}.", hint="Mend it where the guard is made.")


async def _passed(
    payload: Payload, side: Literal["input", "output"], run: Run, conduct: Conduct, assess: Assess
) -> Payload:
    """The payload to go on with, or the Refusal or Escalation to answer with."""
    stage: Stage = side
    if isinstance(payload, Proposal | Invocation):
        stage = "action"
    elif isinstance(payload, Returned):
        stage = "input"
    try:
        return await _judged(payload, side, stage, run, conduct, assess)
    except PointsmanError:
        raise
    except Exception as error:
        if is_control_flow(error):
            raise
        return closed(conduct.guard, stage, run, _raising(error))


async def _judged(
    payload: Payload,
    side: Literal["input", "output"],
    stage: Stage,
    run: Run,
    conduct: Conduct,
    assess: Assess,
) -> Payload:
    through: Payload = payload
    held: Opinion | None = None
    for piece in pieces(payload, conduct.places):
        opinion = await assess(piece, run)
        if opinion is None:
            continue
        verdict = _verdict(opinion, payload, conduct, run)
        run.emit(_event(piece, opinion, verdict, stage, conduct, run))
        if conduct.shadow:
            continue
        if verdict == "block":
            return _refusal(opinion, payload, stage, conduct)
        if verdict == "escalate":
            held = held or opinion
        elif verdict == "redact":
            through = _with(cast("Answer", through), cast("str", opinion.fixed))
    if held is None or isinstance(through, Escalation):
        return through
    return Escalation(
        stage=side, guard=conduct.guard, rule=held.rule,
        reason=_why(held, payload, conduct.guard),
        held=cast("Request | Outcomes | Answer | Invocation | Returned", through),
    )  # fmt: skip


def _verdict(opinion: Opinion, payload: Payload, conduct: Conduct, run: Run) -> VerdictName:
    admitted = f"{conduct.guard}:{opinion.rule}" in run.admitted
    if conduct.action == "record" or opinion.passes or admitted:
        return "allow"
    if opinion.fixed is not None and isinstance(payload, Answer):
        return "redact"
    waits = (Request, Outcomes, Answer, Invocation, Returned, Escalation)
    return "escalate" if conduct.action == "escalate" and isinstance(payload, waits) else "block"


def _event(
    piece: Piece, opinion: Opinion, verdict: VerdictName, stage: Stage, conduct: Conduct, run: Run
) -> Judged:
    spans = opinion.spans or ((0, len(piece.text)),)
    return Judged(
        guard=conduct.guard, specialist=run.specialist, stage=stage, verdict=verdict,
        rule=opinion.rule, count=len(spans), confidence=opinion.confidence,
        spans=tuple(Span(at=piece.at, start=start, end=end) for start, end in spans[:MOST_SPANS]),
        policy_version=conduct.version, shadow=conduct.shadow,
    )  # fmt: skip


def _refusal(opinion: Opinion, payload: Payload, stage: Stage, conduct: Conduct) -> Refusal:
    if not opinion.judged:
        text = _UNCHECKED
    elif conduct.says:
        text = conduct.says
    elif isinstance(payload, Returned):
        text = f"Sorry, I can't show what {payload.tool!r} gave back."
    elif stage == "action":
        text = "Sorry, I can't do that."
    elif stage == "input":
        text = "Sorry, I can't help with that here."
    else:
        text = "Sorry, I can't show this answer."
    return Refusal(guard=conduct.guard, rule=opinion.rule, text=text)


def _why(opinion: Opinion, payload: Payload, guard: str) -> str:
    """What the person who is asked reads."""
    match payload:
        case Invocation(call=call):
            what = f"The call of {call.name!r}"
        case Returned(tool=tool):
            what = f"What {tool!r} gave back"
        case _:
            what = "The answer" if isinstance(payload, Answer) else "The message"
    if not opinion.judged:
        return f"{what} could not be checked: {guard!r} had nobody to ask."
    return f"{what} was found at fault by {guard!r} ({opinion.rule})."


def _with(answer: Answer, text: str) -> Answer:
    data = text if answer.data == answer.text else answer.data
    return answer.model_copy(update={"text": text, "data": data})


def _raising(error: Exception) -> Callable[[], Refusal]:
    def check() -> Refusal:
        raise error

    return check
