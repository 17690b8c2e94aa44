"""The rate guard: GCRA, in memory.

GCRA (generic cell rate algorithm, ITU-T I.371) keeps one number a key, the time at which the next
message would be exactly on schedule: over any window of t seconds at most burst + rate*t/per pass.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from pointsman.errors import Misconfigured
from pointsman.guardrails.guard import closed
from pointsman.nodes.event import Judged
from pointsman.nodes.message import Escalation, Message, Outcomes, Refusal, Request
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

MAX_KEYS = 100_000


@dataclass(frozen=True)
class RateLimit:
    """Lets `rate` messages through in `per` seconds for each key, `burst` of them at once.

    Over the limit a message is refused with the seconds to wait, or escalated to a person. The
    outcome of an approved action always passes: it is the end of work admitted before. Limits hold
    in one process. Raises Misconfigured for bounds that are none.
    """

    rate: int = 60
    per: float = 60.0
    burst: int | None = None
    """Default: `rate`."""
    key: Literal["tenant", "thread", "specialist", "team"] = "tenant"
    action: Literal["block", "escalate"] = "block"
    name: str = "rate"
    _due: OrderedDict[str, float] = field(
        default_factory=OrderedDict[str, float], init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.rate < 1 or self.per <= 0 or (self.burst is not None and self.burst < 1):
            raise Misconfigured(
                f"RateLimit({self.rate}, per={self.per}, burst={self.burst}) lets nothing through.",
                hint="rate and burst are at least 1, per is above 0.",
            )

    def admit(self, key: str, now: float) -> float:
        """0 when one more message of the key may pass now, else the seconds to wait."""
        every = self.per / self.rate
        ahead = every * (self.burst or self.rate)
        due = max(self._due.get(key, now), now)
        wait = due + every - ahead - now
        if wait > 1e-9:
            return wait
        self._due[key] = due + every
        self._due.move_to_end(key)
        if len(self._due) > MAX_KEYS:
            self._due.popitem(last=False)
        return 0.0

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def limited(message: Message, run: Run) -> Message:
            payload = message.payload
            if isinstance(payload, Outcomes) or f"{self.name}:rate" in run.admitted:
                return await inner(message, run)
            key = {
                "tenant": run.tenant,
                "thread": run.thread,
                "specialist": run.specialist,
                "team": run.team,
            }[self.key]
            wait = closed(self.name, "input", run, lambda: self.admit(key, run.clock()))
            if isinstance(wait, Refusal):
                return message.reply(wait, sender=run.specialist)
            if not wait:
                return await inner(message, run)
            run.emit(
                Judged(
                    guard=self.name, specialist=run.specialist, stage="input",
                    verdict=self.action, rule="rate", count=1,
                )
            )  # fmt: skip
            if self.action == "escalate" and isinstance(payload, Request):
                held = Escalation(
                    stage="input", guard=self.name, rule="rate", held=payload,
                    reason=f"more than {self.rate} messages in {self.per:g} s for this {self.key}",
                )  # fmt: skip
                return message.reply(held, sender=run.specialist)
            text = f"Too many messages just now. Please try again in {max(1, round(wait))} s."
            refusal = Refusal(guard=self.name, rule="rate", text=text)
            return message.reply(refusal, sender=run.specialist)

        return limited
