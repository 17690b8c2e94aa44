"""The command line in a real terminal."""

import re
from typing import TYPE_CHECKING

import pexpect
import pytest

if TYPE_CHECKING:
    from tests.views.conftest import Shop


def terminal(shop: "Shop", *args: str, **environ: str) -> "pexpect.spawn[str]":
    """`pointsman ARGS` in a terminal of 100 columns."""
    command, *rest = shop.command(*args)
    return pexpect.spawn(
        command, rest, cwd=str(shop.folder), encoding="utf-8", timeout=30,
        env={**shop.environ, "TERM": "xterm-256color", "COLUMNS": "100", **environ},
        dimensions=(50, 100),
    )  # fmt: skip


def test_a_refund_is_asked_right_there(shop: "Shop") -> None:
    """The card and the prompt appear in the middle of the run; approving finishes it."""
    child = terminal(shop, "run", "refund A-1002")
    child.expect("goes back")
    child.expect(r"\[l\]ater\? ")
    assert shop.effects == []
    child.sendline("a")
    child.expect("was refunded")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert shop.effects == ["A-1002 20"]


def test_an_edit_in_the_terminal(shop: "Shop") -> None:
    """A value that does not fit is refused and asked again; the edited amount is what runs."""
    child = terminal(shop, "run", "refund A-1002")
    child.expect(r"\[l\]ater\? ")
    child.sendline("e")
    child.expect("order ")
    child.sendline("")
    child.expect("usd ")
    child.sendline("lots")
    child.expect("usd")
    child.expect(r"\[l\]ater\? ")
    child.sendline("e")
    child.expect("order ")
    child.sendline("")
    child.expect("usd ")
    child.sendline("5")
    child.expect("was refunded")
    child.expect(pexpect.EOF)
    assert shop.effects == ["A-1002 5"]


def test_the_second_person_is_not_asked_of_the_first(bank: "Shop") -> None:
    """Where two people must approve, one who has done so is not asked again; the run waits."""
    child = terminal(bank, "run", "send landlord 900")
    child.expect("0 of 2; different people must approve")
    child.expect(r"\[l\]ater\? ")
    child.sendline("a")
    child.expect("1 of 2 \\(ana\\) approvals; another person must approve too")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3
    assert bank.effects == []


def test_who_may_not_decide_is_not_asked(bank: "Shop") -> None:
    """Somebody who is none of the reviewers is told who they are, and the run waits."""
    child = terminal(bank, "run", "send landlord 900", USER="eve", LOGNAME="eve")
    child.expect("'eve' may not decide ticket .*finance. It waits.")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3
    assert "[l]ater?" not in str(child.before)


def test_a_refused_edit_of_one_ticket_is_asked_again_and_passed_on(bank: "Shop") -> None:
    """What does not fit is said and asked again; after escalating the run waits."""
    child = terminal(bank, "run", "pay landlord 900")
    child.expect("balance: ")
    child.expect(r"\[l\]ater\? ")
    child.sendline("r")
    child.expect("reason: ")
    child.sendline("x" * 4010)
    child.expect("The decision does not fit: reason")
    child.expect(r"\[l\]ater\? ")
    child.sendline("x")
    child.expect("who shall decide: ")
    child.sendline("lead")
    child.expect("pointsman approve ")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


def test_later_leaves_the_run_waiting(shop: "Shop") -> None:
    """`later` ends with exit 3 and says how to go on."""
    child = terminal(shop, "run", "refund A-1002")
    child.expect(r"\[l\]ater\? ")
    child.sendline("l")
    child.expect("pointsman approve ")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3
    assert shop.effects == []


def test_with_the_option_later_nobody_is_asked(shop: "Shop") -> None:
    """--later never asks, even in a terminal."""
    child = terminal(shop, "run", "refund A-1002", "--later")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3
    assert "[l]ater?" not in str(child.before)


def test_ctrl_c_at_the_prompt_keeps_the_ticket(shop: "Shop") -> None:
    """One Ctrl-C at the question is enough: exit 130, nothing done, the ticket still waits."""
    child = terminal(shop, "run", "refund A-1002")
    child.expect(r"\[l\]ater\? ")
    child.sendintr()
    child.expect("Stopped. Nothing was decided and the run waits; go on with .pointsman approve ")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert "Traceback" not in str(child.before)
    assert shop.effects == []
    assert "A-1002" in shop.pointsman("approvals").out


@pytest.mark.parametrize("no_color", [False, True])
def test_no_color_is_plain(shop: "Shop", no_color: bool) -> None:
    """In a terminal the progress is coloured; with NO_COLOR there is no escape sequence at all."""
    extra = {"NO_COLOR": "1"} if no_color else {}
    child = terminal(shop, "run", "where is A-1002?", **extra)
    child.expect(pexpect.EOF)
    coloured = re.search(r"\x1b\[[0-9;]*m", str(child.before)) is not None
    assert coloured is not no_color
    if no_color:
        assert "\x1b" not in str(child.before)


def test_chat_in_a_terminal(shop: "Shop") -> None:
    """Messages are prompted for and answered in turn; Ctrl-D ends the conversation."""
    child = terminal(shop, "chat")
    child.expect("you> ")
    child.sendline("hello")
    child.expect("Hello\\.")
    child.expect("you> ")
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
