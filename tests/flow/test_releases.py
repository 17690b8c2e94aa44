"""Releases at work: two side by side, threads that keep theirs, a way back."""

import math
import os
import shutil
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pointsman.errors import BadInput, Misconfigured, ModelRejected, NotFound
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
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
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.flags import FileFlags
from pointsman.teams.releases.behaviour import behaviour
from pointsman.teams.releases.channels import Serves, place
from pointsman.teams.releases.release import Release
from pointsman.teams.releases.rollout import Rollout, assigned
from pointsman.teams.releases.watch import Band
from pointsman.teams.request import new_run
from pointsman.teams.result import Result
from pointsman.teams.services import Services
from pointsman.teams.store.rows import RunRow
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve
from tests.flow.giver import giving_team, task

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@tool(effect="write")
def pay() -> str:
    """Pay."""
    return "paid"


def says(request: ModelRequest) -> Scripted:
    """The model: says the first line of its prompt; told to pay, it wants to pay before."""
    if request.choices:
        return choice_reply("clerk", probabilities=[("clerk", 0.9)])
    if request.turns[-1].content == "pay":
        return tool_reply(ToolCall(id="c1", name="pay"))
    return text_reply(request.turns[0].content.splitlines()[0])


@asynccontextmanager
async def services_of(team: Team) -> AsyncGenerator[Services]:
    """What an open team works with."""
    async with team._sessions.services() as services:  # pyright: ignore[reportPrivateUsage]
        yield services


def row_of(team: Team, thread: str) -> RunRow:
    """The row of a thread's first message."""
    return new_run(
        team.spec, "hello", thread=thread, tenant="default", message_id="m1", priority=5,
        deadline=None, budget=None, attachments=(),
    )  # fmt: skip


class Desk:
    """A team with one prompt file, which can be written anew."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.prompts = home.parent / "prompts"
        self.prompts.mkdir(exist_ok=True)
        self.write("as it began")
        self.model = ScriptedTransport(says)
        self.other = ScriptedTransport(lambda _: text_reply("the other model"))

    def write(self, text: str) -> None:
        """Change the prompt file."""
        (self.prompts / "clerk.md").write_text(text + "\n")

    def team(self, *, models: tuple[str, ...] = ("scripted",), handles: str = "all") -> Team:
        """The team as its code and files are now."""
        return Team(
            "desk",
            specialists=(Specialist("clerk", handles=handles, prompt="clerk", tools=(pay,)),),
            policy=ApprovalPolicy((PolicyRule("all", then="ask"),)),
            home=self.home,
            prompts=self.prompts,
            models={"fast": models, "strong": models},
            transports=Transports(
                {
                    "scripted": lambda: self.model,
                    "other": lambda: self.other,
                    "broken": lambda: ScriptedTransport(lambda _: ModelRejected("no")),
                }
            ),
            guards=(),
        )

    def release(self, text: str, *, models: tuple[str, ...] = ("scripted",)) -> Release:
        """A release of the prompt with that text."""
        self.write(text)
        spec = self.team(models=models).spec
        parts = behaviour(spec, spec.models or {})
        return Release.of("desk", parts, at=NOW, by="ana", notes="")


@pytest.fixture
def desk(home: Path) -> Desk:
    """The team's folder."""
    return Desk(home)


async def test_two_releases_run_side_by_side(desk: Desk) -> None:
    """Each thread is answered by the prompt of its release, whatever the file says now."""
    old, new = desk.release("the old way"), desk.release("the new way")
    desk.write("what nobody released")
    async with desk.team() as team:
        await team.promote(old, to="production", by="ana")
        first = await team.run("hello", thread="a")
        await team.promote(new, to="production", by="ana")
        second = await team.run("hello", thread="b")
        again = await team.run("hello again", thread="a")
    assert [r.answer for r in (first, second, again)] == [
        "the old way", "the new way", "the old way"
    ]  # fmt: skip


async def test_a_release_brings_its_models(desk: Desk) -> None:
    """The chain of the release is asked, not the one of the code."""
    release = desk.release("a way", models=("other",))
    async with desk.team() as team:
        await team.promote(release, to="production", by="ana")
        assert (await team.run("hello")).answer == "the other model"


async def test_a_thread_keeps_its_release_and_others_begin_with_the_new_one(desk: Desk) -> None:
    """Through a promotion, in another process too; the run's row says which it was."""
    old, new = desk.release("the old way"), desk.release("the new way")
    await desk.team().promote(old, to="production", by="ana")
    first = await desk.team().run("hello", thread="a")
    await desk.team().promote(new, to="production", by="ana")
    team = desk.team()
    again, other = await team.run("again", thread="a"), await team.run("hello", thread="b")
    assert [r.answer for r in (first, again, other)] == [
        "the old way", "the old way", "the new way"
    ]  # fmt: skip
    runs = {row.run: row.release for row in await team.runs()}
    assert runs == {
        first.run: old.release, again.run: old.release, other.run: new.release
    }  # fmt: skip


async def test_a_thread_of_a_withdrawn_release_goes_on_with_another(desk: Desk) -> None:
    """Its next message is answered by what came back; threads of good releases stay."""
    old, new = desk.release("the old way"), desk.release("the new way")
    async with desk.team() as team:
        await team.promote(old, to="production", by="ana")
        await team.run("hello", thread="a")
        await team.promote(new, to="production", by="ana")
        await team.run("hello", thread="b")
        await team.rollback(by="ana", reason="rude")
        assert (await team.run("and now?", thread="b")).answer == "the old way"
        assert (await team.run("and now?", thread="a")).answer == "the old way"


async def test_a_run_that_waits_ends_on_the_release_it_began_with(desk: Desk) -> None:
    """Though that was promoted over and taken back meanwhile, and its file is gone."""
    old, new = desk.release("the old way"), desk.release("the new way")
    team = desk.team()
    await team.promote(old, to="production", by="ana")
    await team.promote(new, to="production", by="ana")
    waits = await team.run("pay", thread="a")
    assert waits.status == "waiting"
    await team.rollback(by="ana", reason="rude")
    shutil.rmtree(desk.home / "releases")
    ended = await desk.team().decide(waits.tickets[0], Approve(by="ana"))
    assert isinstance(ended, Result)
    assert (ended.status, ended.answer) == ("done", "the new way")


async def test_a_canary_takes_its_share_of_threads(desk: Desk) -> None:
    """Of 1,000 new threads about one in five, within four standard errors, and just those whose
    place is below the share; when it grows, threads that began stay."""
    old, new = desk.release("the old way"), desk.release("the new way")
    async with desk.team() as team, services_of(team) as services:
        await team.promote(old, to="production", by="ana")
        await team.promote(new, to="canary", share=0.2, by="ana")
        rows = [row_of(team, f"t{n}") for n in range(1_000)]
        got = {r.thread: (await assigned(services, r)).release for r in rows}
        await team.promote(new, to="canary", share=0.9, by="ana")
        again = {r.thread: (await assigned(services, r)).release for r in rows}
    tried = {thread for thread, release in got.items() if release == new.release}
    assert abs(len(tried) - 200) < 4 * math.sqrt(1_000 * 0.2 * 0.8)
    assert tried == {t for t in got if place("desk", "default", t) < 0.2}
    assert again == got


async def test_a_flag_moves_the_canarys_share(desk: Desk) -> None:
    """Whoever the flag says begins with the canary, whatever its share."""
    old, new = desk.release("the old way"), desk.release("the new way")
    flags = desk.home.parent / "flags.yaml"
    flags.write_text("pointsman.canary: {value: 0.0, rules: [{tenants: [acme], value: 1.0}]}")
    async with desk.team() as team, services_of(team) as opened:
        services = replace(opened, rollout=Rollout(flags=FileFlags(flags)))
        await team.promote(old, to="production", by="ana")
        await team.promote(new, to="canary", share=0.5, by="ana")
        row = row_of(team, "a")
        assert (await assigned(services, row)).release == old.release
        theirs = await assigned(services, replace(row, tenant="acme"))
        assert theirs.release == new.release
        flags.write_text("pointsman.canary: {value: 7.0}")
        os.utime(flags, ns=(1, 1))
        with pytest.raises(Misconfigured, match=r"pointsman\.canary"):
            await assigned(services, replace(row, thread="b"))


@pytest.mark.parametrize(
    ("serves", "answer"),
    [("none", "what nobody released"), ("staging", "the new way"), ("production", "the old way")],
)
async def test_what_a_process_serves_is_its_own_affair(
    desk: Desk, serves: Serves, answer: str
) -> None:
    """One serves what is staged, another one no release at all."""
    old, new = desk.release("the old way"), desk.release("the new way")
    desk.write("what nobody released")
    await desk.team().promote(old, to="production", by="ana")
    await desk.team().promote(new, to="staging", by="ana")
    team = desk.team().apart(rollout=Rollout(serves=serves))
    assert (await team.run("hello")).answer == answer


async def test_work_given_to_others_stays_on_the_release(home: Path) -> None:
    """A child run has its parent's release, whatever was promoted after the parent began."""
    team = giving_team(home, task("a", "lookup INV-1"))
    release = await team.new_release(by="ana")
    await team.promote(release, to="production", by="ana")
    assert (await team.run("boss: please")).status == "done"
    assert {row.release for row in await team.runs()} == {release.release}
    assert len(await team.runs()) == 2


async def test_after_a_crash_between_pin_and_run_the_thread_keeps_its_release(desk: Desk) -> None:
    """The release was noted and the run's row was not written: the same message comes to the same
    release, though another one was promoted meanwhile."""
    old, new = desk.release("the old way"), desk.release("the new way")
    await desk.team().promote(old, to="production", by="ana")
    async with desk.team() as team, services_of(team) as services:
        row = await assigned(services, row_of(team, "a"))
        assert await services.store.find_run(row.run) is None
    team = desk.team()
    await team.promote(new, to="production", by="ana")
    assert (await team.run("hello", thread="a", message_id="m1")).answer == "the old way"


async def test_releases_of_other_code_are_told_of(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """Its prompts and models run on the code that is there, and the log names the parts."""
    release = desk.release("a way")
    await desk.team().promote(release, to="production", by="ana")
    team = desk.team(handles="something else")
    assert await team.drift(release) == ("specialists",)
    assert (await team.run("hello")).answer == "a way"
    assert any("specialists differ" in record.message for record in caplog.records)


async def test_releases_of_other_code_may_be_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the run fails, and says why."""
    monkeypatch.setenv("POINTSMAN_RELEASE_DRIFT", "refuse")
    await desk.team().promote(desk.release("a way"), to="production", by="ana")
    result = await desk.team(handles="something else").run("hello")
    assert (result.status, result.error) == ("failed", "ReleaseDrift")
    assert "specialists differ" in result.answer


async def test_a_prompt_that_was_changed_on_disk_is_put_right(desk: Desk) -> None:
    """Whoever writes into the folder of state does not change what a release says."""
    await desk.team().promote(desk.release("a way"), to="production", by="ana")
    await desk.team().run("hello")
    (unpacked,) = (desk.home / "releases").rglob("clerk.md")
    unpacked.write_text("another way")
    assert (await desk.team().run("hello")).answer == "a way"


async def test_a_release_that_is_gone_ends_the_run(desk: Desk) -> None:
    """The run fails with what is missing; nothing is asked."""
    await desk.team().promote(desk.release("a way"), to="production", by="ana")
    with sqlite3.connect(desk.home / "pointsman.db") as db:
        db.execute("DELETE FROM releases")
    result = await desk.team().run("hello")
    assert (result.status, result.error) == ("failed", "NotFound")
    assert desk.model.requests == []


async def test_an_exported_graph_runs_on_releases_too(desk: Desk) -> None:
    """Its thread is the parent's."""
    old, new = desk.release("the old way"), desk.release("the new way")
    async with desk.team() as team:
        await team.promote(old, to="production", by="ana")
        said = await team.compile().ainvoke({"messages": [("user", "hello")]})
        assert said["messages"][-1].content == "the old way"
        (row,) = await team.runs()
        assert row.release == old.release
        await team.promote(new, to="production", by="ana")


async def test_a_watch_takes_a_broken_release_back(desk: Desk) -> None:
    """Runs that fail leave their band, production gets back what was there before, and the audit
    log has it by `watch`."""
    old, new = desk.release("the old way"), desk.release("the new way", models=("broken",))
    bands = (Band("errors", 0.05, least=5), Band("usd", 0.5, beyond=1.0))
    async with desk.team() as team:
        await team.promote(old, to="production", by="ana")
        for n in range(6):
            await team.run("hello", thread=f"old{n}")
        assert (await team.watch(bands))[1] is None
        await team.promote(new, to="production", by="ana")
        for n in range(6):
            assert (await team.run("hello", thread=f"new{n}")).status == "failed"
        found, moved = await team.watch(bands)
        assert moved is not None
        assert (moved.production, moved.by) == (old.release, "watch")
        assert (found[0].bad, found[0].runs, found[0].left) == (6, 6, True)
        assert (await team.run("hello", thread="new0")).answer == "the old way"
        last = (await team.audit())[-1].entry
    assert (last.action, last.release, last.by) == ("rollback", new.release, "watch")


async def test_a_release_of_another_team_is_refused(desk: Desk) -> None:
    """It would bring prompts that are not this team's."""
    release = desk.release("a way").model_copy(update={"team": "other"})
    with pytest.raises(BadInput, match="is of team 'other'"):
        await desk.team().promote(release, to="production", by="ana")
    with pytest.raises(NotFound):
        await desk.team().promote("2020-01-01.00000000", by="ana")


async def test_without_releases_nothing_changes(desk: Desk) -> None:
    """A team that never promoted one runs on its files, and its runs say so."""
    desk.write("as it is")
    team = desk.team()
    result = await team.run("hello", thread="a")
    assert result.answer == "as it is"
    assert (await team.run_row(result.run)).release == ""
