"""The plan: a function of seed, kind, site and number, and of nothing else."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BadInput
from pointsman.evals.drill.faults import ALL, KINDS, LEVEL, Plan, Spot, kinds_of, without

SITES = [(f"m{case}/transport/model {n}", number) for case in range(40) for n in range(10)
         for number in range(3)]  # fmt: skip


def struck(plan: Plan) -> dict[tuple[str, int], Spot]:
    """What a plan strikes among the sites."""
    found = {(site, n): plan.spot("transport", site, n) for site, n in SITES}
    return {place: spot for place, spot in found.items() if spot is not None}


@given(seed=st.integers(0, 10_000), order=st.randoms())
def test_a_plan_does_not_depend_on_the_order_of_calls(seed: int, order: random.Random) -> None:
    """Whoever asks first, second or again: each call gets the same answer."""
    plan, places = Plan(seed=seed, rate=0.5), SITES[:60]
    first = [plan.spot("transport", *place) for place in places]
    shuffled = list(places)
    order.shuffle(shuffled)
    again = {place: plan.spot("transport", *place) for place in shuffled}
    assert [again[place] for place in places] == first


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.3, 1.0])
def test_the_rate_is_the_share_of_struck_calls(rate: float) -> None:
    """Of 1,200 calls the share that is struck is the rate, within four standard errors."""
    share = len(struck(Plan(seed=3, rate=rate))) / len(SITES)
    assert abs(share - rate) <= 4 * (rate * (1 - rate) / len(SITES)) ** 0.5


def test_kinds_of_a_level_strike_alike() -> None:
    """Each of the five kinds at the transport has about a fifth of the strikes."""
    spots = struck(Plan(seed=5, rate=1.0)).values()
    counts = [sum(spot.kind == kind.name for spot in spots) for kind in KINDS[:5]]
    assert sum(counts) == len(SITES)
    assert all(0.15 < count / len(SITES) < 0.25 for count in counts)


@pytest.mark.parametrize("kind", ["429", "latency"])
def test_leaving_a_kind_out_moves_no_other(kind: str) -> None:
    """What the other kinds struck before, they strike still."""
    whole = struck(Plan(seed=9, rate=0.5))
    [left] = kinds_of([kind])
    fewer = struck(Plan(seed=9, rate=0.5, kinds=without(ALL, left)))
    assert fewer.keys() == whole.keys()
    kept = {place: spot for place, spot in whole.items() if spot.kind != kind}
    assert len(kept) < len(whole)
    assert kept == {place: fewer[place] for place in kept}


def test_a_higher_rate_strikes_all_that_a_lower_one_does() -> None:
    """So a drill is made harder without becoming another one."""
    low, high = struck(Plan(seed=2, rate=0.1)), struck(Plan(seed=2, rate=0.4))
    assert low.items() <= high.items()


def test_another_seed_is_another_plan() -> None:
    """Seeds differ."""
    assert struck(Plan(seed=1, rate=0.3)).keys() != struck(Plan(seed=2, rate=0.3)).keys()


def test_a_kind_strikes_at_its_own_level_only() -> None:
    """A tool gets no 429, and a level without kinds nothing."""
    plan = Plan(seed=1, rate=1.0)
    spot = plan.spot("tool", "m1/tool/refund", 0)
    assert spot is not None
    assert LEVEL[spot.kind] == "tool"
    assert Plan(rate=1.0, kinds=("429",)).spot("tool", "m1/tool/refund", 0) is None


def test_a_plan_that_is_kept_strikes_the_same_again(tmp_path: Path) -> None:
    """Written, read and asked: the same spots, and no others."""
    plan = Plan(seed=4, rate=0.2)
    spots = struck(plan)
    plan.exactly(spots.values()).write(tmp_path / "plan.json")
    assert struck(Plan.read(tmp_path / "plan.json")) == spots
    assert struck(plan.exactly([])) == {}


def test_a_crash_is_at_one_of_the_points() -> None:
    """A seeded crash falls on a point that the calm run passed; a kept one on its own."""
    plan = Plan(seed=1, rate=1.0, kinds=("crash",))
    assert {plan.crash(f"m{n}", 0, 5) for n in range(100)} == set(range(5))
    assert plan.crash("m1", 0, 0) is None
    kept = plan.exactly([Spot(kind="crash", site="m1/process/after refund", number=3)])
    assert [kept.crash("m1", nth, 99) for nth in range(2)] == [3, None]
    assert kept.crash("m11", 0, 99) is None


def test_what_is_no_plan_is_named(tmp_path: Path) -> None:
    """The error names the file and the field."""
    path = tmp_path / "plan.json"
    path.write_text('{"seed": 1, "rate": 7}', "utf-8")
    with pytest.raises(BadInput, match=r"plan\.json is no plan of a drill: rate"):
        Plan.read(path)
    with pytest.raises(BadInput, match="cannot be read"):
        Plan.read(tmp_path / "none.json")


def test_kinds_go_by_name() -> None:
    """Commas, `all`, and a name that is none."""
    assert kinds_of(["429, crash", "429"]) == ("429", "crash")
    assert kinds_of(["all"]) == ALL
    with pytest.raises(BadInput, match="There is no fault 'fire'"):
        kinds_of(["fire"])
    with pytest.raises(BadInput, match="No fault was named"):
        kinds_of([" "])
