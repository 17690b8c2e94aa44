"""What a drill came to: types that are stored, and the figures made of them."""

import json
from collections import Counter
from collections.abc import Sequence
from math import ceil
from typing import Literal

from pydantic import Field

from pointsman.evals.drill.faults import Kind, Plan
from pointsman.nodes.message import Frozen, Status

Verdict = Literal["success", "degraded", "failed", "lost"]
REPORT_SCHEMA = "pointsman.drill@1"


class MessageReport(Frozen):
    """What became of one message."""

    name: str
    calm: Status | None
    """How its run ended without faults; None where it came to no end."""
    status: Status | None
    verdict: Verdict
    why: str = ""
    """What is not as in the calm run; empty where all is."""
    run: str = ""
    faults: tuple[Kind, ...] = ()
    """What struck it, in order."""
    recovery: float | None = None
    """Seconds from the first fault to the final state; None where nothing struck."""


class Recovery(Frozen):
    """Seconds from the first fault of a message to its final state."""

    messages: int
    median: float
    p95: float


class DrillReport(Frozen):
    """A drill, beside the calm run of the same messages."""

    schema_version: Literal["pointsman.drill@1"] = REPORT_SCHEMA
    team: str
    suite: str
    plan: Plan
    """Replays this very drill."""
    writes: Literal["real", "pretend"]
    messages: tuple[MessageReport, ...]
    strikes: dict[Kind, int] = Field(default_factory=dict[Kind, int])
    """How often each kind struck."""
    lost: tuple[str, ...] = ()
    """Messages without a final state, and effects that were approved and are nowhere. Must be
    empty."""
    doubled: tuple[str, ...] = ()
    """Effects that happened twice, and messages that made two runs. Must be empty."""
    calm_lost: tuple[str, ...] = ()
    calm_doubled: tuple[str, ...] = ()
    """What was lost or doubled without any fault. Must be empty too."""
    seconds: float = 0.0
    calm_seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether nothing was lost and nothing doubled."""
        return not (self.lost or self.doubled or self.calm_lost or self.calm_doubled)

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many messages came to which verdict."""
        return Counter(message.verdict for message in self.messages)

    @property
    def calm_statuses(self) -> Counter[str]:
        """How the messages ended without faults."""
        return Counter(message.calm or "no end" for message in self.messages)

    def struck_by(self, kind: Kind) -> tuple[MessageReport, ...]:
        """The messages that a kind of fault struck."""
        return tuple(message for message in self.messages if kind in message.faults)

    def recovery(self, kind: Kind | None = None) -> Recovery | None:
        """Of all messages that were struck, or of those that a kind struck; None for none."""
        struck = self.messages if kind is None else self.struck_by(kind)
        seconds = sorted(m.recovery for m in struck if m.recovery is not None)
        if not seconds:
            return None
        return Recovery(
            messages=len(seconds),
            median=(seconds[(len(seconds) - 1) // 2] + seconds[len(seconds) // 2]) / 2,
            p95=seconds[ceil(0.95 * len(seconds)) - 1],
        )


COLUMNS = ("", "faults", "messages", "success", "degraded", "failed", "lost", "median", "p95")


def rows(report: DrillReport) -> list[tuple[str, ...]]:
    """The table: a row for each kind of fault, and one for all; recovery in seconds."""
    made = [
        _row(kind, count, report.struck_by(kind), report.recovery(kind))
        for kind, count in (dict.fromkeys(report.plan.kinds, 0) | report.strikes).items()
    ]
    strikes = sum(report.strikes.values())
    return [*made, _row("all messages", strikes, report.messages, report.recovery())]


def _row(
    name: str, strikes: int, messages: Sequence[MessageReport], recovery: Recovery | None
) -> tuple[str, ...]:
    by = Counter(message.verdict for message in messages)
    times = ("-", "-")
    if recovery is not None:
        times = tuple(
            f"{s:.0f}" if s >= 10 else f"{s:.2f}" for s in (recovery.median, recovery.p95)
        )
    verdicts: tuple[Verdict, ...] = ("success", "degraded", "failed", "lost")
    return (name, str(strikes), str(len(messages)), *(str(by[v]) for v in verdicts), *times)


def summary(report: DrillReport) -> str:
    """The drill in one line."""
    by, total = report.verdicts, len(report.messages)
    return (
        f"{by['success']} of {total} as in the calm run, {by['degraded']} degraded,"
        f" {by['failed']} failed with an error; {len(report.lost)} lost,"
        f" {len(report.doubled)} doubled; {sum(report.strikes.values())} faults struck."
    )


def as_json(report: DrillReport) -> str:
    """The whole report with its figures, as one JSON object."""
    figures = {
        "holds": report.holds,
        "verdicts": dict(report.verdicts),
        "recovery": None if (all_ := report.recovery()) is None else all_.model_dump(),
    }
    return json.dumps({**figures, **report.model_dump(mode="json")}, indent=2)
