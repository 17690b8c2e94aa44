"""Steps through the team and tool calls."""

import pytest

from pointsman.evals.record import Step
from pointsman.evals.scorers.alignment import Mode
from pointsman.evals.scorers.trajectories import ToolCalls, Trajectory
from tests.evals.scorers.builders import case, sample, scored, tool

ROUTED = Step(kind="route", name="billing", by="model")
STEPS = (ROUTED, tool("lookup", {"id": "INV-1"}), tool("refund", {"id": "INV-1", "usd": 20.0}))


@pytest.mark.parametrize(
    ("mode", "expected", "passes"),
    [
        ("strict", ["billing", "lookup", "refund"], True),
        ("strict", ["billing", "refund", "lookup"], False),
        ("strict", ["route:billing", "*", "tool:refund"], True),
        ("strict", ["handoff:billing", "lookup", "refund"], False),
        ("in_order", ["billing", "refund"], True),
        ("in_order", ["refund", "billing"], False),
        ("unordered", ["refund", "billing", "lookup"], True),
        ("superset", ["refund"], True),
        ("superset", ["refund", "refund"], False),
        ("subset", ["billing", "lookup", "refund", "mail"], True),
        ("subset", ["billing", "lookup"], False),
    ],
)
async def test_the_way_a_run_took(mode: Mode, expected: list[str], passes: bool) -> None:
    """Each mode compares as it says; a step may be named with its kind, or be any."""
    scorer = Trajectory(mode=mode)
    found = await scored(scorer, case(trajectory=expected), sample(trajectory=STEPS))
    assert found.scores == {"trajectory": passes}
    assert ("trajectory" in found.notes) is not passes


async def test_only_the_kinds_that_count_are_compared() -> None:
    """Bounds are no step unless they are asked for."""
    got = sample(trajectory=(*STEPS, Step(kind="bound", name="hops")))
    wanted = case(trajectory=["billing", "lookup", "refund"])
    assert (await scored(Trajectory(), wanted, got)).scores == {"trajectory": True}
    tools = Trajectory(kinds=("tool",))
    assert (await scored(tools, case(trajectory=["lookup", "refund"]), got)).scores["trajectory"]


async def test_shares_say_how_far_off_it_is() -> None:
    """Two of three expected steps were taken; two of the three that were taken were expected."""
    wanted = case(trajectory=["billing", "lookup", "mail"])
    found = await scored(Trajectory(shares=True), wanted, sample(trajectory=STEPS))
    assert found.scores == {
        "trajectory": False,
        "trajectory.recall": pytest.approx(2 / 3),
        "trajectory.precision": pytest.approx(2 / 3),
    }


@pytest.mark.parametrize(
    ("args", "call", "passes"),
    [
        ("match", {"usd": 20}, True),
        ("match", {"usd": {"$near": [19.99, 0.02]}, "id": {"$any": True}}, True),
        ("match", {"id": {"$regex": "INV-[0-9]+"}}, True),
        ("match", {"id": {"$regex": "[0-9]+"}}, False),
        ("match", {"reason": "late"}, False),
        ("exact", {"usd": 20}, False),
        ("exact", {"usd": 20, "id": "INV-1"}, True),
        ("ignore", {"usd": 999}, True),
    ],
)
async def test_arguments_are_matched(args: str, call: dict[str, object], passes: bool) -> None:
    """Named arguments, all of them, or none; each equal or as its matcher says."""
    scorer = ToolCalls.model_validate({"args": args, "mode": "superset"})
    wanted = case(tool_calls=[{"tool": "refund", "args": call}])
    found = await scored(scorer, wanted, sample(trajectory=STEPS))
    assert found.scores == {"tool_calls": passes}


async def test_an_empty_list_says_that_no_tool_may_be_called() -> None:
    """Unlike a case that says nothing, which is unscored."""
    none = case(tool_calls=[])
    assert (await scored(ToolCalls(), none, sample(trajectory=STEPS))).scores["tool_calls"] is False
    assert (await scored(ToolCalls(), none, sample(trajectory=(ROUTED,)))).scores["tool_calls"]
    assert "tool_calls" in (await scored(ToolCalls(), case(), sample(trajectory=STEPS))).unscored


async def test_arguments_that_were_not_recorded_are_not_guessed() -> None:
    """Where they matter the sample is unscored; where they do not, it is scored."""
    got = sample(trajectory=(tool("refund"),))
    wanted = case(tool_calls=[{"tool": "refund", "args": {"usd": 20}}])
    found = await scored(ToolCalls(), wanted, got)
    assert found.unscored == {"tool_calls": "the arguments of refund were not recorded"}
    assert (await scored(ToolCalls(), case(tool_calls=["refund"]), got)).scores["tool_calls"]


async def test_failed_calls_can_be_left_out() -> None:
    """A call that failed and was made again counts once."""
    got = sample(trajectory=(tool("refund", {}, ok=False), tool("refund", {})))
    wanted = case(tool_calls=["refund"])
    assert (await scored(ToolCalls(), wanted, got)).scores == {"tool_calls": False}
    assert (await scored(ToolCalls(ok_only=True), wanted, got)).scores == {"tool_calls": True}
