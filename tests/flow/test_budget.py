"""Budgets through a whole run: shared by runs, extended by a person, partial at the end."""

import asyncio
from pathlib import Path

import pytest

from pointsman.errors import BudgetExceeded
from pointsman.guardrails.overbudget import OverBudget
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.budgets import Allowance
from pointsman.nodes.event import Judged, ModelCalled
from pointsman.nodes.gateway.cost import Price
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Usage
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import Turn
from pointsman.nodes.run import Budget, Run
from pointsman.nodes.specialist import Specialist
from pointsman.teams.budgets import SharedBudgets
from pointsman.teams.result import Result
from pointsman.teams.store.budgetrows import Amount
from pointsman.teams.store.budgets import SqliteBudgets
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Decision, Reject, Ticket
from tests.flow.shop import Shop, script, shop_team
from tests.guardrails.bench import NoModels

PLAN = "lookup INV-1 > lookup INV-2"
"""Routing, two reads and the answer: four calls of a model."""


async def decided(team: Team, ticket: Ticket, decision: Decision) -> Result:
    """What the run came to after a person's decision."""
    result = await team.decide(ticket, decision)
    assert isinstance(result, Result)
    return result


async def test_a_spent_budget_without_a_person_ends_partial(home: Path) -> None:
    """The result says which budget is spent."""
    result = await shop_team(home).run(PLAN, budget=Budget(calls=2))
    assert (result.status, result.error) == ("partial", "BudgetExceeded")
    assert "budget of 2 model calls" in result.answer
    assert result.model_calls == 2


async def test_a_person_extends_and_nothing_is_paid_twice(
    home: Path, model: ScriptedTransport
) -> None:
    """The run waits; after the yes it goes on where it was, and the journal gives what it knows."""
    team = shop_team(home, model=model, budget=Budget(calls=2), over_budget=OverBudget(extend=1.0))
    waiting = await team.run(PLAN)
    assert waiting.status == "waiting"
    assert "Approve to add 100% of it." in waiting.tickets[0].reason
    assert len(model.requests) == 2
    result = await decided(team, waiting.tickets[0], Approve(by="ana"))
    assert result.status == "done"
    assert result.answer == "done: INV-1 is 20.00 USD | INV-2 is 20.00 USD"
    assert len(model.requests) == 4
    calls = [e.event for e in await team.events(result.run) if isinstance(e.event, ModelCalled)]
    assert [c.source for c in calls].count("model") == 4


async def test_a_no_ends_the_run(home: Path, model: ScriptedTransport) -> None:
    """No model is asked again."""
    team = shop_team(home, model=model, budget=Budget(calls=2))
    waiting = await team.run(PLAN)
    result = await decided(team, waiting.tickets[0], Reject(by="ana", reason="too dear"))
    assert result.status == "blocked"
    assert len(model.requests) == 2


async def test_runs_of_a_tenant_share_one_budget(home: Path) -> None:
    """Eight runs at once, each of two calls, on a budget for eight calls: never more than eight."""
    model = ScriptedTransport(script)
    team = shop_team(
        home, model=model, budgets=(Allowance(calls=8),), over_budget=OverBudget(extend=None)
    )
    async with team:
        results = await asyncio.gather(*(team.run(f"hello {n}", thread=f"t{n}") for n in range(8)))
    assert len(model.requests) == 8
    assert {r.status for r in results} <= {"done", "partial"}
    assert sum(r.model_calls for r in results) == 8
    other = await shop_team(home, budgets=(Allowance(calls=8),)).run("hello", tenant="other")
    assert other.status == "done"


async def test_a_shared_budget_is_extended_by_a_person(
    home: Path, model: ScriptedTransport
) -> None:
    """The yes adds to what all runs of the tenant share, once."""
    team = shop_team(home, model=model, budgets=(Allowance(calls=3),))
    waiting = await team.run(PLAN)
    assert waiting.status == "waiting"
    done = await decided(team, waiting.tickets[0], Approve(by="ana"))
    assert done.status == "done"
    assert len(model.requests) == 4
    more = await team.run("hello", thread="another")
    assert more.status == "waiting"
    assert len(model.requests) == 5


async def test_what_was_done_is_told(home: Path, shop: Shop) -> None:
    """A write that happened before the money ran out stands in the partial answer."""
    team = shop_team(
        home, policy=ApprovalPolicy(rules=(PolicyRule("all", "allow"),)),
        budget=Budget(calls=2), over_budget=OverBudget(extend=None),
    )  # fmt: skip
    result = await team.run("note hello > lookup INV-1")
    assert shop.wrote() == ["noted hello"]
    assert result.status == "partial"
    assert "noted hello" in result.answer


async def test_a_reader_goes_on_with_the_cheaper_tier(home: Path) -> None:
    """Where `strong` no longer fits, `fast` answers; the record names both."""

    def answers(request: ModelRequest) -> ModelReply:
        return ModelReply(model="x", text="hello", usage=Usage(10, 10))

    dear, cheap = ScriptedTransport(answers), ScriptedTransport(answers)
    team = Team(
        "readers",
        specialists=[Specialist("faq", handles="questions", tier="strong")],
        home=home,
        models={"fast": ("cheap/m",), "strong": ("dear/m",)},
        prices={"dear/m": Price(100.0, 100.0), "cheap/m": Price(0.1, 0.1)},
        transports=Transports({"dear": lambda: dear, "cheap": lambda: cheap}),
        budgets=(Allowance(usd=0.01),),
    )
    result = await team.run("What are your hours?")
    assert (result.status, result.answer) == ("done", "hello")
    assert dear.requests == []
    judged = [e.event for e in await team.events(result.run) if isinstance(e.event, Judged)]
    assert ("over-budget", "allow", "cheaper:fast") in [
        (j.guard, j.verdict, j.rule) for j in judged
    ]


@pytest.mark.parametrize("unpriced", ["refuse", "count"])
async def test_an_unknown_price_under_money(home: Path, unpriced: str) -> None:
    """Refused with what to do about it, unless the budget counts such calls."""
    model = ScriptedTransport(script)
    team = shop_team(
        home, model=model, provider="acme",
        budgets=(Allowance(usd=1.0, unpriced=unpriced),),  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    result = await team.run("hello")
    if unpriced == "count":
        assert result.status == "done"
    else:
        assert (result.status, result.error) == ("failed", "Misconfigured")
        assert "is not known" in result.answer
        assert model.requests == []


async def test_200_calls_at_once_through_the_gateway(home: Path) -> None:
    """Two gateways on one file, 100 runs each, money for 100 calls: 100 are made, and the sum is
    what they cost."""
    calls = [0]

    async def answer(request: ModelRequest) -> ModelReply:
        calls[0] += 1
        await asyncio.sleep(0.001)
        return ModelReply(model="acme/m", text="x", usage=Usage(0, 1))

    one = Allowance(usd=1.0)

    async def process(first: int) -> tuple[list[bool], SharedBudgets]:
        budgets = SharedBudgets((one,), SqliteBudgets(home / "budgets.db"))
        gateway = ModelGateway(
            chains={"fast": ("acme/m",)},
            transports=Transports({"acme": lambda: ScriptedTransport(answer)}),
            journal=MemoryJournal(),
            prices={"acme/m": Price(0.0, 10_000.0)},
            budgets=budgets,
        )

        async def call(n: int) -> bool:
            run = Run(
                id=f"r{n}", team="t", thread="t", tenant="acme", gateway=gateway,
                emit=lambda event: None,
            )  # fmt: skip
            turns = (Turn(role="user", content=str(n)),)
            try:
                await gateway.complete(ModelRequest(turns=turns, max_tokens=1), run)
            except BudgetExceeded:
                return False
            return True

        return list(await asyncio.gather(*(call(first + n) for n in range(100)))), budgets

    (a, budgets), (b, other) = await asyncio.gather(process(0), process(1000))
    assert a.count(True) + b.count(True) == calls[0] == 100
    asker = Run(
        id="r", team="t", thread="t", tenant="acme", gateway=NoModels(), emit=lambda event: None
    )
    balance = await budgets.balance(one, asker)
    assert (balance.spent.usd, balance.spent.tokens, balance.held) == (10**9, 100, Amount())
    await budgets.aclose()
    await other.aclose()
