"""Which ways of the graph a team's work went today, counted from runs that are known."""

from pathlib import Path

from pointsman import ApprovalPolicy, Approve, PolicyRule, Reject, Team
from pointsman.teams.overview import Edge
from pointsman.teams.usage import AT_ONCE, Tally
from pointsman.teams.ways import ways
from tests.flow.shop import shop_team


async def decided(team: Team, text: str, decision: Approve | Reject) -> None:
    """A run that asks, decided to its end."""
    (ticket,) = (await team.run(text)).tickets
    await team.decide(ticket, decision)


async def test_every_way_is_counted_that_known_runs_went(tmp_path: Path) -> None:
    """One action approved, one rejected, one that waits, one that the policy let pass, and one run
    that asked for nothing: each counts once on each way that it went, and on no other."""
    rule = PolicyRule("notes", "allow", tools=("note",))
    team = shop_team(tmp_path, policy=ApprovalPolicy(rules=(rule,)))
    async with team:
        await decided(team, "refund INV-1 5", Approve(by="ana"))
        await decided(team, "refund INV-2 5", Reject(by="ana", reason="no"))
        await team.run("refund INV-3 5")
        await team.run("note cheap")
        await team.run("tech: hello")
        seen = (await team.overview()).edges
    assert {(one.frm, one.to): one.count for one in seen} == {
        ("router", "billing"): 4, ("router", "tech"): 1,
        ("billing", "gate"): 4, ("gate", "billing"): 1,
        ("gate", "execute"): 2, ("execute", "billing"): 2,
        ("billing", "end"): 3, ("tech", "end"): 1,
    }  # fmt: skip
    assert seen[:2] == (Edge("billing", "gate", 4), Edge("router", "billing", 4))


def test_what_went_no_way_is_on_none() -> None:
    """A run that waits or was cancelled, a task's end, a ticket that the clock passed on, and
    decisions of an older version, that say nobody's name."""

    def tally(*of: str) -> Tally:
        return Tally(0, of, 1, 0.0, 0.0, 0, 0.0, 0, 0, 0)

    assert not ways(
        tally(*of)
        for of in (
            ("run_ended", "billing", "", "waiting"), ("run_ended", "billing", "", "cancelled"),
            ("run_ended", "billing", "child", "done"), ("routed", "router", "", "none"),
            ("ticket_decided", "billing", "", "escalate"), ("ticket_decided", "", "", "approve"),
        )
    )  # fmt: skip
    assert dict(ways([tally("ticket_decided", "route", AT_ONCE, "reject")])) == {
        ("router", "gate"): 1, ("gate", "router"): 1,
    }  # fmt: skip
