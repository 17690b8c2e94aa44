"""How far a run of a suite is: a moving line on a terminal, plain lines elsewhere. On stderr."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from pointsman.evals.record import Sample
from pointsman.evals.tally import Tally, passed
from pointsman.views.cli.screen import plain
from pointsman.views.cli.wording import money, seconds

EVERY = 10.0
"""Seconds between two lines where there is no terminal."""
NAMED = 20
"""Failures that are named as they happen; then they are only counted."""


class EvalProgress:
    """Shows samples as they come. A context manager; off the screen it writes now and then."""

    def __init__(self, out: Console, due: int) -> None:
        self._out = out
        self._due = due
        self._began = time.monotonic()
        self._told = self._began
        self._named = 0
        self._spinner: Status | None = None

    def __enter__(self) -> Self:
        if self._out.is_terminal:
            self._spinner = self._out.status(f"0 of {self._due:,}", spinner="dots")
            self._spinner.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._spinner is not None:
            self._spinner.stop()

    def seen(self, sample: Sample, tally: Tally) -> None:
        """One more sample."""
        if passed(sample) is False and self._named < NAMED:
            self._named += 1
            plain(self._out, f"  {_named(sample)}")
        now = time.monotonic()
        if self._spinner is not None:
            self._spinner.update(so_far(tally, now - self._began))
        elif now - self._told >= EVERY:
            self._told = now
            plain(self._out, so_far(tally, now - self._began))


def so_far(tally: Tally, elapsed: float) -> str:
    """`120 of 500, 93.3 % pass, $0.0120, 41 s left`."""
    parts = [f"{tally.done:,} of {tally.due:,}"]
    if tally.rate is not None:
        parts.append(f"{tally.rate:.1%} pass")
    if tally.errors:
        parts.append(f"{tally.errors:,} errors")
    parts.append(cost(tally))
    left = tally.eta(elapsed)
    if left is not None:
        parts.append(f"{seconds(left)} left")
    return ", ".join(parts)


def cost(tally: Tally) -> str:
    """What was spent; where prices are unknown, how often."""
    known = money(tally.spent)
    return f"{known} and {tally.unpriced:,} of unknown price" if tally.unpriced else known


def _named(sample: Sample) -> str:
    epoch = f" (epoch {sample.epoch})" if sample.epoch > 1 else ""
    missed = [name for name, value in sample.scores.items() if value is False]
    why = sample.error or ", ".join([*missed, *sample.unscored])
    return f"{sample.case}{epoch}: {why}"
