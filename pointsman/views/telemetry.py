"""Switching on what was asked for: OpenTelemetry's SDK by the standard variables, Prometheus's text
by whoever serves it. Nothing here is needed for a run: without it, the record alone is kept."""

import atexit
import logging
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from threading import Lock, Thread
from typing import TYPE_CHECKING, TypeVar, cast

from pointsman.errors import Misconfigured, MissingExtra, is_control_flow
from pointsman.teams.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from prometheus_client import CollectorRegistry

log = logging.getLogger("pointsman.telemetry")

FLUSH_SECONDS = 3.0
"""What sending the rest may take at a program's end. What is not sent then is lost."""


@dataclass
class Telemetry:
    """What `configure` set up in this process. None: not asked for, or set by somebody else."""

    traces: "TracerProvider | None" = None
    metrics: "MeterProvider | None" = None
    events: "LoggerProvider | None" = None
    registry: "CollectorRegistry | None" = None
    """What `prometheus_text` reads."""
    _late: bool = field(default=False, init=False)
    _ended: bool = field(default=False, init=False)

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Send what is buffered, for at most so long. Never raises: a lost collector is no fault
        of the program's."""
        self._late = not self._for_at_most(seconds, "force_flush")

    def end(self, seconds: float = FLUSH_SECONDS) -> None:
        """Send what is buffered and stop, for at most so long. Safe to call twice."""
        if not self._ended:
            self._ended = True
            # Whoever has waited for a collector in vain does not wait again.
            self._for_at_most(0.0 if self._late else seconds, "shutdown")

    def _for_at_most(self, seconds: float, what: str) -> bool:
        """Whether it was done in that time."""

        def work(provider: object) -> None:
            try:
                getattr(provider, what)()
            except Exception as error:  # an exporter's own
                if is_control_flow(error):
                    raise
                log.debug("telemetry was not sent", exc_info=True)

        given = [p for p in (self.traces, self.metrics, self.events) if p is not None]
        # Daemons: a collector that hangs holds no program back. All at once: one limit for all.
        threads = [Thread(target=work, args=(one,), daemon=True) for one in given]
        ends = time.monotonic() + seconds
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(ends - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in threads)


_Made = TypeVar("_Made")
_made: list[Telemetry] = []
_making = Lock()


def configure(settings: Settings | None = None, *, prometheus: bool = False) -> Telemetry:
    """Set up OpenTelemetry's SDK as the standard `OTEL_*` variables ask, once in a process.

    Traces, metrics and evaluation events go by OTLP/HTTP where an endpoint is given; without one
    nothing is sent. `prometheus`: also collect metrics for `prometheus_text`. Providers that the
    program has set itself are left alone. What is buffered is sent at exit, for a few seconds.

    Again: what was made is given back, and Prometheus added where it is asked for now. Raises
    MissingExtra without the extra `otel`, and for an exporter that is not installed.
    """
    with _making:
        chosen = settings or Settings.read()
        if not _made:
            made = _configured(chosen, prometheus=prometheus)
            _made.append(made)
            atexit.register(made.end)
        made = _made[0]
        if prometheus and made.registry is None:
            made.registry = _prometheus_added(made)
        return made


def prometheus_text() -> bytes:
    """All metrics of this process in Prometheus's text format, UTF-8. Raises Misconfigured before
    `configure(prometheus=True)`."""
    registry = _made[0].registry if _made else None
    if registry is None:
        raise Misconfigured(
            "Metrics are not collected in this process.",
            hint="Call pointsman.telemetry.configure(prometheus=True) first.",
        )
    from prometheus_client import generate_latest

    return generate_latest(registry)


PROMETHEUS_TYPE = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
"""Content-Type of `prometheus_text`."""


@contextmanager
def exporting() -> Generator[None]:
    """A command's telemetry: configured as the environment asks, and what is buffered sent at the
    block's end. Raises MissingExtra without the extra `otel`."""
    settings = Settings.read()
    if not (settings.otel or settings.otel_metrics or settings.otel_logs):
        yield
        return
    made = configure(settings)
    try:
        yield
    finally:
        made.flush()


def _configured(settings: Settings, *, prometheus: bool) -> Telemetry:
    wanted = settings.otel or settings.otel_metrics or settings.otel_logs or prometheus
    if not wanted:
        return Telemetry()
    try:
        return _providers(settings, prometheus=prometheus)
    except ImportError as error:
        raise MissingExtra(
            "Telemetry is asked for, and the OpenTelemetry SDK is not installed.",
            hint='Install it: pip install "pointsman[otel]". Or set OTEL_SDK_DISABLED=true.',
        ) from error


def _providers(settings: Settings, *, prometheus: bool) -> Telemetry:
    resource, made = _resource(), Telemetry()
    if settings.otel:
        made.traces = _traces(settings.otel_exporters, resource)
    if settings.otel_logs:
        made.events = _events(settings.otel_logs, resource)
    if settings.otel_metrics or prometheus:
        readers = [_periodic(name) for name in settings.otel_metrics]
        if prometheus:
            reader, made.registry = _prometheus()
            readers.append(reader)
        made.metrics = _metrics(readers, resource)
        if made.metrics is None:
            made.registry = None
    return made


def _resource() -> "Resource":
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource

    resource = Resource.create()
    if str(resource.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "pointsman"}))
    return resource


def _traces(names: Sequence[str], resource: "Resource") -> "TracerProvider | None":
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporters = [_span_exporter(name) for name in names if name != "none"]
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return None
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider


def _events(names: Sequence[str], resource: "Resource") -> "LoggerProvider | None":
    from opentelemetry import _logs
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    if isinstance(_logs.get_logger_provider(), LoggerProvider):
        return None
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    for name in names:
        provider.add_log_record_processor(BatchLogRecordProcessor(_event_exporter(name)))
    _logs.set_logger_provider(provider)
    return provider


def _metrics(readers: "Sequence[MetricReader]", resource: "Resource") -> "MeterProvider | None":
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider

    if isinstance(metrics.get_meter_provider(), MeterProvider):
        return None
    provider = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    return provider


def _prometheus_added(made: Telemetry) -> "CollectorRegistry":
    """Prometheus beside what was set up before, by `configure` or by the program itself."""
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider

    reader, registry = _prometheus()
    provider = metrics.get_meter_provider()
    if isinstance(provider, MeterProvider):
        provider.add_metric_reader(reader)
    else:
        made.metrics = _metrics([reader], _resource())
    return registry


def _prometheus() -> "tuple[MetricReader, CollectorRegistry]":
    try:
        from opentelemetry.exporter.prometheus import PrometheusMetricReader
        from prometheus_client import CollectorRegistry
    except ImportError as error:
        raise MissingExtra(
            "Prometheus's text is asked for, and its exporter is not installed.",
            hint='Install it: pip install "pointsman[otel]".',
        ) from error
    registry = CollectorRegistry()
    return PrometheusMetricReader(registry=registry, scope_info_enabled=False), registry


def _periodic(name: str) -> "MetricReader":
    from opentelemetry.sdk.metrics.export import (
        ConsoleMetricExporter,
        MetricExporter,
        PeriodicExportingMetricReader,
    )

    if name == "console":
        return PeriodicExportingMetricReader(ConsoleMetricExporter(out=sys.stderr))
    return PeriodicExportingMetricReader(_installed("metrics", name, MetricExporter))


def _span_exporter(name: str) -> "SpanExporter":
    """The exporter of that name. `console` writes to stderr: stdout holds results."""
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter

    if name == "console":
        return ConsoleSpanExporter(out=sys.stderr)
    return _installed("traces", name, SpanExporter)


def _event_exporter(name: str) -> "LogRecordExporter":
    from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter, LogRecordExporter

    if name == "console":
        return ConsoleLogRecordExporter(out=sys.stderr)
    return _installed("logs", name, LogRecordExporter)


def _installed(signal: str, name: str, kind: type[_Made]) -> _Made:
    wanted = "otlp_proto_http" if name == "otlp" else name
    for point in entry_points(group=f"opentelemetry_{signal}_exporter", name=wanted):
        made: object = cast("type[object]", point.load())()
        if isinstance(made, kind):
            return made
    raise MissingExtra(
        f"OTEL_{signal.upper()}_EXPORTER asks for {name!r}, and no such exporter is installed.",
        hint="Use otlp or console, or install the exporter's package.",
    )
