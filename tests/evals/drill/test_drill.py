"""Drills on the shop: nothing lost, nothing doubled; and a drill that must fail does."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pointsman.errors import BadInput
from pointsman.evals.drill.faults import ALL, Kind, Plan, Spot, without
from pointsman.evals.drill.measure import drill
from pointsman.evals.drill.report import DrillReport, as_json, rows, summary
from pointsman.evals.suite import ApproverSpec, Case, RunOptions, Suite
from pointsman.nodes.tool import Tool
from pointsman.teams.team import Team
from tests.evals.drill.team import (
    boastful,
    drill_team,
    forgetful,
    suite,
    without_a_ledger,
    worker,
)
from tests.flow.shop import Shop

INSIDE = without(ALL, "crash")
"""What strikes within one process."""


def drilled(
    place: Path,
    plan: Plan,
    *,
    team: Team | None = None,
    given: Suite | None = None,
    kills: str | None = None,
    outside: bool = True,
    folder: str = "drill",
) -> DrillReport:
    """A drill of the shop, whose books are put back before each pass."""
    shop = Shop(place)
    return asyncio.run(
        drill(
            team or drill_team(place), given or suite(), plan, folder=place / folder,
            worker=None if kills is None else worker(place, kills), writes="real",
            world=shop.wrote if outside else None,
            reset=lambda: shop.file.unlink(missing_ok=True),
        )
    )  # fmt: skip


def plan(*kinds: Kind, seed: int = 7, rate: float = 0.3) -> Plan:
    """A plan whose slow parts are quick."""
    return Plan(seed=seed, rate=rate, kinds=kinds, seconds=0.02)


@pytest.mark.parametrize("kind", INSIDE)
def test_no_fault_alone_loses_or_doubles(place: Path, kind: Kind) -> None:
    """Each kind strikes at least one message; all of them come to an end, every effect once."""
    report = drilled(place, plan(kind, rate=0.5), given=suite(4))
    assert report.strikes[kind] >= 1
    assert set(report.strikes) == {kind}
    assert (report.lost, report.doubled) == ((), ())
    assert report.holds
    assert report.calm_statuses == {"done": 4}
    assert sum(report.verdicts.values()) == 4


@pytest.mark.parametrize("seed", [1, 2])
def test_all_faults_together_lose_and_double_nothing(place: Path, seed: int) -> None:
    """At rate 0.3 most messages are struck several times over; what fails says why."""
    report = drilled(place, plan(*INSIDE, seed=seed))
    assert sum(report.strikes.values()) >= 10
    assert report.holds, (report.lost, report.doubled)
    assert all(m.why for m in report.messages if m.verdict != "success")
    assert max(Counter(Shop(place).wrote()).values(), default=0) <= 1


def test_a_killed_process_loses_and_doubles_nothing(place: Path) -> None:
    """A message's processes are killed at planned points; the message comes again each time, and
    ends as it would have."""
    both = Suite("both", (Case(id="both", text="note paper + refund INV-3 9"),))
    report = drilled(place, plan("crash", rate=1.0), given=both, kills="")
    assert report.strikes["crash"] >= 1
    assert report.holds, (report.lost, report.doubled)
    assert report.verdicts == {"success": 1}
    assert Shop(place).wrote() == ["noted paper", "refunded 9 on INV-3"]
    recovery = report.recovery("crash")
    assert recovery is not None
    assert recovery.median >= 30, "the lease of the killed process is part of the recovery"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_many_killed_processes_lose_and_double_nothing(place: Path, seed: int) -> None:
    """The same on all messages, with every other fault."""
    report = drilled(place, plan(*ALL, seed=seed, rate=0.6), kills="")
    assert report.strikes.get("crash", 0) >= 1
    assert report.holds, (report.lost, report.doubled)


def test_the_same_seed_is_the_same_drill(place: Path) -> None:
    """Twice with one seed: the same strikes, the same verdicts; another seed differs."""
    one, two, other = (
        drilled(place, plan(*INSIDE, seed=seed), folder=f"d{n}") for n, seed in enumerate((3, 3, 4))
    )
    assert spots(one) == spots(two)
    assert [(m.name, m.verdict) for m in one.messages] == [
        (m.name, m.verdict) for m in two.messages
    ]
    assert spots(one) != spots(other)


def test_a_drill_is_replayed_from_its_plan(place: Path) -> None:
    """The plan of a report strikes where that drill was struck, and the same comes of it."""
    first = drilled(place, plan(*INSIDE, seed=5), folder="first")
    first.plan.write(place / "plan.json")
    again = drilled(place, Plan.read(place / "plan.json"), folder="again")
    assert spots(again) == spots(first)
    assert again.verdicts == first.verdicts


def spots(report: DrillReport) -> set[tuple[str, str, int]]:
    """What struck where."""
    return {(spot.kind, spot.site, spot.number) for spot in report.plan.spots or ()}


def test_messages_side_by_side_are_struck_alike(place: Path) -> None:
    """Concurrency changes neither the strikes at models, tools and messages nor what holds."""
    kinds: tuple[Kind, ...] = ("latency", "tool-late", "duplicate")
    one = drilled(place, plan(*kinds), folder="one")
    shop = Shop(place)
    many = asyncio.run(
        drill(
            drill_team(place), suite(), plan(*kinds), folder=place / "many", writes="real",
            reset=lambda: shop.file.unlink(missing_ok=True), concurrency=4,
        )
    )  # fmt: skip
    assert spots(many) == spots(one)
    assert many.holds


# Drills that must fail


REFUNDS = Suite("refunds", tuple(Case(id=f"r{n}", text=f"refund INV-{n} 5") for n in range(2)))


def killed_at(point: int) -> Plan:
    """The process of the first message dies at this point, and nothing else happens."""
    crash = Spot(kind="crash", site="r0/process/there", number=point)
    return plan("crash").exactly([crash])


AFTER_LOOKUP = 6
"""Before the run, around the router's call and the specialist's, before the tool's, after it."""
AFTER_REFUND = 8
"""As before; after the run that waits, before the decision, before the tool's call, after it."""


def test_a_write_without_a_ledger_is_seen_outside(place: Path) -> None:
    """A crash repeats a read, as it may. One that writes then wrote twice, and the system outside
    tells."""
    team = drill_team(place, without_a_ledger(Shop(place)))
    look = Suite("looks", (Case(id="r0", text="lookup INV-1"),))
    report = drilled(
        place, killed_at(AFTER_LOOKUP), team=team, given=look, kills="without_a_ledger"
    )
    assert report.doubled == ("outside: 'opened INV-1' happened 2 times; 1 in the calm run",)
    assert report.lost == ()
    assert not report.holds


def test_a_reconcile_that_forgets_is_found_out(place: Path) -> None:
    """'It has not happened' of what has makes it happen twice. The count at the tool shows it, with
    no witness outside."""
    team = drill_team(place, forgetful(Shop(place)))
    report = drilled(
        place, killed_at(AFTER_REFUND), team=team, given=REFUNDS, kills="forgetful", outside=False
    )
    assert report.doubled == ("refund invoice='INV-0', usd=5.0 acted 2 times; the ledger has 1",)
    assert report.lost == ()
    assert not report.holds


def test_a_reconcile_that_boasts_is_found_out(place: Path) -> None:
    """'It has happened' of what has not loses it, and the count at the tool shows it."""
    team = drill_team(place, boastful(Shop(place)))
    report = drilled(place, plan("tool-error", rate=1.0), team=team, given=REFUNDS, outside=False)
    assert report.doubled == ()
    assert len(report.lost) == len(REFUNDS.cases)
    assert "is recorded as done and acted 0 of 1 times" in report.lost[0]
    assert not report.holds


def test_what_nobody_can_look_up_is_asked(place: Path) -> None:
    """A tool without `reconcile` leaves its lost answers to people, who look: nothing is lost."""
    tools = tuple(replace(t, reconcile=None) for t in Shop(place).tools(reconcile=True))
    team = drill_team(place, tools)
    report = drilled(place, plan("tool-late", rate=1.0), team=team, given=REFUNDS)
    assert report.strikes["tool-late"] == len(REFUNDS.cases)
    assert report.holds, (report.lost, report.doubled)
    assert sorted(Shop(place).wrote()) == ["refunded 5 on INV-0", "refunded 5 on INV-1"]


def test_a_message_without_an_end_is_lost(place: Path) -> None:
    """One that takes longer than the suite gives it has no final state, and the drill fails."""
    slow = Suite("slow", (Case(id="s", text="slow_note one"),), options=RunOptions(timeout=0.2))
    report = drilled(place, plan("latency", rate=0.0), given=slow)
    assert report.lost[0] == "message 's': it has no final state: it came to no end in 0.2 s"
    assert report.verdicts == {"lost": 1}
    assert not report.holds


# What is drilled


def test_pretended_writes_touch_nothing(place: Path) -> None:
    """Without real writes the shop is never called, and the drill counts all the same."""
    report = asyncio.run(
        drill(drill_team(place), suite(4), plan("tool-late", rate=1.0), folder=place / "drill")
    )
    assert report.writes == "pretend"
    assert report.strikes["tool-late"] >= 2
    assert Shop(place).wrote() == []
    assert report.holds, (report.lost, report.doubled)


def test_the_given_team_is_left_as_it_is(place: Path) -> None:
    """Its tools, state and models are its own after a drill as before."""
    team = drill_team(place)
    before = team.spec
    drilled(place, plan("429"), team=team, given=suite(1))
    assert team.spec is before
    assert all(isinstance(t, Tool) for s in team.spec.specialists for t in s.tools)
    assert not (place / "pointsman.db").exists()


def test_the_suites_approver_decides(place: Path) -> None:
    """Where the suite's approver says no, nothing is written, under faults or without."""
    no = replace(suite(2), approver=ApproverSpec(policy="never"))
    report = drilled(place, plan("429", "tool-late"), given=no)
    assert Shop(place).wrote() == []
    assert report.holds


def test_what_is_said_later_is_delivered_later(place: Path) -> None:
    """A case's further messages are messages of their own, in its thread."""
    said = Suite("talk", (Case(id="t", text="lookup INV-1", then=("refund INV-1 5",)),))
    report = drilled(place, plan("duplicate", rate=1.0), given=said)
    assert [m.name for m in report.messages] == ["t", "t #2"]
    assert report.holds
    assert Shop(place).wrote() == ["refunded 5 on INV-1"]


def test_a_folder_serves_one_drill(place: Path) -> None:
    """State of another drill would answer for this one."""
    drilled(place, plan("429"), given=suite(1))
    with pytest.raises(BadInput, match="holds a drill already"):
        drilled(place, plan("429"), given=suite(1))


def test_the_report_adds_up(place: Path) -> None:
    """A row for each kind and one for all messages; the sentence has the same figures."""
    report = drilled(place, plan("429", "tool-error", rate=0.6), given=suite(4))
    *kinds, total = rows(report)
    assert [row[0] for row in kinds] == ["429", "tool-error"]
    assert sum(int(row[1]) for row in kinds) == int(total[1]) == sum(report.strikes.values())
    assert total[2] == "4"
    assert summary(report).startswith(f"{report.verdicts['success']} of 4 as in the calm run")
    assert DrillReport.model_validate_json(report.model_dump_json()) == report
    assert '"holds": true' in as_json(report)
