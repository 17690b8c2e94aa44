"""Grants by command: given from a ticket, listed, used, ended."""

import contextlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.views.cli.grants import Bound, Until

if TYPE_CHECKING:
    from tests.views.conftest import Shop


def until(text: str) -> datetime:
    """The moment that this text names."""
    return Until().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "span"),
    [("30m", timedelta(minutes=30)), ("12h", timedelta(hours=12)), (" 2d ", timedelta(days=2))],
)
def test_spans(text: str, span: timedelta) -> None:
    """Minutes, hours and days count from now."""
    assert abs(until(text) - datetime.now(UTC) - span) < timedelta(seconds=30)


def test_dates() -> None:
    """An ISO date, with or without a time and a zone; without one it is this machine's."""
    assert until("2099-05-01") == datetime(2099, 5, 1).astimezone()
    assert until("2099-05-01T12:30") == datetime(2099, 5, 1, 12, 30).astimezone()
    assert until("2099-05-01T12:30:00+02:00") == datetime(2099, 5, 1, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "2", "d", "2 d", "-1d", "1.5h", "2w", "0d", "0m", "1999-01-01", "2026-13-01", "tomorrow",
     "99999999d", "٢d", "9999-12-31T23:59:59-12:00"],
)  # fmt: skip
def test_what_is_no_moment_in_the_future(text: str) -> None:
    """It is refused with the forms that there are."""
    with pytest.raises(click.BadParameter):
        until(text)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    """Any text is a moment in the future or a usage error."""
    with contextlib.suppress(click.BadParameter):
        assert until(text) > datetime.now(UTC)


@pytest.mark.parametrize("text", ["usd", "usd=", "=5", "usd=x", "usd=nan", "usd=inf", " =5"])
def test_what_is_no_bound(text: str) -> None:
    """A bound is a name and a finite number."""
    with pytest.raises(click.BadParameter):
        Bound().convert(text, None, None)
    assert Bound().convert("usd=20.5", None, None) == ("usd", 20.5)


def asks(shop: "Shop", message: str) -> str:
    """The id of the ticket that this message opens."""
    (ticket,) = json.loads(shop.invoke("run", message, "--json").out)["tickets"]
    return str(ticket)


def granted(shop: "Shop", ticket: str, *options: str) -> dict[str, Any]:
    """A grant from a ticket, as JSON."""
    done = shop.invoke("grant", ticket, "--by", "ana", "--until", "2d", *options, "--json")
    assert done.code == 0, done.err
    made: dict[str, Any] = json.loads(done.out)
    return made


def test_a_grant_approves_what_comes_and_not_its_ticket(shop: "Shop") -> None:
    """The ticket waits as before, and the output says so; the next equal action runs by the grant,
    as often as it allows."""
    ticket = asks(shop, "refund A-1002")
    done = shop.invoke(
        "grant", ticket[:6], "--by", "ana", "--until", "2d", "--times", "2", "--at-most", "usd=20",
        "--reason", "small ones",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "orders: refund(order=A-1002, usd<=20)" in done.out
    assert "used 0 of 2" in done.out
    assert "because: small ones" in done.out
    assert f"Ticket {ticket} is not decided by it. Approve it too:" in done.out
    assert f"pointsman approve {ticket[:12]}" in done.out
    assert len(json.loads(shop.invoke("approvals", "--json").out)) == 1
    assert shop.effects == []
    second = shop.invoke("run", "please refund A-1002")
    assert (second.code, shop.effects) == (0, ["A-1002 20"])
    assert "used 1 of 2" in shop.invoke("grants").out
    tickets = json.loads(shop.invoke("approvals", "--all", "--json").out)
    assert sorted(t["grant"] for t in tickets) == ["", json.loads(
        shop.invoke("grants", "--json").out)[0]["id"]]  # fmt: skip


def test_a_revoked_grant_is_over(shop: "Shop") -> None:
    """After `revoke` it is listed with --all only, a second `revoke` is refused, and the next
    action asks again."""
    grant = granted(shop, asks(shop, "refund A-1002"))["id"]
    assert shop.invoke("revoke", grant[:5], "--by", "ben").out == (
        f"Grant {grant} is over. It was used 0 of 1 times.\n"
    )
    assert shop.invoke("revoke", grant, "--by", "ben", "--json").code == 1
    assert shop.invoke("grants").out == "No grant can be used.\n"
    assert "revoked by ben" in shop.invoke("grants", "--all").out
    assert shop.invoke("run", "please refund A-1002").code == 3
    assert shop.effects == []


def test_a_revoked_grant_as_json(shop: "Shop") -> None:
    """`revoke --json` prints the grant."""
    grant = granted(shop, asks(shop, "refund A-1002"))["id"]
    ended = json.loads(shop.invoke("revoke", grant, "--by", "ben", "--json").out)
    assert (ended["id"], ended["revoked_by"]) == (grant, "ben")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--until", "99d"), "within 90 days"),
        (("--until", "2d", "--at-most", "order=5"), "is no number"),
        (("--until", "2d", "--free", "order", "--free", "usd"), "must bind at least one"),
        (("--until", "2d", "--free", "colour"), "no argument 'colour'"),
        (("--until", "2d", "--free", "usd", "--at-most", "usd=5"), "'usd' is given twice"),
        (("--until", "2d", "--at-most", "usd=5", "--at-most", "usd=9"), "'usd' is given twice"),
        (("--until", "yesterday"), "neither 30m, 12h, 2d nor an ISO date"),
        (("--until", "2d", "--times", "0"), "--times"),
        (("--times", "2"), "--until"),
    ],
)
def test_what_is_not_bounded_is_refused(shop: "Shop", options: tuple[str, ...], says: str) -> None:
    """Exit 2, one sentence, and no grant."""
    ticket = asks(shop, "refund A-1002")
    done = shop.invoke("grant", ticket, "--by", "ana", *options)
    assert done.code == 2
    assert says in re.sub(r"\s+", " ", done.err)
    assert json.loads(shop.invoke("grants", "--all", "--json").out) == []


def test_only_reviewers_grant_and_never_for_two(bank: "Shop") -> None:
    """Somebody who may not decide the ticket may not grant from it, and what needs two people
    nobody grants alone."""
    ticket = asks(bank, "send landlord 900")
    done = bank.invoke("grant", ticket, "--by", "eve", "--until", "2d")
    assert (done.code, done.out) == (2, "")
    assert "'eve' may not decide" in done.err
    done = bank.invoke("grant", ticket, "--by", "ana", "--until", "2d")
    assert done.code == 2
    assert "one person may approve" in done.err
