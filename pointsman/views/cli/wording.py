"""Events, kinds of tickets and figures in words: the same in every view of the command line."""

from dataclasses import dataclass
from typing import Literal

from pointsman.nodes.event import (
    AnswerPiece,
    BoundHit,
    BreakerMoved,
    Cascaded,
    Event,
    FellBack,
    Hedged,
    Judged,
    ModelCalled,
    ModelFailed,
    Resolved,
    Routed,
    RunEnded,
    RunStarted,
    Summarised,
    TicketDecided,
    TicketOpened,
    TicketReminded,
    ToolCalled,
)
from pointsman.nodes.limits import BreakerState
from pointsman.nodes.message import Origin, Source, Status
from pointsman.teams.tickets import Kind
from pointsman.views.visible import one_line

Tone = Literal["plain", "good", "note", "warn", "bad", "dim"]

STATUS_TONE: dict[Status, Tone] = {
    "done": "good",
    "partial": "note",
    "waiting": "note",
    "blocked": "bad",
    "no_route": "warn",
    "cancelled": "warn",
    "failed": "bad",
}
STATUS_WORDS: dict[Status, str] = {
    "done": "done",
    "partial": "partial",
    "waiting": "waiting for a person",
    "blocked": "blocked",
    "no_route": "no route",
    "cancelled": "cancelled",
    "failed": "failed",
}
_WRITTEN_BY: dict[Source, str] = {
    "model": "the model",
    "rules": "rules",
    "fallback": "the fallback",
    "person": "a person",
    "guard": "a guard",
}
_TIERS = {
    "rules": "by a rule",
    "sticky": "same topic as before",
    "classifier": "by the classifier",
    "model": "by the model",
    "handoff": "handed over",
    "person": "by a person",
    "bound": "has the last word",
    "none": "",
}


@dataclass(frozen=True, slots=True)
class KindWords:
    """What waits, and what each decision means for it. Empty: this kind does not take it."""

    waits: str
    approve: str
    reject: str
    respond: str = ""
    edit: str = ""
    asks_respond: str = "your answer"
    """What the person types after respond."""
    late: str = "it is rejected"
    """What happens when nobody decides in time."""


NO_TOOL: tuple[Kind, ...] = ("admit", "release", "route", "plan")
"""Kinds of tickets behind which no tool stands."""
KINDS: dict[Kind, KindWords] = {
    "action": KindWords(
        waits="an action",
        approve="do it as shown",
        edit="do it with other arguments",
        reject="do not do it; the specialist sees your reason",
        respond="do not do it; answer yourself",
    ),
    "admit": KindWords(
        waits="a guard holds this message on its way in",
        approve="let it in",
        reject="keep it out",
        respond="keep it out; answer yourself",
        late="it is kept out",
    ),
    "release": KindWords(
        waits="a guard holds this answer on its way out",
        approve="let it out",
        edit="let it out with another text",
        reject="hold it back",
        respond="hold it back; answer yourself",
        late="it is held back",
    ),
    "ambiguous": KindWords(
        waits="nobody knows whether this happened",
        approve="it did not happen: do it now",
        reject="it did not happen: leave it",
        respond="it happened: record this result",
        asks_respond="its result",
        late="it stays unknown",
    ),
    "compensate": KindWords(
        waits="this was done in a run that came to nothing",
        approve="undo it",
        reject="leave it done",
        late="it stays done",
    ),
    "route": KindWords(
        waits="where this goes",
        approve="send it there",
        edit="send it to somebody else",
        reject="send it nowhere; the run ends",
        respond="send it nowhere; answer yourself",
        late="it goes nowhere and the run ends",
    ),
    "plan": KindWords(
        waits="tasks that a specialist wants to give to others",
        approve="let them begin",
        edit="let other tasks begin",
        reject="do not; the specialist sees your reason",
        respond="do not; answer yourself",
    ),
}
ORIGINS: dict[Origin, str] = {
    "person": "from the person's own words",
    "tool": "from a tool's result",
    "document": "from a document",
    "default": "the default",
    "model": "chosen by the model",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One step: a one-word label, what happened, and how it should look."""

    label: str
    text: str
    tone: Tone = "plain"


def line_of(event: Event) -> Line:  # noqa: C901, PLR0912 (a case for each kind)
    """The event in words."""
    match event:
        case Routed():
            return _routed(event)
        case Judged():
            return _judged(event)
        case AnswerPiece():
            return Line("answer", "begins anew" if event.restart else event.text, "dim")
        case ModelCalled():
            return _called(event)
        case ModelFailed():
            then = f"; trying {event.next}" if event.next else "; nothing left to try"
            return Line("model", f"{event.model}: {one_line(event.message)}{then}", "warn")
        case ToolCalled():
            how = "" if event.ok else f" failed: {one_line(event.error)}"
            kind = "write" if event.effect == "write" else "read"
            text = f"{event.tool} ({kind}, {seconds(event.seconds)}){how}"
            return Line("tool", text, "plain" if event.ok else "bad")
        case TicketOpened():
            why = f": {one_line(event.reason)}" if event.reason else ""
            text = f"{short(event.ticket)} {event.tool} waits for a person{why}"
            return Line("ticket", text, "note")
        case TicketDecided():
            return Line("decision", f"{short(event.ticket)} {event.decision} by {event.by}", "note")
        case TicketReminded():
            text = f"{short(event.ticket)} waits for {seconds(event.waited)}"
            return Line("reminder", text, "note")
        case BoundHit():
            text = f"{one_line(event.reason)} {_AFTER[event.then].format(to=event.to)}"
            return Line("bound", text, "warn")
        case FellBack() | BreakerMoved() | Cascaded() | Hedged():
            return _coped(event)
        case Summarised():
            return Line("memory", f"{event.messages} older messages were summed up", "dim")
        case Resolved():
            return _resolved(event)
        case RunStarted():
            return Line("start", f"run {short(event.run)}, thread {event.thread}", "dim")
        case RunEnded():
            return ended(event.status, event.specialist, event.by)


def _coped(event: FellBack | BreakerMoved | Cascaded | Hedged) -> Line:
    if isinstance(event, Hedged):
        slow, beside = event.models
        came = f"{event.model} answered first" if event.model else "neither answered"
        text = (
            f"{slow} took longer than {seconds(event.after)}, {beside} was asked beside it: {came}"
        )
        return Line("hedge", text, "plain")
    if isinstance(event, Cascaded):
        text = f"{event.tier}: {_CASCADED[event.verdict]}, {event.model} answers"
        return Line("cascade", text, "note" if event.verdict == "escalated" else "plain")
    if isinstance(event, FellBack):
        text = f"{event.specialist} answers by rules: {event.error}, {one_line(event.message)}"
        return Line("fallback", text, "warn")
    text, tone = _BREAKER[event.state]
    return Line("breaker", f"{event.of} {event.key} {text}", tone)


def _resolved(event: Resolved) -> Line:
    text = f"{event.answered} of {event.members} answered, {event.distinct} different"
    text += f"; agreement {event.agreement:.0%}"
    if not event.resolver:
        return Line("panel", f"{text}; nobody could settle it", "bad")
    text += f"; settled by {event.resolver}" + (f": {event.winner}" if event.winner else "")
    return Line("panel", text, "plain" if event.distinct < 2 else "note")


_AFTER = {
    "fallback": "{to} has the last word.",
    "person": "A person is asked.",
    "partial": "The run ends with what was done.",
    "fail": "The run fails.",
}

_CASCADED = {
    "checked": "a cheap answer passed its check",
    "agreed": "two cheap answers agree",
    "escalated": "no cheap answer held",
}

_BREAKER: dict[BreakerState, tuple[str, Tone]] = {
    "open": ("failed too often: left alone for a while", "warn"),
    "half_open": ("is tried again", "note"),
    "closed": ("works again", "good"),
}


def ended(status: Status, specialist: str, by: Source | None) -> Line:
    """How a run ended: its status and who wrote the answer."""
    words = STATUS_WORDS[status]
    if by is not None and status != "waiting":
        words += f", answered by {_WRITTEN_BY[by]}"
    if specialist:
        words += f" ({specialist})"
    return Line("end", words, STATUS_TONE[status])


def _routed(event: Routed) -> Line:
    if not event.to:
        why = f": {one_line(event.reason)}" if event.reason else ""
        return Line("route", f"nobody{why}", "warn")
    if event.parts:
        text = f"{len(event.parts)} parts, to {', '.join(event.parts)} {_TIERS[event.tier]}"
        return Line("route", text, "good")
    sure = "" if event.confidence is None else f"{event.confidence:.0%} "
    plain = not event.reason or event.tier in ("model", "classifier")
    why = "" if plain else f" ({one_line(event.reason)})"
    return Line("route", f"{event.to} {sure}{_TIERS[event.tier]}{why}", "good")


def _judged(event: Judged) -> Line:
    found = f"{event.count} found" if event.count else ""
    about = ", ".join(part for part in (event.stage, event.rule, found) if part)
    verdict = {
        "allow": "allows",
        "redact": "redacts",
        "block": "blocks",
        "escalate": "asks a person",
    }
    tone: Tone = {"allow": "dim", "redact": "note", "block": "bad", "escalate": "note"}[
        event.verdict
    ]  # pyright: ignore[reportAssignmentType]
    return Line("guard", f"{event.guard} {verdict[event.verdict]} ({about})", tone)


def _called(event: ModelCalled) -> Line:
    if event.source == "model":
        cost = f"{event.input_tokens}+{event.output_tokens} tokens, {money(event.usd)}"
        return Line("model", f"{event.purpose}: {event.model}, {cost}, {seconds(event.seconds)}")
    where = {"cache": "cache hit", "journal": "already paid", "flight": "shared with an equal call"}
    saved = f"saved {seconds(event.saved_seconds)}"
    if event.saved_usd:
        saved += f" and {money(event.saved_usd)}"
    return Line("model", f"{event.purpose}: {where[event.source]}, {saved}", "dim")


def seconds(value: float) -> str:
    """A duration: `4 ms`, `1.2 s`, `3 min 20 s`."""
    if value < 0.95:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def span(value: float) -> str:
    """A wait in its largest unit: `45 s`, `12 min`, `3 h`, `2 d`. Rounded down."""
    units = ((86_400, "d"), (3600, "h"), (60, "min"))
    size, name = next(((size, name) for size, name in units if value >= size), (1, "s"))
    return f"{int(value // size)} {name}"


def money(value: float | None) -> str:
    """US dollars: `$0`, `$0.0012`, `$3.20`; `price unknown` for None."""
    if value is None:
        return "price unknown"
    if value == 0:
        return "$0"
    return f"${value:.2f}" if value >= 1 else f"${value:.4f}"


def short(name: str) -> str:
    """The first eight characters of a long id: enough to give back as a prefix."""
    return name[:8] if len(name) > 12 else name
