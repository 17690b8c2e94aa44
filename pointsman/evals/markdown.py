"""The gate's result in GitHub's Markdown, for a pull request."""

import re
from collections.abc import Sequence

from pointsman.evals.change import Change
from pointsman.evals.compare import Comparison
from pointsman.evals.gate import Gated
from pointsman.evals.wording import JUDGEMENTS, figure, interval, moved_by

_MARKUP = re.compile(r"([\\`*_{}\[\]<>|~$&!])")
_LINKED = re.compile(r"(?<=[@#])|(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
"""Where GitHub would begin a mention, a reference or a link, even after a backslash. A comment
there, which shows nothing, stops it."""
_BEGINS = re.compile(r"^(\d*)([-+#=.)])")
"""What begins a list, a title or a rule at the start of a line."""
MOST = 50
"""Regressed cases that are named."""


def markdown(gated: Gated) -> str:
    """A summary: the verdict, the checks, the comparison, the cases that no longer pass. No text of
    a case, a model or a user becomes markup, a link or a mention."""
    word = "passed" if gated.passed else "failed"
    mark = "✅" if gated.passed else "❌"
    parts = [f"## {mark} Gate of {plain(gated.suite or 'the suite')}: {word}", _about(gated)]
    rows = [
        ("✅" if check.passed else "❌", plain(check.name), plain(check.why))
        for check in gated.checks
    ]
    parts.append(_table(("", "check", "why"), rows))
    if gated.comparison is not None:
        parts += _compared(gated.comparison)
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(gated: Gated) -> str:
    text = f"{gated.samples} samples, {gated.errors} errors"
    if gated.version:
        text += f", version {plain(gated.version[:12])}"
    return text + (f", against baseline {plain(gated.baseline)}." if gated.baseline else ".")


def _compared(comparison: Comparison) -> list[str]:
    rows = [_row(change) for change in comparison.changes]
    head = ("metric", "baseline", "now", "change", "interval", "verdict")
    parts = ["### Against the baseline", _table(head, rows)]
    lost = comparison.regressed
    if lost:
        named = [
            f"- {plain(moved.case)} (epoch {moved.epoch}): {plain(', '.join(moved.metrics))}"
            + (f"; {plain(moved.error)}" if moved.error else "")
            for moved in lost[:MOST]
        ]
        if len(lost) > MOST:
            named.append(f"- and {len(lost) - MOST} more")
        title = f"<details><summary>{len(lost)} samples no longer pass</summary>"
        parts.append("\n\n".join((title, "\n".join(named), "</details>")))
    odd = [
        f"{len(keys)} {what}"
        for keys, what in (
            (comparison.gone, "only in the baseline"),
            (comparison.new, "only in the run"),
            (comparison.changed, "whose case changed"),
        )
        if keys
    ]
    if odd:
        parts.append(f"Samples without a pair: {', '.join(odd)}.")
    return parts


def _row(change: Change) -> tuple[str, ...]:
    said = JUDGEMENTS[change.verdict]
    if change.verdict == "not_comparable":
        said += f": {change.why}"
    return (
        plain(change.metric),
        figure(change, change.before),
        figure(change, change.now),
        moved_by(change),
        interval(change),
        plain(said),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def plain(text: str) -> str:
    """Text on one line, nothing of it read as markup."""
    flat = _BEGINS.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", " ".join(text.split())))
    return _LINKED.sub("<!-- -->", flat)
