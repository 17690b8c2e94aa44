"""The classifier guard: a trained classifier (Prompt Guard, PIGuard, any callable) as a guard."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from pydantic import JsonValue

from pointsman.errors import Misconfigured, PointsmanError, is_control_flow
from pointsman.guardrails.assess import (
    Conduct,
    Consequence,
    Down,
    Opinion,
    Piece,
    assessed,
    check_settings,
    readings,
    windows,
)
from pointsman.guardrails.check import Place
from pointsman.guardrails.offloop import OffLoop
from pointsman.nodes.digest import digest
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

Scores = Sequence[tuple[str, float]]
"""Labels and how sure the classifier is of each, 0 to 1. All of them, or the best ones only."""

Classifier = Callable[[str], Scores | Awaitable[Scores]]
"""Says what a text is. One that blocks is called in a thread; a coroutine function on the loop.

It may have `labels`, the labels that it can give, and `version`, a text that changes when its
answers do: the guard reads both.
"""


@dataclass(frozen=True)
class ClassifierGuard:
    """Blocks, asks a person or records where a classifier gives a flagged label a high score.

        ClassifierGuard(from_transformers("models/prompt-guard"), flags={"INJECTION": 0.9})

    `flags`: labels and the score from which each counts. Texts are read in stretches of `window`
    characters that share an eighth; a text with hidden or encoded parts also in plain letters. The
    rule is `<label>-<place>` in small letters, with the score as confidence.

    No score within `timeout` seconds for one text: rule `unjudged-<place>`, by `when_down` treated
    like a flag or recorded and let through. An exception of the classifier, or scores that are
    none, block with the rule `guard-error`, or are recorded and let through as above. A text of
    more than `most` stretches is treated like a flag, rule `too-long-<place>`.

    Nothing is taken out of the text: the classifier runs here. Raises Misconfigured for settings
    that cannot be used, a flag that is none of the classifier's `labels` among them.
    """

    classifier: Classifier = field(repr=False)
    flags: Mapping[str, float]
    action: Consequence = "block"
    name: str = "classifier"
    places: frozenset[Place] = frozenset({"request"})
    shadow: bool = False
    when_down: Down = "block"
    timeout: float = 10.0
    threads: int = 1
    """Texts at once. A classifier that is not made for threads needs 1."""
    says: str = ""
    """What the user reads in place of what was stopped; empty: a plain apology."""
    window: int = 1_600
    most: int = 64
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for it, for the team's design page. Changes nothing else."""

    def __post_init__(self) -> None:
        check_settings(self.name, self.action, self.places, self.when_down)
        fault = self._fault()
        if fault:
            raise Misconfigured(f"ClassifierGuard {self.name!r}: {fault}.")

    def __hash__(self) -> int:
        return hash((self.name, self.version))

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""
        conduct = Conduct(self.name, self.action, self.places, self.version, self.shadow, self.says)
        return assessed(inner, conduct, self._opinion)

    @property
    def version(self) -> str:
        """12 hex digits over the flags, the classifier's name and its `version`."""
        own = getattr(self.classifier, "version", "")
        kind = getattr(self.classifier, "__qualname__", type(self.classifier).__qualname__)
        flags: dict[str, JsonValue] = {label: float(least) for label, least in self.flags.items()}
        return digest("classifier", flags, str(kind), str(own), self.window, self.most)[:12]

    def _fault(self) -> str:
        if not self.flags or not all(0 < score <= 1 for score in self.flags.values()):
            return "flags are labels, each with a score above 0 to 1"
        known = getattr(self.classifier, "labels", None)
        strange = [] if known is None else [f for f in self.flags if f not in known]
        if strange:
            return f"the classifier gives {', '.join(known or ())}, and never {', '.join(strange)}"
        if not 0 < self.timeout < float("inf") or not 1 <= self.threads <= 64:
            return "timeout is above 0 seconds, threads 1 to 64"
        if not 8 <= self.window <= 1_000_000 or not 1 <= self.most <= 100_000:
            return "window is 8 to 1,000,000 characters, most 1 to 100,000"
        return ""

    @cached_property
    def _caller(self) -> OffLoop[str, Scores]:
        return OffLoop(self.classifier, name=f"pointsman-{self.name}", threads=self.threads)

    async def _opinion(self, piece: Piece, run: Run) -> Opinion | None:
        stretches = [windows(text, self.window, self.window // 8) for text in readings(piece.text)]
        if any(len(parts) > self.most for parts in stretches):
            return Opinion(f"too-long-{piece.place}")
        unjudged = Opinion(
            f"unjudged-{piece.place}", judged=False, passes=self.when_down == "allow"
        )
        try:
            async with asyncio.timeout(run.remaining(self.timeout)):
                for part in chain.from_iterable(stretches):
                    flag = self._flagged(await self._caller.call(part))
                    if flag:
                        return Opinion(f"{flag[0].lower()}-{piece.place}", flag[1])
        except TimeoutError:
            return unjudged
        except PointsmanError:
            raise
        except Exception as error:
            if is_control_flow(error):
                raise
            if not unjudged.passes:
                raise
            return unjudged
        return None

    def _flagged(self, scores: Scores) -> tuple[str, float] | None:
        """The flag with the highest score of those that count. Raises ValueError for scores that
        are none: a NaN is below every bound."""
        given = [(label, float(score)) for label, score in scores]
        if not given or not all(0 <= score <= 1 for _, score in given):
            raise ValueError("a classifier gives at least one label, with a score from 0 to 1")
        flags = [one for one in given if one[1] >= self.flags.get(one[0], 2.0)]
        return max(flags, key=lambda one: one[1], default=None)
