"""A real OTLP receiver: protobuf over HTTP, decoded with OpenTelemetry's own definitions."""

import gzip
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Receiver:
    """What came, decoded. `status` is what it answers; while `hangs` is set it answers nothing."""

    url: str = ""
    status: int = 200
    hangs: bool = False
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    logs: list[ExportLogsServiceRequest] = field(default_factory=list)
    asked: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def take(self, path: str, body: bytes) -> None:
        """Decode one request."""
        with self.lock:
            match path:
                case "/v1/traces":
                    self.traces.append(ExportTraceServiceRequest.FromString(body))
                case "/v1/metrics":
                    self.metrics.append(ExportMetricsServiceRequest.FromString(body))
                case "/v1/logs":
                    self.logs.append(ExportLogsServiceRequest.FromString(body))
                case _:
                    raise AssertionError(path)

    def spans(self) -> list[Span]:
        """All spans."""
        return [
            span
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def counted(self) -> dict[str, Metric]:
        """The metrics of the last export, by name."""
        return {
            metric.name: metric
            for resource in self.metrics[-1].resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def events(self) -> list[LogRecord]:
        """All log records."""
        return [
            record
            for request in self.logs
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def services(self) -> set[str]:
        """Names of the services that sent spans."""
        given = [r.resource.attributes for t in self.traces for r in t.resource_spans]
        return {str(attributes(one)["service.name"]) for one in given}


def attributes(given: Iterable[KeyValue]) -> dict[str, object]:
    """Attributes as plain values."""
    found: dict[str, object] = {}
    for pair in given:
        kind = pair.value.WhichOneof("value")
        found[pair.key] = getattr(pair.value, kind) if kind else None
    return found


@contextmanager
def receiving(*, status: int = 200, hangs: bool = False) -> Generator[Receiver]:
    """A receiver on loopback, for the block."""
    receiver = Receiver(status=status, hangs=hangs)
    over = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take an export."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.asked.set()
            if receiver.hangs:
                over.wait(60)
                return
            receiver.take(self.path, body)
            self.send_response(receiver.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
