"""Quotas: what they count, and which are refused when they are written."""

from dataclasses import replace

import pytest

from pointsman.errors import Misconfigured
from pointsman.guardrails.quota import Level, Quota
from pointsman.nodes.limits import Use

VISIT = Use(team="shop", tenant="acme", specialist="billing")
TOOL = replace(VISIT, tool="refund")
MODEL = replace(VISIT, model="openai/gpt-5")


@pytest.mark.parametrize(
    ("quota", "counts"),
    [
        (Quota(1), (True, False, False)),
        (Quota(1, on="tool"), (False, True, False)),
        (Quota(1, unit="tokens"), (False, False, True)),
        (Quota(1, unit="concurrent", on="model"), (False, False, True)),
        (Quota(1, only=Use(tenant="acme", specialist="billing")), (True, False, False)),
        (Quota(1, only=Use(tenant="other")), (False, False, False)),
        (Quota(1, on="tool", only=Use(tool="refund")), (False, True, False)),
        (Quota(1, on="tool", only=Use(tool="look")), (False, False, False)),
    ],
)
def test_what_it_counts(quota: Quota, counts: tuple[bool, bool, bool]) -> None:
    """Visits, tool calls or model calls, and of these what `only` names."""
    assert tuple(quota.counts(use) for use in (VISIT, TOOL, MODEL)) == counts


@pytest.mark.parametrize("level", ["tool", "model"])
def test_names_that_a_use_lacks_are_refused(level: Level) -> None:
    """A visit has no tool and no model: the quota would hold nothing."""
    for quota in (
        lambda: Quota(1, key=(level,)),
        lambda: Quota(1, only=Use(**{level: "x"})),
        lambda: Quota(1, unit="tokens", on="tool"),
    ):
        with pytest.raises(Misconfigured):
            quota()


@pytest.mark.parametrize("bad", [0.0, -1.0, float("inf"), float("nan")])
def test_numbers_that_hold_nothing_or_everything_are_refused(bad: float) -> None:
    """Each of them, when the quota is written."""
    for change in ({"most": bad}, {"per": bad}, {"burst": bad}, {"lease": bad}):
        with pytest.raises(Misconfigured):
            Quota(**({"most": 1} | change))
    with pytest.raises(Misconfigured):
        Quota(0.5, unit="concurrent")
    with pytest.raises(Misconfigured):
        Quota(1, burst=0.5)


def test_equal_quotas_have_one_id_and_others_another() -> None:
    """What a store keeps of a quota is never taken for another's."""
    base = Quota(10, key=("tenant",))
    others = [
        Quota(11), Quota(10, per=61.0), Quota(10, burst=9), Quota(10, on="tool"),
        Quota(10, key=()), Quota(10, only=Use(tenant="a")), Quota(10, only=Use(team="a")),
        Quota(10, unit="concurrent"),
    ]  # fmt: skip
    assert base.id == Quota(10.0, burst=10).id
    assert len({quota.id for quota in (base, *others)}) == len(others) + 1


def test_a_rate_below_one_still_lets_one_through() -> None:
    """Half a request a minute is one in two."""
    quota = Quota(0.5)
    assert (quota.room, quota.every) == (1.0, 120.0)


def test_it_reads_as_a_sentence() -> None:
    """As it stands in a refusal."""
    assert str(Quota(60)) == "60 visits in 60 s for each tenant"
    tokens = Quota(1e5, unit="tokens", key=("model", "tenant"))
    assert str(tokens) == "100000 tokens in 60 s for each model and tenant"
    assert str(Quota(4, unit="concurrent", on="tool", key=())) == "4 tool calls at once"
