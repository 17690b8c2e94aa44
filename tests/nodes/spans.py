"""Spans in memory, with OpenTelemetry's own SDK."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from pointsman.nodes import conventions as names


@contextmanager
def recorded_spans() -> Generator[InMemorySpanExporter]:
    """What is traced during the block. A process has one provider: made here if there is none."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter
    exporter.shutdown()


def tree(spans: tuple[ReadableSpan, ...]) -> list[str]:
    """Each span's path from the root, in the order they began."""
    by_id = {s.context.span_id: s for s in spans if s.context is not None}

    def path(span: ReadableSpan) -> str:
        parent = by_id.get(span.parent.span_id) if span.parent else None
        return f"{path(parent)} / {span.name}" if parent else span.name

    return [path(s) for s in sorted(spans, key=lambda s: s.start_time or 0)]


def said(span: ReadableSpan) -> dict[str, object]:
    """A span's attributes."""
    return dict(span.attributes or {})


def check(spans: Sequence[ReadableSpan]) -> set[str]:
    """Every span keeps to the conventions. Gives the operations that were seen."""
    seen: set[str] = set()
    for span in spans:
        has = said(span)
        assert names.SPAN_KIND in has, span.name
        operation = has.get(names.OPERATION)
        if operation is None:
            assert span.name.split(" ")[0] in {kind.split(" ")[0] for kind in names.OWN_SPANS}
            continue
        assert operation in tuple(names.SHAPES)
        shape = names.SHAPES[operation]  # pyright: ignore[reportArgumentType] (one of them)
        seen.add(str(operation))
        assert [key for key in shape.required if not has.get(key)] == [], span.name
        assert span.name == f"{operation} {has[shape.named_by]}"
        wanted = SpanKind.CLIENT if shape.kind == "client" else SpanKind.INTERNAL
        assert span.kind is wanted, span.name
        assert has[names.SPAN_KIND] == shape.openinference
        assert (names.ERROR_TYPE in has) == (span.status.status_code is StatusCode.ERROR)
    return seen
