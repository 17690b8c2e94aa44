"""Forks: as recorded until a step, another way after it, apart from everything else."""

from dataclasses import replace
from pathlib import Path

import pytest

from pointsman.errors import BadInput, Conflict
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.teams.mailbox import Mailbox
from pointsman.teams.replay.fork import Fork
from pointsman.teams.replay.play import Play
from pointsman.teams.replay.replay import decide
from pointsman.teams.replay.store import PlayStore
from pointsman.teams.search import RunFilter
from pointsman.teams.tape import SIMULATED
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve
from tests.flow.shop import Shop, script, shop_team
from tests.nodes.collected import collected


class KilledHere(Exception):
    """As if the process died."""


WORK = "lookup INV-1 > refund INV-1 5 + note hello"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new folder of state."""
    return tmp_path / "home"


async def done(team: Team) -> str:
    """A run with a read and two approved writes."""
    result = await team.run(WORK, thread="c1")
    for ticket in result.tickets:
        await team.decide(ticket, Approve(by="ana"))
    return result.run


async def test_a_fork_that_changes_nothing_comes_to_the_same(home: Path) -> None:
    """All its answers are recorded ones: it costs nothing, and nothing happens again."""
    run = await done(shop_team(home))
    model = ScriptedTransport(script)
    team = shop_team(home, model=model)
    fork = await team.fork(run, Fork(at="1.0:billing"))
    result = await team.result(fork)
    assert (result.status, result.answer) == ("done", (await team.result(run)).answer)
    assert (result.model_calls, model.requests) == (0, [])
    assert Shop(home).wrote() == ["refunded 5 on INV-1", "noted hello"]
    record = await team.record(fork)
    assert (record.fork_of, record.fork_at, record.simulated) == (run, "1.0:billing", True)


async def test_another_prompt_is_asked_with_from_the_step_on(home: Path) -> None:
    """The router's answer is the recorded one; the specialist's are live; writes are simulated."""
    run = await done(shop_team(home))
    model = ScriptedTransport(script)
    team = shop_team(home, model=model)
    fork = await team.fork(run, Fork(at="1.0:billing", prompts={"": "You are brief.\n"}))
    assert {request.purpose for request in model.requests} == {"act"}
    assert {request.turns[0].content for request in model.requests} == {"You are brief."}
    assert SIMULATED in (await team.result(fork)).answer
    assert Shop(home).wrote() == ["refunded 5 on INV-1", "noted hello"]


async def test_live_answers_are_asked_for_from_the_step_on(home: Path) -> None:
    """Also where the same is asked again."""
    run = await done(shop_team(home))
    model = ScriptedTransport(script)
    team = shop_team(home, model=model)
    await team.fork(run, Fork(at="1.1:billing", answers="live", models={"": "scripted"}))
    assert len(model.requests) == 1


async def test_allowed_effects_still_ask_a_person(home: Path) -> None:
    """What a person approved then is not approved now; once it is, it happens."""
    team = shop_team(home)
    run = await done(team)
    fork = await team.fork(run, Fork(at="1.0:billing", effects="allow", answers="live"))
    result = await team.result(fork)
    assert result.status == "waiting"
    assert len(Shop(home).wrote()) == 2
    for ticket in result.tickets:
        await team.decide(ticket, Approve(by="ana"))
    assert (await team.result(fork)).status == "done"
    assert len(Shop(home).wrote()) == 4


async def test_a_fork_is_apart(home: Path) -> None:
    """The thread's next run does not hear of it, and it is no dead letter."""
    team = shop_team(home)
    run = await done(team)
    broken = ScriptedTransport(lambda _request: RuntimeError("no"))  # pyright: ignore[reportArgumentType]
    fork = await shop_team(home, model=broken).fork(run, Fork(at="1:route", answers="live"))
    assert (await team.result(fork)).status == "failed"
    assert await team.dead() == ()
    model = ScriptedTransport(script)
    later = await shop_team(home, model=model).run("say more", thread="c1")
    said = [turn.content for turn in model.requests[-1].turns if turn.role == "user"]
    assert said == [WORK, "say more"]
    assert later.status == "done"


async def test_a_fork_is_no_figure_but_for_what_it_cost(home: Path) -> None:
    """No list, overview or metric knows it; the model calls that it really made count, and those
    from the record do not."""
    team = shop_team(home)
    run = await done(team)
    before = await team.overview()
    with collected() as seen:
        fork = await team.fork(run, Fork(at="1.1:billing", answers="live"))
        calls = sum(point.count for point in seen.points("gen_ai.client.operation.duration"))
        moved = {name for name in seen.names() if seen.points(name)}
    assert (await team.result(fork)).model_calls == calls == 1
    assert not moved & {"pointsman.runs.started", "pointsman.runs.ended"}
    assert "gen_ai.invoke_workflow.duration" not in moved
    after = await team.overview()
    assert after.spend.calls == before.spend.calls + 1
    assert (after.ended, after.edges, after.specialists) == (
        before.ended, before.edges, before.specialists,
    )  # fmt: skip
    assert [line.run for line in (await team.search()).lines] == [run]
    assert [row.run for row in await team.runs()] == [run]
    found = (await team.search(RunFilter(forks=True))).lines
    assert [(line.run, line.fork_of) for line in found] == [(fork, run), (run, "")]


async def test_what_cannot_be_forked_says_why(home: Path) -> None:
    """A step that was not, a change that fits nobody, a fork of a fork, a run that is under way."""
    team = shop_team(home)
    run = await done(team)
    with pytest.raises(BadInput, match=r"no step '9:route'.*1:route"):
        await team.fork(run, Fork(at="9:route"))
    with pytest.raises(BadInput, match="no specialist 'execute'"):
        await team.fork(run, Fork(at="1.1:execute", prompts={"": "x"}))
    fork = await team.fork(run, Fork(at="1:route"))
    with pytest.raises(Conflict, match="is a fork of"):
        await team.fork(fork, Fork(at="1:route"))


async def test_a_fork_that_broke_off_does_nothing_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when the approvals of then stand again and what they allowed has not been played:
    whoever picks it up, at once or by its name, ends it, and nothing is written twice."""
    team = shop_team(home)
    run = await done(team)

    async def killed(store: PlayStore, play: Play) -> bool:
        assert await decide(store, play)
        raise KilledHere

    monkeypatch.setattr("pointsman.teams.replay.fork.decide", killed)
    with pytest.raises(KilledHere):
        await team.fork(run, Fork(at="1.1:billing", effects="allow"))
    (fork,) = [row.run for row in await team.runs(forks=True) if row.run != run]
    assert (await team.result(fork)).status == "waiting"
    await shop_team(home).sweep()
    result = await team.result(fork)
    assert len(Shop(home).wrote()) == 2
    assert (result.status, result.error) == ("failed", "Conflict")
    assert "broke off" in result.answer


async def test_a_fork_that_runs_is_nobody_elses(home: Path) -> None:
    """A server that starts takes on the runs that a killed one left, and no fork."""
    async with shop_team(home) as team:
        run = await done(team)
        async with team.sessions.services() as services:
            row = await services.store.find_run(run)
            assert row is not None
            left = replace(row, state="running", result=None, seconds=0.0)
            fork = replace(
                left, run="rfork", thread="fork:rfork", root_thread="rfork", fork_of=run,
                fork_at="1:route",
            )  # fmt: skip
            other = replace(left, run="rleft", thread="c2", root_thread="rleft")
            assert await services.store.add_run(fork)
            assert await services.store.add_run(other)
        async with Mailbox(team, look_seconds=0.01) as mailbox:
            assert (await mailbox.ended("rleft", 20)).state == "waiting"
            assert mailbox.queued == mailbox.working == 0
        assert await team.events("rfork") == ()
