"""Scorers of what a sample did: routes, effects, approvals, guards, and what it used."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from pointsman.evals.record import Sample
from pointsman.evals.scorers.approvals import Approvals
from pointsman.evals.scorers.guards import Guards
from pointsman.evals.scorers.routes import Confusion, Route
from pointsman.evals.scorers.usage import Measure, Usage
from pointsman.evals.scorers.writes import Effects, State
from pointsman.evals.suite import Case
from tests.evals.scorers.builders import case, effect, sample, scored, ticket, verdict


async def test_a_route_is_the_expected_one() -> None:
    """Nobody's is a route, too."""
    assert (await scored(Route(), case(route=""), sample(route=""))).scores == {"route": True}
    wrong = await scored(Route(), case(route="tech"), sample(route="billing"))
    assert wrong.scores == {"route": False}
    assert "route" in (await scored(Route(), case(), sample(route="tech"))).unscored


def test_confusion_counts_errors_and_nobody() -> None:
    """Of four samples that belong somewhere two went there; an error is a column of its own."""
    samples = [
        sample(expected={"route": "a"}, route="a"),
        sample(expected={"route": "a"}, route="b"),
        sample(expected={"route": "b"}, error="ModelTimeout: none"),
        sample(expected={"route": ""}, route=""),
        sample(route="a"),
    ]
    found = Confusion.of(samples)
    assert found.labels == ("", "(error)", "a", "b")
    assert (found.total, found.accuracy) == (4, 0.5)
    assert found.recall("a") == 0.5
    assert (found.precision("a"), found.precision("b")) == (1.0, 0.0)
    assert found.recall("(error)") is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc"))))
def test_accuracy_is_the_weighted_recall(pairs: list[tuple[str, str]]) -> None:
    """Whatever the counts."""
    found = Confusion(Counter(pairs))
    of = Counter(expected for expected, _ in pairs)
    weighted = sum(n * (found.recall(route) or 0.0) for route, n in of.items())
    assert found.accuracy * len(pairs) == pytest.approx(weighted)


async def test_effects_are_those_of_the_ledger() -> None:
    """Done writes count, in any order; failed and undone ones do not."""
    got = sample(
        effects=(effect("mail"), effect("refund", usd=20.0), effect("refund", "failed", usd=99.0))
    )
    wanted = case(effects=["mail", {"tool": "refund", "args": {"usd": {"$lte": 50}}}])
    assert (await scored(Effects(), wanted, got)).scores == {"effects": True}
    assert (await scored(Effects(), case(effects=["mail"]), got)).scores == {"effects": False}
    loose = Effects(mode="superset")
    assert (await scored(loose, case(effects=["mail"]), got)).scores == {"effects": True}
    assert (await scored(Effects(), case(effects=[]), sample())).scores == {"effects": True}


async def test_a_write_whose_end_is_not_known_is_a_fail() -> None:
    """Also where what is expected was done."""
    got = sample(effects=(effect("refund"), effect("mail", "intended")))
    found = await scored(Effects(mode="superset"), case(effects=["refund"]), got)
    assert found.scores == {"effects": False}
    assert "mail" in found.notes["effects"]


class Row(BaseModel):
    """A row of a database."""

    balance: float
    open: bool = False


async def test_state_is_what_the_database_holds() -> None:
    """The user's function reads it; the case says what must be there."""

    async def read(_case: Case, _sample: Sample) -> Row:
        return Row(balance=20.0)

    wanted = case().model_copy(update={"metadata": {"state": {"balance": {"$gte": 20}}}})
    assert (await scored(State(read), wanted, sample())).scores == {"state": True}
    exactly = await scored(State(read, how="exact"), wanted, sample())
    assert exactly.scores == {"state": False}
    assert "state" in (await scored(State(read), case(), sample())).unscored


@pytest.mark.parametrize(
    ("expected", "opened", "kind", "missed", "needless"),
    [
        ({"asks": True}, ["refund"], "asked", 0, 0),
        ({"asks": True}, [], "missed", 1, 0),
        ({"asks": False}, [], "silent", 0, 0),
        ({"asks": False}, ["refund", "mail"], "needless", 0, 2),
        ({"tickets": ["refund", "refund"]}, ["refund", "mail"], "both", 1, 1),
        ({"tickets": ["refund"]}, ["refund"], "asked", 0, 0),
    ],
)
async def test_approvals_that_were_missed_or_needless(
    expected: dict[str, object], opened: list[str], kind: str, missed: int, needless: int
) -> None:
    """Each case is right, missed, needless or both, and by how many tickets."""
    got = sample(tickets=tuple(ticket(name) for name in opened))
    found = await scored(Approvals(), case(**expected), got)
    assert found.scores == {
        "approvals": not missed and not needless,
        "approvals.missed": missed,
        "approvals.needless": needless,
        "approvals.kind": kind,
    }


async def test_only_tickets_of_the_chosen_kinds_count() -> None:
    """A question about the budget is no approval of an action."""
    got = sample(tickets=(ticket("pay", kind="budget"),))
    found = await scored(Approvals(ticket_kinds=("action",)), case(asks=False), got)
    assert found.scores["approvals"] is True


async def test_guards_by_verdict_and_rule() -> None:
    """The gravest verdict and exactly the expected rules, alone or with their guard."""
    got = sample(verdicts=(verdict("pii", "redact", "email"), verdict("judge", "block", "law")))
    wanted = case(verdict="block").model_copy(update={"metadata": {"rules": ["pii:email", "law"]}})
    right = await scored(Guards(), wanted, got)
    assert right.scores == {"guards": True, "guards.missing": 0, "guards.unexpected": 0}
    fewer = wanted.model_copy(update={"metadata": {"rules": ["law"]}})
    found = await scored(Guards(), fewer, got)
    assert (found.scores["guards"], found.scores["guards.unexpected"]) == (False, 1)
    assert (await scored(Guards(extra="allow"), fewer, got)).scores["guards"] is True
    assert (await scored(Guards(), case(verdict="allow"), got)).scores == {"guards": False}
    assert (await scored(Guards(), case(verdict="allow"), sample())).scores == {"guards": True}


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("cost", 0.02),
        ("tokens", 120.0),
        ("latency", 1.5),
        ("model_calls", 2.0),
        ("cache_hits", 1.0),
    ],
)
async def test_what_a_sample_used_is_a_number(measure: Measure, value: float) -> None:
    """Each figure as it was recorded, and whether it stays within a bound."""
    got = sample(usd=0.02, tokens=120, seconds=1.5, model_calls=2, cache_hits=1)
    plain = Usage.model_validate({"measure": measure})
    assert (await scored(plain, case(), got)).scores == {measure: value}
    bound = Usage.model_validate({"measure": measure, "at_most": value / 2})
    assert (await scored(bound, case(), got)).scores == {measure: value, f"{measure}.ok": False}
    reached = Usage.model_validate({"measure": measure, "at_most": value})
    assert (await scored(reached, case(), got)).scores == {measure: value, f"{measure}.ok": True}


async def test_an_unknown_price_is_not_free() -> None:
    """It is unscored, and keeps its place."""
    found = await scored(Usage.model_validate({"measure": "cost"}), case(), sample(usd=None))
    assert found.unscored == {"cost": "the price of a call is not known"}
