"""The ladder when money runs short: cheaper tier, a person, the end."""

from dataclasses import dataclass, field, replace

import pytest

from pointsman.errors import BudgetExceeded, Misconfigured
from pointsman.guardrails.overbudget import CheaperTier, OverBudget, OverBudgetGuard
from pointsman.nodes.budgets import GUARD, Extension
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Reader
from pointsman.nodes.message import Answer, Escalation, Message, Proposal, Turn
from pointsman.nodes.run import Run
from tests.guardrails.bench import SAID, Bench, Inner, ask

SPENT = BudgetExceeded("Nothing is left.", budget="run")


@dataclass
class Tiers:
    """A gateway where the money does not reach for some tiers."""

    dear: frozenset[str] = frozenset({"strong"})
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    settled: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])

    async def complete(
        self, request: ModelRequest, run: Run, read: Reader | None = None
    ) -> ModelReply:
        """Says no by tier."""
        self.asked.append((request.tier, run.step))
        if request.tier in self.dear:
            raise SPENT
        return ModelReply(model="m", text=request.tier)

    async def settle(self, run: Run, *, keep: bool) -> None:
        """Remembers."""
        self.settled.append((run.step, keep))


async def thinks(message: Message, run: Run) -> Message:
    """A specialist that asks the strong tier once."""
    request = ModelRequest(turns=(Turn(role="user", content=SAID),), tier="strong")
    reply = await run.gateway.complete(request, run)
    return message.reply(Answer(text=reply.text, evidence=()), sender=run.specialist)


def at(bench: Bench, gateway: Tiers, *rules: Extension, step: str = "2.0:billing") -> Run:
    """A step with what people have added."""
    admitted = tuple(f"{GUARD}:{rule}" for rule in rules)
    return replace(bench.run(admitted=admitted, step=step), gateway=gateway)


@pytest.mark.parametrize("wrong", [{"extend": 0.0}, {"extend": float("inf")}, {"times": 0}])
def test_a_rule_that_adds_nothing_is_refused(wrong: dict[str, float]) -> None:
    """Misconfigured."""
    with pytest.raises(Misconfigured):
        OverBudget(**wrong)  # type: ignore[arg-type]


async def test_who_only_reads_gets_the_cheaper_tier() -> None:
    """The answer comes from the cheaper tier, and the record says so."""
    bench, tiers = Bench(), Tiers()
    reply = await OverBudgetGuard(OverBudget(), writes=False).wrap(thinks)(ask(), at(bench, tiers))
    assert isinstance(reply.payload, Answer)
    assert reply.payload.text == "fast"
    assert bench.judged == [("allow", "cheaper:fast", 1)]


async def test_who_can_write_skips_that_rung() -> None:
    """A specialist with writes asks a person instead of a cheaper model."""
    bench, tiers = Bench(), Tiers()
    reply = await OverBudgetGuard(OverBudget(), writes=True).wrap(thinks)(ask(), at(bench, tiers))
    assert tiers.asked == [("strong", "2.0:billing")]
    assert isinstance(reply.payload, Escalation)
    rule = Extension("run", "", 0.5, 1, "2.0:billing")
    assert (reply.payload.guard, reply.payload.rule) == (GUARD, str(rule))
    assert reply.payload.held == ask().payload
    assert reply.payload.reason == "Nothing is left. Approve to add 50% of it."
    assert bench.judged == [("escalate", str(rule), 1)]


async def test_a_cheaper_tier_that_is_too_dear_asks_a_person() -> None:
    """The rungs follow each other."""
    tiers = Tiers(frozenset({"strong", "fast"}))
    guard = OverBudgetGuard(OverBudget(), writes=False)
    reply = await guard.wrap(thinks)(ask(), at(Bench(), tiers))
    assert [tier for tier, _ in tiers.asked] == ["strong", "fast"]
    assert isinstance(reply.payload, Escalation)


async def test_a_tier_is_not_its_own_cheaper_one() -> None:
    """It is asked once."""
    tiers, run = Tiers(), Bench().run()
    with pytest.raises(BudgetExceeded):
        await CheaperTier(tiers, "strong").complete(
            ModelRequest(turns=(), tier="strong"), run
        )  # fmt: skip
    assert len(tiers.asked) == 1


async def test_without_a_person_the_run_ends() -> None:
    """The error is the run's end: nobody may be asked, or was asked often enough."""
    bench, tiers = Bench(), Tiers()
    nobody = OverBudgetGuard(OverBudget(extend=None))
    with pytest.raises(BudgetExceeded):
        await nobody.wrap(thinks)(ask(), at(bench, tiers))
    asked = [Extension("run", "", 0.5, n, "2.0:billing") for n in (1, 2)]
    often = OverBudgetGuard(OverBudget(times=2))
    with pytest.raises(BudgetExceeded):
        await often.wrap(thinks)(ask(), at(bench, tiers, *asked, step="2.2:billing"))
    assert bench.judged == []


async def test_a_proposal_that_comes_back_cannot_be_held() -> None:
    """Only what may run again is: anything else ends the run."""
    proposal = Proposal(request=ask().payload, calls=(), transcript=())  # pyright: ignore
    with pytest.raises(BudgetExceeded):
        await OverBudgetGuard(OverBudget()).wrap(Inner(SPENT))(ask(proposal), Bench().run())


async def test_an_extended_visit_is_the_same_step() -> None:
    """The journal knows the answers of its first try, and the cache keeps what it gives."""
    tiers, guard = Tiers(frozenset()), OverBudgetGuard(OverBudget())
    first = Extension("run", "", 0.5, 1, "2.0:billing")
    await guard.wrap(thinks)(ask(), at(Bench(), tiers, first, step="2.1:billing"))
    assert tiers.asked == [("strong", "2.0:billing")]
    assert tiers.settled == [("2.0:billing", True)]


async def test_a_second_extension_goes_back_to_the_first_try_too() -> None:
    """Two budgets ran out in turn: it is the same step still, and is asked for under its name."""
    tiers, guard = Tiers(), OverBudgetGuard(OverBudget())
    first = Extension("0123456789abcdef", "2026-11-21", 0.5, 1, "2.0:billing")
    step = at(Bench(), tiers, first, step="2.1:billing")
    reply = await guard.wrap(thinks)(ask(), step)
    assert isinstance(reply.payload, Escalation)
    assert reply.payload.rule == str(Extension("run", "", 0.5, 1, "2.0:billing"))
    assert tiers.settled == [("2.0:billing", False)]


@pytest.mark.parametrize("step", ["2.2:billing", "3.1:billing", "2.1:tech", "2.0:billing"])
async def test_any_other_visit_begins_anew(step: str) -> None:
    """A later round, another hand-off or specialist has answers of its own."""
    tiers, guard = Tiers(frozenset()), OverBudgetGuard(OverBudget())
    first = Extension("run", "", 0.5, 1, "2.0:billing")
    await guard.wrap(thinks)(ask(), at(Bench(), tiers, first, step=step))
    assert tiers.asked == [("strong", step)]
