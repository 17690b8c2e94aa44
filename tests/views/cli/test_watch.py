"""`pointsman approvals --watch` in a real terminal."""

import json
import os
import re
import signal
import sqlite3
import termios
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.views.cli.conftest import OpenScreen, Screen
    from tests.views.conftest import Shop

NOTHING = "Nothing waits for a person."
RESTORED = ("\x1b[?1049l", "\x1b[?25h", "\x1b[?2004l")
"""The screen from before is back, the cursor shows, pastes are plain."""


def asks(shop: "Shop", message: str) -> str:
    """A run that waits; the id of its ticket."""
    made = shop.invoke("run", message, "--json")
    assert made.code == 3, made.err
    (ticket,) = json.loads(made.out)["tickets"]
    return str(ticket)


def is_restored(screen: "Screen") -> bool:
    """Whether the program gave the terminal back as it was."""
    return all(screen.raw.rfind(code) > screen.raw.rfind("\x1b[H") for code in RESTORED)


def test_a_ticket_appears_and_a_key_approves_it(shop: "Shop", screen: "OpenScreen") -> None:
    """What another process asks shows up by itself; `a` shows it whole, `y` does it, once."""
    watch = screen("approvals", "--watch")
    watch.until(NOTHING)
    asks(shop, "refund A-1002")
    table = watch.until("refund(order=A-1002, usd=20.0)")
    for part in ("1 waiting", "you are ana", "orders", "high-stakes write", "$0"):
        assert part in table
    watch.press("a")
    card = watch.until("do it as shown? y: yes")
    for part in ("A-1002: $20.00 goes back", "order: from the person's own words", "rule default"):
        assert part in card
    assert shop.effects == []
    watch.press("y")
    watch.until("executed: Order A-1002 was refunded $20.")
    table = watch.until("executed, approve by ana")
    assert "nothing waiting" in table
    watch.press("q")
    assert watch.end() == 0
    assert is_restored(watch)
    assert "executed: Order A-1002 was refunded $20.; its run: done" in watch.last_words
    assert shop.effects == ["A-1002 20"]


def test_only_y_is_consent(shop: "Shop", screen: "OpenScreen") -> None:
    """Enter, Esc, another letter and a pasted y decide nothing."""
    asks(shop, "refund A-1002")
    watch = screen("approvals", "--watch")
    watch.until("A-1002")
    for key in ("n", "\r", "\x1b", "Y", "\x1b[200~y\x1b[201~"):
        watch.press("a")
        watch.until("y: yes")
        watch.press(key)
        assert "1 waiting" in watch.until("Nothing was decided.")
    watch.press("q")
    assert watch.end() == 0
    assert shop.effects == []


def test_a_paste_is_no_command(shop: "Shop", screen: "OpenScreen") -> None:
    """Text pasted into the table presses no key."""
    asks(shop, "refund A-1002")
    watch = screen("approvals", "--watch")
    watch.until("A-1002")
    watch.press("\x1b[200~ayq\x1b[201~", "?")
    assert "you are ana" in watch.until("A paste never decides")
    assert shop.effects == []


def test_edit_reject_respond_and_escalate(bank: "Shop", screen: "OpenScreen") -> None:
    """Each key asks for what it needs; the tickets are decided one after another."""
    for to in ("edited", "rejected", "answered", "passed"):
        asks(bank, f"pay {to} 900")
    watch = screen("approvals", "--watch")
    watch.until("4 waiting")

    watch.press("e")
    watch.until("to: edited")
    watch.press("\r")
    watch.until("usd: 900.0")
    watch.press("\x15", "lots", "\r")
    watch.until('note: ""')
    watch.press("\r")
    watch.until("usd 900.0 -> lots?")
    watch.press("y")
    watch.until("edit refused: The arguments do not fit tool 'pay': usd")
    watch.press("e")
    watch.until("to: edited")
    watch.press("\r")
    watch.until("usd: 900.0")
    watch.press(*["\x7f"] * 5, "5", "\r")
    watch.until('note: ""')
    watch.press("\r")
    watch.until("usd 900.0 -> 5?")
    watch.press("y")
    watch.until("edit by ana: executed: paid edited 5")

    watch.press("j", "r")
    watch.until("Reject. Reason:")
    watch.press("\r", "not due", "\r")
    watch.until("reject by ana: rejected")

    watch.press("\x1b[B", "s")
    watch.until("answer yourself. Text:")
    watch.press("We call.", "\r")
    watch.until("respond by ana: answered")

    watch.press("j", "x")
    watch.until("Escalate to:")
    watch.press("lead", "\r")
    watch.until("Reason (may be empty):")
    watch.press("\r")
    watch.until("passed to lead")
    watch.press("q")
    assert watch.end() == 0
    tickets = {
        t["args"]["to"]: t for t in json.loads(bank.invoke("approvals", "--all", "--json").out)
    }
    assert {to: t["status"] for to, t in tickets.items()} == {
        "edited": "executed", "rejected": "rejected", "answered": "answered", "passed": "pending",
    }  # fmt: skip
    assert tickets["edited"]["approved_args"]["usd"] == 5
    assert tickets["rejected"]["decision_reason"] == "not due"
    assert tickets["answered"]["response"] == "We call."
    assert tickets["passed"]["assigned"] == "lead"
    assert bank.effects == ["paid edited 5"]


def test_the_whole_ticket_is_shown(bank: "Shop", screen: "OpenScreen") -> None:
    """Changes as before -> after in two colours, origins, terms; a long card scrolls; Esc leads
    back."""
    asks(bank, "read_mail > obey")
    watch = screen("approvals", "--watch", rows=12)
    table = watch.until("from a document!")
    assert re.search(r"\b(1 h|119 min)", table)
    watch.press("\r")
    first = watch.until("origin    to: from a document (read_mail)")
    watch.press("\x1b[6~")
    second = watch.until("then lead is asked")
    assert "balance: 1000 -> 100.0" in first + second
    assert "stranger: nothing -> 900.0" in first + second
    assert re.search(r"\x1b\[31m1000\x1b\[0m", watch.raw)
    assert re.search(r"\x1b\[32m100\.0\x1b\[0m", watch.raw)
    watch.press("\x1b")
    watch.until("enter details")
    watch.press("?")
    watch.until("ctrl-l")
    watch.press("q", "q")
    assert watch.end() == 0


def test_two_people_must_approve(bank: "Shop", screen: "OpenScreen") -> None:
    """The first approval leaves it open, the same person cannot give the second, a stranger none;
    the second person's does it."""
    asks(bank, "send landlord 900")
    watch = screen("approvals", "--watch", columns=140)
    assert "0 of 2 finance" in watch.until("send(to=landlord")
    watch.press("a")
    watch.until("y: yes")
    watch.press("y")
    watch.until("1 of 2 (ana) approvals; another person must approve too")
    assert "1 of 2 (ana)" in watch.until("1 waiting")
    watch.press("a")
    watch.until("You have approved it")
    eve = screen("approvals", "--watch", "--by", "eve")
    eve.until("landlord")
    eve.press("a")
    eve.until("'eve' may not decide ticket")
    ben = screen("approvals", "--watch", "--by", "ben")
    ben.until("landlord")
    ben.press("a")
    ben.until("y: yes")
    ben.press("y")
    ben.until("executed: sent landlord 900")
    watch.until("approve by ana, ben")
    assert bank.effects == ["sent landlord 900"]


def test_a_long_run_does_not_stop_the_table(bank: "Shop", screen: "OpenScreen") -> None:
    """While one decision is carried out another ticket appears and is decided, what the tool prints
    does not break the picture, and leaving asks first."""
    asks(bank, "slow walk")
    watch = screen("approvals", "--watch")
    watch.until("slow(what=walk)")
    watch.press("a")
    watch.until("y: yes")
    watch.press("y")
    watch.until("working")
    asks(bank, "pay landlord 900")
    watch.until("pay(to=landlord")
    watch.press("j", "r")
    watch.until("Reason:")
    watch.press("no", "\r")
    watch.until("rejected; its run: done")
    assert "1 being carried out" in watch.picture
    assert "talks" not in watch.picture
    watch.press("q")
    watch.until("Quit now?")
    watch.press("n")
    watch.until_not("Quit now?")
    (bank.folder / "go").touch()
    watch.until("executed: slow walk")
    watch.press("q")
    assert watch.end() == 0
    assert "a tool that talks" in watch.last_words
    assert bank.effects == ["begun walk", "slow walk"]


def test_somebody_else_was_first(shop: "Shop", screen: "OpenScreen") -> None:
    """A ticket that another person decides while it is looked at is shown as theirs, and a decision
    that comes too late is told who was first."""
    ticket = asks(shop, "refund A-1002")
    watch = screen("approvals", "--watch")
    watch.until("A-1002")
    watch.press("a")
    watch.until("y: yes")
    assert shop.invoke("reject", ticket, "--reason", "too late", "--by", "ben").code == 0
    watch.until("rejected, reject by ben")
    watch.press("y")
    watch.until("approve refused: Ticket")
    assert "reject by ben" in watch.picture
    assert shop.effects == []


def test_time_decides_while_watching(bank: "Shop", screen: "OpenScreen") -> None:
    """A ticket whose time is up is closed by the clock, without anybody's command."""
    watch = screen("approvals", "--watch")
    watch.until(NOTHING)
    asks(bank, "hurry up")
    watch.until("hurry(what=up)")
    watch.until("expired, expire by clock", seconds=60)
    watch.press("q")
    assert watch.end() == 0
    assert bank.effects == []


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_the_terminal_is_given_back(
    shop: "Shop", screen: "OpenScreen", number: signal.Signals
) -> None:
    """Ctrl-C and the signals that end a program leave the terminal as it was."""
    asks(shop, "refund A-1002")
    watch = screen("approvals", "--watch")
    before = termios.tcgetattr(watch.child.child_fd)
    watch.until("A-1002")
    during = termios.tcgetattr(watch.child.child_fd)
    assert before[3] & termios.ICANON
    assert not during[3] & (termios.ICANON | termios.ECHO)
    if number == signal.SIGINT:
        watch.press("a")
        watch.until("y: yes")
        watch.child.sendintr()
    else:
        os.kill(watch.child.pid, number)
    words = "Stopped. What was decided stands"
    while watch.read() != "over":
        continue
    assert termios.tcgetattr(watch.child.child_fd)[3] == before[3]
    assert watch.end() == (130 if number == signal.SIGINT else 128 + number)
    assert is_restored(watch)
    assert "Traceback" not in watch.raw
    assert (words in watch.last_words) is (number == signal.SIGINT)
    assert shop.effects == []


def test_a_broken_store_is_said(bank: "Shop", screen: "OpenScreen") -> None:
    """A store that breaks while watching is said in the picture; the table goes on."""
    asks(bank, "pay landlord 900")
    watch = screen("approvals", "--watch")
    watch.until("landlord")
    database = bank.folder / ".pointsman" / "pointsman.db"
    with closing(sqlite3.connect(database)) as store:
        store.execute("ALTER TABLE tickets RENAME TO gone")
    watch.until("The tickets cannot be read")
    watch.press("q")
    assert watch.end() == 0
    assert is_restored(watch)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (8, 30),
        (24, 80),
        pytest.param(10, 50, marks=pytest.mark.slow),
        pytest.param(50, 200, marks=pytest.mark.slow),
    ],
)
def test_any_size_of_terminal(bank: "Shop", screen: "OpenScreen", rows: int, columns: int) -> None:
    """The action and the question fit on a small screen, and a large one is filled."""
    asks(bank, "pay landlord 900")
    watch = screen("approvals", "--watch", rows=rows, columns=columns)
    picture = watch.until("pay(to=landlo")
    lines = picture.replace("\r", "").split("\n")
    assert len(lines) == rows
    assert {len(line) for line in lines} == {columns}
    watch.press("a")
    watch.until("Approve:")
    watch.press("n", "q")
    assert watch.end() == 0


def test_a_resized_terminal_is_drawn_anew(bank: "Shop", screen: "OpenScreen") -> None:
    """After a change of size the next picture has the new one."""
    asks(bank, "pay landlord 900")
    watch = screen("approvals", "--watch", rows=20, columns=60)
    assert "approvals" not in watch.until("landlord").splitlines()[1]
    watch.child.setwinsize(30, 120)
    watch.until("cost")
    assert len(watch.picture.split("\n")) == 30


def test_no_color_has_no_color(bank: "Shop", screen: "OpenScreen") -> None:
    """With NO_COLOR the table works, and the selected row is still marked."""
    asks(bank, "pay landlord 900")
    watch = screen("approvals", "--watch", NO_COLOR="1")
    watch.until("> ")
    watch.press("\r")
    watch.until("1000 -> 100.0")
    assert not re.search(r"\x1b\[(?:\d;)*[39]\d(?:;\d+)*m", watch.raw)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--watch",), "`pointsman approvals --json`"),
        (("--watch", "--json"), "--watch goes without --json"),
        (("--watch", "--all"), "--watch goes without --json, --all"),
    ],
)
def test_without_a_terminal_it_is_refused(shop: "Shop", args: tuple[str, ...], says: str) -> None:
    """--watch needs a terminal and shows what is open: else exit 2, and what to use instead."""
    done = shop.pointsman("approvals", *args)
    assert (done.code, done.out) == (2, "")
    assert says in " ".join(done.err.split())


def test_a_dumb_terminal_is_refused(shop: "Shop", screen: "OpenScreen") -> None:
    """A terminal that cannot move its cursor gets a sentence, not a mess."""
    watch = screen("approvals", "--watch", TERM="dumb")
    assert watch.end() == 2
    assert "needs a terminal" in watch.raw
