"""Figures and verdicts in words: the same in the terminal, in Markdown and on the page."""

from pointsman.evals.change import Change, Judgement
from pointsman.evals.metrics import Kind

JUDGEMENTS: dict[Judgement, str] = {
    "better": "better",
    "worse": "worse",
    "no_evidence": "no evidence",
    "not_comparable": "not comparable",
}


def number(name: str, kind: Kind, value: float | None) -> str:
    """A figure with its unit; `-` for none."""
    if value is None:
        return "-"
    if kind == "share":
        return f"{value:.1%}"
    if name in ("usd", "cost"):
        return f"${value:.4f}" if abs(value) < 1 else f"${value:.2f}"
    if name in ("seconds", "p95_seconds", "latency"):
        return f"{value * 1000:.0f} ms" if abs(value) < 0.95 else f"{value:.1f} s"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def figure(change: Change, value: float | None) -> str:
    """One side's figure."""
    return number(change.metric, change.kind, value)


def moved_by(change: Change) -> str:
    """The change with its sign; shares in points."""
    return _signed(change, change.change)


def interval(change: Change) -> str:
    """What the change lies in; `-` for none."""
    if change.low is None or change.high is None:
        return "-"
    low, high = _signed(change, change.low), _signed(change, change.high)
    return f"{low.removesuffix(' points')} to {high}"


def sees(change: Change) -> str:
    """The smallest change for the worse that would be seen; `-` where none would, or none is
    known."""
    return "-" if change.smallest is None else _signed(change, change.smallest).lstrip("+")


def _signed(change: Change, value: float | None) -> str:
    if value is None:
        return "-"
    if change.kind == "share":
        return f"{100 * value:+.1f} points"
    text = number(change.metric, change.kind, abs(value))
    return f"{'-' if value < 0 else '+'}{text}"
