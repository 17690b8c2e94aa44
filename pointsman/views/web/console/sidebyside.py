"""Two runs side by side: what they came to, and their steps laid beside each other."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, unified_diff

from pointsman.views.cli.wording import money, seconds
from pointsman.views.web.console import runshapes


def compared(a: runshapes.RunPage, b: runshapes.RunPage) -> runshapes.ComparePage:
    """Both pages, compared."""
    return runshapes.ComparePage(
        a=a.line, b=b.line, sides=tuple(_sides(a, b)), steps=tuple(_pairs(a.steps, b.steps)),
        answer=difference(a.answer, b.answer),
    )  # fmt: skip


def difference(before: str, after: str) -> tuple[runshapes.DiffLine, ...]:
    """The lines in which two texts differ, with three around each; empty where they are equal."""
    found = list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3))[2:]
    return tuple(
        runshapes.DiffLine.model_validate(
            {"mark": line[:1], "text": "" if line[:2] == "@@" else line[1:]}
        )
        for line in found
        if line
    )


def _sides(a: runshapes.RunPage, b: runshapes.RunPage) -> Iterator[runshapes.Side]:
    for name, one, other in (
        ("request", a.text, b.text),
        ("state", a.line.state, b.line.state),
        ("error", a.line.error, b.line.error),
        ("route", a.route, b.route),
        ("routed by", a.route_tier, b.route_tier),
        ("specialist", a.line.specialist, b.line.specialist),
        ("release", a.line.release or "none", b.line.release or "none"),
        ("model calls", str(a.line.calls), str(b.line.calls)),
        ("from the cache", str(a.cache_hits), str(b.cache_hits)),
        ("tokens", _tokens(a), _tokens(b)),
        ("cost", money(a.line.usd), money(b.line.usd)),
        ("time", seconds(a.line.seconds), seconds(b.line.seconds)),
        ("tools", _tools(a), _tools(b)),
        ("tickets", str(len(a.tickets)), str(len(b.tickets))),
        ("effects", _effects(a), _effects(b)),
    ):
        yield runshapes.Side(name=name, a=one, b=other, same=one == other)


def _pairs(
    a: Sequence[runshapes.Step], b: Sequence[runshapes.Step]
) -> Iterator[runshapes.PairLine]:
    ours, theirs = [_key(one) for one in a], [_key(one) for one in b]
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        for n in range(max(i2 - i1, j2 - j1)):
            one = a[i1 + n] if i1 + n < i2 else None
            other = b[j1 + n] if j1 + n < j2 else None
            yield runshapes.PairLine(a=one, b=other, same=tag == "equal")


def _key(step: runshapes.Step) -> str:
    """What makes two steps the same: what happened to whom, not when or for how much."""
    detail = step.detail if isinstance(step.detail, dict) else {}
    names = ("to", "tool", "model", "purpose", "verdict", "rule", "decision", "status", "effect")
    return " ".join([step.kind, step.who, *(str(detail.get(name, "")) for name in names)])


def _tokens(page: runshapes.RunPage) -> str:
    return f"{page.input_tokens}+{page.output_tokens}"


def _tools(page: runshapes.RunPage) -> str:
    return ", ".join(one.tool + ("" if one.ok else " (failed)") for one in page.tools)


def _effects(page: runshapes.RunPage) -> str:
    return ", ".join(f"{one.tool} {one.state}" for one in page.effects)
