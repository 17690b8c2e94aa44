"""The approval policy: first match decides, writes ask, and nothing lets a high-stakes act pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.guardrails.policy import Action, ApprovalPolicy, Limit, PolicyRule

NAMES = st.sampled_from(["*", "refund", "re*", "lookup", "billing", "acme", "none"])
RULES = st.lists(
    st.builds(
        PolicyRule,
        name=st.uuids().map(str),
        then=st.sampled_from(["allow", "ask", "deny"]),
        tools=st.tuples(NAMES),
        specialists=st.tuples(NAMES),
        tenants=st.tuples(NAMES),
        effect=st.sampled_from([None, "read", "write"]),
        stakes=st.sampled_from([None, "low", "high"]),
        when=st.lists(st.builds(Limit, st.just("usd"), st.floats(0, 100)), max_size=1).map(tuple),
    ),
    max_size=6,
)


def act(
    tool: str = "refund", *, effect: str = "write", stakes: str = "low", **args: object
) -> Action:
    """A call of billing for acme."""
    return Action(
        call_id="c", tool=tool, effect=effect, stakes=stakes, args=args,  # pyright: ignore[reportArgumentType]
        specialist="billing", tenant="acme",
    )  # fmt: skip


@given(RULES, st.sampled_from(["read", "write"]), st.floats(0, 200))
def test_no_rules_let_a_high_stakes_action_pass(
    rules: list[PolicyRule], effect: str, usd: float
) -> None:
    """Whatever the rules say, it asks or is denied."""
    ruling = ApprovalPolicy(tuple(rules)).rule_on(act(effect=effect, stakes="high", usd=usd))
    assert ruling.verdict in ("ask", "deny")


@given(RULES, st.floats(0, 200))
def test_the_first_rule_that_matches_decides(rules: list[PolicyRule], usd: float) -> None:
    """Rules behind it change nothing."""
    action = act(usd=usd)
    ruling = ApprovalPolicy(tuple(rules)).rule_on(action)
    first = next((rule for rule in rules if rule.matches(action)), None)
    expected = (first.name, first.then) if first else ("default", "ask")
    assert (ruling.rule, ruling.verdict) == expected


@pytest.mark.parametrize(
    ("action", "verdict", "rule"),
    [
        (act("lookup", effect="read"), "allow", "default"),
        (act("close"), "ask", "default"),
        (act(usd=20), "allow", "small"),
        (act(usd=50.0), "allow", "small"),
        (act(usd=50.01), "ask", "default"),
        (act(usd="20"), "ask", "default"),
        (act(usd=True), "ask", "default"),
        (act(), "ask", "default"),
        (act(usd=20, stakes="high"), "ask", "high-stakes"),
        (act("drop_table"), "deny", "no-tables"),
        (act("drop_table", stakes="high"), "deny", "no-tables"),
        (act("lookup", effect="read", stakes="high"), "ask", "high-stakes"),
    ],
)
def test_the_table_of_a_usual_policy(action: Action, verdict: str, rule: str) -> None:
    """Small refunds pass, what is no number never fits a limit, a denial outranks high stakes."""
    policy = ApprovalPolicy((
        PolicyRule("no-tables", "deny", tools=("drop_*",)),
        PolicyRule("small", "allow", tools=("refund",), when=(Limit("usd", at_most=50),)),
    ))  # fmt: skip
    ruling = policy.rule_on(action)
    assert (ruling.verdict, ruling.rule, ruling.policy_version) == (verdict, rule, policy.version)


def test_every_condition_of_a_rule_must_hold() -> None:
    """Specialist, tenant, effect, stakes and both ends of a limit."""
    holds = PolicyRule(
        "r", "allow", tools=("re*",), specialists=("bill*",), tenants=("acme",), effect="write",
        stakes="low", when=(Limit("usd", at_least=1, at_most=5),),
    )  # fmt: skip
    assert holds.matches(act(usd=1))
    assert holds.matches(act(usd=5))
    for other in (act(usd=0), act(usd=6), act("drop", usd=1), act(effect="read", usd=1),
                  act(stakes="high", usd=1)):  # fmt: skip
        assert not holds.matches(other)
    assert not PolicyRule("r", "allow", tenants=("Acme",)).matches(act())


def test_the_version_follows_the_rules() -> None:
    """Equal rules have an equal version; another limit, order or reason makes another one."""
    small, none = PolicyRule("s", "allow", when=(Limit("usd", at_most=5),)), PolicyRule("n", "deny")
    policies = [
        ApprovalPolicy((small, none)),
        ApprovalPolicy((none, small)),
        ApprovalPolicy((PolicyRule("s", "allow", when=(Limit("usd", at_most=6),)), none)),
        ApprovalPolicy((small, PolicyRule("n", "deny", reason="never"))),
        ApprovalPolicy(),
    ]
    assert len({policy.version for policy in policies}) == len(policies)
    assert ApprovalPolicy((small, none)).version == policies[0].version


def test_two_rules_of_one_name_are_refused() -> None:
    """A ticket names its rule: the name must tell which."""
    with pytest.raises(Misconfigured, match="'r'"):
        ApprovalPolicy((PolicyRule("r", "allow"), PolicyRule("r", "deny")))
