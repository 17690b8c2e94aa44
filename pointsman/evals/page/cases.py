"""One sample on the page: a line that opens, and all that is known of it."""

import json
from collections.abc import Mapping

from pointsman.evals.compare import Moved
from pointsman.evals.metrics import row_of
from pointsman.evals.page.escaped import safe
from pointsman.evals.record import Sample
from pointsman.evals.said import said
from pointsman.evals.wording import number

LONG = 20_000
"""Characters of one turn that are shown."""


def case(
    sample: Sample, tags: Mapping[str, int], *, lost: Moved | None = None,
    won: Moved | None = None, before: Sample | None = None,
) -> str:  # fmt: skip
    """The sample as a `<details>`. `tags` numbers the tags for the filter; `before` is the same
    sample in the baseline, shown beside it where it has something to show."""
    state = status(sample)
    moved = "worse" if lost else "better" if won else ""
    numbers = " ".join(str(tags[tag]) for tag in sample.tags if tag in tags)
    return (
        f'<details class="case {state}" data-state="{state}" data-moved="{moved}"'
        f' data-tags="{numbers}"><summary>{_summary(sample, state, lost, won)}</summary>'
        f'<div class="inside">{_inside(sample, before)}</div></details>'
    )


def status(sample: Sample) -> str:
    """`error`, `fail`, `pass`, or `none` where nothing says pass or fail."""
    if sample.error:
        return "error"
    passed = row_of(sample).passed
    return "none" if passed is None else "pass" if passed else "fail"


def _summary(sample: Sample, state: str, lost: Moved | None, won: Moved | None) -> str:
    words = {"error": "error", "fail": "failed", "pass": "passed", "none": "no verdict"}[state]
    epoch = f'<span class="soft">epoch {sample.epoch}</span>' if sample.epoch > 1 else ""
    tags = "".join(f'<span class="tag">{safe(tag)}</span>' for tag in sample.tags)
    change = "".join(
        f'<span class="moved {word}">{word}: {safe(", ".join(moved.metrics))}</span>'
        for word, moved in (("worse", lost), ("better", won))
        if moved is not None
    )
    return (
        f'<span class="state">{words}</span><span class="id">{safe(sample.case)}</span>{epoch}'
        f'<span class="about">{safe(_brief(sample.input))}</span>{change}{tags}'
        f'<span class="soft cost">{number("usd", "mean", sample.usd)},'
        f" {number('seconds', 'mean', sample.seconds)}</span>"
    )


def _brief(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 120 else f"{flat[:119]}…"


def _inside(sample: Sample, before: Sample | None) -> str:
    parts = [_scores(sample)]
    old = "" if before is None else _transcript(before)
    if old:
        parts.append(
            '<div class="beside"><section><h4>before</h4>'
            f"{old}</section><section><h4>now</h4>{_transcript(sample)}</section></div>"
        )
    else:
        parts.append(_transcript(sample))
    parts.append(_facts(sample))
    return "".join(parts)


def _scores(sample: Sample) -> str:
    chips = [_chip(name, value) for name, value in sorted(sample.scores.items())]
    chips += [
        f'<li class="bad"><b>{safe(name)}</b> unscored: {safe(why)}</li>'
        for name, why in sorted(sample.unscored.items())
    ]
    return f'<ul class="scores">{"".join(chips)}</ul>' if chips else ""


def _chip(name: str, value: bool | float | str) -> str:  # noqa: FBT001 (a score)
    if isinstance(value, bool):
        tone, word = ("good", "passed") if value else ("bad", "failed")
        return f'<li class="{tone}"><b>{safe(name)}</b> {word}</li>'
    text = value if isinstance(value, str) else number(name, "mean", value)
    return f"<li><b>{safe(name)}</b> {safe(text)}</li>"


def _transcript(sample: Sample) -> str:
    turns: list[str] = []
    for turn in said(sample):
        known = turn.who in ("user", "assistant", "system", "call", "output", "error")
        kind = turn.who if known else "tool"
        text = turn.text if len(turn.text) <= LONG else f"{turn.text[:LONG]} … (cut)"
        turns.append(
            f'<div class="turn {kind}"><span class="who">{safe(turn.who)}</span>'
            f"<pre>{safe(text)}</pre></div>"
        )
    return "".join(turns)


def _facts(sample: Sample) -> str:
    facts: list[tuple[str, str]] = []
    if sample.expected:
        facts.append(("expected", _json(dict(sample.expected))))
    facts += [(f"why {name}", note) for name, note in sorted(sample.notes.items()) if note]
    if sample.route or sample.expected_route is not None:
        facts.append(("route", sample.route or "nobody"))
    if sample.trajectory:
        way = " → ".join(f"{step.kind} {step.name}" for step in sample.trajectory)
        facts.append(("way", way))
    for ticket in sample.tickets:
        fate = ticket.decision or ticket.status
        facts.append(("ticket", f"{ticket.tool} {_json(dict(ticket.args))}: {fate}"))
    facts += [("effect", f"{e.tool} {_json(dict(e.args))}: {e.state}") for e in sample.effects]
    facts += [("guard", f"{v.guard}: {v.verdict} {v.rule}".rstrip()) for v in sample.verdicts]
    used = f"{sample.model_calls} model calls, {sample.tokens} tokens"
    facts.append(
        ("used", used + (f", {sample.cache_hits} from the cache" if sample.cache_hits else ""))
    )
    rows = "".join(f"<dt>{safe(name)}</dt><dd>{safe(text)}</dd>" for name, text in facts)
    return f"<dl>{rows}</dl>"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
