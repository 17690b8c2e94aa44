"""A guard as a target: a message through it, an answer back, and what it said of both."""

import inspect
from typing import TypeGuard

from pointsman.errors import Misconfigured
from pointsman.evals.behaviour import described_digest
from pointsman.evals.record import Verdict
from pointsman.evals.trial import Observed, Target, Trial
from pointsman.guardrails.guard import Guard
from pointsman.nodes.event import Event, Judged
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Reader
from pointsman.nodes.message import Answer, Escalation, Message, Payload, Refusal, Request, Turn
from pointsman.nodes.run import Run

GRAVITY = ("allow", "redact", "escalate", "block")


def is_guard(thing: object) -> TypeGuard[Guard]:
    """Whether it is one, and no class of guards."""
    return (
        not inspect.isclass(thing) and callable(getattr(thing, "wrap", None)) and
        isinstance(getattr(thing, "name", None), str)
    )  # fmt: skip


def guard_target(guard: Guard, *, name: str = "") -> Target:
    """A guard alone, around a specialist that answers what the case's `input` says under `answer`,
    else `Done.`. The output is the gravest verdict: allow, redact, escalate or block.

    A guard that asks a model is measured inside its team; here asking raises Misconfigured.
    """

    async def ask(trial: Trial) -> Observed:
        events: list[Event] = []
        seen: list[str] = []
        given = trial.case.input
        answer = str(given["answer"]) if isinstance(given, dict) and "answer" in given else "Done."

        async def specialist(message: Message, run: Run) -> Message:
            payload = message.payload
            seen.append(payload.text if isinstance(payload, Request) else "")
            return message.reply(Answer(text=answer, evidence=tuple(seen)), sender="specialist")

        message = Message(
            sender="user", receiver="specialist", payload=Request(text=trial.case.text)
        )
        run = Run(
            id=trial.key, team="eval", thread=trial.thread, tenant=trial.case.tenant,
            gateway=_NoModels(guard.name), emit=events.append, step="1:specialist",
            specialist="specialist",
        )  # fmt: skip
        reply = await guard.wrap(specialist)(message, run)
        judged = [e for e in events if isinstance(e, Judged) and not e.shadow]
        return Observed(
            output=_gravest(reply.payload, judged),
            verdicts=tuple(
                Verdict(guard=e.guard, verdict=e.verdict, rule=e.rule, stage=e.stage)
                for e in judged
            ),
            transcript=_said(seen, reply.payload),
        )

    return Target(name or f"guard:{guard.name}", described_digest(guard), ask)


def _gravest(payload: Payload, judged: list[Judged]) -> str:
    told = [e.verdict for e in judged]
    if isinstance(payload, Refusal):
        told.append("block")
    if isinstance(payload, Escalation):
        told.append("escalate")
    return max(told, key=GRAVITY.index, default="allow")


def _said(seen: list[str], payload: Payload) -> tuple[Turn, ...]:
    turns = tuple(Turn(role="user", content=text) for text in seen)
    text = payload.text if isinstance(payload, (Answer, Refusal)) else payload.kind
    return (*turns, Turn(role="assistant", content=text))


class _NoModels:
    def __init__(self, guard: str) -> None:
        self._guard = guard

    async def complete(
        self, request: ModelRequest, run: Run, read: Reader | None = None
    ) -> ModelReply:
        raise Misconfigured(
            f"Guard {self._guard!r} asks a model, and here it stands alone.",
            hint="Put the suite to its team or specialist, and expect a verdict there.",
        )

    async def settle(self, run: Run, *, keep: bool) -> None:
        """There is nothing to keep."""
