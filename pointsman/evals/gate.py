"""Whether a run may ship: the suite's rules against the run and its baseline."""

from dataclasses import dataclass, field

from pointsman.errors import BadInput
from pointsman.evals.change import Change, interval_of
from pointsman.evals.compare import Comparison, compare
from pointsman.evals.figures import sure_of, value_of
from pointsman.evals.metrics import KNOWN, Metric, Row, Run, named, only
from pointsman.evals.pairing import of, paired
from pointsman.evals.rules import DEFAULT_CONFIDENCE, Gate, Rule
from pointsman.evals.stats.intervals import Interval
from pointsman.nodes.message import Frozen

_SLACK = 1e-12
"""What adding up costs in precision."""


class Check(Frozen):
    """One bound of a rule, and what came of it."""

    metric: str
    tag: str = ""
    bound: str
    """In words: `at least 0.9, 95 % sure`."""
    passed: bool
    why: str
    value: float | None = None
    before: float | None = None
    low: float | None = None
    high: float | None = None
    """What the value, or the change, lies in at the rule's confidence (both ends one-sided)."""

    @property
    def name(self) -> str:
        """Metric, tag and bound: unique in a report."""
        return f"{self.metric}{f' [{self.tag}]' if self.tag else ''}: {self.bound}"


class Gated(Frozen):
    """What the gate says of a run."""

    suite: str
    version: str = ""
    baseline: str = ""
    """Name of the baseline; empty for none."""
    checks: tuple[Check, ...]
    comparison: Comparison | None = None
    samples: int = 0
    errors: int = 0

    @property
    def passed(self) -> bool:
        """Whether it may ship: every check passed, and there was one."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)


def judge(gate: Gate, run: Run, baseline: Run | None, *, name: str = "", seed: int = 0) -> Gated:
    """Hold the run against the rules. `name` is the baseline's.

    Raises BadInput where a rule compares and there is no baseline.
    """
    if gate.compares and baseline is None:
        raise BadInput(
            "The gate's rules compare with a baseline, and there is none.",
            hint="Write one with `pointsman eval gate SUITE --update-baseline`.",
        )
    rules = gate.rules or _default(run, baseline)
    more = [m for rule in rules if (m := named(run, rule.metric)) and "=" in rule.metric]
    comparison, against = None, None
    if baseline is not None:
        against = _Against(gate, run, baseline, tuple(more), seed)
        comparison = against.compared()
    checks = [check for rule in rules for check in _checks(rule, run, against, seed)]
    if run.partial and not gate.partial:
        checks.insert(0, Check(metric="samples", bound="all", passed=False, why=run.partial))
    head = run.head
    return Gated(
        suite="" if head is None else head.suite,
        version="" if head is None else head.version,
        baseline=name,
        checks=tuple(checks),
        comparison=comparison,
        samples=len(run.rows),
        errors=sum(bool(row.error) for row in run.rows.values()),
    )


@dataclass(frozen=True)
class _Against:
    """The run and its baseline, for the rules that compare."""

    gate: Gate
    run: Run
    baseline: Run
    more: tuple[Metric, ...]
    seed: int
    known: dict[str, Comparison] = field(default_factory=dict[str, Comparison])
    """By tag."""

    def compared(self, tag: str = "") -> Comparison:
        if tag not in self.known:
            self.known[tag] = compare(
                self.run,
                self.baseline,
                seed=self.seed,
                common=self.gate.cases == "common",
                tag=tag,
                more=self.more,
                lower=self.gate.lower_is_better,
            )
        return self.known[tag]


def _default(run: Run, baseline: Run | None) -> tuple[Rule, ...]:
    """Nothing that passes or fails may be shown to be worse; not even by leaving it out."""
    metrics = {**run.metrics, **({} if baseline is None else baseline.metrics)}
    names = [n for n, m in metrics.items() if m.kind == "share" and n not in KNOWN]
    return tuple(
        Rule(metric=name, no_worse_by=0.0, confidence=DEFAULT_CONFIDENCE)
        for name in (*names, "completed")
    )


def _checks(rule: Rule, run: Run, against: _Against | None, seed: int) -> list[Check]:
    metric = named(run, rule.metric)
    found: list[Check] = []
    for what, bound in (("at_least", rule.at_least), ("at_most", rule.at_most)):
        if bound is not None:
            found.append(_absolute(rule, metric, run, bound, seed, up=what == "at_least"))
    if rule.no_worse_by is not None and against is not None:
        found.append(_compared(rule, metric, against))
    return found


def _absolute(
    rule: Rule, metric: Metric | None, run: Run, bound: float, seed: int, *, up: bool
) -> Check:
    words = f"{'at least' if up else 'at most'} {bound:g}{_sure(rule)}"
    check = Check(metric=rule.metric, tag=rule.tag, bound=words, passed=False, why="")
    if metric is None:
        return check.model_copy(update={"why": "the run has no such figure"})
    rows = only(run.rows.values(), rule.tag)
    figures = of(metric, [(row, row) for row in rows])
    if figures.unknown or not figures.pairs:
        why = f"unknown in {figures.unknown} samples" if figures.unknown else "no sample has it"
        return check.model_copy(update={"why": why})
    value = value_of(metric, figures.pairs)
    missing = f", {figures.missing_now} of {len(figures.pairs)} unscored"
    said = f"{value:.4g} over {len(figures.pairs)} samples{missing if figures.missing_now else ''}"
    if rule.confidence is None:
        holds = value >= bound - _SLACK if up else value <= bound + _SLACK
        return check.model_copy(update={"why": said, "value": value, "passed": holds})
    interval = sure_of(metric, figures.pairs, 2 * rule.confidence - 1, seed)
    if interval is None:
        few = f"{said}; too few cases to be sure"
        passed = rule.unsure == "pass"
        return check.model_copy(update={"why": few, "value": value, "passed": passed})
    near, far = (interval.low, interval.high) if up else (-interval.high, -interval.low)
    limit = bound if up else -bound
    holds = (far if rule.unsure == "pass" else near) >= limit - _SLACK
    update = {"why": said, "value": value, "low": interval.low, "high": interval.high}
    return check.model_copy(update={**update, "passed": holds})


def _compared(rule: Rule, metric: Metric | None, against: _Against) -> Check:
    margin = rule.no_worse_by or 0.0
    size = f"{margin:.4g}" if not rule.relative else f"{margin:.4g} of it"
    words = f"no worse than the baseline{f' by {size}' if margin else ''}{_sure(rule)}"
    check = Check(metric=rule.metric, tag=rule.tag, bound=words, passed=False, why="")
    if metric is None:
        return check.model_copy(update={"why": "the run has no such figure"})
    change = against.compared(rule.tag).change(rule.metric)
    if change is None or change.change is None or change.before is None or change.now is None:
        why = "neither run has it" if change is None else change.why
        return check.model_copy(update={"why": why})
    allowed = margin * abs(change.before) if rule.relative else margin
    update: dict[str, object] = {"value": change.now, "before": change.before}
    said = f"{change.before:.4g} to {change.now:.4g} over {change.pairs} pairs"
    if change.verdict == "not_comparable":
        # With too few cases to test, the figure itself decides, unless the rule wants to be shown.
        told = rule.unsure == "pass" and not change.unknown
        holds = told and _loss(change) <= allowed + _SLACK
        why = f"{said}; {change.why}" if told else f"not comparable: {change.why}"
        return check.model_copy(update={**update, "why": why, "passed": holds})
    if rule.confidence is None:
        holds = _loss(change) <= allowed + _SLACK
        return check.model_copy(update={**update, "why": said, "passed": holds})
    pairs = of(
        metric, [p for p in paired(against.run, against.baseline).pairs if _tagged(p[1], rule.tag)]
    ).pairs
    interval = interval_of(change, pairs, 2 * rule.confidence - 1, against.seed)
    holds = _held(rule, change, interval, allowed)
    if change.p is not None:
        said += f", p = {change.p:.3g}"
    if holds and rule.unsure == "pass" and change.smallest is not None:
        said += f"; {len(pairs)} pairs show a change of {change.smallest:.3g} four times in five"
    update |= {"why": said, "low": interval.low, "high": interval.high, "passed": holds}
    return check.model_copy(update=update)


def _tagged(row: Row, tag: str) -> bool:
    return not tag or tag in row.tags


def _loss(change: Change) -> float:
    """How much worse it is; negative: better."""
    moved = change.change or 0.0
    return -moved if change.higher_is_better else moved


def _held(rule: Rule, change: Change, interval: Interval, allowed: float) -> bool:
    least, most = (-interval.high, -interval.low)
    if not change.higher_is_better:
        least, most = interval.low, interval.high
    if rule.unsure == "fail":
        return most <= allowed + _SLACK
    if allowed == 0 and change.p is not None and rule.confidence is not None:
        # Against no change at all there is a test, which is exact where an interval is not.
        return _loss(change) <= 0 or change.p / 2 >= 1 - rule.confidence
    return least <= allowed + _SLACK


def _sure(rule: Rule) -> str:
    if rule.confidence is None:
        return ""
    what = "unless shown otherwise" if rule.unsure == "pass" else "shown"
    return f", {what} at {rule.confidence:.4g}"
