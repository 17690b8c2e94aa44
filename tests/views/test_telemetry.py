"""Export of spans and JSON logs, when asked for."""

import json
import logging
import subprocess
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from pointsman.errors import MissingExtra
from pointsman.teams.settings import Settings
from pointsman.views.logs import log_as_json
from pointsman.views.telemetry import exporting

PROGRAM = """
from pointsman.nodes.telemetry import span
from pointsman.views.telemetry import exporting
with exporting():
    with span("invoke_agent billing", {"gen_ai.agent.name": "billing"}):
        print("result")
"""


def run(environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program with one span under these variables."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": ".", **environ},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("environ", "otel", "exporters"),
    [
        ({}, False, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "none"}, False, ("none",)),
        ({"OTEL_TRACES_EXPORTER": "console"}, True, ("console",)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1"}, True, ("otlp",)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "h", "OTEL_SDK_DISABLED": "TRUE"}, False, ("otlp",)),
    ],
)  # fmt: skip
def test_the_standard_variables_decide(
    environ: dict[str, str], otel: bool, exporters: tuple[str, ...]
) -> None:
    """An endpoint or an exporter's name asks for an export; the SDK's off switch wins."""
    settings = Settings.read(environ)
    assert (settings.otel, settings.otel_exporters) == (otel, exporters)


def test_nothing_is_exported_unless_asked() -> None:
    """Without the variables no span leaves and the SDK is not set up."""
    done = run({})
    assert (done.stdout, done.stderr) == ("result\n", "")


def test_the_console_exporter_leaves_stdout_alone() -> None:
    """Spans on the console go to stderr: stdout holds results."""
    done = run({"OTEL_TRACES_EXPORTER": "console"})
    assert done.stdout == "result\n"
    span = json.loads(done.stderr)
    assert span["name"] == "invoke_agent billing"
    assert span["resource"]["attributes"]["service.name"] == "pointsman"


def test_spans_reach_a_collector() -> None:
    """With an OTLP endpoint the spans are posted there before the program ends."""
    got: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Keep what is posted."""
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        run({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
             "OTEL_SERVICE_NAME": "desk", "OTEL_EXPORTER_OTLP_COMPRESSION": "none"})  # fmt: skip
    finally:
        server.shutdown()
        server.server_close()
    assert [path for path, _ in got] == ["/v1/traces"]
    assert b"invoke_agent billing" in got[0][1]
    assert b"desk" in got[0][1]


def test_an_exporter_nobody_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown exporter is one clear error, not a silent loss of spans."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "carrier-pigeon")
    monkeypatch.setattr("pointsman.views.telemetry._made", [])  # a server test may have set it up
    with pytest.raises(MissingExtra, match="carrier-pigeon"), exporting():
        pass


def test_logs_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    """After the switch each of pointsman's log lines is one JSON object on stderr."""
    root, own = logging.getLogger(), logging.getLogger("pointsman")
    before = (list(root.handlers), root.level, own.level)
    try:
        log_as_json()
        logging.getLogger("pointsman.teams").info("opened %s", "a store")
        line = json.loads(capsys.readouterr().err)
    finally:
        root.handlers[:], _, _ = before
        root.setLevel(before[1])
        own.setLevel(before[2])
    assert (line["message"], line["logger"]) == ("opened a store", "pointsman.teams")
