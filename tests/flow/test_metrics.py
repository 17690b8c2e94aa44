"""Metrics of runs: counted from their events, by labels that stay few."""

import asyncio
from pathlib import Path

import pytest

from pointsman.errors import ModelOverloaded
from pointsman.nodes import conventions as names
from pointsman.nodes import counting, metrics
from pointsman.nodes.event import RunStarted
from pointsman.nodes.gateway.scripted import ScriptedTransport, choice_reply
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.specialist import Specialist
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve
from tests.flow.shop import script, shop_team
from tests.nodes.collected import Collected, Point, collected


def one(seen: Collected, name: str, **labels: object) -> Point:
    """The only series of a metric with these labels, dots written as two underscores."""
    wanted = {key.replace("__", "."): value for key, value in labels.items()}
    found = [p for p in seen.points(name) if wanted.items() <= dict(p.labels).items()]
    assert len(found) == 1, (name, found)
    return found[0]


async def test_a_run_is_counted_once_in_each_metric(home: Path) -> None:
    """Runs, model calls, tokens, visits, tools, routes: as the conventions have them."""
    with collected() as seen:
        await shop_team(home).run("lookup INV-1", thread="c1", tenant="acme")
    assert one(seen, "pointsman.runs.started").value == 1
    ended = one(seen, "pointsman.runs", pointsman__run__status="done")
    assert ended.labels[names.TENANT] == "acme"
    assert ended.labels[names.AGENT] == "billing"
    calls = seen.points("gen_ai.client.operation.duration")
    assert sum(point.count for point in calls) == 3
    assert {p.labels[names.REQUEST_MODEL] for p in calls} == {"scripted"}
    assert {p.buckets for p in calls} == {names.FAST}
    assert {p.labels[names.TOKEN_TYPE] for p in seen.points("gen_ai.client.token.usage")} <= {
        "input", "output",
    }  # fmt: skip
    visit = one(seen, "gen_ai.invoke_agent.duration")
    assert (visit.count, visit.labels[names.OPERATION]) == (1, "invoke_agent")
    assert visit.buckets == names.LONG
    run = one(seen, "gen_ai.invoke_workflow.duration")
    assert (run.labels[names.WORKFLOW], run.labels[names.STATUS]) == ("shop", "done")
    tool = one(seen, "gen_ai.execute_tool.duration")
    assert (tool.labels[names.TOOL], tool.labels[names.TOOL_TYPE]) == ("lookup", "function")
    assert names.ERROR_TYPE not in tool.labels
    assert one(seen, "pointsman.routes").labels[names.ROUTE_TO] == "billing"
    assert one(seen, "pointsman.queue.wait").count == 1


async def test_no_label_beside_those_that_are_declared(home: Path) -> None:
    """Each metric and label is declared; never is there a run's, thread's or ticket's id."""
    team = shop_team(home)
    with collected() as seen:
        begun = await team.run("mail ana@example.com > refund INV-1 5", thread="c77")
        await team.decide(begun.tickets[0], Approve(by="ana")) if begun.tickets else None
        everything = seen.labels()
        points = [point for name in seen.names() for point in seen.points(name)]
    values = {str(value) for point in points for value in point.labels.values()}
    own = {n: labels for n, labels in everything.items() if n in names.BY_NAME}
    assert len(own) > 8
    for name, labels in own.items():
        assert labels <= set(names.BY_NAME[name].labels), name
    assert not {begun.run, "c77", *(t.id for t in begun.tickets)} & values


async def test_a_persons_wait_is_a_histogram(home: Path) -> None:
    """From the ticket's opening to the decision, by what was decided."""
    team = shop_team(home)
    with collected() as seen:
        begun = await team.run("refund INV-1 5", thread="c1")
        assert one(seen, "pointsman.tickets.opened").labels[names.TOOL] == "refund"
        await team.decide(begun.tickets[0], Approve(by="ana"))
    wait = one(seen, "pointsman.ticket.wait")
    assert (wait.count, wait.labels[names.DECISION]) == (1, "approve")
    assert wait.buckets == names.PEOPLE
    assert 0 <= wait.value < 60
    assert one(seen, "pointsman.tickets.decided").value == 1
    statuses = {p.labels[names.STATUS]: p.value for p in seen.points("pointsman.runs")}
    assert statuses == {"waiting": 1, "done": 1}


async def test_what_goes_wrong_is_counted_by_its_class(home: Path) -> None:
    """Failed model calls and the model that followed; the run's own error; a guard's verdict."""
    broken = ScriptedTransport([ModelOverloaded("busy")] * 20)
    fine = ScriptedTransport(script)
    team = Team(
        "shop",
        specialists=(Specialist("billing", handles="money"),),
        home=home,
        models={"fast": ("first", "second")},
        transports=Transports({"first": lambda: broken, "second": lambda: fine}),
    )
    with collected() as seen:
        await team.run("write to ana@example.com", thread="c1")
    back = one(seen, "pointsman.model.fallbacks")
    assert back.labels[names.REQUEST_MODEL] == "first"
    assert back.labels[names.FALLBACK_TO] == "second"
    assert back.labels[names.ERROR_TYPE] == "ModelOverloaded"
    failed = one(seen, "gen_ai.client.operation.duration", gen_ai__request__model="first")
    assert failed.labels[names.ERROR_TYPE] == "ModelOverloaded"
    verdict = seen.points("pointsman.guard.verdicts")[0]
    assert (verdict.labels[names.VERDICT], verdict.labels[names.GUARD_RULE]) == ("redact", "email")
    model = ScriptedTransport([choice_reply("billing"), ZeroDivisionError("boom")])
    with collected() as seen:
        await shop_team(home / "b", model=model).run("x")
    run = one(seen, "pointsman.runs", pointsman__run__status="failed")
    assert run.labels[names.ERROR_TYPE] == "ZeroDivisionError"


async def test_a_cached_answer_counts_no_tokens(home: Path) -> None:
    """It is an answer from the cache, and no call of a model."""
    team = shop_team(home)
    await team.run("hello", thread="c1")
    with collected() as seen:
        await team.run("hello", thread="c2")
    assert {p.labels[names.SOURCE] for p in seen.points("pointsman.model.answers")} == {"cache"}
    assert seen.points("gen_ai.client.operation.duration") == []


async def test_tenants_beyond_the_bound_are_others(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process tells so many apart; the rest is counted as `other`, and nothing is lost."""
    whose = [metrics.Whose("capped", f"t{n}", tenants=3) for n in range(10)]
    metrics.instruments()._seen.pop(names.TENANT, None)
    with collected() as seen:
        for one_of in whose:
            counting.count(RunStarted(run="r", thread="c"), one_of)
        points = seen.points("pointsman.runs.started")
    by_tenant = {str(p.labels[names.TENANT]): p.value for p in points}
    assert by_tenant == {"t0": 1, "t1": 1, "t2": 1, "other": 7}


async def test_gauges_show_what_the_store_says(home: Path) -> None:
    """Waiting tickets and their age, the queue, dead letters: while the team is open, and not
    after."""
    model = ScriptedTransport([choice_reply("billing"), ZeroDivisionError("boom")])
    await shop_team(home, model=model).run("x", thread="c9")
    team = shop_team(home)
    await team.run("refund INV-1 5", thread="c1")
    with collected() as seen:
        async with team:
            for _ in range(200):
                found = [p for p in seen.points("pointsman.tickets.waiting") if p.value]
                if found:
                    break
                await asyncio.sleep(0.02)
            assert one(seen, "pointsman.tickets.waiting", pointsman__team="shop").value == 1
            assert one(seen, "pointsman.dead_letters", pointsman__team="shop").value == 1
            assert 0 < one(seen, "pointsman.tickets.age").value < 60
            assert one(seen, "pointsman.queue.depth").value == 0
        assert seen.points("pointsman.tickets.waiting") == []
