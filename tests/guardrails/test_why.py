"""`why=`: a reason for people, which changes nothing that is compared, counted or stored."""

from dataclasses import replace

import pytest

from pointsman.guardrails.breaker import CircuitBreaker
from pointsman.guardrails.classifier import ClassifierGuard
from pointsman.guardrails.judge import JudgeGuard
from pointsman.guardrails.overbudget import OverBudget
from pointsman.guardrails.policy import ApprovalPolicy, Is, Limit, PolicyRule
from pointsman.guardrails.quota import Quota
from pointsman.guardrails.rate import RateLimit
from pointsman.nodes.budgets import Allowance
from pointsman.nodes.gateway.cascade import Cascade
from pointsman.nodes.run import Budget

PARTS = (
    ApprovalPolicy(),
    PolicyRule("r", "ask"),
    Limit("usd", at_most=5),
    Is("currency", ("usd",)),
    Quota(5),
    Allowance(usd=5),
    Budget(usd=5),
    OverBudget(),
    CircuitBreaker(),
    RateLimit(5),
    JudgeGuard("No advice."),
    ClassifierGuard(lambda text: {"BAD": 0.1}, flags={"BAD": 0.9}),
    Cascade(("a", "b"), ("c",)),
)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_a_reason_changes_nothing(part: object) -> None:
    """Two that differ in their reason only are equal, read the same and have the same id and
    version: tickets, counts and caches know them again."""
    given = replace(part, why="the auditors ask")  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert given.why == "the auditors ask"  # pyright: ignore[reportAttributeAccessIssue]
    assert given == part
    assert repr(given) == repr(part)
    assert str(given) == str(part)
    for name in ("id", "version"):
        assert getattr(given, name, "") == getattr(part, name, "")


def test_a_reason_deep_inside_a_policy_changes_nothing() -> None:
    """The version stays when a rule's or a condition's reason is reworded."""

    def made(why: str) -> ApprovalPolicy:
        when = (Limit("usd", at_most=5, why=why), Is("currency", ("usd",), why=why))
        return ApprovalPolicy((PolicyRule("r", "ask", when=when, why=why),), why=why)

    assert made("").version == made("the auditors ask").version
