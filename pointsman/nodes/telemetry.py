"""Spans, trace context and evaluation events, through OpenTelemetry's API only: without an SDK they
cost about nothing. Every name is in `conventions.py`. Content gets onto a span by `content` only.
"""

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING

from pointsman.errors import is_control_flow
from pointsman.nodes import conventions as names
from pointsman.nodes.logcontext import JsonFormatter as JsonFormatter  # noqa: PLC0414 (was here)
from pointsman.nodes.logcontext import log_context as log_context  # noqa: PLC0414 (was here)

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span, SpanContext, Tracer, TracerProvider

Score = bool | float | str
Value = str | int | float | bool | Sequence[str]
Attributes = Mapping[str, Value]
Shown = Callable[[str], str]
"""Gives a text as it may stand in a trace: filtered."""

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
"""W3C Trace Context, version 00."""


class span:  # noqa: N801 (used as a block: `with span(…)`)
    """A span around the block. An error marks it by its class; a pause for a person does not.

    `parent` is a traceparent of the span it is under, in place of the one the block stands in;
    `links` are traceparents. A text that is none counts for nothing. `began` is in seconds since
    the epoch, where it began before now.
    """

    def __init__(
        self,
        name: str,
        attributes: Attributes,
        *,
        client: bool = False,
        parent: str = "",
        root: bool = False,
        links: Sequence[str] = (),
        began: float | None = None,
    ) -> None:
        self._name = name
        self._attributes = attributes
        self._client = client
        self._parent = parent
        self._root = root
        self._links = links
        self._began = began

    def __enter__(self) -> "Span":
        from opentelemetry import context, trace
        from opentelemetry.trace import SpanKind

        self._span = _tracer(_provider()).start_span(
            self._name,
            context=_under(self._parent, root=self._root),
            kind=SpanKind.CLIENT if self._client else SpanKind.INTERNAL,
            attributes=self._attributes,
            links=_links(self._links),
            start_time=None if self._began is None else int(self._began * 1e9),
            record_exception=False,
            set_status_on_exception=False,
        )
        self._token: Token[Context] = context.attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        from opentelemetry import context

        context.detach(self._token)
        if error is not None and not is_control_flow(error):
            fail(self._span, type(error).__name__)
        self._span.end()


def operation(
    kind: names.Operation, attributes: Attributes, *, parent: str = "", root: bool = False,
    links: Sequence[str] = (),
) -> span:  # fmt: skip
    """A span of one of the conventions' operations, with the name and kind that they ask for."""
    shape = names.SHAPES[kind]
    return span(
        f"{kind} {attributes[shape.named_by]}",
        {names.OPERATION: kind, names.SPAN_KIND: shape.openinference, **attributes},
        client=shape.kind == "client",
        parent=parent,
        root=root,
        links=links,
    )


def own(kind: str, of: str, attributes: Attributes) -> span:
    """A span of our own kinds."""
    return span(
        f"{kind} {of}" if of else kind, {names.SPAN_KIND: names.OWN_SPANS[kind], **attributes}
    )


def moment(kind: str, of: str, attributes: Attributes) -> None:
    """A span of our own for what happens at one moment. It has no length."""
    with own(kind, of, attributes):
        pass


def fail(current: "Span", error: str) -> None:
    """Mark a span as failed, by the error's class."""
    from opentelemetry.trace import Status, StatusCode

    current.set_attribute(names.ERROR_TYPE, error)
    current.set_status(Status(StatusCode.ERROR, error))


def content(current: "Span", shown: Shown | None, texts: Callable[[Shown], Attributes]) -> None:
    """Put content on a span, where a setting asks for it (`shown`) and the span is kept."""
    if shown is not None and current.is_recording():
        current.set_attributes(texts(shown))


def traceparent() -> str:
    """The current span as a W3C traceparent; empty where there is none."""
    from opentelemetry import trace

    return _text(trace.get_current_span().get_span_context())


def traceparent_of(current: "Span") -> str:
    """A span as a W3C traceparent; empty where nothing traces."""
    return _text(current.get_span_context())


@contextmanager
def within(parent: str) -> Generator[None]:
    """The block's spans are under this traceparent's. Nothing changes for a text that is none."""
    at = _span_context(parent)
    if at is None:
        yield
        return
    from opentelemetry import context, trace

    under = trace.set_span_in_context(trace.NonRecordingSpan(at))
    token = context.attach(under)
    try:
        yield
    finally:
        context.detach(token)


def begin(
    kind: names.Operation, attributes: Attributes, *, parent: str, links: Sequence[str]
) -> "Span":
    """A span that another call ends: `span.end()`. It is not the current one."""
    shape = names.SHAPES[kind]
    given = {names.OPERATION: kind, names.SPAN_KIND: shape.openinference, **attributes}
    return _tracer(_provider()).start_span(
        f"{kind} {attributes[shape.named_by]}",
        context=_under(parent, root=False),
        attributes=given,
        links=_links(links),
    )


@contextmanager
def silenced() -> Generator[None]:
    """The block traces nothing and counts for no metric, with all tasks that begin in it.

    By OpenTelemetry's own mark, so that instrumented libraries keep still too. Log lines stay.
    """
    from opentelemetry import context

    token = context.attach(context.set_value(_silence(), value=True))
    try:
        yield
    finally:
        context.detach(token)


def silent() -> bool:
    """Whether nothing is traced or counted here."""
    from opentelemetry import context

    return bool(context.get_value(_silence()))


def trace_ids() -> dict[str, str]:
    """Trace and span of now, in hex; nothing where there are none."""
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def evaluated(name: str, score: "Score", *, why: str = "", under: str = "") -> None:
    """Report the score of an evaluation, as the event that the conventions have for it.

    A text is a label, a bool a label and 1 or 0. `under` is the traceparent of what was evaluated.
    """
    from opentelemetry import _logs, trace

    if silent():
        return
    attributes: dict[str, Value] = {names.EVALUATION: name}
    if isinstance(score, str):
        attributes[names.EVALUATION_LABEL] = score
    else:
        attributes[names.EVALUATION_SCORE] = float(score)
        if isinstance(score, bool):
            attributes[names.EVALUATION_LABEL] = "pass" if score else "fail"
    if why:
        attributes[names.EVALUATION_WHY] = why
    at = _span_context(under)
    context = None if at is None else trace.set_span_in_context(trace.NonRecordingSpan(at))
    logger = _logs.get_logger(names.SCOPE)
    logger.emit(event_name=names.EVALUATION_EVENT, attributes=attributes, context=context)


@lru_cache(maxsize=1)
def _silence() -> str:
    from opentelemetry.context import (
        _SUPPRESS_INSTRUMENTATION_KEY,  # pyright: ignore[reportPrivateUsage] (the one that all use)
    )

    return _SUPPRESS_INSTRUMENTATION_KEY


@lru_cache(maxsize=1)
def _nowhere() -> "TracerProvider":
    from opentelemetry.trace import NoOpTracerProvider

    return NoOpTracerProvider()


def _provider() -> "TracerProvider":
    from opentelemetry import trace

    return _nowhere() if silent() else trace.get_tracer_provider()


@lru_cache(maxsize=4)
def _tracer(provider: "TracerProvider") -> "Tracer":
    return provider.get_tracer(names.SCOPE)


def _under(parent: str, *, root: bool) -> "Context | None":
    """The context of a span that begins: None is that of the block it stands in."""
    from opentelemetry import context, trace

    at = _span_context(parent)
    if at is not None:
        return trace.set_span_in_context(trace.NonRecordingSpan(at))
    return context.Context() if root else None


def _links(given: Sequence[str]) -> "list[Link] | None":
    if not given:
        return None
    from opentelemetry.trace import Link

    found = (_span_context(one) for one in given)
    return [Link(at) for at in found if at is not None]


def _span_context(text: str) -> "SpanContext | None":
    read = _TRACEPARENT.fullmatch(text) if text else None
    if read is None:
        return None
    from opentelemetry.trace import SpanContext, TraceFlags

    trace_id, span_id, flags = (int(part, 16) for part in read.groups())
    at = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return at if at.is_valid else None


def _text(at: "SpanContext") -> str:
    if not at.is_valid:
        return ""
    return f"00-{at.trace_id:032x}-{at.span_id:016x}-{at.trace_flags:02x}"
