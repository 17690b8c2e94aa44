"""Switching on what was asked for: OpenTelemetry export by the environment, JSON logs by option."""

import logging
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from pointsman.errors import MissingExtra
from pointsman.nodes.telemetry import JsonFormatter
from pointsman.teams.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter


def log_as_json() -> None:
    """Send pointsman's log lines (from INFO on) and everybody's warnings to stderr as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("pointsman").setLevel(logging.INFO)


@contextmanager
def exporting() -> Generator[None]:
    """Export the block's spans when the standard OTEL_* variables ask for it; else do nothing.

    What is still buffered is sent at the end. Raises MissingExtra without the extra `otel`.
    """
    settings = Settings.read()
    if not settings.otel:
        yield
        return
    try:
        provider = _provider(settings.otel_exporters)
    except ImportError as error:
        raise MissingExtra(
            "The OTEL_* variables ask for an export, and the OpenTelemetry SDK is not installed.",
            hint='Install it: pip install "pointsman[otel]". Or set OTEL_SDK_DISABLED=true.',
        ) from error
    from opentelemetry import trace

    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def _provider(names: Sequence[str]) -> "TracerProvider":
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create()
    if str(resource.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "pointsman"}))
    provider = TracerProvider(resource=resource)
    for name in names:
        if name != "none":
            provider.add_span_processor(BatchSpanProcessor(_exporter(name)))
    return provider


def _exporter(name: str) -> "SpanExporter":
    """The exporter of that name. `console` writes to stderr: stdout holds results."""
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter

    if name == "console":
        return ConsoleSpanExporter(out=sys.stderr)
    wanted = "otlp_proto_http" if name == "otlp" else name
    for point in entry_points(group="opentelemetry_traces_exporter", name=wanted):
        made: object = point.load()()
        if isinstance(made, SpanExporter):
            return made
    raise MissingExtra(
        f"OTEL_TRACES_EXPORTER asks for {name!r}, and no such exporter is installed.",
        hint="Use otlp or console, or install the exporter's package.",
    )
