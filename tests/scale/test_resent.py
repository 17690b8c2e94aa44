"""The same message again, and many of one thread at once: one run each, in order, and no error."""

import asyncio
import json
import logging
from collections.abc import Iterable
from dataclasses import replace

import pytest
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from pointsman.errors import StoreUnreachable
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.teams.store.rows import RunRow
from pointsman.teams.temporal import engine as client_side
from pointsman.teams.temporal.names import SEGMENT, workflow_id
from pointsman.teams.temporal.segments import SegmentEngine
from pointsman.teams.temporal.server import connect
from pointsman.teams.temporal.threads import Threads
from pointsman.teams.tickets import Approve
from tests.contracts.engine import FREE, passed, started
from tests.scale.conftest import Site
from tests.scale.test_faults import inside
from tests.scale.worker import LIMITS

REFUNDS = ApprovalPolicy(
    rules=(PolicyRule("refunds", "ask", tools=("refund",)), PolicyRule("all", "allow"))
)
THREAD = workflow_id("shop", "default", "t")


async def latest(client: Client) -> str:
    """Which workflow has the thread now."""
    return (await client.get_workflow_handle(THREAD).describe()).run_id


async def handed_over(client: Client, before: str) -> None:
    """Wait until another workflow has the thread."""
    async with asyncio.timeout(30):
        while await latest(client) == before:  # noqa: ASYNC110 (the server's doing)
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_message_sent_again_is_one_run_over_workflows(site: Site) -> None:
    """Three times at once, after it has ended, and when its thread's workflow has continued as new:
    one run, one write, one answer. So for one that waits for a person."""
    limits = replace(LIMITS, history=15, idle=30.0)
    async with inside(site, policy=REFUNDS):
        team = site.team(limits=limits, policy=REFUNDS)
        async with team:
            client = await connect(site.address)
            waits = await team.run("refund INV-1 5", thread="t", message_id="w")
            sends = [team.run("slow_note a", thread="t", message_id="m") for _ in range(3)]
            before = await latest(client)
            first, *others = await asyncio.gather(*sends)
            await handed_over(client, before)
            events = await team.events(first.run)
            others.append(await team.run("slow_note a", thread="t", message_id="m"))
            await team.post("slow_note a", thread="t", message_id="m")
            still = await asyncio.gather(
                *(team.run("refund INV-1 5", thread="t", message_id="w") for _ in range(3))
            )
            assert [one.tickets for one in still] == [waits.tickets] * 3
            done = passed(await team.decide(waits.tickets[0], Approve(by="ana")))
            again = await team.run("refund INV-1 5", thread="t", message_id="w")
            assert {(one.run, one.status, one.answer) for one in (first, *others)} == {
                (first.run, "done", first.answer)
            }
            assert (again.run, again.status, again.answer) == (done.run, "done", done.answer)
            assert await team.events(first.run) == events
            assert len(await team.runs()) == 2
    assert site.wrote == ["noted a slowly", "refunded 5 on INV-1"]


@pytest.mark.slow
async def test_a_message_sent_again_while_its_run_is_handed_over(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workflow continues as new in the middle of the run; who sent the message before it and
    after it gets the same result, and the write happens once."""
    take, mended = SegmentEngine.take_step, asyncio.Event()

    async def fails(self: SegmentEngine, row: RunRow, step: str, *, at: str) -> None:
        if not mended.is_set():
            raise StoreUnreachable("no connection")
        await take(self, row, step, at=at)

    monkeypatch.setattr(SegmentEngine, "take_step", fails)
    limits = replace(LIMITS, history=20, attempts=1)
    async with inside(site, policy=FREE):
        team = site.team(limits=limits, policy=FREE)
        async with team:
            client = await connect(site.address)
            sent = [asyncio.create_task(team.run("note a", thread="t", message_id="m"))]
            await started(team, 1)
            await handed_over(client, await latest(client))
            sent += [
                asyncio.create_task(team.run("note a", thread="t", message_id="m"))
                for _ in range(2)
            ]
            mended.set()
            came = await asyncio.gather(*sent)
            assert len(await team.runs()) == 1
    assert {(one.run, one.status, one.answer) for one in came} == {
        (came[0].run, "done", "done: noted a")
    }
    assert site.wrote == ["noted a"]


@pytest.mark.slow
async def test_what_has_ended_needs_no_worker(site: Site) -> None:
    """Its result is in the store: sent again, it is given though nobody works."""
    async with inside(site, policy=FREE):
        first = await site.team(policy=FREE).run("note a", thread="t", message_id="m")
    again = await site.team(policy=FREE).run("note a", thread="t", message_id="m")
    assert (again.run, again.answer) == (first.run, first.answer)


@pytest.mark.slow
async def test_thirty_messages_of_a_thread_at_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """More than Temporal lets wait at one workflow: all are answered, in the order in which it
    accepted them, and nobody is warned."""
    with caplog.at_level(logging.WARNING, "pointsman"):
        async with inside(site, policy=FREE):
            caplog.clear()
            team = site.team(policy=FREE)
            async with team:
                came = await asyncio.gather(
                    *(team.run(f"lookup {n}", thread="t", message_id=f"m{n}") for n in range(30))
                )
    assert [one.answer for one in came] == [f"done: {n} is 20.00 USD" for n in range(30)]
    ours = [record.getMessage() for record in caplog.records if record.name == "pointsman.teams"]
    assert ours == []
    client = await connect(site.address)
    history = await client.get_workflow_handle(THREAD).fetch_history()
    accepted = first_of(run for event in history.events for run in taken(event))
    moved = first_of(run for event in history.events for run in begun(event))
    assert len(accepted) == 30
    assert moved == accepted


@pytest.mark.slow
async def test_a_crowd_of_other_processes_is_no_error(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Others take all the places at a thread's workflow, until Temporal refuses: who finds none
    leaves its message in the mailbox and is answered in its turn."""
    take, begun, go = SegmentEngine.take_step, asyncio.Event(), asyncio.Event()

    async def stands(self: SegmentEngine, row: RunRow, step: str, *, at: str) -> None:
        begun.set()
        await go.wait()
        await take(self, row, step, at=at)

    monkeypatch.setattr(SegmentEngine, "take_step", stands)
    monkeypatch.setattr(client_side, "AT_ONCE", 100)  # as many processes do
    client = await connect(site.address)
    async with inside(site, policy=FREE):
        team = site.team(policy=FREE)
        async with team:
            asking = [asyncio.create_task(team.run("lookup 0", thread="t"))]
            await begun.wait()
            caplog.clear()
            asking += [
                asyncio.create_task(team.run(f"lookup {n}", thread="t")) for n in range(1, 13)
            ]
            async with asyncio.timeout(50):
                while len(await left(client)) < 12:  # noqa: ASYNC110 (the server's doing)
                    await asyncio.sleep(0.2)
            go.set()
            came = await asyncio.gather(*asking)
    assert [one.status for one in came] == ["done"] * 13
    assert [record.getMessage() for record in caplog.records if "waits" in record.message] == []


async def left(client: Client) -> list[str]:
    """The runs in the thread's line."""
    box = await Threads(client, LIMITS).mailbox_of(THREAD)
    assert box is not None
    return [one.run for one in box.ready[1:]]


def first_of(runs: Iterable[str]) -> list[str]:
    """Each run once, where it came first."""
    return list(dict.fromkeys(runs))


def taken(event: HistoryEvent) -> list[str]:
    """The runs that the workflow is given by an event of its history."""
    match event.WhichOneof("attributes"):
        case "workflow_execution_started_event_attributes":
            given = event.workflow_execution_started_event_attributes.input.payloads[0]
            return [item["run"] for item in json.loads(given.data)["ready"]]
        case "workflow_execution_update_accepted_event_attributes":
            request = event.workflow_execution_update_accepted_event_attributes.accepted_request
            return [json.loads(request.input.args.payloads[0].data)["run"]]
        case "workflow_execution_signaled_event_attributes":
            given = event.workflow_execution_signaled_event_attributes.input.payloads[0]
            return [json.loads(given.data)["run"]]
        case _:
            return []


def begun(event: HistoryEvent) -> list[str]:
    """The run that a segment is asked for by an event."""
    asked = event.activity_task_scheduled_event_attributes
    if asked.activity_type.name != SEGMENT:
        return []
    return [json.loads(asked.input.payloads[0].data)["run"]]
