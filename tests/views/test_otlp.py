"""What a collector gets over the wire, and what happens to a run when there is none."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pointsman.nodes import conventions as names
from tests.views.otlp import attributes, receiving

ROOT = Path(__file__).parents[2]
RUN = "invoke_workflow shop"

PROGRAM = """
import asyncio, sys
from pathlib import Path
from pointsman.nodes import telemetry
from pointsman.teams.tickets import Approve
from pointsman.views.telemetry import configure
from tests.flow.shop import shop_team

async def main():
    made = configure()
    assert configure() is made
    team = shop_team(Path(sys.argv[1]))
    begun = await team.run("lookup INV-1 > refund INV-1 5", thread="c1")
    result = await team.decide(begun.tickets[0], Approve(by="ana"))
    telemetry.evaluated("exact", True)
    print(result.status)

asyncio.run(main())
"""


def run(home: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A program of a user: a run that waits, is approved, and ends; then the program ends."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(home)],
        env={**os.environ, "PYTHONPATH": ".", **environ},
        capture_output=True, text=True, check=True, timeout=100, cwd=ROOT,
    )  # fmt: skip


def test_a_collector_gets_traces_metrics_and_events(tmp_path: Path) -> None:
    """With one endpoint set: all three, decoded from protobuf, before the program has ended."""
    with receiving() as got:
        done = run(tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": got.url, "OTEL_SERVICE_NAME": "desk"})
    assert done.stdout == "done\n"
    assert got.services() == {"desk"}
    spans = got.spans()
    by_id = {span.span_id: span for span in spans}
    roots = [span for span in spans if not span.parent_span_id]
    assert [span.name for span in roots] == [RUN, RUN]
    assert all(s.parent_span_id in by_id for s in spans if s.parent_span_id)
    assert len({span.trace_id for span in spans}) == 2
    paused, resumed = sorted(roots, key=lambda span: span.start_time_unix_nano)
    assert [link.span_id for link in resumed.links] == [paused.span_id]
    assert attributes(paused.attributes)[names.STATUS] == "waiting"
    chat = next(span for span in spans if span.name == "chat scripted")
    assert chat.kind == chat.SPAN_KIND_CLIENT
    counted = got.counted()
    assert {"pointsman.runs", "gen_ai.client.operation.duration"} <= set(counted)
    points = counted["gen_ai.invoke_workflow.duration"].histogram.data_points
    assert {attributes(p.attributes)[names.STATUS] for p in points} == {"waiting", "done"}
    assert all(tuple(point.explicit_bounds) == names.LONG for point in points)
    (event,) = got.events()
    assert event.event_name == names.EVALUATION_EVENT
    said = attributes(event.attributes)
    assert (said[names.EVALUATION], said[names.EVALUATION_LABEL]) == ("exact", "pass")
    assert said[names.EVALUATION_SCORE] == 1.0


def test_without_an_endpoint_nothing_is_sent(tmp_path: Path) -> None:
    """No variable, no exporter: the run is as it always was, and says nothing more."""
    done = run(tmp_path, {})
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_signals_are_chosen_one_by_one(tmp_path: Path) -> None:
    """`OTEL_METRICS_EXPORTER=none` keeps metrics back, and so on."""
    with receiving() as got:
        run(
            tmp_path,
            {"OTEL_EXPORTER_OTLP_ENDPOINT": got.url, "OTEL_METRICS_EXPORTER": "none",
             "OTEL_LOGS_EXPORTER": "none"},
        )  # fmt: skip
    assert got.spans()
    assert got.metrics == []
    assert got.logs == []


@pytest.mark.parametrize(
    "fault",
    [
        "hangs",
        pytest.param("refuses", marks=pytest.mark.slow),
        pytest.param("fails", marks=pytest.mark.slow),
    ],
)
def test_a_lost_collector_changes_nothing(tmp_path: Path, fault: str) -> None:
    """A port that nobody listens on, a collector that never answers, one that only fails: the run
    ends as it would, and the program with it."""
    with receiving(hangs=fault == "hangs", status=503 if fault == "fails" else 200) as got:
        url = got.url if fault != "refuses" else "http://127.0.0.1:9"
        # An hour: only our own limit can end the wait for one that hangs.
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": "3600"}
        done = run(tmp_path, told)
        if fault == "hangs":
            assert got.asked.is_set()
    assert done.stdout == "done\n"


DIES = """
import asyncio, sys
from pathlib import Path
from pointsman.views.telemetry import configure
from tests.flow.shop import shop_team

async def main():
    made = configure()
    team = shop_team(Path(sys.argv[1]))
    async with team:
        first = await team.run("lookup INV-1", thread="c1")
        made.flush()
        print("sent", flush=True)
        sys.stdin.readline()
        for n in range(5):
            result = await team.run(f"lookup INV-{n}", thread=f"d{n}")
            assert result.status == "done"
    print("done")

asyncio.run(main())
"""


def test_a_collector_that_dies_between_two_runs_is_no_matter(tmp_path: Path) -> None:
    """What it had got is there; runs after its death end as ever."""
    with receiving() as got:
        work = subprocess.Popen(
            [sys.executable, "-c", DIES, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": ".", "OTEL_EXPORTER_OTLP_ENDPOINT": got.url},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=ROOT,
        )  # fmt: skip
        assert work.stdout is not None
        assert work.stdout.readline() == "sent\n"
        assert RUN in {span.name for span in got.spans()}
    out, _ = work.communicate("\n", timeout=60)
    assert (out, work.returncode) == ("done\n", 0)


METRICS = """
import asyncio, sys
from pathlib import Path
from pointsman.views.telemetry import configure, prometheus_text
from tests.flow.shop import shop_team

configure()
configure(prometheus=True)
async def main():
    async with shop_team(Path(sys.argv[1])) as team:
        await team.run("refund INV-1 5", thread="c1")
        await asyncio.sleep(0)
asyncio.run(main())
print(prometheus_text().decode())
"""


def test_prometheus_reads_the_same_metrics(tmp_path: Path) -> None:
    """The text that `/metrics` serves parses, and its names are those of the alert rules."""
    from prometheus_client.parser import text_string_to_metric_families

    ran = subprocess.run(
        [sys.executable, "-c", METRICS, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True, text=True, check=True, timeout=60, cwd=ROOT,
    )  # fmt: skip
    families = {f.name: f for f in text_string_to_metric_families(ran.stdout)}
    (runs,) = [s for s in families["pointsman_runs"].samples if s.name == "pointsman_runs_total"]
    assert runs.value == 1
    assert runs.labels["pointsman_run_status"] == "waiting"
    assert "gen_ai_invoke_agent_duration_seconds" in families
    assert not [f for f in families if f.startswith("pointsman") and "c1" in str(families[f])]
