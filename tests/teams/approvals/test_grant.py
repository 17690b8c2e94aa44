"""Grants: what they cover, and never more."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import InvalidDecision
from pointsman.nodes.message import Provenance
from tests.contracts.store import NOW, a_grant, a_ticket

money = st.floats(-50, 50, allow_nan=False) | st.integers(-50, 50) | st.booleans() | st.text()


@given(
    usd=money, invoice=st.sampled_from(("INV-1", "INV-2", "inv-1")), later=st.integers(0, 200_000),
    uses=st.integers(0, 3),
)  # fmt: skip
def test_what_is_covered_is_within_every_bound(
    usd: object, invoice: str, later: int, uses: int
) -> None:
    """Equal arguments, a number from 0 to the bound, in time, uses left: all of it or nothing."""
    grant = a_grant(times=2).model_copy(update={"uses": uses})
    ticket = a_ticket(args={"invoice": invoice, "usd": usd})
    within = (
        isinstance(usd, int | float) and not isinstance(usd, bool) and 0 <= usd <= 20
    )  # fmt: skip
    wanted = within and invoice == "INV-1" and uses < 2 and later < 86_400
    assert grant.covers(ticket, NOW + timedelta(seconds=later)) == wanted


@pytest.mark.parametrize(
    "change",
    [
        {"team": "other"},
        {"tenant": "other"},
        {"specialist": "other"},
        {"tool": "other"},
        {"kind": "ambiguous"},
        {"kind": "compensate"},
        {"approvals": 2},
        {"args": {"invoice": "INV-1", "usd": 5.0, "note": "new argument"}},
        {"provenance": (Provenance(argument="usd", origin="document", source="mail"),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_class_is_not_covered(change: dict[str, object]) -> None:
    """Another team, tenant, specialist, tool or kind; two people wanted; an argument nobody spoke
    of; an argument that a document wrote."""
    assert a_grant().covers(a_ticket(), NOW)
    assert not a_grant().covers(a_ticket("t5", **change), NOW)  # pyright: ignore[reportArgumentType]


def test_a_value_the_grant_names_may_come_from_a_document() -> None:
    """A person has fixed it: it does not matter who repeats it."""
    said = (Provenance(argument="invoice", origin="document", source="mail"),)
    assert a_grant().covers(a_ticket(provenance=said), NOW)


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        ({"until": NOW}, "must end within"),
        ({"until": NOW + timedelta(days=91)}, "must end within 90 days"),
        ({"times": 0}, "1 to 10,000 times"),
        ({"times": 10_001}, "1 to 10,000 times"),
        ({"at_most": {"euro": 5}}, "no argument 'euro'"),
        ({"at_most": {"invoice": 5}}, "no number"),
        ({"at_most": {}, "free": ("usd", "invoice")}, "bind at least one"),
    ],
)
def test_a_class_without_bounds_is_refused(bounds: dict[str, object], why: str) -> None:
    """In time, in number, in what it binds."""
    with pytest.raises(InvalidDecision, match=why):
        a_grant(**bounds)


def test_a_ticket_for_two_is_no_source() -> None:
    """One person's grant cannot stand for two people's approval."""
    with pytest.raises(InvalidDecision, match="one person"):
        a_grant(a_ticket(approvals=2))
