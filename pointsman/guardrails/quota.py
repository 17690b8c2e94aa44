"""Quotas: the rate limits of a team, as a user writes them."""

from dataclasses import dataclass, field
from typing import Literal

from pointsman.errors import Misconfigured
from pointsman.nodes.digest import digest
from pointsman.nodes.limits import Use

Unit = Literal["requests", "tokens", "concurrent"]
Level = Literal["visit", "tool", "model"]
"""What is counted: a message to a specialist, a call of a tool, a call of a model."""
Part = Literal["team", "tenant", "thread", "specialist", "tool", "model"]

LEASE = 600.0


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `most` requests or tokens in `per` seconds, or `most` at once, for each key.

        Quota(60)                                            # visits a minute, each tenant
        Quota(100_000, unit="tokens", key=("model",))        # a minute, each model
        Quota(4, unit="concurrent", on="model", key=("model", "tenant"))
        Quota(5, on="tool", key=("thread", "tool"), only=Use(tool="refund"))

    Raises Misconfigured for one that lets nothing through or can never be asked.
    """

    most: float
    unit: Unit = "requests"
    per: float = 60.0
    """Seconds. Says nothing for `concurrent`."""
    burst: float | None = None
    """Requests or tokens at once, after a pause. Default: `most`. A model call that is estimated at
    more waits for a full bucket, and then later ones wait for it."""
    on: Level | None = None
    """Default: model calls for tokens, else visits."""
    key: tuple[Part, ...] = ("tenant",)
    """Each combination of these has its own limit; () is one limit for all. What is empty, such as
    the tenant of a team that has none, is a key like any other."""
    only: Use = field(default_factory=Use)
    """Only for what is equal in every name that stands here."""
    lease: float = LEASE
    """Seconds after which a place of `concurrent` that was never given back is free again, so that
    a process that died holds none for ever. More than any visit or call may take: one that takes
    longer runs on without its place."""
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for it, for the team's design page. Changes nothing else."""

    def __post_init__(self) -> None:
        times = (self.most, self.per, self.lease, self.most if self.burst is None else self.burst)
        least = 1.0 if self.unit == "concurrent" else 0.0
        if not all(0 < t < float("inf") for t in times) or self.most < least:
            raise Misconfigured(
                f"{self!r} lets nothing through.",
                hint="most, per, burst and lease are above 0; most is at least 1 for concurrent.",
            )
        if self.unit == "requests" and self.burst is not None and self.burst < 1:
            raise Misconfigured(f"{self!r} lets nothing through.", hint="burst is at least 1.")
        if self.unit == "tokens" and self.level != "model":
            raise Misconfigured(
                f"{self!r} counts tokens of what takes none.", hint='Tokens are on="model".'
            )
        for part in ("tool", "model"):
            if (part in self.key or getattr(self.only, part)) and self.level != part:
                raise Misconfigured(
                    f"{self!r} asks for the {part} of a {self.level}, which has none.",
                    hint=f'Give it on="{part}".',
                )

    @property
    def level(self) -> Level:
        """What it counts."""
        return self.on or ("model" if self.unit == "tokens" else "visit")

    @property
    def room(self) -> float:
        """Units at once: of `requests` at least the one that is asked for."""
        if self.unit == "concurrent":
            return float(int(self.most))
        burst = self.most if self.burst is None else self.burst
        return max(1.0, burst) if self.unit == "requests" else burst

    @property
    def every(self) -> float:
        """Seconds in which one unit comes back."""
        return self.per / self.most

    @property
    def id(self) -> str:
        """The same for quotas that are equal: what is kept of it in a store stands under this."""
        used = {part: getattr(self.only, part) for part in PARTS}
        numbers = [float(self.most), float(self.per), self.room]
        return digest(self.level, self.unit, *numbers, list(self.key), used)[:16]

    def counts(self, use: Use) -> bool:
        """Whether a use is one of those it counts."""
        if level_of(use) != self.level:
            return False
        only = self.only
        return all(not (name := getattr(only, p)) or name == getattr(use, p) for p in PARTS)

    def key_of(self, use: Use) -> tuple[str, ...]:
        """The use's values of `key`."""
        return tuple(getattr(use, part) for part in self.key)

    def __str__(self) -> str:
        what = {"visit": "visits", "tool": "tool calls", "model": "model calls"}[self.level]
        for_each = f" for each {' and '.join(self.key)}" if self.key else ""
        if self.unit == "concurrent":
            return f"{self.most:g} {what} at once{for_each}"
        if self.unit == "tokens":
            what = "tokens"
        return f"{self.most:g} {what} in {self.per:g} s{for_each}"


PARTS: tuple[Part, ...] = ("team", "tenant", "thread", "specialist", "tool", "model")


def level_of(use: Use) -> Level:
    """What a use is."""
    return "model" if use.model else "tool" if use.tool else "visit"
