"""What spans, metrics and the record cost, as a ratio of CPU time to the same run without them.

    python benchmarks/telemetry.py [--rounds 15]

One process, interleaved rounds, `time.process_time` (all threads: the export's too), after a
warm-up. A round is 20 runs of a team with a scripted model: route, a read, an answer; three model
calls each. A round of `all` ends with everything sent, which is far more often than by the SDK's
own times (5 s for spans, 60 s for metrics).

- `bare`: no provider is set, and events are not stored (the run's state, journal and tickets are);
- `record`: events are stored, as always;
- `all`: events are stored, spans and metrics go through OpenTelemetry's SDK with batch export by
  OTLP/HTTP to a receiver in a process of its own, and Prometheus's reader collects beside it.

Prints the median CPU of each and the ratios to `bare`. The bound is 1.15 for `all`.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider

from pointsman import Specialist, Team, tool
from pointsman.nodes import counting, metrics
from pointsman.nodes.gateway.scripted import (
    Scripted,
    ScriptedTransport,
    choice_reply,
    text_reply,
    tool_reply,
)
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall
from pointsman.teams.settings import Settings
from pointsman.teams.store.eventrows import EventRows
from pointsman.views.telemetry import configure

WARM_UP = 2
RUNS = 20
BOUND = 1.15
KINDS = ("bare", "record", "all")

RECEIVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@tool(effect="read")
async def lookup(invoice: str) -> str:
    """Look an invoice up."""
    return f"{invoice} is 20.00 USD"


def script(request: ModelRequest) -> Scripted:
    """Route to billing; look up; answer."""
    if request.choices:
        return choice_reply("billing")
    if request.turns[-1].role == "tool":
        return text_reply("It is 20.00 USD.")
    return tool_reply(ToolCall(id="c1", name="lookup", args={"invoice": "INV-1"}))


def team(home: Path) -> Team:
    """A team of two on a scripted model."""
    return Team(
        "shop",
        specialists=(
            Specialist("billing", handles="money", tools=(lookup,)),
            Specialist("tech", handles="devices"),
        ),
        home=home,
        models={"fast": ("scripted",)},
        transports=Transports({"scripted": lambda: ScriptedTransport(script)}),
    )


class Switch:
    """Turns telemetry and the record on and off between rounds."""

    def __init__(self, url: str) -> None:
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = url
        self._made = configure(Settings.read(), prometheus=True)
        nothing = metrics.made_of(NoOpMeterProvider().get_meter("nothing"))
        self._on = (trace.get_tracer_provider(), metrics.instruments())
        self._off = (NoOpTracerProvider(), nothing)
        self._record = EventRows.record

    def to(self, kind: str) -> None:
        """From here on, rounds of this kind."""
        tracer, instruments = self._on if kind == "all" else self._off
        trace.get_tracer_provider = lambda: tracer
        metrics.instruments = counting.instruments = lambda: instruments
        record: Any = _unrecorded(self._record) if kind == "bare" else self._record
        EventRows.record = record

    def sent(self) -> None:
        """Send what is buffered: it belongs to the rounds before."""
        self._made.flush()


def _unrecorded(record: Any) -> Any:
    async def without(self: EventRows, run: str, events: object, **given: Any) -> None:
        given.pop("steps", None)
        await record(self, run, (), **given)

    return without


async def measured(rounds: int, switch: Switch) -> dict[str, list[float]]:
    """CPU seconds of each round, by kind."""
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        async with team(Path(folder)) as shop:
            for number in range(-WARM_UP, rounds):
                for kind in KINDS[number % 3 :] + KINDS[: number % 3]:
                    switch.to(kind)
                    began = time.process_time()
                    for part in range(RUNS):
                        text = f"INV-1, please ({kind} {number} {part})"
                        result = await shop.run(text, thread=f"{kind}{number}.{part}")
                        assert result.status == "done"
                    if kind == "all":
                        switch.sent()
                    if number >= 0:
                        took[kind].append((time.process_time() - began) / RUNS)
    return took


def table(took: dict[str, list[float]]) -> Sequence[str]:
    """The lines of the result."""
    bare = statistics.median(took["bare"])
    lines = [f"{'':10}{'CPU ms a run':>14}{'ratio':>8}"]
    for kind in KINDS:
        pairs = [a / b for a, b in zip(took[kind], took["bare"], strict=True)]
        middle = statistics.median(took[kind])
        lines.append(f"{kind:10}{middle * 1e3:14.2f}{statistics.median(pairs):8.3f}")
    lines.append(f"bound of `all`: {BOUND}; medians of {len(took['bare'])} rounds of {RUNS} runs")
    assert bare > 0
    return lines


def main() -> int:
    """Measure and print; 1 where the bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    receiver = subprocess.Popen([sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True)
    try:
        assert receiver.stdout is not None
        port = int(receiver.stdout.readline())
        took = asyncio.run(measured(options.rounds, Switch(f"http://127.0.0.1:{port}")))
    finally:
        receiver.kill()
        receiver.wait()
    print("\n".join(table(took)))
    ratio = statistics.median([a / b for a, b in zip(took["all"], took["bare"], strict=True)])
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
