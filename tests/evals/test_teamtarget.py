"""A team as a target: what is seen of its runs, who decides, who goes on."""

from pathlib import Path

import pytest

from pointsman.evals.runner import Ran, run
from pointsman.evals.suite import ApproverSpec, Case, Expected, Suite, UserSpec
from pointsman.evals.teamtarget import team_target
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.nodes.message import Turn
from tests.evals.till import scripted, till

PAYS = Case(
    id="pays", text="pay 5", expected=Expected.model_validate(
        {"effects": [{"tool": "pay", "args": {"usd": 5}}], "tickets": ["pay"], "status": "done"}
    ),
)  # fmt: skip
WRONG = Case(id="wrong", text="pay 50", expected=Expected(effects=(), status="done"))


async def ran(
    tmp_path: Path, *cases: Case, policy: str = "oracle", paid: list[float] | None = None,
    user: UserSpec | None = None, epochs: int = 1, model: ScriptedTransport | None = None,
) -> Ran:  # fmt: skip
    """These cases, put to the team."""
    suite = Suite("s", cases, approver=ApproverSpec.model_validate(policy), user=user)
    target = team_target(
        till(tmp_path / "own", [] if paid is None else paid, model=model),
        home=tmp_path / "state", approver=suite.approver, user=user,
    )  # fmt: skip
    return await run(suite, target, record=tmp_path / "r.jsonl", epochs=epochs)


async def test_all_of_a_run_is_seen(tmp_path: Path) -> None:
    """Route, tickets, effects, tools with their arguments, and what was said stand in a sample."""
    paid: list[float] = []
    [sample] = await ran(tmp_path, PAYS, paid=paid)
    assert paid == [5.0]
    assert (sample.error, sample.route, sample.output) == ("", "cash", "paid 5")
    assert sample.result is not None
    assert sample.result.status == "done"
    [ticket] = sample.tickets
    assert (ticket.tool, ticket.status, ticket.by) == ("pay", "executed", "approver:oracle")
    [effect] = sample.effects
    assert (effect.tool, effect.args, effect.state, effect.result) == (
        "pay", {"usd": 5.0, "to": "ana"}, "done", "paid 5",
    )  # fmt: skip
    assert [(s.kind, s.name, s.by) for s in sample.trajectory] == [
        ("route", "cash", "rules"),
        ("tool", "pay", "cash"),
    ]
    assert sample.trajectory[1].args in ({"usd": 5.0}, {"usd": 5.0, "to": "ana"})
    assert [turn.role for turn in sample.transcript] == ["user", "assistant", "tool", "assistant"]
    assert sample.transcript[-1] == Turn(role="assistant", content="paid 5")
    assert (sample.model_calls, sample.tokens) == (2, 5)
    assert sample.usd == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [("never_decide", []), ("always", [5.0, 50.0]), ("never", []), ("oracle", [5.0])],
)
async def test_approvers_decide_what_nobody_sits_before(
    tmp_path: Path, policy: str, wanted: list[float]
) -> None:
    """The oracle approves what a case expects as an effect, and nothing else."""
    paid: list[float] = []
    samples = await ran(tmp_path, PAYS, WRONG, policy=policy, paid=paid)
    assert sorted(paid) == wanted
    by = {ticket.by for sample in samples for ticket in sample.tickets}
    assert by == ({""} if policy == "never_decide" else {f"approver:{policy}"})
    waiting = policy == "never_decide"
    assert all((s.result and s.result.status == "waiting") == waiting for s in samples)


async def test_random_approvals_are_the_same_again(tmp_path: Path) -> None:
    """The seed decides, not the moment; some are approved and some are not."""
    cases = tuple(Case(id=f"c{n}", text=f"pay {n}") for n in range(1, 13))
    drawn: list[list[float]] = []
    for attempt in ("one", "two"):
        paid: list[float] = []
        await ran(tmp_path / attempt, *cases, policy="random", paid=paid)
        drawn.append(sorted(paid))
    assert drawn[0] == drawn[1]
    assert 0 < len(drawn[0]) < 12


async def test_a_scripted_user_goes_on(tmp_path: Path) -> None:
    """Each next message is a run of the same thread; the sample is of all of them."""
    case = Case(id="talk", text="hello", then=("pay 5", "bye"), expected=PAYS.expected)
    [sample] = await ran(tmp_path, case)
    said = [t.content for t in sample.transcript if t.role == "user"]
    assert said == ["hello", "pay 5", "bye"]
    assert sample.output == "You said: bye"
    assert [e.args["usd"] for e in sample.effects] == [5.0]
    assert sample.model_calls == 4


async def test_a_model_plays_the_user(tmp_path: Path) -> None:
    """It goes on until it has what it wants, and what it costs is not the team's cost."""
    case = Case(id="talk", text="hello", goal="Pay 7 to ana.")
    [sample] = await ran(tmp_path, case, policy="always", user=UserSpec(turns=5))
    assert [t.content for t in sample.transcript if t.role == "user"] == ["hello", "pay 7"]
    assert sample.output == "paid 7"
    assert sample.usd == pytest.approx(0.03)
    assert sample.eval_usd == pytest.approx(0.04)


async def test_a_simulated_user_is_bounded(tmp_path: Path) -> None:
    """It sends no more messages than it may."""
    case = Case(id="talk", text="hello", goal="Pay 7 to ana.")
    [sample] = await ran(tmp_path, case, policy="always", user=UserSpec(turns=1))
    assert len([t for t in sample.transcript if t.role == "user"]) == 2


async def test_history_is_in_the_thread(tmp_path: Path) -> None:
    """The model is shown what was said before, as earlier messages of the thread."""
    model = ScriptedTransport(scripted)
    history = (Turn(role="user", content="good day"), Turn(role="assistant", content="welcome"))
    [sample] = await ran(tmp_path, Case(id="a", text="hello", history=history), model=model)
    assert sample.error == ""
    contents = [turn.content for turn in model.requests[-1].turns]
    assert [c for c in contents if c in ("good day", "welcome")] == ["good day", "welcome"]


async def test_samples_share_no_answers(tmp_path: Path) -> None:
    """Neither cache nor single-flight: each epoch asks its model itself."""
    model = ScriptedTransport(scripted)
    samples = await ran(tmp_path, Case(id="a", text="hello"), epochs=4, model=model)
    assert len(model.requests) == 4
    assert [s.model_calls for s in samples] == [1] * 4
    assert [s.cache_hits for s in samples] == [0] * 4
    assert len({s.result.thread for s in samples if s.result}) == 4


async def test_cases_of_a_thread_talk_on(tmp_path: Path) -> None:
    """The second case of a thread sees the first one's messages."""
    model = ScriptedTransport(scripted)
    one = Case(id="a", text="hello", thread="t")
    two = Case(id="b", text="again", thread="t")
    await ran(tmp_path, one, two, model=model)
    assert "hello" in [turn.content for turn in model.requests[-1].turns]


async def test_a_broken_off_sample_pays_and_writes_once(tmp_path: Path) -> None:
    """Run again after its record's line was lost, the run is found as it ended."""
    paid: list[float] = []
    model = ScriptedTransport(scripted)
    await ran(tmp_path, PAYS, paid=paid, model=model)
    asked = len(model.requests)
    record = tmp_path / "r.jsonl"
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(lines[0] + lines[1][:40])
    [sample] = await ran(tmp_path, PAYS, paid=paid, model=model)
    assert (paid, len(model.requests)) == ([5.0], asked)
    assert (sample.output, [e.state for e in sample.effects]) == ("paid 5", ["done"])
