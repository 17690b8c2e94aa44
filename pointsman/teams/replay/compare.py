"""What a replay came to, beside what was recorded: where they part, the first place first."""

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pydantic import JsonValue

from pointsman.nodes.digest import JsonObject, canonical
from pointsman.nodes.event import (
    BoundHit,
    Event,
    FellBack,
    Judged,
    Resolved,
    Routed,
    RunEnded,
    TicketDecided,
    TicketOpened,
)
from pointsman.nodes.gateway.parts import whole
from pointsman.nodes.message import Frozen
from pointsman.nodes.tape import Met
from pointsman.teams.replay.recording import Recording, bare, content

What = Literal[
    "step", "message", "request", "read", "route", "verdict", "ticket", "effect", "event", "result",
    "child",
]  # fmt: skip
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)? s\b|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
MOST_LINES = 60
"""Of one diff."""


class Divergence(Frozen):
    """One place where a replay did something else than the recorded run."""

    run: str
    step: str
    """As `show` lists it; empty for the run as a whole."""
    specialist: str = ""
    what: What
    text: str
    """In a sentence."""
    then: str = ""
    now: str = ""
    diff: tuple[str, ...] = ()
    """Lines of a unified diff, from then to now."""
    at: float = 0.0
    """When the recorded step began, in seconds since the epoch."""


@dataclass(frozen=True)
class _Place:
    """Where differences are looked for."""

    run: str
    step: str = ""
    specialist: str = ""
    at: float = 0.0

    def differs(
        self, what: What, text: str, then: JsonValue = None, now: JsonValue = None
    ) -> Divergence:
        told, tells = _shown(then), _shown(now)
        return Divergence(
            run=self.run, step=self.step, specialist=self.specialist, what=what, text=text,
            then=told, now=tells, diff=_diff(told, tells), at=self.at,
        )  # fmt: skip


def divergences(then: Recording, now: Recording) -> tuple[Divergence, ...]:
    """All of them, by the time of the recorded step."""
    return tuple(sorted(_compared(then, now), key=lambda one: one.at))


def _compared(then: Recording, now: Recording) -> Iterator[Divergence]:
    attempt = then.row.attempt
    names = [n for n in then.groups if _of(n, attempt) and not n.endswith("intake")]
    again = [n for n in now.groups if _of(n, attempt) and not n.endswith("intake")]
    for n, name in enumerate(names):
        first = then.groups[name][0]
        place = _Place(then.row.run, name, first.body.specialist, first.at)
        other = again[n] if n < len(again) else ""
        if other != name:
            came = f"{other!r} came" if other else "the run stopped before it"
            yield place.differs("step", f"Step {name!r} was next then; now {came}.", name, other)
            break
        yield from _steps(then, now, name, place)
    else:
        for name in again[len(names) :]:
            place = _Place(then.row.run, name, at=then.events[-1].at if then.events else 0.0)
            yield place.differs("step", f"Step {name!r} follows now, and did not then.", "", name)
            break
    yield from _children(then, now)
    yield from _kept(then, now)


def _of(step: str, attempt: int) -> bool:
    begins, mark, _ = step.partition("~")
    return (int(begins) if mark and begins.isdigit() else 1) == attempt


def _steps(then: Recording, now: Recording, name: str, place: _Place) -> Iterator[Divergence]:
    for one, other in zip(then.groups[name], now.groups[name], strict=False):
        if _plain(content(one.body.given)) != _plain(content(other.body.given)):
            text = "The step is given another message."
            yield place.differs("message", text, bare(one.body.given), bare(other.body.given))
    yield from _met(then, now, name, place)
    yield from _events(then, now, name, place)


def _met(then: Recording, now: Recording, name: str, place: _Place) -> Iterator[Divergence]:
    olds, news = _unlike(_all_met(then, name), _all_met(now, name))
    for kind in ("model", "read"):
        old = [met for met in olds if met.kind == kind]
        new = [met for met in news if met.kind == kind]
        for n in range(max(len(old), len(new))):
            was = old[n] if n < len(old) else None
            met = new[n] if n < len(new) else None
            yield _differs(then, now, was, met, place)


def _differs(
    then: Recording, now: Recording, was: Met | None, met: Met | None, place: _Place
) -> Divergence:
    one = met or was
    assert one is not None  # noqa: S101 (one of two lists had it)
    of, what = ("model call", "request") if one.kind == "model" else ("read", "read")
    called = str(one.asked.get("purpose", "")) if one.kind == "model" else one.name
    text = f"The {of} {called!r} asks for something else."
    if met is None:
        text = f"The {of} {called!r} was made then, and is not made now."
    if was is None:
        text = f"The {of} {called!r} is made now, and was not made then."
    old = None if was is None else _request(was, then.parts)
    new = None if met is None else _request(met, now.parts)
    return place.differs("request" if what == "request" else "read", text, old, new)


def _request(met: Met, parts: Mapping[str, str]) -> JsonObject:
    return whole(met.asked, parts) if met.kind == "model" else met.asked


def _all_met(recording: Recording, name: str) -> list[Met]:
    found = (met for row in recording.groups[name] for met in row.body.met)
    # A summary was asked for while the thread was recalled, which is played as a whole.
    return [
        met
        for met in found
        if met.kind in ("model", "read")
        and met.outcome != "cut"
        and met.asked.get("purpose") != "summary"
    ]


def _unlike(then: Sequence[Met], now: Sequence[Met]) -> tuple[list[Met], list[Met]]:
    """What stands in one of the two only."""
    count = Counter(map(_key, then)) - Counter(map(_key, now))
    extra = Counter(map(_key, now)) - Counter(map(_key, then))
    return _picked(then, count), _picked(now, extra)


def _picked(found: Sequence[Met], count: "Counter[tuple[str, ...]]") -> list[Met]:
    left, picked = count.copy(), list[Met]()
    for met in found:
        if left[_key(met)] > 0:
            left[_key(met)] -= 1
            picked.append(met)
    return picked


def _key(met: Met) -> tuple[str, ...]:
    return (met.kind, met.step, met.digest)


def _events(then: Recording, now: Recording, name: str, place: _Place) -> Iterator[Divergence]:
    old, new = _told(then, name), _told(now, name)
    same = _same_tickets(then, now)
    gone = Counter({k: n for k, n in (old - new).items() if _about(k) not in same})
    come = Counter({k: n for k, n in (new - old).items() if _about(k) not in same})
    kinds = dict.fromkeys(kind for kind, _ in [*gone, *come])
    for kind in kinds:
        was = [text for k, text in gone.elements() if k == kind]
        tells = [text for k, text in come.elements() if k == kind]
        what, words = _WHAT.get(kind, ("event", f"{kind} differs."))
        yield place.differs(what, words, "\n".join(was), "\n".join(tells))


def _same_tickets(then: Recording, now: Recording) -> set[str]:
    """Tickets that came to the same. A crash may have lost the event of one, never its row."""
    old, new = _tickets(then), _tickets(now)
    return {name for name in old if old[name] == new.get(name)}


def _about(told: tuple[str, str]) -> str:
    """The ticket that an event's line is about; empty for any other."""
    kind, text = told
    return str(json.loads(text)["ticket"]) if kind.startswith("ticket_") else ""


_WHAT: Mapping[str, tuple[What, str]] = {
    "routed": ("route", "It is routed elsewhere, or for another reason."),
    "judged": ("verdict", "A guard judges otherwise."),
    "ticket_opened": ("ticket", "Another ticket is opened."),
    "ticket_decided": ("ticket", "Another decision is acted on."),
    "run_ended": ("result", "The run ends otherwise."),
}


def _told(recording: Recording, name: str) -> "Counter[tuple[str, str]]":
    """The events of a step that say what the run did, in all its executions. One that was run
    again after a crash may stand there twice."""
    total: Counter[tuple[str, str]] = Counter()
    rows = [*recording.steps, None]
    by_row: dict[int, Counter[tuple[str, str]]] = {}
    for row, following in pairwise(rows):
        if row is not None and row.step == name:
            last = following.body.first if following else len(recording.events)
            events = (r.event for r in recording.events[row.body.first : last])
            by_row[row.n] = Counter(told for told in map(_line, events) if told)
    for kept in recording.groups[name]:
        same = [n for n in by_row if n <= kept.n]
        joined: Counter[tuple[str, str]] = Counter()
        for n in same:
            joined |= by_row.pop(n)
        total += joined
    return total


def _line(event: Event) -> tuple[str, str] | None:
    shown: JsonObject
    match event:
        case RunEnded(status="waiting") | TicketDecided(decision="escalate"):
            return None  # by the clock or a person, beside the run
        case Routed():
            shown = {"to": event.to, "tier": event.tier, "parts": list(event.parts)}
        case Judged():
            shown = event.model_dump(mode="json", exclude={"kind"})
        case TicketOpened():
            shown = {"ticket": event.ticket, "tool": event.tool, "specialist": event.specialist}
        case TicketDecided():
            shown = {"ticket": event.ticket, "decision": event.decision, "by": event.by}
        case FellBack():
            shown = {"specialist": event.specialist, "error": event.error}
        case BoundHit():
            shown = {"bound": event.bound, "then": event.then, "to": event.to}
        case Resolved():
            shown = event.model_dump(mode="json", exclude={"kind"})
        case RunEnded():
            shown = {"status": event.status, "specialist": event.specialist, "by": event.by}
        case _:
            return None
    return event.kind, canonical(shown).decode()


def _children(then: Recording, now: Recording) -> Iterator[Divergence]:
    others = {child.row.run: child for child in now.children}
    for child in then.children:
        other = others.pop(child.row.run, None)
        if other is not None:
            yield from _compared(child, other)
        elif child.steps:
            place = _Place(child.row.run, at=child.began)
            yield place.differs("child", f"Task {child.row.task!r} is not given to others now.")
    for child in others.values():
        place = _Place(child.row.run, at=child.began)
        yield place.differs("child", f"Task {child.row.task!r} is given to others now.")


def _kept(then: Recording, now: Recording) -> Iterator[Divergence]:
    """Tickets, effects and the result."""
    place = _Place(then.row.run, at=then.events[-1].at if then.events else 0.0)
    old, new = _tickets(then), _tickets(now)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            text = f"Ticket {name} differs."
            yield place.differs("ticket", text, old.get(name), new.get(name))
    before, after = _effects(then), _effects(now)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield place.differs("effect", "An effect differs.", before.get(name), after.get(name))
    if _result(then) != _result(now):
        yield place.differs(
            "result", "The run comes to something else.", _result(then), _result(now)
        )


def _tickets(recording: Recording) -> dict[str, JsonObject]:
    return {
        t.id: {
            "kind": t.kind, "tool": t.tool, "specialist": t.specialist, "args": t.args,
            "rule": t.policy_rule, "decision": t.decision, "by": t.by, "status": t.status,
        }
        for t in recording.tickets
    }  # fmt: skip


def _effects(recording: Recording) -> dict[str, JsonObject]:
    return {
        e.ticket: {"tool": e.tool, "digest": e.digest, "state": e.state} for e in recording.effects
    }


def _result(recording: Recording) -> JsonObject:
    row, result = recording.row, recording.row.result
    return {
        "status": row.state,
        "specialist": result.specialist if result else "",
        "answer": _NUMBER.sub("…", result.answer) if result else "",
        "data": result.data if result else None,
        "error": result.error if result else "",
        "by": result.by if result else None,
    }


def _plain(body: bytes) -> str:
    return _NUMBER.sub("…", body.decode("utf-8", "surrogatepass"))


def _shown(value: JsonValue) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True).replace("\\n", "\n")


def _diff(then: str, now: str) -> tuple[str, ...]:
    lines = difflib.unified_diff(then.splitlines(), now.splitlines(), "then", "now", "", "", 2, "")
    found = [line.rstrip() for line in lines]
    more = len(found) - MOST_LINES
    return tuple(found[:MOST_LINES]) + ((f"… and {more} more lines",) if more > 0 else ())
