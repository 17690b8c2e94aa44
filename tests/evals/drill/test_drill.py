"""Drills on the shop: nothing lost, nothing doubled; and a drill that must fail does."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pointsman.errors import BadInput
from pointsman.evals.drill.faults import ALL, Kind, Plan, without
from pointsman.evals.drill.measure import drill
from pointsman.evals.drill.report import DrillReport, as_json, rows, summary
from pointsman.evals.suite import ApproverSpec, Case, Suite
from pointsman.nodes.specialist import AnyTool
from pointsman.nodes.tool import Tool, tool
from pointsman.teams.team import Team
from tests.evals.drill.team import TEXTS, drill_team, suite, worker
from tests.flow.shop import Shop

INSIDE = without(ALL, "crash")
"""What strikes within one process."""


def drilled(
    place: Path,
    plan: Plan,
    *,
    team: Team | None = None,
    given: Suite | None = None,
    kills: bool = False,
    outside: bool = True,
    folder: str = "drill",
) -> DrillReport:
    """A drill of the shop, whose books are put back before each pass."""
    shop = Shop(place)
    return asyncio.run(
        drill(
            team or drill_team(place), given or suite(), plan, folder=place / folder,
            worker=worker(place) if kills else None, writes="real",
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
    """Every message's process is killed at a planned point; the message comes again and ends as it
    would have."""
    report = drilled(place, plan("crash", rate=1.0), given=suite(3), kills=True)
    assert report.strikes["crash"] >= 3
    assert report.holds, (report.lost, report.doubled)
    assert report.verdicts == {"success": 3}
    recovery = report.recovery("crash")
    assert recovery is not None
    assert recovery.median >= 30, "the lease of the killed process is part of the recovery"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_many_killed_processes_lose_and_double_nothing(place: Path, seed: int) -> None:
    """The same on all messages, with every other fault."""
    report = drilled(place, plan(*ALL, seed=seed), kills=True)
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
    """The plan of a report strikes exactly where that drill was struck, and the same comes of it."""
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
    kinds: tuple[Kind, ...] = ("429", "tool-late", "duplicate")
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


def without_a_ledger(shop: Shop) -> Sequence[AnyTool]:
    """A tool that calls itself a read, and writes each time it is called."""
    lookup, *rest = shop.tools(reconcile=True)

    @tool(effect="read", name="lookup")
    async def writing(invoice: str) -> str:
        """Look an invoice up."""
        shop.write(f"opened {invoice}")
        await asyncio.sleep(0)
        return f"{invoice} is 20.00 USD"

    assert lookup.name == "lookup"
    return (writing, *rest)


def forgetful(shop: Shop) -> Sequence[AnyTool]:
    """Tools that look, and say that nothing happened when it did."""
    return tuple(
        replace(one, reconcile=lambda invoice, usd: None) if one.name == "refund" else one
        for one in shop.tools(reconcile=True)
    )


def boastful(shop: Shop) -> Sequence[AnyTool]:
    """Tools that look, and say that it happened when it did not."""
    return tuple(
        replace(one, reconcile=lambda invoice, usd: "refunded") if one.name == "refund" else one
        for one in shop.tools(reconcile=True)
    )


REFUNDS = Suite("refunds", tuple(Case(id=f"r{n}", text=f"refund INV-{n} 5") for n in range(4)))


def test_a_write_without_a_ledger_is_seen_outside(place: Path) -> None:
    """A crash repeats a read, as it may. One that writes then wrote twice, and the system outside
    tells."""
    team = drill_team(place, without_a_ledger(Shop(place)))
    looks = Suite("looks", tuple(Case(id=f"l{n}", text=f"lookup INV-{n}") for n in range(2)))
    (place / "leaking").touch()
    report = drilled(place, plan("crash", rate=1.0, seed=1), team=team, given=looks, kills=True)
    assert not report.holds
    assert report.lost == ()
    assert all("outside: 'opened INV-" in text for text in report.doubled)
    assert report.doubled


@pytest.mark.parametrize(
    ("tools", "kind", "doubled", "lost"),
    [(forgetful, "tool-late", True, False), (boastful, "tool-error", False, True)],
)
def test_a_reconcile_that_lies_is_found_out(
    place: Path,
    tools: Callable[[Shop], Sequence[AnyTool]],
    kind: Kind,
    doubled: bool,  # noqa: FBT001 (parametrized)
    lost: bool,  # noqa: FBT001
) -> None:
    """ "It has not happened" of what has makes it happen twice; "it has" of what has not loses it.
    The count at the tool shows both, with no witness outside."""
    team = drill_team(place, tools(Shop(place)))
    report = drilled(place, plan(kind, rate=1.0), team=team, given=REFUNDS, outside=False)
    assert (bool(report.doubled), bool(report.lost)) == (doubled, lost)
    assert not report.holds
    assert all("refund" in text for text in (*report.doubled, *report.lost))


def test_a_run_that_nobody_can_decide_is_lost(place: Path) -> None:
    """Waiting where the calm run ended is no final state: here a write is ambiguous, and the rules
    say that nobody may look."""
    shop = Shop(place)
    tools = tuple(replace(t, reconcile=None) for t in shop.tools(reconcile=True))
    report = drilled(place, plan("tool-late", rate=1.0), team=drill_team(place, tools))
    assert report.holds, "people look it up, and say what came of it"
    assert report.verdicts["degraded"] + report.verdicts["success"] == len(TEXTS)


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
