"""Traces across pauses, processes, tasks and other people's graphs; and what each span must say."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from pydantic import ValidationError

from pointsman.errors import ModelOverloaded
from pointsman.nodes import conventions as names
from pointsman.nodes import telemetry
from pointsman.nodes.event import RunEnded
from pointsman.nodes.gateway.scripted import ScriptedTransport, choice_reply
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import Message, Request
from pointsman.nodes.specialist import Specialist
from pointsman.teams.blackboard import Blackboard, Entry
from pointsman.teams.request import new_run
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve
from tests.flow.giver import giving_team, task
from tests.flow.shop import script, shop_team
from tests.flow.test_nested import config, parent_of
from tests.flow.test_nested import said as message
from tests.flow.test_plan import planning_team
from tests.nodes.spans import check, recorded_spans, said, tree

ROOT = Path(__file__).parents[2]
RUN = "invoke_workflow shop"
A, B = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = f"00-{A}-{B}-01"


def one(spans: Sequence[ReadableSpan], name: str) -> ReadableSpan:
    """The only span of that name."""
    (found,) = [span for span in spans if span.name == name]
    return found


def traces(spans: Sequence[ReadableSpan]) -> set[int]:
    """The traces that spans belong to."""
    return {span.context.trace_id for span in spans if span.context}


async def test_every_span_keeps_to_the_conventions(home: Path) -> None:
    """Kind, name and required attributes, over a run with reads, a ticket and a write."""
    team = shop_team(home)
    with recorded_spans() as exporter:
        begun = await team.run("lookup INV-1 > refund INV-1 5", thread="c1")
        await team.decide(begun.tickets[0], Approve(by="ana"))
        spans = exporter.get_finished_spans()
    assert check(spans) == {"invoke_workflow", "invoke_agent", "chat", "execute_tool"}
    chat = said(next(s for s in spans if s.name == "chat scripted"))
    assert (chat[names.RESPONSE_MODEL], chat[names.OUTPUT_TYPE]) == ("scripted", "text")
    assert isinstance(chat[names.INPUT_TOKENS], int)
    assert isinstance(chat[names.CACHE_READ_TOKENS], int)
    write = said(one(spans, "execute_tool refund"))
    assert (write[names.EFFECT], write[names.EFFECT_ENDED]) == ("write", "done")
    assert said(one(spans, "ticket decided"))[names.DECISION] == "approve"


async def test_a_resumed_run_is_a_new_trace_with_a_link_to_its_pause(home: Path) -> None:
    """No span stays open while people think; both traces are whole; the link is in the record."""
    team = shop_team(home)
    with recorded_spans() as exporter:
        begun = await team.run("refund INV-1 5", thread="c1")
        before = exporter.get_finished_spans()
        exporter.clear()
        await team.decide(begun.tickets[0], Approve(by="ana"))
        after = exporter.get_finished_spans()
    paused, resumed = one(before, RUN), one(after, RUN)
    assert len(traces(before)) == len(traces(after)) == 1
    assert traces(before) != traces(after)
    assert resumed.parent is None
    (link,) = resumed.links
    assert paused.context is not None
    assert link.context.span_id == paused.context.span_id
    assert link.context.trace_id == paused.context.trace_id
    waits = next(r.event for r in await team.events(begun.run) if isinstance(r.event, RunEnded))
    assert waits.traceparent.split("-")[1] == f"{paused.context.trace_id:032x}"
    assert all(path.startswith(RUN) for path in tree(after))


PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from opentelemetry import trace
from pointsman.teams.tickets import Approve
from tests.flow.shop import shop_team
from tests.nodes.spans import recorded_spans

async def main():
    team = shop_team(Path(sys.argv[1]))
    with recorded_spans() as exporter:
        await team.decide(sys.argv[2], Approve(by="ana"))
        for span in exporter.get_finished_spans():
            print(json.dumps({
                "name": span.name, "trace": f"{span.context.trace_id:032x}",
                "parent": bool(span.parent),
                "links": [f"{link.context.span_id:016x}" for link in span.links],
            }))

asyncio.run(main())
"""


async def test_another_process_links_to_the_pause(home: Path) -> None:
    """The paused span's context is on disk: whoever resumes the run links to it."""
    team = shop_team(home)
    with recorded_spans() as exporter:
        begun = await team.run("refund INV-1 5", thread="c1")
        paused = one(exporter.get_finished_spans(), RUN)
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", PROGRAM, str(home), begun.tickets[0].id],
        capture_output=True, text=True, timeout=60, cwd=ROOT, check=True,
        env={**os.environ, "PYTHONPATH": "."},
    )  # fmt: skip
    spans = [json.loads(line) for line in ran.stdout.splitlines()]
    assert paused.context is not None
    (root,) = [span for span in spans if not span["parent"]]
    assert root["name"] == RUN
    assert root["links"] == [f"{paused.context.span_id:016x}"]
    assert len({span["trace"] for span in spans}) == 1


async def test_a_run_is_under_its_callers_span(home: Path) -> None:
    """The caller's own span needs no argument: it is found, and kept in the message."""
    team = shop_team(home)
    with recorded_spans() as exporter:
        with telemetry.span("request", {names.SPAN_KIND: "CHAIN"}) as outer:
            await team.run("lookup INV-1", thread="c1")
        spans = exporter.get_finished_spans()
    assert len(traces(spans)) == 1
    assert f"request / {RUN}" in tree(spans)
    assert outer.get_span_context().trace_id in traces(spans)
    assert not [span for span in spans if span.name.startswith("queue")]


async def test_a_message_sent_elsewhere_goes_on_in_its_trace(home: Path) -> None:
    """A run submitted in one process and driven in another is in the sender's trace, and its wait
    in line is a span with its real length."""
    team = shop_team(home)
    async with team:
        async with team._sessions.engine() as engine:
            row = new_run(
                team.spec, "lookup INV-1", thread="c1", tenant="default", message_id=None,
                priority=5, deadline=None, budget=None, attachments=(),
            )  # fmt: skip
            sent = row.request.model_copy(
                update={"traceparent": SENT, "time": datetime.now(UTC) - timedelta(seconds=30)}
            )
            await engine.services.store.add_run(replace(row, request=sent))
        with recorded_spans() as exporter:
            await team.resume(row.run)
            spans = exporter.get_finished_spans()
    assert traces(spans) == {int(A, 16)}
    root = one(spans, RUN)
    assert root.parent is not None
    assert f"{root.parent.span_id:016x}" == B
    queue = one(spans, "queue shop")
    assert queue.end_time is not None
    assert queue.start_time is not None
    assert 29 < (queue.end_time - queue.start_time) / 1e9 < 600
    assert said(root)[names.WAITED] == said(queue)[names.WAITED]


async def test_runs_at_once_have_a_tree_each(home: Path) -> None:
    """Twenty runs on one loop: twenty traces, no span in another's."""
    async with shop_team(home) as team:
        with recorded_spans() as exporter:
            results = await asyncio.gather(
                *(team.run("lookup INV-1", thread=f"c{n}") for n in range(20))
            )
            spans = exporter.get_finished_spans()
    roots = [span for span in spans if span.parent is None]
    assert {said(span)[names.RUN] for span in roots} == {result.run for result in results}
    assert len(traces(spans)) == 20
    by_trace = {span.context.trace_id: said(span)[names.RUN] for span in roots if span.context}
    for span in spans:
        assert span.context is not None
        assert said(span)[names.RUN] == by_trace[span.context.trace_id], span.name


async def test_children_are_below_their_parent_before_and_after_a_wait(home: Path) -> None:
    """A tree of runs that waits in a child is one tree before, and one after, each run's span
    linked to where it had stopped."""
    team = giving_team(home, task("a", "refund INV-1 5"), task("b", "lookup INV-2"))
    with recorded_spans() as exporter:
        begun = await team.run("boss: please", thread="c1")
        before = exporter.get_finished_spans()
        exporter.clear()
        await team.decide(begun.tickets[0], Approve(by="ana"))
        after = exporter.get_finished_spans()
    check([*before, *after])
    assert len(traces(before)) == len(traces(after)) == 1
    assert len([span for span in before if span.name == RUN]) == 3
    assert all(path.startswith(RUN) for path in (*tree(before), *tree(after)))
    stopped = {said(s)[names.RUN]: s.context.span_id for s in before if s.name == RUN and s.context}
    for span in (span for span in after if span.name == RUN):
        linked = {link.context.span_id for link in span.links}
        assert linked == {stopped[said(span)[names.RUN]]}
    assert f"{RUN} / {RUN} / execute_tool refund" in tree(after)


async def test_a_team_in_somebody_elses_graph_has_one_tree(home: Path) -> None:
    """Its steps are under one span of its run, though no engine of ours drives it; what goes on
    after the wait is another trace, linked."""
    from langgraph.checkpoint.memory import InMemorySaver

    team = shop_team(home)
    parent = parent_of(team, InMemorySaver())
    with recorded_spans() as exporter:
        await parent.ainvoke(message("lookup INV-1 > refund INV-1 5"), config())
        before = exporter.get_finished_spans()
        exporter.clear()
        (ticket,) = await team.tickets()
        await team.decide(ticket, Approve(by="ana"), graph=parent)
        after = exporter.get_finished_spans()
    await team.aclose()
    check([*before, *after])
    assert len(traces(before)) == 1
    assert one(before, RUN).parent is None
    assert f"{RUN} / invoke_agent billing / execute_tool lookup" in tree(before)
    assert f"{RUN} / execute_tool refund" in tree(after)
    (link,) = one(after, RUN).links
    context = one(before, RUN).context
    assert context is not None
    assert link.context.span_id == context.span_id


async def test_a_fallback_shows_every_attempt(home: Path) -> None:
    """One span for each model that was asked, the failed one by its class; the gateway's span says
    how many failed before."""
    broken = ScriptedTransport([ModelOverloaded("busy")] * 20)
    fine = ScriptedTransport(script)
    team = Team(
        "shop",
        specialists=(Specialist("billing", handles="money"),),
        home=home,
        models={"fast": ("first", "second")},
        transports=Transports({"first": lambda: broken, "second": lambda: fine}),
    )
    with recorded_spans() as exporter:
        await team.run("hello", thread="c1")
        spans = exporter.get_finished_spans()
    check(spans)
    failed = [s for s in spans if s.name == "chat first"]
    assert failed
    assert {said(span)[names.ERROR_TYPE] for span in failed} == {"ModelOverloaded"}
    answered = [s for s in spans if s.name == "chat second"]
    assert {s.status.status_code for s in answered} == {StatusCode.UNSET}
    asked = [said(s) for s in spans if s.name == "gateway fast"]
    assert [a[names.FALLBACKS] for a in asked] == [1] * len(asked)
    assert {a[names.SOURCE] for a in asked} == {"model"}


async def test_a_cached_answer_is_no_call(home: Path) -> None:
    """The gateway's span says where the answer came from; no chat span claims tokens again."""
    team = shop_team(home)
    await team.run("hello", thread="c1")
    with recorded_spans() as exporter:
        await team.run("hello", thread="c2")
        spans = exporter.get_finished_spans()
    sources = {said(span)[names.SOURCE] for span in spans if span.name == "gateway fast"}
    assert sources == {"cache"}
    assert not [span for span in spans if span.name.startswith("chat")]


async def test_guards_say_their_verdict_and_no_content(home: Path) -> None:
    """Which guard, rule, stage and verdict, and how many; never what was found."""
    with recorded_spans() as exporter:
        await shop_team(home).run("mail ana@example.com about it", thread="c1")
        spans = exporter.get_finished_spans()
    guard = said(next(span for span in spans if span.name == "guard content"))
    assert guard[names.VERDICT] == "redact"
    assert guard[names.GUARD_STAGE] == "input"
    assert guard[names.GUARD_RULE] == "email"
    assert all("ana@example" not in span.to_json() for span in spans)


async def test_a_plan_has_a_span_around_its_model(home: Path) -> None:
    """`plan {agent}`, with the call that made it inside."""
    from pointsman.nodes.plan import Plan

    team = planning_team(home, lambda billing, tech: Plan((billing, tech)))
    with recorded_spans() as exporter:
        await team.run("lead: please", thread="c1")
        spans = exporter.get_finished_spans()
    assert "plan" in check(spans)
    assert any(" / plan lead / gateway" in path for path in tree(spans))


async def test_the_blackboard_is_traced_by_what_its_entries_are_declared_as(home: Path) -> None:
    """A read and a write are spans; of the key only the declared name: the rest may be personal."""
    board = Blackboard((Entry("customer/*", str, scope="team"),))
    team = shop_team(home, blackboard=board)
    with recorded_spans() as exporter:
        open_board = team.blackboard()
        await open_board.put("customer/ana", "vip", expect=0)
        await open_board.get("customer/ana")
        spans = exporter.get_finished_spans()
    check(spans)
    told = [(s.name, said(s)[names.BOARD_KEY]) for s in spans if s.name.startswith("blackboard")]
    assert told == [("blackboard write", "customer/*"), ("blackboard read", "customer/*")]


async def test_a_failed_run_marks_its_span(home: Path) -> None:
    """By the error's class; a run that waits or is done is no error."""
    model = ScriptedTransport([choice_reply("billing"), ZeroDivisionError("boom")])
    with recorded_spans() as exporter:
        await shop_team(home, model=model).run("x")
        root = one(exporter.get_finished_spans(), RUN)
    assert root.status.status_code is StatusCode.ERROR
    assert said(root)[names.ERROR_TYPE] == "ZeroDivisionError"
    assert said(root)[names.STATUS] == "failed"


async def test_content_is_captured_only_where_asked_and_filtered(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the standard setting, prompts, answers, arguments and results are on the spans, in the
    conventions' shape, with what the filters redact redacted."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    with recorded_spans() as exporter:
        await shop_team(home).run("billing: lookup ana@example.com", thread="c1")
        spans = exporter.get_finished_spans()
    root = said(one(spans, RUN))
    (asked,) = json.loads(str(root[names.INPUT_MESSAGES]))
    assert asked == {
        "role": "user",
        "parts": [{"type": "text", "content": "billing: lookup [EMAIL_1]"}],
    }
    tool = said(one(spans, "execute_tool lookup"))
    assert "EMAIL" in str(tool[names.TOOL_ARGUMENTS])
    assert "20.00 USD" in str(tool[names.TOOL_RESULT])
    chat = [said(s) for s in spans if s.name == "chat scripted" and names.INSTRUCTIONS in said(s)]
    parts = json.loads(str(chat[-1][names.OUTPUT_MESSAGES]))[0]["parts"]
    assert parts[0]["type"] == "text"
    assert all("ana@example" not in span.to_json() for span in spans)


def test_a_traceparent_is_validated() -> None:
    """What is no W3C traceparent never gets into a message."""
    made = Message(sender="user", receiver="shop", traceparent=SENT, payload=Request(text="x"))
    assert made.reply(Request(text="y"), sender="shop").traceparent == SENT
    for wrong in ("x", SENT.upper(), f"{SENT}\n", SENT[:-1], "01" + SENT[2:]):
        with pytest.raises(ValidationError):
            Message(sender="user", receiver="shop", traceparent=wrong, payload=Request(text="x"))


@pytest.mark.parametrize("wrong", [f"00-{'0' * 32}-{B}-01", f"00-{A}-{'0' * 16}-01", "junk"])
def test_an_invalid_parent_is_none(wrong: str) -> None:
    """All zeros, or no traceparent at all: the span is a root, without links."""
    with recorded_spans() as exporter:
        with telemetry.span("x", {}, parent=wrong, links=(wrong,)):
            assert trace.get_current_span().get_span_context().is_valid
        (span,) = exporter.get_finished_spans()
    assert span.parent is None
    assert span.links == ()
