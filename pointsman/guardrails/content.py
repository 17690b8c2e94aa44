"""The content filter: what its checks find is taken out, stopped, shown to a person or recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, cast

from pointsman.errors import Misconfigured, ToolFailed
from pointsman.guardrails.check import Action, Check
from pointsman.guardrails.guard import closed
from pointsman.guardrails.injection import injection_checks
from pointsman.guardrails.links import Links
from pointsman.guardrails.pii import Pii
from pointsman.guardrails.reading import Reading
from pointsman.guardrails.rules import Found
from pointsman.guardrails.secrets import Secrets
from pointsman.guardrails.streamed import Filtered
from pointsman.guardrails.wording import refusal_text, why_held
from pointsman.nodes.event import Event, ToolCalled
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
from pointsman.nodes.vault import Numbers

Stage = Literal["input", "output", "action"]
_ACTIONS = ("redact", "block", "escalate", "record", "off")


@dataclass(frozen=True)
class ContentFilter:
    """Reads every text with every check; redacts, refuses, asks a person, or only records.

    `secrets` and `pii` say what comes of credentials and personal data. `checks` are more of them;
    without, signs of injection are recorded, and links that carry data out are redacted. A check
    named `secrets` or `pii` stands in place of the short form's.

    What each action does, by where a text stands:

    - what a person writes, a tool's result, an answer: redact, block, escalate or record as said.
    - **history**: redacted at most. It was judged when it was new, and what is found again must not
      stop every later message. In somebody else's graph it arrives unjudged; then too whatever a
      check would stop is taken out of it. A tool's turn in it is read as a result.
    - **the arguments of a tool**: never changed, as that would be another action. A credential
      stops the call; personal data passes; a link that leads out asks a person; else as said.

    Not read: attachments, and a transcript, whose parts were read when they came in.

    A redacted value becomes a placeholder such as `[EMAIL_1]`. The run's vault numbers them: equal
    values have equal placeholders for the whole run, so that equal messages stay equal. A check
    with `shadow` is recorded, and nothing comes of it. Raises Misconfigured for an action it does
    not know and for two checks of one name.
    """

    secrets: Action = "redact"
    pii: Action = "redact"
    name: str = "content"
    checks: tuple[Check, ...] | None = None

    def __post_init__(self) -> None:
        known = [("secrets", self.secrets), ("pii", self.pii)]
        known += [(check.name, check.action) for check in self.checks or ()]
        for part, action in known:
            if action not in _ACTIONS:
                raise Misconfigured(
                    f"ContentFilter({part}={action!r}): there is no such action.",
                    hint=f"Use {', '.join(_ACTIONS[:-1])} or off.",
                )
        names = [check.name for check in self.checks or ()]
        for name in {n for n in names if names.count(n) > 1}:
            raise Misconfigured(
                f"ContentFilter {self.name!r} has two checks named {name!r}.",
                hint="Give each a name= of its own.",
            )

    @cached_property
    def all_checks(self) -> tuple[Check, ...]:
        """The checks in their order: secrets, pii, then `checks`; those that are off left out."""
        more = (*injection_checks(), Links()) if self.checks is None else self.checks
        short: tuple[Check, ...] = (Secrets(action=self.secrets), Pii(action=self.pii))
        names = {check.name for check in more}
        given = (*(check for check in short if check.name not in names), *more)
        return tuple(check for check in given if check.action != "off")

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def filtered(message: Message, run: Run) -> Message:
            seen = await self._passed(message.payload, "input", run)
            if isinstance(seen, Refusal | Escalation):
                return message.reply(seen, sender=run.specialist)
            asked = _with(message, seen)
            if isinstance(seen, Invocation):
                reply = await self._called(inner, asked, run)
                return _with(reply, await self._passed(reply.payload, "output", run))
            read = None if run.read is None else Filtered(self.all_checks, run.read)
            reply = await inner(asked, run if read is None else replace(run, read=read))
            through = await self._passed(reply.payload, "output", run)
            if read is not None:
                read.end(through.text if isinstance(through, Answer) else "")
            return _with(reply, through)

        return filtered

    def masked(self, request: Request) -> Request:
        """The request with everything redacted that this filter would act on: what the router's
        model may see, before any verdict. Its placeholders are numbered on their own."""
        reading = Reading(self.all_checks, masks=True).read(request)
        numbers = Numbers()
        numbers.take(reading.taken)
        for one in reading.hidden:
            numbers.number(one.label, one.key)
        return cast("Request", reading.redacted(request, numbers.given))

    async def _passed(
        self, payload: Payload, side: Literal["input", "output"], run: Run
    ) -> Payload:
        """The payload to go on with, or the Refusal or Escalation to answer with."""
        stage = _stage(payload, side)
        reading = closed(self.name, stage, run, lambda: self._read(payload, run))
        if isinstance(reading, Refusal):
            return reading
        for event in reading.events(self.name, run.specialist, stage):
            run.emit(event)
        blocked, escalated = reading.rules("block"), reading.rules("escalate")
        if blocked or (escalated and not _can_wait(payload)):
            return self._refusal([*blocked, *escalated], stage, payload)
        numbers = await run.vault.hide(run.id, reading.hidden, reading.taken)
        through = closed(self.name, stage, run, lambda: reading.redacted(payload, numbers))
        if isinstance(through, Refusal) or not escalated:
            return through
        return Escalation(
            stage=side, guard=self.name, rule=escalated[0].rule,
            reason=why_held(escalated[0], payload),
            held=cast("Request | Outcomes | Answer | Invocation | Returned", through),
        )  # fmt: skip

    def _read(self, payload: Payload, run: Run) -> Reading:
        prefix = f"{self.name}:"
        admitted = {one[len(prefix) :] for one in run.admitted if one.startswith(prefix)}
        return Reading(self.all_checks, admitted).read(payload)

    def _refusal(self, found: Sequence[Found], stage: Stage, payload: Payload) -> Refusal:
        return Refusal(
            guard=self.name, rule=found[0].rule, text=refusal_text(found[0], stage, payload)
        )

    async def _called(self, inner: Node, message: Message, run: Run) -> Message:
        """Call a tool: what it says in an error is filtered as its results are."""
        told: list[ToolCalled] = []

        def emit(event: Event) -> None:
            if isinstance(event, ToolCalled) and event.error:
                told.append(event)
            else:
                run.emit(event)

        try:
            return await inner(message, replace(run, emit=emit))
        except ToolFailed as error:
            said = await self._cleaned(error.message, run)
            if said == error.message:
                raise
            raise type(error)(said, hint=error.hint) from None
        finally:
            for event in told:
                run.emit(event.model_copy(update={"error": await self._cleaned(event.error, run)}))

    async def _cleaned(self, text: str, run: Run) -> str:
        failure = Failure(error="ToolFailed", text=text)
        reading = closed(self.name, "input", run, lambda: Reading(self.all_checks).read(failure))
        if isinstance(reading, Refusal):
            return reading.text
        if not reading.hidden:
            return text
        numbers = await run.vault.hide(run.id, reading.hidden, reading.taken)
        return cast("Failure", reading.redacted(failure, numbers)).text


def _stage(payload: Payload, side: Literal["input", "output"]) -> Stage:
    """A tool's call is an action; its result comes in, though it comes back."""
    if isinstance(payload, Proposal | Invocation):
        return "action"
    return "input" if isinstance(payload, Returned) else side


def _can_wait(payload: Payload) -> bool:
    """Whether a person can be asked to let it through."""
    return isinstance(payload, Request | Outcomes | Answer | Invocation | Returned)


def _with(message: Message, payload: Payload) -> Message:
    """The message itself where nothing changed."""
    return message if payload == message.payload else message.carrying(payload)
