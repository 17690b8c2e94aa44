"""A ticket as a reviewer reads it."""

import unicodedata
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pointsman.nodes.message import Change, Provenance
from pointsman.teams.tickets import Ticket, Vote, action_digest
from pointsman.views.cli.card import barred, became, call, card, facts, inline
from pointsman.views.cli.wording import KINDS, span

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ARGS = {"order": "A-1002", "usd": 20.0}


def ticket(**changed: object) -> Ticket:
    """A refund that has waited for a minute."""
    made = Ticket(
        id="t6e2f7a0d619", team="shop", run="r1", thread="t", specialist="orders", tool="refund",
        stakes="high", args=dict(ARGS), digest=action_digest("refund", dict(ARGS)),
        policy_rule="two", policy_version="1", reason="money leaves",
        created=NOW - timedelta(minutes=1),
    )  # fmt: skip
    return made.model_copy(update=changed)


def shown(made: Ticket) -> dict[str, str]:
    """Label -> what it says."""
    return {label.strip(): value.plain for label, value in facts(made, NOW)}


def test_changes_are_before_and_after() -> None:
    """Each change is `before -> after`, red and green; a preview that says the same is left out."""
    changes = (Change(what="balance", before=100, after=80), Change(what="state", after="refunded"))
    made = ticket(changes=changes, preview="balance: 100 -> 80\nstate: nothing -> refunded")
    values = [value for label, value in facts(made, NOW) if label == "changes"]
    assert [v.plain for v in values] == ["balance: 100 -> 80", "state: nothing -> refunded"]
    assert [(str(s.style), values[0].plain[s.start : s.end]) for s in values[0].spans] == [
        ("red", "100"),
        ("dim", " -> "),
        ("green", "80"),
    ]
    assert "effect" not in shown(made)
    assert shown(ticket(changes=changes, preview="ask first"))["effect"] == "ask first"


def test_origins_are_said() -> None:
    """Where a sensitive argument comes from stands in words, with the tool it came through."""
    made = ticket(provenance=(Provenance(argument="usd", origin="document", source="read_mail"),))
    assert shown(made)["origin"] == "usd: from a document (read_mail)"


def test_who_decides_and_until_when() -> None:
    """Votes, reviewers, the wait, the end of the time and what comes then."""
    made = ticket(
        approvals=2, votes=(Vote(by="ana", at=NOW, digest=ticket().digest),),
        reviewers=("finance",), assigned="lead", expires=NOW + timedelta(hours=3),
    )  # fmt: skip
    said = shown(made)
    assert said["approvals"] == "1 of 2 (ana); different people must approve"
    assert (said["reviewers"], said["assigned"], said["waits"]) == ("finance", "lead", "for 1 min")
    assert said["expires"].startswith("in 3 h (")
    assert said["expires"].endswith("then it is rejected")
    said = shown(made.model_copy(update={"escalate_to": ("boss",)}))
    assert said["expires"].endswith("then boss is asked")
    assert shown(ticket(expires=NOW - timedelta(1)))["expires"].startswith("in 0 s")


def test_an_edit_that_waits_for_another_approval_is_seen() -> None:
    """What an edit made of an argument stands beside what was asked for."""
    assert shown(ticket(approved_args={**ARGS, "usd": 5}))["usd"] == "20.0 -> 5 (edited)"


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_says_what_decisions_mean(kind: str) -> None:
    """Every kind but a plain action has the meaning of each decision that it takes on its card."""
    said = shown(ticket(kind=kind, args={"text": "a\nb"}))
    words = KINDS[kind]  # type: ignore[index]
    if kind == "action":
        assert "approve" not in said
        return
    assert said["approve"] == f"means: {words.approve}"
    assert said["reject"] == f"means: {words.reject}"
    assert said.get("respond", "means: ") == f"means: {words.respond}"


def test_closed_tickets_say_by_whom() -> None:
    """Status, decision, who, by which grant, when and why."""
    made = ticket(status="executed", decision="approve", by="ana", decided=NOW, grant="g1",
                  decision_reason="as agreed")  # fmt: skip
    local = f"{NOW.astimezone():%Y-%m-%d %H:%M}"
    assert became(made) == f"executed, approve by ana (grant g1) on {local}: as agreed"


def test_an_argument_cannot_pass_for_another() -> None:
    """In the one-line form text with signs in it stands in quotes."""
    made = ticket(args={"order": "A-1, usd=5)", "usd": 900})
    assert call(made) == 'refund(order="A-1, usd=5)", usd=900)'
    assert inline("A-1002") == "A-1002"
    assert inline('"') == '"\\""'


def test_only_reviewers_decide() -> None:
    """A group stands for its people; nobody named is anybody."""
    made = ticket(reviewers=("finance",))
    assert barred(made, "ana", {"finance": ("ana",)}) == ""
    assert "'eve' may not decide" in barred(made, "eve", {"finance": ("ana",)})
    assert barred(ticket(), "eve", {}) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (7300, "2 h"), (200_000, "2 d")],
)
def test_waits_in_words(seconds: float, text: str) -> None:
    """The largest unit that fits, rounded down."""
    assert span(seconds) == text


AWKWARD = st.text(max_size=60) | st.sampled_from(
    [
        "\x1b[2J",
        "\u202egnp",
        "\x9b31m",
        "a\r\nb",
        "[bold]x[/bold]",
        "漢字" * 20,
        "e\u0301" * 9,
        "\x07",
    ]
)


@given(AWKWARD, AWKWARD, st.integers(20, 200))
def test_nothing_on_the_card_moves_the_cursor(one: str, two: str, width: int) -> None:
    """Whatever models, tools and people wrote, no control character is printed, and no line is
    wider than the screen."""
    made = ticket(
        args={one or "x": two}, reason=one, preview=two, tool=one, specialist=two, thread=one,
        changes=(Change(what=one, before=two, after=[one]),), reviewers=(one,), assigned=two,
        provenance=(Provenance(argument=one, origin="document", source=two),), policy_rule=one,
        votes=(Vote(by=one, at=NOW, digest=two),), approvals=2, tenant=two,
    )  # fmt: skip
    out = Console(file=StringIO(), width=width, color_system=None, markup=False, emoji=False)
    out.print(card(made))
    assert isinstance(out.file, StringIO)
    text = out.file.getvalue() + call(made)
    strange = {
        c for c in text if unicodedata.category(c) in ("Cc", "Cf") and c not in "\n\u200c\u200d"
    }
    assert strange == set()
