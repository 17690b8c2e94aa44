"""Who decides, how many, until when; with a clock that the test turns."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pointsman.errors import Conflict, InvalidDecision, TicketClosed
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.event import TicketDecided, TicketReminded
from pointsman.nodes.message import Terms
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.approvals.audit import faults
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Decision, Edit, Escalate, Reject, Ticket
from tests.flow.shop import Shop, shop_team

GROUPS = {"finance": ("ana", "bo"), "leads": ("lea",)}


class Clock:
    """Seconds since the epoch, as the test says."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 9, 0, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @property
    def utc(self) -> datetime:
        """The time now."""
        return datetime.fromtimestamp(self.now, UTC)


@pytest.fixture
def clock() -> Clock:
    """A clock at nine."""
    return Clock()


def with_terms(terms: Terms) -> ApprovalPolicy:
    """Refunds ask on these terms."""
    return ApprovalPolicy(rules=(PolicyRule("refunds", "ask", tools=("refund",), terms=terms),))


async def waiting(team: Team, text: str = "refund INV-1 5", thread: str = "c1") -> Ticket:
    """The only ticket of a run that waits."""
    result = await team.run(text, thread=thread)
    assert result.status == "waiting", result
    return result.tickets[0]


async def decided(team: Team, ticket: Ticket | str, decision: Decision) -> Result:
    """The run after a decision."""
    result = await team.decide(ticket, decision)
    assert isinstance(result, Result)
    return result


async def test_two_different_people_must_approve(home: Path, shop: Shop) -> None:
    """The first approval leaves it waiting, one person cannot be two, the second executes."""
    team = shop_team(home, policy=with_terms(Terms(approvals=2)))
    ticket = await waiting(team)
    assert ticket.approvals == 2
    half = await decided(team, ticket, Approve(by="ana"))
    assert half.status == "waiting"
    assert shop.wrote() == []
    with pytest.raises(InvalidDecision, match="'ana' has approved"):
        await team.decide(ticket, Approve(by="ana"))
    done = await decided(team, ticket, Approve(by="bo"))
    assert done.status == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]
    (row,) = await team.tickets(status=None)
    assert (row.by, [v.by for v in row.votes]) == ("ana, bo", ["ana", "bo"])


async def test_an_approval_is_of_what_was_shown(home: Path, shop: Shop) -> None:
    """Somebody edits while another reviewer looks at the old arguments: the approval of those does
    not approve the new ones."""
    team = shop_team(home, policy=with_terms(Terms(approvals=2)))
    seen = await waiting(team)
    await team.decide(seen, Edit(by="mallory", args={"usd": 5000}))
    with pytest.raises(InvalidDecision, match="shows something else by now"):
        await team.decide(seen, Approve(by="ana"))
    assert shop.wrote() == []
    (now,) = await team.tickets()
    assert now.runs["usd"] == 5000
    assert (await decided(team, now, Reject(by="ana", reason="no"))).status == "done"
    assert shop.wrote() == []


async def test_only_reviewers_decide(home: Path, shop: Shop) -> None:
    """A group's people may; nobody else, whatever they decide, and nothing is changed."""
    team = shop_team(home, policy=with_terms(Terms(reviewers=("finance",))), reviewers=GROUPS)
    ticket = await waiting(team)
    for decision in (Approve(by="mallory"), Reject(by="finance"), Escalate(by="eve", to="eve")):
        with pytest.raises(InvalidDecision, match="its reviewers are finance"):
            await team.decide(ticket, decision)
    assert (await team.tickets())[0] == ticket
    assert (await decided(team, ticket, Approve(by="bo"))).status == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_nobody_in_time_means_no(home: Path, shop: Shop, clock: Clock) -> None:
    """When its time is up a ticket is rejected, the specialist is told so and the run ends; a late
    decision is refused and changes nothing."""
    team = shop_team(home, policy=with_terms(Terms(expires_after=3600)), clock=clock)
    ticket = await waiting(team)
    assert ticket.expires == clock.utc + timedelta(hours=1)
    clock.pass_(3599)
    assert await team.sweep() == ()
    clock.pass_(1)
    (late,) = await team.sweep()
    assert (late.status, late.by) == ("expired", "clock")
    result = await team.result(ticket.run)
    assert result.status == "done"
    assert "Nobody decided until 2026-11-21 10:00:00 UTC" in result.answer
    with pytest.raises(TicketClosed, match="expire by clock"):
        await team.decide(ticket, Approve(by="ana"))
    assert shop.wrote() == []


async def test_a_late_decision_finds_the_run_gone_on(home: Path, shop: Shop, clock: Clock) -> None:
    """Nobody looked at the clock until a decision came too late: it is refused, the ticket has
    expired, and the run goes on at once."""
    team = shop_team(home, policy=with_terms(Terms(expires_after=60)), clock=clock)
    ticket = await waiting(team)
    clock.pass_(61)
    with pytest.raises(TicketClosed, match="expire by clock"):
        await team.decide(ticket, Approve(by="ana"))
    assert (await team.result(ticket.run)).status == "done"
    assert shop.wrote() == []


async def test_expiry_racing_a_decision(home: Path, shop: Shop, clock: Clock) -> None:
    """At the very moment, from several sessions at once: either the decision counts and the write
    happens, or the ticket has expired and it does not."""
    team = shop_team(home, policy=with_terms(Terms(expires_after=60)), clock=clock)
    tickets = [await waiting(team, f"refund INV-{n} 5", thread=f"c{n}") for n in range(8)]
    clock.pass_(60)
    ahead = Clock()
    ahead.now = clock.now - 0.001
    late = shop_team(home, policy=with_terms(Terms(expires_after=60)), clock=ahead)
    came = await asyncio.gather(
        *(late.decide(t, Approve(by="ana")) for t in tickets),
        *(team.sweep() for _ in range(4)),
        return_exceptions=True,
    )
    assert all(isinstance(c, Result | TicketClosed | tuple) for c in came), came
    await team.sweep()
    rows = await team.tickets(status=None)
    assert {t.status for t in rows} <= {"executed", "expired"}
    executed = sorted(f"refunded 5 on {t.runs['invoice']}" for t in rows if t.status == "executed")
    assert sorted(shop.wrote()) == executed
    assert {r.state for r in await team.runs()} == {"done"}


async def test_time_asks_the_next_reviewer(home: Path, shop: Shop, clock: Clock) -> None:
    """The next one is told, has the same time, and decides; the first one may not any more."""
    told: list[Ticket] = []
    terms = Terms(reviewers=("finance",), expires_after=60, escalate_to=("leads",))
    team = shop_team(
        home, policy=with_terms(terms), reviewers=GROUPS, clock=clock, on_ticket=told.append
    )
    ticket = await waiting(team)
    clock.pass_(60)
    await team.sweep()
    assert [(t.id, t.assigned) for t in told] == [(ticket.id, ""), (ticket.id, "leads")]
    with pytest.raises(InvalidDecision, match="its reviewers are leads"):
        await team.decide(ticket, Approve(by="ana"))
    assert (await decided(team, ticket, Approve(by="lea"))).status == "done"
    events = [e.event for e in await team.events(ticket.run)]
    passed = [e for e in events if isinstance(e, TicketDecided)]
    assert [(e.decision, e.by) for e in passed] == [("escalate", "clock"), ("approve", "lea")]
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_reminders_are_events(home: Path, clock: Clock) -> None:
    """Each reminder comes once, is recorded with how long the ticket waits, and tells the
    reviewers; it changes nobody's time."""
    told: list[Ticket] = []
    team = shop_team(
        home, policy=with_terms(Terms(remind_after=600)), clock=clock, on_ticket=told.append
    )
    ticket = await waiting(team)
    for _ in range(2):
        clock.pass_(600)
        assert len(await team.sweep()) == 1
        assert await team.sweep() == ()
    events = [e.event for e in await team.events(ticket.run)]
    assert [e.waited for e in events if isinstance(e, TicketReminded)] == [600, 1200]
    assert len(told) == 3
    assert (await team.tickets())[0].status == "pending"


async def test_an_open_team_watches_the_clock_itself(home: Path, shop: Shop, clock: Clock) -> None:
    """Kept open, it lets time decide without being asked."""
    team = shop_team(home, policy=with_terms(Terms(expires_after=60)), clock=clock)
    team._sessions.sweep_seconds = 0.02
    async with team:
        ticket = await waiting(team)
        clock.pass_(61)
        async with asyncio.timeout(20):
            while (await team.result(ticket.run)).status == "waiting":  # noqa: ASYNC110 (no event to wait for)
                await asyncio.sleep(0.02)
    assert shop.wrote() == []


async def test_a_grant_lets_its_class_pass(home: Path, shop: Shop, clock: Clock) -> None:
    """Given from a ticket: up to its bound, as often and as long as it says, a high-stakes write
    runs without being asked about again; every use is on the ticket and in the audit log."""
    team = shop_team(home, clock=clock)
    ticket = await waiting(team)
    grant = await team.grant(
        ticket, by="ana", until=clock.utc + timedelta(days=1), times=2, at_most={"usd": 20}
    )
    assert shop.wrote() == []
    for n, usd in enumerate((19, 20, 3), start=2):
        result = await team.run(f"refund INV-1 {usd}", thread=f"c{n}")
        assert result.status == ("done" if n < 4 else "waiting")
    assert shop.wrote() == ["refunded 19 on INV-1", "refunded 20 on INV-1"]
    used = [t for t in await team.tickets(status="executed") if t.grant]
    assert [t.by for t in used] == [f"grant:{grant.id}"] * 2
    rows = await team.audit()
    assert [r.entry.action for r in rows if r.entry.grant].count("use") == 2
    assert faults(rows) == []
    assert (await team.grants())[0].uses == 2


@pytest.mark.parametrize(
    ("text", "seconds"), [("refund INV-1 21", 0), ("refund INV-2 5", 0), ("refund INV-1 5", 90_000)]
)
async def test_a_grant_covers_nothing_else(
    home: Path, shop: Shop, clock: Clock, text: str, seconds: float
) -> None:
    """More than its bound, another argument, later than its end: a person is asked as ever."""
    team = shop_team(home, clock=clock)
    until = clock.utc + timedelta(days=1)
    await team.grant(await waiting(team), by="ana", until=until, at_most={"usd": 20})
    clock.pass_(seconds)
    assert (await team.run(text, thread="c2")).status == "waiting"
    assert shop.wrote() == []


async def test_a_revoked_grant_is_over(home: Path, shop: Shop, clock: Clock) -> None:
    """Once, by anybody; and only those who may decide the ticket may give one."""
    policy = with_terms(Terms(reviewers=("finance",)))
    team = shop_team(home, clock=clock, policy=policy, reviewers=GROUPS)
    ticket = await waiting(team)
    until = clock.utc + timedelta(days=1)
    with pytest.raises(InvalidDecision, match="its reviewers are finance"):
        await team.grant(ticket, by="mallory", until=until)
    grant = await team.grant(ticket, by="bo", until=until)
    await team.revoke(grant.id, by="lea")
    with pytest.raises(Conflict, match="revoked by lea"):
        await team.revoke(grant.id, by="lea")
    assert (await team.run("refund INV-1 5", thread="c2")).status == "waiting"
    assert shop.wrote() == []


async def test_a_newer_policy_forbids_an_open_ticket(home: Path, shop: Shop) -> None:
    """A deploy came between: what the policy of today denies is superseded, with its rule."""
    ticket = await waiting(shop_team(home))
    strict = ApprovalPolicy(rules=(PolicyRule("no-refunds", "deny", tools=("refund",)),))
    team = shop_team(home, policy=strict)
    with pytest.raises(TicketClosed, match="forbids it now, by rule 'no-refunds'"):
        await team.decide(ticket, Approve(by="ana"))
    assert shop.wrote() == []
    assert (await team.result(ticket.run)).status == "done"


async def test_a_changed_schema_supersedes(home: Path, shop: Shop) -> None:
    """The tool wants another argument now: the ticket no longer fits, and says so."""
    ticket = await waiting(shop_team(home))

    def changed(shop: Shop) -> Sequence[Specialist]:
        @tool(effect="write", stakes="high")
        def refund(invoice: str, usd: float, currency: str) -> str:
            """Refund."""
            return shop.write(f"refunded {usd} {currency} on {invoice}")

        return (Specialist("billing", handles="money", tools=(refund,)),)

    team = shop_team(home, specialists=changed)
    with pytest.raises(TicketClosed, match="The tool changed since it was asked"):
        await team.decide(ticket, Approve(by="ana"))
    assert shop.wrote() == []
    (row,) = await team.tickets(status=None)
    assert row.status == "superseded"


async def test_a_specialist_that_is_gone_ends_the_run_clearly(home: Path, shop: Shop) -> None:
    """Rejecting still works; there is nobody to go back to, and the run says so."""
    ticket = await waiting(shop_team(home))

    def others(shop: Shop) -> Sequence[Specialist]:
        return (Specialist("tech", handles="devices", tools=shop.tools()),)

    result = await decided(
        shop_team(home, specialists=others), ticket, Reject(by="ana", reason="no")
    )
    assert (result.status, result.error) == ("failed", "Misconfigured")
    assert "no specialist 'billing' any more" in result.answer


async def test_every_step_is_in_the_audit_log(home: Path) -> None:
    """Opened, decided, executed: one row each, by whom, in one unbroken chain."""
    team = shop_team(home)
    ticket = await waiting(team, "refund INV-1 5 + refund INV-2 6")
    await team.decide(ticket, Escalate(by="ana", to="lea", reason="over my limit"))
    await team.decide(ticket, Approve(by="lea"))
    (other,) = await team.tickets()
    await team.decide(other, Reject(by="ana", reason="no"))
    rows = await team.audit()
    assert faults(rows) == []
    steps = [(r.entry.action, r.entry.by, r.entry.status) for r in rows]
    assert steps == [
        ("open", "run", "pending"),
        ("open", "run", "pending"),
        ("escalate", "ana", "pending"),
        ("approve", "lea", "approved"),
        ("execute", "run", "executed"),
        ("reject", "ana", "rejected"),
        ("settle", "run", "rejected"),
    ]
    assert rows[2].entry.to == "lea"
    assert "over my limit" not in "".join(r.model_dump_json() for r in rows)
