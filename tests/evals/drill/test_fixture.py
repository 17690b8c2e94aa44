"""The injector as users' tests have it."""

from pathlib import Path

import pytest

from pointsman.errors import BadInput
from pointsman.evals.drill.fixture import MakeFaults, NotDelivered, make_faults
from tests.evals.drill.team import boastful, drill_team
from tests.flow.shop import Shop


@pytest.fixture
def pointsman_faults(tmp_path: Path) -> MakeFaults:
    """As the plugin makes it."""
    return make_faults(tmp_path)


async def test_a_team_is_struck_in_a_test(pointsman_faults: MakeFaults, place: Path) -> None:
    """A message that comes twice, to tools whose answers are lost, acts once."""
    faults = pointsman_faults("duplicate,tool-late", rate=1.0, seed=7, seconds=0.02)
    team = faults.rig(drill_team(place))
    result = await faults.deliver(team, "refund INV-1 5", thread="c1")
    assert result.status == "done"
    assert [strike.spot.kind for strike in faults.strikes] == ["duplicate", "tool-late"]
    assert [act.tool for act in faults.acts] == ["refund"]
    assert Shop(place).wrote() == ["refunded 5 on INV-1"]
    await faults.check(team)


async def test_a_team_that_is_kept_open_is_struck(
    pointsman_faults: MakeFaults, place: Path
) -> None:
    """`async with` works as with any team, and so do runs that the test makes itself."""
    faults = pointsman_faults("malformed", rate=1.0)
    async with faults.rig(drill_team(place)) as team:
        with faults.injector.case("mine"):
            result = await team.run("what now")
    assert result.status == "failed"
    assert {strike.case for strike in faults.strikes} == {"mine"}


async def test_what_was_lost_fails_the_test(pointsman_faults: MakeFaults, place: Path) -> None:
    """`check` names the effect, and the team whose tools lie about it."""
    faults = pointsman_faults("tool-error", rate=1.0)
    team = faults.rig(drill_team(place, boastful(Shop(place))))
    await faults.deliver(team, "refund INV-1 5")
    with pytest.raises(AssertionError, match=r"refund .* is recorded as done and acted 0 of 1"):
        await faults.check(team)
    assert await faults.doubled(team) == ()


async def test_a_test_is_replayed_from_its_plan(
    pointsman_faults: MakeFaults, place: Path, tmp_path: Path
) -> None:
    """What struck is kept, and strikes alike in a fresh folder."""
    kept = tmp_path / "plan.json"
    faults = pointsman_faults("slow-store,latency", rate=0.5, seed=3, seconds=0.02)
    await faults.deliver(faults.rig(drill_team(place)), "note paper")
    faults.save(kept)
    again = pointsman_faults(plan=kept)
    await again.deliver(again.rig(drill_team(place)), "note paper")
    assert faults.strikes
    assert [s.spot for s in again.strikes] == [s.spot for s in faults.strikes]


async def test_a_message_that_cannot_be_delivered_says_why(
    pointsman_faults: MakeFaults, place: Path
) -> None:
    """An empty message has no run, calm or not."""
    faults = pointsman_faults(rate=0.0)
    with pytest.raises(NotDelivered, match="InvalidMessage"):
        await faults.deliver(faults.rig(drill_team(place)), " ")


def test_a_test_is_not_killed(pointsman_faults: MakeFaults) -> None:
    """`crash` belongs to `pointsman drill`; `all` leaves it out."""
    with pytest.raises(BadInput, match="kills processes"):
        pointsman_faults("429,crash")
    assert "crash" not in pointsman_faults("all").injector.plan.kinds
