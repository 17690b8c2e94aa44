"""Deciding by command: two people, reviewers, time, what is not known, what is undone."""

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.views.conftest import Outcome, Shop


def asks(shop: "Shop", message: str, code: int = 3) -> list[str]:
    """The ids of the tickets that this message opens."""
    done = shop.invoke("run", message, "--json")
    assert done.code == code, done.err
    return list(json.loads(done.out)["tickets"])


def tickets(shop: "Shop") -> dict[str, dict[str, Any]]:
    """Every ticket, by id."""
    return {t["id"]: t for t in json.loads(shop.invoke("approvals", "--all", "--json").out)}


def refused(done: "Outcome", says: str) -> None:
    """It ended with exit 2 and this sentence."""
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert "Traceback" not in done.err


def test_two_people_must_approve(bank: "Shop") -> None:
    """The first approval exits 3 and says how many more; a second one by the same person and a
    stranger's are refused with exit 2; the second person's does it."""
    (ticket,) = asks(bank, "send landlord 900")
    first = bank.invoke("approve", ticket, "--by", "ana")
    assert first.code == 3
    assert "1 of 2 (ana) approvals; another person must approve too" in first.err
    refused(bank.invoke("approve", ticket, "--by", "ana"), "has approved ticket")
    refused(bank.invoke("approve", ticket, "--by", "eve"), "'eve' may not decide")
    listed = bank.invoke("approvals").out
    assert "approvals  1 of 2 (ana); different people must approve" in listed
    assert "reviewers  finance" in listed
    second = bank.invoke("approve", ticket, "--by", "ben", "--json")
    assert (second.code, json.loads(second.out)["status"]) == (0, "done")
    assert bank.effects == ["sent landlord 900"]


def test_an_edit_begins_the_counting_anew(bank: "Shop") -> None:
    """An edit is the first approval of what it makes; the other person approves that."""
    (ticket,) = asks(bank, "send landlord 900")
    assert bank.invoke("approve", ticket, "--by", "ana").code == 3
    edit = bank.invoke("edit", ticket, "--set", "usd=5", "--by", "ben")
    assert edit.code == 3
    assert "1 of 2 (ben) approvals" in edit.err
    assert "900.0 -> 5.0 (edited)" in bank.invoke("approvals").out
    assert bank.invoke("approve", ticket, "--by", "ana").code == 0
    assert bank.effects == ["sent landlord 5"]


def test_the_list_says_what_a_reviewer_needs(bank: "Shop") -> None:
    """Changes as before -> after, origins, terms, and how to decide: as text and as JSON."""
    (ticket,) = asks(bank, "read_mail > obey")
    listed = bank.invoke("approvals").out
    for part in (
        "action     pay (high-stakes write)",
        "changes    balance: 1000 -> 100.0",
        "changes    stranger: nothing -> 900.0",
        "origin     to: from a document (read_mail)",
        "reason     money leaves (rule later)",
        "then lead is asked",
        f"pointsman approve {ticket[:12]}",
        "--set to=VALUE",
        "pointsman approvals --watch",
    ):
        assert part in listed
    (found,) = json.loads(bank.invoke("approvals", "--json").out)
    assert found["changes"][0] == {"what": "balance", "before": 1000, "after": 100.0}
    assert {p["argument"]: (p["origin"], p["source"]) for p in found["provenance"]}["to"] == (
        "document",
        "read_mail",
    )
    assert (found["approvals"], found["votes"], found["reviewers"]) == (1, [], [])
    assert (found["escalate_to"], found["kind"], found["assigned"]) == (["lead"], "action", "")
    assert found["expires"] > found["created"]
    shown = bank.invoke("show", found["run"]).out
    assert "pay(to=stranger" in shown
    assert "changes: balance: 1000 -> 100.0" in shown


def test_listing_applies_what_time_has_done(bank: "Shop", monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticket whose time was up while nobody looked is closed when somebody does."""
    (ticket,) = asks(bank, "hurry up")
    code = (bank.folder / "teams" / "shop.py").read_text()
    later = code.replace("ScriptedTransport(script)}),", "ScriptedTransport(script)}),\n"
                         "    clock=lambda: __import__('time').time() + 60,")  # fmt: skip
    (bank.folder / "teams" / "shop.py").write_text(later)
    assert bank.invoke("approvals").out == "Nothing waits for a person.\n"
    assert "expired, expire by clock" in bank.invoke("approvals", "--all").out
    late = bank.invoke("approve", ticket, "--by", "ana")
    assert late.code == 1
    assert "expire" in late.err
    assert bank.effects == []


def test_an_ambiguous_ticket_asks_what_happened(bank: "Shop") -> None:
    """A write without a result asks again, in words of its own; the answer is recorded as its
    result."""
    (ticket,) = asks(bank, "lose track")
    assert bank.invoke("approve", ticket, "--by", "ana").code == 3
    (asked,) = json.loads(bank.invoke("approvals", "--json").out)
    assert (asked["kind"], asked["about"]) == ("ambiguous", ticket)
    listed = bank.invoke("approvals").out
    assert "question   nobody knows whether this happened" in listed
    assert "approve    means: it did not happen: do it now" in listed
    assert "reject     means: it did not happen: leave it" in listed
    assert "respond    means: it happened: record this result" in listed
    assert "--set" not in listed
    refused(bank.invoke("edit", asked["id"], "--set", "what=x"), "takes no edit")
    done = bank.invoke("respond", asked["id"], "It is on the shelf.", "--by", "ana")
    assert done.code == 0, done.err
    assert "It is on the shelf." in done.out
    assert tickets(bank)[ticket]["status"] == "executed"


@pytest.mark.parametrize(
    ("command", "code", "says", "effects"),
    [
        (("approve",), 0, "Undone: book of ticket ", ["booked flight", "cancelled flight"]),
        (("reject", "--reason", "keep it"), 0, "Left done: book of ticket ", ["booked flight"]),
        (("escalate", "--to", "lead"), 3, "waits for a person", ["booked flight"]),
    ],
)
def test_undoing_is_decided(
    bank: "Shop", command: tuple[str, ...], code: int, says: str, effects: list[str]
) -> None:
    """What was done in a run that came to nothing is undone when a person says so. The run had
    ended; what came of the decision is said and exits by itself."""
    (ticket,) = asks(bank, "book flight > crash")
    bank.invoke("approve", ticket, "--by", "ana")
    (offer,) = json.loads(bank.invoke("approvals", "--json").out)
    assert (offer["kind"], offer["about"]) == ("compensate", ticket)
    listed = bank.invoke("approvals").out
    assert "approve    means: undo it" in listed
    assert "respond" not in listed
    name, *options = command
    done = bank.invoke(name, offer["id"], *options, "--by", "ana")
    assert done.code == code
    assert says in done.out
    assert bank.effects == effects


def test_undoing_takes_no_answer(bank: "Shop") -> None:
    """There is nothing to answer instead: refused, and it still waits."""
    (ticket,) = asks(bank, "book flight > crash")
    bank.invoke("approve", ticket, "--by", "ana")
    (offer,) = json.loads(bank.invoke("approvals", "--json").out)
    refused(bank.invoke("respond", offer["id"], "no"), "takes no respond")
    assert len(json.loads(bank.invoke("approvals", "--json").out)) == 1


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("reject", "--reason", "x" * 5000), "reason"),
        (("escalate", "--to", "x" * 500), "to: String should have at most"),
        (("approve", "--by", ""), "by: String should have at least"),
    ],
)
def test_a_decision_that_does_not_fit(shop: "Shop", command: tuple[str, ...], says: str) -> None:
    """Exit 2, one sentence; the ticket still waits."""
    (ticket,) = asks(shop, "refund A-1002")
    name, *options = command
    refused(shop.invoke(name, ticket, *options), says)
    assert tickets(shop)[ticket]["status"] == "pending"
