"""What a run looks like from outside: spans and log lines."""

import io
import json
import logging
from pathlib import Path

from opentelemetry.trace import StatusCode

from pointsman.nodes import conventions as names
from pointsman.nodes import telemetry
from pointsman.nodes.gateway.scripted import ScriptedTransport, choice_reply
from pointsman.teams.tickets import Approve
from tests.flow.shop import shop_team
from tests.nodes.spans import recorded_spans, tree

SECRET = "INV-1"


async def test_a_run_is_one_tree_of_spans(home: Path) -> None:
    """Run, route, specialist, model calls and tools: each under what caused it."""
    with recorded_spans() as exporter:
        result = await shop_team(home).run("lookup INV-1", thread="c1")
        spans = exporter.get_finished_spans()
    run = "invoke_workflow shop"
    agent = f"{run} / invoke_agent billing"
    assert tree(spans) == [
        run,
        f"{run} / route",
        f"{run} / route / gateway fast",
        f"{run} / route / gateway fast / chat scripted",
        agent,
        f"{agent} / gateway fast",
        f"{agent} / gateway fast / chat scripted",
        f"{agent} / execute_tool lookup",
        f"{agent} / gateway fast",
        f"{agent} / gateway fast / chat scripted",
    ]
    assert len({s.context.trace_id for s in spans if s.context}) == 1
    root = next(s for s in spans if s.name == run)
    assert root.attributes is not None
    assert root.attributes[names.RUN] == result.run
    assert root.attributes[names.STATUS] == "done"
    assert root.attributes[names.CONVERSATION] == "c1"
    assert all(s.status.status_code is StatusCode.UNSET for s in spans)


async def test_a_pause_and_a_write_are_traced_without_error(home: Path) -> None:
    """The waiting run's spans are clean; the write has its own span, with the ticket's id."""
    team = shop_team(home)
    with recorded_spans() as exporter:
        begun = await team.run("refund INV-1 5", thread="c1")
        waiting = exporter.get_finished_spans()
        exporter.clear()
        await team.decide(begun.tickets[0], Approve(by="ana"))
        decided = exporter.get_finished_spans()
    assert "ticket refund" in {s.name for s in waiting}
    assert all(s.status.status_code is StatusCode.UNSET for s in (*waiting, *decided))
    root = next(s for s in waiting if s.name == "invoke_workflow shop")
    assert (root.attributes or {})[names.STATUS] == "waiting"
    (write,) = [s for s in decided if s.name == "execute_tool refund"]
    assert (write.attributes or {})[names.TICKET] == begun.tickets[0].id


async def test_no_content_in_any_span(home: Path) -> None:
    """Neither question, arguments, tool results nor answer are attributes or events."""
    team = shop_team(home)
    with recorded_spans() as exporter:
        begun = await team.run("lookup INV-1 > refund INV-1 5", thread="c1")
        await team.decide(begun.tickets[0], Approve(by="ana"))
        spans = exporter.get_finished_spans()
    assert len(spans) > 8
    for span in spans:
        text = span.to_json()
        assert SECRET not in text
        assert "20.00" not in text


async def test_an_error_inside_a_run_marks_its_span(home: Path) -> None:
    """A step that fails shows in the trace by its class."""
    model = ScriptedTransport([choice_reply("billing"), ZeroDivisionError("boom INV-1")])
    with recorded_spans() as exporter:
        await shop_team(home, model=model).run("x")
        spans = exporter.get_finished_spans()
    (agent,) = [s for s in spans if s.name == "invoke_agent billing"]
    assert agent.status.status_code is StatusCode.ERROR
    assert (agent.attributes or {})[names.ERROR_TYPE] == "ZeroDivisionError"


async def test_log_lines_say_which_run(home: Path) -> None:
    """A line logged inside a specialist's step carries team, run, thread and specialist."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(telemetry.JsonFormatter())
    log = logging.getLogger("pointsman")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        model = ScriptedTransport([choice_reply("billing"), ZeroDivisionError("boom")])
        result = await shop_team(home, model=model).run("x", thread="c1")
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    (failed,) = [line for line in lines if "failed" in line["message"]]
    assert (failed["team"], failed["run"], failed["thread"]) == ("shop", result.run, "c1")
    assert failed["specialist"] == "billing"
