"""A run's way through traces: which span it is under, what it links to, and its log context."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pointsman.nodes import conventions as names
from pointsman.nodes import metrics, telemetry, transcribed
from pointsman.nodes.event import RunStarted
from pointsman.nodes.message import request_of
from pointsman.teams.services import Services
from pointsman.teams.store.rows import RunRow

LONG_WAIT = 1.0
"""Seconds in a queue from which a run has a span for it, also where nobody else began it."""

Note = Callable[[RunRow | None], None]
"""Told how the run stands when it goes no further; None: it was not taken on."""


@contextmanager
def journey(row: RunRow, services: Services) -> Generator[Note]:
    """The span of a run, from where it begins or goes on to where it ends or waits; its log
    context; and how long it took, as a metric."""
    recorder, began = services.recorder, time.perf_counter()
    begins = not recorder.events(row.run)
    stands: list[RunRow] = []

    def note(now: RunRow | None) -> None:
        stands.extend([] if now is None else [now])

    place = _place(row, begins=begins, paused=recorder.paused(row.run))
    waited = _waited(row) if begins else 0.0
    fields = log_fields(row)
    with (
        telemetry.operation(
            "invoke_workflow", _attributes(row, waited), parent=place.parent, root=place.root,
            links=place.links,
        ) as span,
        telemetry.log_context(fields),
    ):  # fmt: skip
        if begins and (place.hop or waited > LONG_WAIT):
            _queued(row, waited)
        telemetry.content(span, services.shown, transcribed.request(request_of(row.request).text))
        yield note
        for now in stands:
            span.set_attribute(names.STATUS, now.state)
            result = now.result
            if now.state == "failed" and result is not None:
                telemetry.fail(span, result.error)
            if result is not None and result.answer:
                telemetry.content(span, services.shown, transcribed.answer(result.answer))
    for now in stands:
        error = now.result.error if now.state == "failed" and now.result else ""
        seconds = time.perf_counter() - began
        metrics.worked(recorder.whose(row), now.state, seconds, error)


@contextmanager
def nested(row: RunRow, services: Services) -> Generator[None]:
    """Around a step of a run inside somebody else's graph, which opens no span for it: all its
    steps up to its end or its wait are under one."""
    if not row.nested:
        yield
        return
    recorder = services.recorder
    if not recorder.place(row.run):
        paused = recorder.paused(row.run)
        parent = "" if paused or telemetry.traceparent() else row.request.traceparent
        span = telemetry.begin(
            "invoke_workflow", _attributes(row, 0.0), parent=parent, links=(paused,)
        )
        recorder.put_under(row.run, telemetry.traceparent_of(span), span.end)
    with telemetry.within(recorder.place(row.run)):
        yield


def started(row: RunRow) -> RunStarted:
    """The event of a run that begins now."""
    return RunStarted(run=row.run, thread=row.thread, waited=_waited(row))


def log_fields(row: RunRow, specialist: str = "") -> Mapping[str, str]:
    """What each log line of a run says."""
    began = row.request.correlation_id or row.request.id
    fields = {"team": row.team, "run": row.run, "thread": row.thread, "correlation_id": began}
    return fields | ({"specialist": specialist} if specialist else {})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a run's span stands."""

    parent: str = ""
    root: bool = False
    links: tuple[str, ...] = ()
    hop: bool = False
    """Whether somebody else takes it on than who sent it."""


def _place(row: RunRow, *, begins: bool, paused: str) -> _Place:
    here, sent = telemetry.traceparent(), row.request.traceparent
    if row.parent:  # under the run that gave it its work, as that goes on now
        return _Place(parent="" if here else sent, links=(paused,))
    if not begins:  # a trace of its own, hours later perhaps; or of who decided
        return _Place(links=(paused or sent,))
    if sent == here:
        return _Place()
    if sent:
        return _Place(parent=sent, hop=True)
    return _Place(root=True, links=(here,))


def _waited(row: RunRow) -> float:
    # The team's clock may be another than the one that stamps messages.
    return max(time.time() - row.request.time.timestamp(), 0.0)


def _queued(row: RunRow, waited: float) -> None:
    attributes = {names.SPAN_KIND: names.OWN_SPANS[names.QUEUE_SPAN], names.WAITED: waited}
    began = row.request.time.timestamp()
    with telemetry.span(f"{names.QUEUE_SPAN} {row.team}", attributes, began=began):
        pass


def _attributes(row: RunRow, waited: float) -> telemetry.Attributes:
    attributes: dict[str, telemetry.Value] = {
        names.WORKFLOW: row.team,
        names.CONVERSATION: row.thread,
        names.RUN: row.run,
        names.TENANT: row.tenant,
    }
    if row.release:
        attributes[names.RELEASE] = row.release
    if row.parent:
        attributes[names.PARENT_RUN] = row.parent
    if waited:
        attributes[names.WAITED] = waited
    return attributes
