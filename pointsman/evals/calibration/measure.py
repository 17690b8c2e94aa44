"""What a selector would have reached on rows it was not fitted on, beside what costs no thought.

Outer folds report, inner folds choose: thresholds and mixing weights come from training rows only.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pointsman.errors import BadInput
from pointsman.evals.calibration.fit import (
    Floats,
    Places,
    Texts,
    fit_parts,
    mix,
    out_of_fold,
    plain_words,
    scores,
    split,
    texts,
)
from pointsman.evals.calibration.rows import Row, digest_of, has_answers
from pointsman.nodes.gateway.selector import Figures, Kind, Part, Selector

Objective = Literal["cost", "calls"]
"""What is made small: US dollars, or the number of calls to the strong model."""
OUTER, INNER = 5, 4
MARGIN = 0.15
"""The threshold aims this much above the target, times the square root of the training rows: about
0.3 standard errors of the sum of gains, so that held-out quality reaches the target as a rule."""
DAMPINGS = (0.0, 0.1, 0.25, 0.5, 1.0, 3.0)
"""Tried for the objective `cost`, as multiples of the mean extra cost."""
CALLS_DAMPING = 1e6
Selected = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Point:
    """Who answers what, and what came of it."""

    quality: float
    """Share of the strong model's quality."""
    low: float
    high: float
    """95 % interval of `quality`, by the normal approximation over the rows."""
    cost: float
    """Share of the cost of asking the strong model always."""
    strong_calls: float


@dataclass(frozen=True)
class Line:
    """One way of choosing, at one target."""

    name: str
    target: float
    point: Point
    hindsight: bool = False
    """The threshold was chosen on the rows it is reported on: a bound, not a policy."""


@dataclass(frozen=True)
class Measured:
    """All that was measured on one set of rows for one kind of selector."""

    kind: Kind
    objective: Objective
    rows: int
    weak: Point
    strong: Point
    lines: tuple[Line, ...]

    def of(self, name: str, target: float) -> Point:
        """One line's point. Raises KeyError."""
        for line in self.lines:
            if (line.name, line.target) == (name, target):
                return line.point
        raise KeyError((name, target))

    @property
    def best_single(self) -> Literal["weak", "strong"]:
        """The one model to use if only one may be: the weak one where it is as good."""
        return "weak" if self.weak.quality >= 1.0 else "strong"

    def beats_random(self, target: float) -> bool:
        """Whether the selector costs less than the random mix of its own quality."""
        mine = self.of("selector", target)
        measure = mine.cost if self.objective == "cost" else mine.strong_calls
        return measure < self.random_mix(mine.quality) - 1e-9

    def random_mix(self, quality: float) -> float:
        """Cost share (or share of strong calls) of the random mix that reaches this quality."""
        gained = self.strong.quality - self.weak.quality
        share = (quality - self.weak.quality) / gained if gained > 0 else 1.0
        share = min(1.0, max(0.0, share))
        if self.objective == "calls":
            return share
        return self.weak.cost + share * (self.strong.cost - self.weak.cost)


def measure(
    rows: Sequence[Row],
    *,
    kind: Kind,
    objective: Objective = "cost",
    targets: Sequence[float] = (0.95, 0.99, 1.0),
    seed: int = 7,
    done: Callable[[], None] = lambda: None,
) -> Measured:
    """Measure a selector and the dumb rules on held-out folds, at each target.

    `done` is called OUTER * (INNER + 2) + OUTER times or fewer, as work is done. Raises BadInput
    where a cascade's answers are missing or the strong model is right nowhere.
    """
    all_ = prepared(rows, kind)
    chosen = {target: np.zeros(len(rows), bool) for target in targets}
    plain = {target: np.zeros(len(rows), bool) for target in targets}
    for train, held in split(len(rows), folds=OUTER, seed=seed):
        fitted = _Fitted.of(all_, train, seed=seed, done=done)
        gains = fitted.gains(all_, held)
        words = _words(all_, train, seed=seed)
        held_words = plain_words(all_, train, held)
        done()
        for target in targets:
            rule = _rule(
                all_, train, fitted.inner, fitted.expected_usd(all_, train), target, objective
            )
            chosen[target][held] = rule.picks(gains, fitted.expected_usd(all_, held))
            bar = _bar(words, all_.gain[train], _wanted(all_, train, target))
            plain[target][held] = held_words >= bar
        done()
    lines = [
        line
        for target in targets
        for line in (
            Line("selector", target, point(all_, chosen[target])),
            Line("TF-IDF + LR", target, point(all_, plain[target])),
            *_bounds(all_, target, objective),
        )
    ]
    nobody, everybody = np.zeros(len(rows), bool), np.ones(len(rows), bool)
    return Measured(
        kind=kind, objective=objective, rows=len(rows), lines=tuple(lines),
        weak=point(all_, nobody), strong=point(all_, everybody, paid_weak=False),
    )  # fmt: skip


def fit(rows: Sequence[Row], measured: Measured, target: float, *, seed: int = 7) -> Selector:
    """The selector fitted on all rows, with its held-out figures.

    Raises BadInput when it does not beat the random mix, or when one model alone is best.
    """
    mine = measured.of("selector", target)
    if measured.best_single == "weak":
        raise BadInput(
            "The weak model alone is as good as the strong one on these rows.",
            hint="Use it alone; there is nothing to select.",
        )
    if not measured.beats_random(target):
        raise BadInput(
            f"The selector does not beat a random mix of both models at {target:.0%} of the strong"
            f" model's quality ({mine.cost:.3f} of its cost), so it is not enabled.",
            hint="Record more answers, or keep the strong model.",
        )
    all_ = prepared(rows, measured.kind)
    train = np.arange(len(rows))
    fitted = _Fitted.of(all_, train, seed=seed, done=lambda: None)
    rule = _rule(
        all_, train, fitted.inner, fitted.expected_usd(all_, train), target, measured.objective
    )
    return Selector(
        kind=measured.kind,
        parts=fitted.parts,
        mix=tuple(fitted.weights.tolist()),
        centre=tuple(fitted.centre.tolist()),
        base=fitted.base,
        usd_each=fitted.usd_each,
        usd_character=fitted.usd_character,
        usd_least=fitted.usd_least,
        damping=rule.damping,
        threshold=rule.threshold,
        fitted_on=digest_of(rows),
        figures=Figures(
            rows=len(rows), target=target, quality=mine.quality, low=mine.low, high=mine.high,
            cost=mine.cost, strong_calls=mine.strong_calls,
            random_cost=measured.random_mix(mine.quality),
        ),
    )  # fmt: skip


def prepared(rows: Sequence[Row], kind: Kind) -> Texts:
    """The rows as numbers, which can be selected on. Raises BadInput."""
    if kind == "cascade" and not has_answers(rows):
        raise BadInput(
            "Some rows have no `weak.answer`, which a cascade reads.",
            hint="Record the answers, or calibrate a route.",
        )
    all_ = texts(rows, kind)
    if all_.strong.sum() <= 0:
        raise BadInput("The strong model is right nowhere in these rows.")
    return all_


def point(all_: Texts, strong: Selected, *, paid_weak: bool = True) -> Point:
    """What comes of sending these rows to the strong model. A cascade pays the weak one always."""
    best = all_.strong.sum()
    right = np.where(strong, all_.strong, all_.weak)
    share = right.sum() / best
    error = 1.96 * math.sqrt(len(right)) * float((right - share * all_.strong).std()) / best
    both = paid_weak and all_.kind == "cascade"
    weak_usd = all_.weak_usd.sum() if both else all_.weak_usd[~strong].sum()
    usd = weak_usd + all_.strong_usd[strong].sum()
    return Point(
        quality=float(share), low=float(share - error), high=float(share + error),
        cost=float(usd / all_.strong_usd.sum()), strong_calls=float(strong.mean()),
    )  # fmt: skip


@dataclass(frozen=True)
class _Fitted:
    """Parts and their mix, fitted on some rows."""

    parts: tuple[Part, ...]
    weights: Floats
    centre: Floats
    base: float
    inner: Floats
    """Gains of the training rows, foretold by parts that were not fitted on them."""
    usd_each: float
    usd_character: float
    usd_least: float

    @classmethod
    def of(cls, all_: Texts, train: Places, *, seed: int, done: Callable[[], None]) -> "_Fitted":
        found = out_of_fold(all_, train, folds=INNER, seed=seed, done=done)
        weights, centre, base = mix(found, all_.gain[train])
        design = np.column_stack([np.ones(len(train)), all_.lengths[train]])
        each, character = np.linalg.lstsq(design, all_.extra[train], rcond=None)[0]
        parts = fit_parts(all_, train)
        done()
        least = max(float(all_.extra[train].mean()) * 1e-3, float(all_.extra[train].min()))
        return cls(
            parts=parts, weights=weights, centre=centre, base=base,
            inner=(found - centre) @ weights + base,
            usd_each=float(each), usd_character=float(character), usd_least=least,
        )  # fmt: skip

    def gains(self, all_: Texts, places: Places) -> Floats:
        found = scores(self.parts, all_, places)
        return (found - self.centre) @ self.weights + self.base

    def expected_usd(self, all_: Texts, places: Places) -> Floats:
        """The extra cost as the selector expects it, by the prompt's length."""
        guessed = self.usd_each + self.usd_character * all_.lengths[places]
        return np.maximum(guessed, self.usd_least)


@dataclass(frozen=True)
class _Rule:
    damping: float
    threshold: float

    def picks(self, gains: Floats, extra: Floats) -> Selected:
        return gains / (extra + self.damping) >= self.threshold


def _wanted(all_: Texts, train: Places, target: float) -> float:
    """How much gain the training rows must reach."""
    missing = target * all_.strong[train].sum() - all_.weak[train].sum()
    return float(missing + (MARGIN * math.sqrt(len(train)) if target < 1 else 0.0))


def _rule(
    all_: Texts, train: Places, gains: Floats, extra: Floats, target: float, objective: Objective
) -> _Rule:
    """The damping and the threshold that reach the target on the training rows most cheaply."""
    mean = float(extra.mean())
    tried = [d * mean for d in DAMPINGS] if objective == "cost" else [CALLS_DAMPING * mean]
    best: tuple[float, _Rule] | None = None
    for damping in tried:
        priority = gains / (extra + damping)
        threshold = _bar(priority, all_.gain[train], _wanted(all_, train, target))
        picked = priority >= threshold
        price = float(all_.extra[train][picked].sum()) if objective == "cost" else picked.sum()
        if best is None or price < best[0]:
            best = (float(price), _Rule(damping, threshold))
    if best is None:
        raise ValueError("no damping was tried")
    return best[1]


def _bar(priority: Floats, gain: Floats, wanted: float) -> float:
    """The highest priority from which on the rows, all above it taken, gain what is wanted. The
    lowest there is where they never do."""
    order = np.argsort(-priority, kind="stable")
    reached = np.cumsum(gain[order])
    enough = np.flatnonzero(reached >= wanted - 1e-9)
    if wanted <= 0:
        return float(priority.max()) + abs(float(priority.max())) + 1e-9
    if len(enough) == 0:
        return float(priority.min())
    return float(priority[order[enough[0]]])


def _bounds(all_: Texts, target: float, objective: Objective) -> tuple[Line, ...]:
    """What a policy can be compared with: the oracle, and the longest prompts to the weak model."""
    wanted = target * float(all_.strong.sum()) - float(all_.weak.sum())
    extra = np.maximum(all_.extra, 1e-12)
    ideal = all_.gain / extra if objective == "cost" else all_.gain
    found: list[Line] = []
    for name, priority in (("oracle", ideal), ("longest to weak", -all_.lengths)):
        picked = priority >= _bar(priority, all_.gain, wanted)
        found.append(Line(name, target, point(all_, picked), hindsight=True))
    return tuple(found)


def _words(all_: Texts, train: Places, *, seed: int) -> Floats:
    """The scores of the dumb learned rule on the training rows, out of fold."""
    inner = np.zeros(len(train))
    for part, held in split(len(train), folds=INNER, seed=seed):
        inner[held] = plain_words(all_, train[part], train[held])
    return inner
