"""The way of a run's messages: a lane for each that takes part, an arrow for each message."""

from dataclasses import dataclass

from pointsman.evals.page.escaped import safe
from pointsman.nodes.event import RunEnded
from pointsman.teams.replay.record import RunRecord, StepRecord
from pointsman.views.runpage.given import kind, place

WIDE, HIGH, TOP = 150, 34, 44
PEOPLE = "people"
_LONGEST = 18


@dataclass(frozen=True)
class _Arrow:
    frm: str
    to: str
    text: str


def lanes(record: RunRecord) -> str:
    """The picture as SVG, wide as its lanes: the box around it scrolls."""
    arrows = _arrows(record)
    names = list(dict.fromkeys(name for one in arrows for name in (one.frm, one.to)))
    if not arrows:
        return '<p class="note">No steps are on record.</p>'
    places = {name: 75 + n * WIDE for n, name in enumerate(names)}
    width, height = len(names) * WIDE, TOP + (len(arrows) + 1) * HIGH
    heads = "".join(_lane(name, places[name], height) for name in names)
    drawn = "".join(_arrow(one, places, TOP + (n + 1) * HIGH) for n, one in enumerate(arrows))
    said = ", ".join(f"{one.frm} to {one.to}: {one.text}" for one in arrows)
    return (
        f'<div class="wide lanes" tabindex="0" role="img" aria-label="{safe(said)}">'
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
        ' markerHeight="7" orient="auto-start-reverse"><path class="tip" d="M0 0L8 4L0 8z"/>'
        f"</marker></defs>{heads}{drawn}</svg></div>"
    )


def _arrows(record: RunRecord) -> list[_Arrow]:
    found: list[_Arrow] = []
    asker, before = record.request.sender, ""
    for step in record.steps:
        to, what = place(step), kind(step)
        frm = before if before == "route" else _sender(step, asker)
        before = to
        if step.name.rpartition("~")[2] in ("intake",):
            found.append(_Arrow(asker, "route", "request"))
        elif step.name.rpartition("~")[2] == "finish":
            found.append(_Arrow(frm, asker, what or "end"))
        elif to != "route" or found[-1:] != [_Arrow(asker, "route", "request")]:
            found.append(_Arrow(frm, to, "decide" if frm == PEOPLE else what))
        found += [
            _Arrow(to, PEOPLE, "asks")
            for one in step.events
            if isinstance(one.event, RunEnded) and one.event.status == "waiting"
        ]
    return found


def _sender(step: StepRecord, asker: str) -> str:
    if step.name.endswith(":execute"):
        return PEOPLE if step.sender else asker
    return step.sender or asker


def _lane(name: str, x: int, height: int) -> str:
    short = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    return (
        f'<line class="lane" x1="{x}" y1="{TOP - 6}" x2="{x}" y2="{height - 8}"/>'
        f'<rect class="head" x="{x - 66}" y="8" width="132" height="28" rx="7"/>'
        f'<text class="who" x="{x}" y="27" text-anchor="middle">{safe(short)}</text>'
    )


def _arrow(one: _Arrow, places: dict[str, int], y: int) -> str:
    a, b = places[one.frm], places[one.to]
    if a == b:
        path = f"M{a} {y - 8}h26v14h-22"
        text_x, anchor = a + 34, "start"
    else:
        path = f"M{a} {y}H{b - 4 if b > a else b + 4}"
        text_x, anchor = (a + b) // 2, "middle"
    return (
        f'<path class="way" d="{path}" marker-end="url(#tip)"/>'
        f'<text class="label" x="{text_x}" y="{y - 6}" text-anchor="{anchor}">'
        f"{safe(one.text)}</text>"
    )
