"""The content filter: credentials and personal data are taken out on the way in and the way out."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from pydantic import JsonValue

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.guard import closed
from pointsman.guardrails.pii import find_pii
from pointsman.guardrails.rules import Found
from pointsman.guardrails.secrets import find_secrets
from pointsman.guardrails.verdict import VerdictName
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import Judged
from pointsman.nodes.message import (
    Answer,
    Escalation,
    Failure,
    Handoff,
    Message,
    Outcome,
    Outcomes,
    Payload,
    Proposal,
    Refusal,
    Request,
    ToolCall,
    Turn,
)
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

Action = Literal["redact", "block", "escalate", "off"]
Stage = Literal["input", "output", "action"]
PLACEHOLDER = re.compile(r"\[(SECRET|EMAIL|CARD|IBAN|PHONE|SSN|IP)_(\d{1,9})\]")


@dataclass(frozen=True)
class ContentFilter:
    """Finds credentials (`secrets`) and personal data (`pii`); redacts, refuses or asks a person.

    Read on the way in: the request, its history, the outcomes of actions. On the way out: an
    answer's text and data, a hand-off, the arguments of a proposal. Not read: attachments.

    A redacted value becomes a placeholder such as `[EMAIL_1]`; equal values get equal placeholders,
    so that equal messages stay equal. History is redacted at most: it was judged when it was new.
    A proposal is never redacted, as that would change the action: one with a credential in it is
    refused, and personal data in it passes. Raises Misconfigured for an action it does not know.
    """

    secrets: Action = "redact"
    pii: Action = "redact"
    name: str = "content"

    def __post_init__(self) -> None:
        for part, action in (("secrets", self.secrets), ("pii", self.pii)):
            if action not in ("redact", "block", "escalate", "off"):
                raise Misconfigured(
                    f"ContentFilter({part}={action!r}): there is no such action.",
                    hint="Use redact, block, escalate or off.",
                )

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def filtered(message: Message, run: Run) -> Message:
            numbers = _Numbers()
            seen = closed(
                self.name,
                "input",
                run,
                lambda: self._judged(message.payload, "input", run, numbers),
            )
            if isinstance(seen, Refusal | Escalation):
                return message.reply(seen, sender=run.specialist)
            reply = await inner(_with(message, seen), run)
            left = closed(
                self.name,
                "output",
                run,
                lambda: self._judged(reply.payload, "output", run, numbers),
            )
            return _with(reply, left)

        return filtered

    def masked(self, request: Request) -> Request:
        """The request with everything redacted that this filter looks for, whatever its action:
        what the router's model may see, before any verdict."""
        redacting = replace(
            self,
            secrets="off" if self.secrets == "off" else "redact",
            pii="off" if self.pii == "off" else "redact",
        )
        return cast("Request", _Pass(redacting, frozenset(), _Numbers()).payload(request))

    def _judged(self, payload: Payload, stage: Stage, run: Run, numbers: "_Numbers") -> Payload:
        """The payload to go on with, or the Refusal or Escalation to answer with."""
        stage = "action" if isinstance(payload, Proposal) else stage
        pass_ = _Pass(self, run.admitted, numbers)
        through = pass_.payload(payload)
        for (rule, verdict), count in pass_.tally.items():
            run.emit(
                Judged(
                    guard=self.name, specialist=run.specialist, stage=stage,
                    verdict=verdict, rule=rule, count=count,
                )
            )  # fmt: skip
        return self._settled(through, stage, pass_.rules("block"), pass_.rules("escalate"))

    def _settled(
        self, payload: Payload, stage: Stage, blocked: list[str], escalated: list[str]
    ) -> Payload:
        if escalated and not blocked and isinstance(payload, Request | Outcomes | Answer):
            rule = escalated[0]
            where = "The message" if stage == "input" else "The answer"
            return Escalation(
                stage="input" if stage == "input" else "output", guard=self.name, rule=rule,
                reason=f"{where} seems to hold {_WORDS.get(rule, 'a credential')}.", held=payload,
            )  # fmt: skip
        if blocked or escalated:
            rule = (blocked or escalated)[0]
            return Refusal(guard=self.name, rule=rule, text=_refusal(rule, stage))
        return payload


_WORDS = {
    "email": "an e-mail address",
    "card": "a card number",
    "iban": "a bank account number",
    "phone": "a phone number",
    "ssn": "a social security number",
    "ip": "an IP address",
}


def _refusal(rule: str, stage: Stage) -> str:
    what = _WORDS.get(rule, "a password, key or other credential")
    if stage == "input":
        return f"Your message seems to hold {what}. Please send it again without it."
    if stage == "action":
        return f"The proposed action holds {what}, so it was stopped."
    return f"The answer held {what}, so it cannot be shown."


@dataclass
class _Numbers:
    """Placeholders given out within one visit: by value, and those that were there before."""

    given: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    taken: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])

    def note(self, text: str) -> None:
        """Placeholders that stand in a text already keep their meaning: no new value gets them."""
        self.taken.update((m[1], int(m[2])) for m in PLACEHOLDER.finditer(text))

    def placeholder(self, label: str, key: str) -> str:
        """The placeholder of a value."""
        number = self.given.get((label, key))
        if number is None:
            number = 1
            while (label, number) in self.taken:
                number += 1
            self.given[label, key] = number
            self.taken.add((label, number))
        return f"[{label}_{number}]"


@dataclass
class _Pass:
    """One look over every text of a payload."""

    filter: ContentFilter
    admitted: frozenset[str]
    numbers: _Numbers
    tally: Counter[tuple[str, VerdictName]] = field(
        default_factory=Counter[tuple[str, VerdictName]]
    )

    def rules(self, verdict: VerdictName) -> list[str]:
        """The rules that gave this verdict, in the order they were found."""
        return [rule for rule, given in self.tally if given == verdict]

    def payload(self, payload: Payload) -> Payload:
        """The payload with what is to be redacted redacted."""
        match payload:
            case Request():
                return self._request(payload)
            case Outcomes():
                request = self._request(payload.request)
                outcomes = tuple(self._outcome(o) for o in payload.outcomes)
                return payload.model_copy(update={"request": request, "outcomes": outcomes})
            case Answer():
                return self._answer(payload)
            case Handoff():
                request, reason = self._request(payload.request), self.text(payload.reason)
                return payload.model_copy(update={"request": request, "reason": reason})
            case Proposal():
                for call in payload.calls:
                    _each_string(cast("JsonValue", call.args), self._argument)
                return payload
            case Escalation(held=Answer() as held):
                return payload.model_copy(update={"held": self._answer(held)})
            case Refusal() | Failure():
                return payload.model_copy(update={"text": self.past(payload.text)})
            case _:
                return payload

    def text(self, text: str) -> str:
        """A text that is new: every action may come of it."""
        return self._read(text, self._verdict)

    def past(self, text: str) -> str:
        """A text that was judged before, or that is the answer already: redacted at most."""

        def at_most_redact(found: Found) -> VerdictName:
            verdict = self._verdict(found)
            return verdict if verdict == "allow" else "redact"

        return self._read(text, at_most_redact)

    def _request(self, request: Request) -> Request:
        history = tuple(self._turn(turn) for turn in request.history)
        return request.model_copy(update={"history": history, "text": self.text(request.text)})

    def _turn(self, turn: Turn) -> Turn:
        calls = tuple(self._call(call) for call in turn.tool_calls)
        return turn.model_copy(update={"content": self.past(turn.content), "tool_calls": calls})

    def _call(self, call: ToolCall) -> ToolCall:
        args = cast("JsonObject", _each_string(cast("JsonValue", call.args), self.past))
        return call.model_copy(update={"args": args})

    def _outcome(self, outcome: Outcome) -> Outcome:
        return outcome.model_copy(update={"text": self.text(outcome.text)})

    def _answer(self, answer: Answer) -> Answer:
        data = _each_string(answer.data, self.text)
        return answer.model_copy(update={"text": self.text(answer.text), "data": data})

    def _argument(self, text: str) -> str:
        def only_block(found: Found) -> VerdictName | None:
            if found.label != "SECRET":
                return None
            verdict = self._verdict(found)
            return verdict if verdict == "allow" else "block"

        return self._read(text, only_block)

    def _verdict(self, found: Found) -> VerdictName:
        if f"{self.filter.name}:{found.rule}" in self.admitted:
            return "allow"
        action = self.filter.secrets if found.label == "SECRET" else self.filter.pii
        return "allow" if action == "off" else action

    def _read(self, text: str, verdict_on: Callable[[Found], VerdictName | None]) -> str:
        self.numbers.note(text)
        plain = canonical(text)
        found = find_secrets(plain.text) if self.filter.secrets != "off" else []
        if self.filter.pii != "off":
            found += find_pii(plain.text)
        redacted: list[Found] = []
        for one in found:
            verdict = verdict_on(one)
            if verdict is not None:
                self.tally[one.rule, verdict] += 1
            if verdict == "redact":
                redacted.append(one)
        pieces: list[str] = []
        at = 0
        for one in _apart(redacted):
            start, end = plain.span(one.start, one.end)
            pieces += [text[at:start], self.numbers.placeholder(one.label, one.key)]
            at = end
        return "".join([*pieces, text[at:]])


def _apart(found: list[Found]) -> list[Found]:
    """The spans in order, those that overlap made one: no part of any of them may stay."""
    apart: list[Found] = []
    # A credential's span comes first where two begin together: its label says the most.
    for one in sorted(found, key=lambda f: (f.start, f.label != "SECRET", -f.end)):
        if apart and one.start < apart[-1].end:
            before = apart.pop()
            label = "SECRET" if "SECRET" in (before.label, one.label) else before.label
            end = max(before.end, one.end)
            key = before.key if end == before.end else f"{before.key}\0{one.key}"
            apart.append(Found(before.rule, label, before.start, end, key))
        else:
            apart.append(one)
    return apart


def _each_string(value: JsonValue, change: Callable[[str], str]) -> JsonValue:
    """A JSON value with each of its strings changed, names of fields included."""
    match value:
        case str():
            return change(value)
        case list():
            return [_each_string(item, change) for item in value]
        case dict():
            return {change(name): _each_string(item, change) for name, item in value.items()}
        case _:
            return value


def _with(message: Message, payload: Payload) -> Message:
    """The message itself where nothing changed."""
    return message if payload == message.payload else message.carrying(payload)
