"""Replaying runs: what is the same differs nowhere, and what changed is found where it changed."""

# ruff: noqa: ASYNC240 (a test may look at a file on the loop)

from pathlib import Path

import pytest

from pointsman.errors import BadInput, Conflict, NotFound
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes import conventions as names
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Edit, Reject
from tests.flow.shop import Shop, script, shop_team
from tests.nodes.collected import collected
from tests.nodes.spans import recorded_spans

ALLOW_ALL = ApprovalPolicy(rules=(PolicyRule("all", "allow"),))
GAUGES = {m.name for m in names.METRICS if m.instrument in ("gauge", "observed")}
WORK = "lookup INV-1 > refund INV-1 5 + note hello"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new folder of state."""
    return tmp_path / "home"


async def decided(team: Team) -> str:
    """A run with a read and two writes, one edited, one refused."""
    result = await team.run(WORK, thread="c1")
    first, second = result.tickets
    await team.decide(first, Edit(by="ana", args={"usd": 4.0}))
    result = await team.decide(second, Reject(by="bo", reason="not now"))
    assert result.status == "done"  # pyright: ignore[reportAttributeAccessIssue] (no graph is given)
    return result.run  # pyright: ignore[reportAttributeAccessIssue]


async def test_the_same_again_differs_nowhere_and_touches_nothing(home: Path) -> None:
    """No model is asked, nothing is read or written, and every step comes again."""
    run = await decided(shop_team(home))
    wrote, files = Shop(home).wrote(), sorted(path.name for path in home.iterdir())
    model = ScriptedTransport(script)
    came = await shop_team(home, model=model).replay(run)
    assert came.divergences == ()
    assert [s.step for s in came.now.steps] == [s.step for s in came.then.steps]
    assert model.requests == []
    assert Shop(home).wrote() == wrote
    assert sorted(path.name for path in home.iterdir()) == files


async def test_a_replay_is_in_no_trace_and_moves_no_metric(home: Path) -> None:
    """Of a run that left both: visits, calls, tickets, tools and its end."""
    with recorded_spans() as exporter, collected() as seen:
        run = await decided(shop_team(home))
        assert {s.name.split(" ")[0] for s in exporter.get_finished_spans()} >= {
            "invoke_workflow", "invoke_agent", "chat", "execute_tool", names.TICKET_SPAN,
        }  # fmt: skip
        assert seen.points("gen_ai.invoke_agent.duration")
    with recorded_spans() as exporter, collected() as seen:
        assert (await shop_team(home).replay(run)).divergences == ()
        assert exporter.get_finished_spans() == ()
        moved = [name for name in seen.names() if name not in GAUGES and seen.points(name)]
    assert moved == []


async def test_a_run_that_waits_is_replayed_as_far_as_it_went(home: Path) -> None:
    """It waits for the same tickets again."""
    team = shop_team(home)
    result = await team.run(WORK)
    came = await team.replay(result.run)
    assert came.divergences == ()
    assert came.now.row.state == "waiting"
    assert {t.id for t in came.now.tickets} == {t.id for t in result.tickets}


async def test_another_prompt_is_found_where_it_is_asked_with(home: Path, tmp_path: Path) -> None:
    """The first difference is the call of the specialist whose prompt it is, with a diff."""
    run = await decided(shop_team(home))
    prompts = tmp_path / "prompts" / "specialist"
    prompts.mkdir(parents=True)
    (prompts / "default.md").write_text("You are brief.\n")
    came = await shop_team(home, prompts=prompts.parent).replay(run)
    first = came.divergences[0]
    assert (first.step, first.specialist, first.what) == ("1.0:billing", "billing", "request")
    assert any(line.startswith("+") and "You are brief." in line for line in first.diff)
    assert came.now.row.state == "done"  # the recorded answers lead to the same end


async def test_another_policy_is_found_at_the_ticket(home: Path) -> None:
    """What a person was asked then would happen unasked now: and it does not happen."""
    run = await decided(shop_team(home))
    wrote = Shop(home).wrote()
    came = await shop_team(home, policy=ALLOW_ALL).replay(run)
    assert "ticket" in {one.what for one in came.divergences}
    assert Shop(home).wrote() == wrote


async def test_another_tool_is_found_at_the_request(home: Path) -> None:
    """A tool's description is part of what a model is asked."""
    run = await decided(shop_team(home))

    def changed(shop: Shop) -> tuple[Specialist, ...]:
        @tool(effect="read")
        async def lookup(invoice: str) -> str:
            """Look an invoice up, in the new system."""
            raise AssertionError("a replay reads nothing")

        tools = (lookup, *shop.tools()[1:])
        return (
            Specialist("billing", handles="money", tools=tools, hands_off_to=("tech",)),
            Specialist("tech", handles="devices", tools=tools, hands_off_to=("billing",)),
        )

    came = await shop_team(home, specialists=changed).replay(run)
    assert came.divergences[0].what == "request"
    assert any("new system" in line for line in came.divergences[0].diff)


async def test_a_failed_run_fails_again(home: Path) -> None:
    """The errors of models are on record, and are raised again."""
    broken = ScriptedTransport(lambda _request: RuntimeError("no"))  # pyright: ignore[reportArgumentType]
    team = shop_team(home, model=broken)
    result = await team.run("say hello")
    assert result.status == "failed"
    came = await team.replay(result.run)
    assert came.divergences == ()
    assert came.now.row.state == "failed"


async def test_what_cannot_be_replayed_says_why(home: Path) -> None:
    """An unknown run, one that is under way, and one of which nothing was kept."""
    team = shop_team(home)
    with pytest.raises(NotFound, match="r-unknown"):
        await team.replay("r-unknown")
    result = await team.run("say hello")
    store = SqliteStore(home / "pointsman.db")
    await store.move_run(result.run, "running", frm=("done",))
    with pytest.raises(Conflict, match="under way"):
        await team.replay(result.run)
    await store.move_run(result.run, "done", frm=("running",))
    await store._do(lambda db: db.execute("DELETE FROM steps"))
    await store.aclose()
    with pytest.raises(BadInput, match="no steps"):
        await team.replay(result.run)


async def test_what_was_asked_is_erased_with_the_run(home: Path) -> None:
    """No part of a prompt outlives the row of its run."""
    result = await shop_team(home).run("say hello")
    store = SqliteStore(home / "pointsman.db")
    assert await store.all_parts(result.run)
    await store._do(lambda db: db.execute("DELETE FROM runs WHERE run = ?", (result.run,)))
    assert (await store.all_parts(result.run), await store.steps(result.run)) == ({}, ())
    await store.aclose()


async def test_nothing_redacted_is_kept(home: Path) -> None:
    """What a filter took out of a read's result is in no step and no part."""

    def leaky(shop: Shop) -> tuple[Specialist, ...]:
        @tool(effect="read")
        async def lookup(invoice: str) -> str:
            """Look an invoice up."""
            return f"{invoice} is for ann@example.org"

        return (Specialist("billing", handles="money", tools=(lookup,)),)

    team = shop_team(home, specialists=leaky)
    result = await team.run("lookup INV-1", thread="c1")
    record = (await team.record(result.run)).model_dump_json()
    assert "[EMAIL_1]" in record
    assert "ann@example.org" not in record
    assert (await team.replay(result.run)).divergences == ()


async def test_an_approved_read_is_played_too(home: Path) -> None:
    """A decision on a ticket leads to the same answer."""
    team = shop_team(home)
    result = await team.run("refund INV-1 5")
    await team.decide(result.tickets[0], Approve(by="ana"))
    assert (await team.replay(result.run)).divergences == ()
