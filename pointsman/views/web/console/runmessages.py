"""The messages of a run: what every step was given, and what people said of its tickets."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import Recorded
from pointsman.nodes.message import request_of
from pointsman.teams.replay.record import RunRecord, StepRecord
from pointsman.teams.tickets import Ticket
from pointsman.views.runpage.given import kind, payload, place, words
from pointsman.views.web.console.runshapes import MessageShown

MOST = 300
"""Messages on a page; the exported file has all of them."""
LONGEST, SHORT = 8_000, 200
"""Characters of one message, and of one where the page has `WHOLE` already."""
WHOLE = 400_000
_ELSEWHERE = (
    "kind", "text", "request", "transcript", "history", "evidence", "said", "delegation", "by",
)  # fmt: skip
"""Parts of a payload that its words, or another message, say."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Those of a page, in the order in which they were sent."""

    shown: tuple[MessageShown, ...]
    left: int
    """How many more there are."""


def messages(record: RunRecord, events: Sequence[Recorded]) -> Messages:
    """All that was said in a run. A run of an older version has no steps on record: then its
    request, its tickets and its answer are all there is."""
    room = _Room()
    given = [*_given(record, events, room)]
    if not given:
        given = [*_ends(record, room)]
    found = sorted((*given, *_tickets(record.tickets, room)), key=lambda one: one.at or 0)
    return Messages(tuple(found[:MOST]), max(0, len(found) - MOST))


@dataclass
class _Room:
    """What may still be shown."""

    left: int = field(default=WHOLE)

    def cut(self, text: str) -> tuple[str, int]:
        """The text as shown, and how many characters of it are not."""
        kept = text[: max(SHORT, min(LONGEST, self.left))]
        self.left -= len(kept)
        return kept, len(text) - len(kept)

    def fits(self, data: JsonValue) -> bool:
        """Whether the data may be shown; if so it is counted."""
        size = len(json.dumps(data, ensure_ascii=False))
        if size > min(LONGEST, self.left):
            return False
        self.left -= size
        return True


def _given(record: RunRecord, events: Sequence[Recorded], room: _Room) -> Iterator[MessageShown]:
    at = {recorded.seq: n for n, recorded in enumerate(events)}
    sent = 0
    for step in record.steps:
        said = payload(step)
        if not said:
            continue
        text, left = room.cut(words(said))
        data = _data(said)
        if data is not None and not room.fits(data):
            data, left = None, left + len(json.dumps(data, ensure_ascii=False))
        mine = [at[one.seq] for one in step.events if one.seq in at]
        sent = max(sent, _ms(_time(step.message)) or 0)
        yield MessageShown(
            id=f"{step.message.get('id')}/{step.name}", message=str(step.message.get("id", "")),
            frm=step.sender, to=_receiver(step, record), kind=kind(step), text=text, data=data,
            left=left, at=sent or None, stage=step.name,
            correlation=str(step.message.get("correlation_id", "")),
            causation=str(step.message.get("causation_id", "")),
            first=mine[0] if mine else None, last=mine[-1] if mine else None,
        )  # fmt: skip


def _receiver(step: StepRecord, record: RunRecord) -> str:
    """Who was given it: an answer at the end goes to whom asked."""
    last = step.name.rpartition("~")[2] == "finish"
    return record.request.sender if last else place(step)


def _ends(record: RunRecord, room: _Room) -> Iterator[MessageShown]:
    asked, result = record.request, record.result
    text, left = room.cut(request_of(asked).text)
    yield MessageShown(
        id=asked.id, frm=asked.sender, to=asked.receiver, kind=asked.type, text=text, left=left,
        at=_ms(asked.time),
    )  # fmt: skip
    if result and result.answer and record.state not in ("running", "waiting"):
        text, left = room.cut(result.answer)
        yield MessageShown(
            id="answer", frm=result.specialist or "team", to=asked.sender, kind="answer",
            text=text, left=left, data=result.data, at=_last(record),
        )  # fmt: skip


def _last(record: RunRecord) -> int | None:
    return round(record.before[-1].at * 1000) if record.before else None


def _tickets(tickets: Iterable[Ticket], room: _Room) -> Iterator[MessageShown]:
    for ticket in tickets:
        text, left = room.cut(ticket.reason)
        data: JsonObject | None = {"tool": ticket.tool, "args": ticket.runs}
        yield MessageShown(
            id=ticket.id, frm=ticket.specialist, to="person", kind="proposal", text=text,
            left=left, data=data if room.fits(data) else None, at=_ms(ticket.created),
        )  # fmt: skip
        if ticket.status != "pending":
            text, left = room.cut("\n".join(_decided(ticket)))
            yield MessageShown(
                id=f"{ticket.id}/decision", frm=ticket.by or "run", to=ticket.specialist,
                kind="decision", text=text, left=left, at=_ms(ticket.decided or ticket.settled),
            )  # fmt: skip


def _decided(ticket: Ticket) -> Iterator[str]:
    yield ": ".join(filter(None, (ticket.decision or ticket.status, ticket.decision_reason)))
    yield from filter(None, (ticket.response, ticket.outcome))


def _data(said: JsonObject) -> JsonObject | None:
    """What a payload holds beyond its words, where there is any."""
    more: JsonObject = {
        name: held for name, held in said.items()
        if name not in _ELSEWHERE and held not in (None, "", [], {})
    }  # fmt: skip
    return more or None


def _time(message: Mapping[str, JsonValue]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(message.get("time", "")))
    except ValueError:
        return None


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)
