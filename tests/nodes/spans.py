"""Spans in memory, with OpenTelemetry's own SDK."""

from collections.abc import Generator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


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
