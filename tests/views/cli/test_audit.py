"""`pointsman audit` and `pointsman grant`, as programs and people use them."""

import json
import sqlite3
from pathlib import Path

import pytest

from tests.views.conftest import Shop


def a_ticket(shop: Shop) -> str:
    """The ticket of a refund that waits."""
    assert shop.invoke("run", "refund A-1001").code == 3
    (ticket,) = json.loads(shop.invoke("approvals", "--json").out)
    return ticket["id"]


def tamper(shop: Shop, *statements: str) -> None:
    """Change the log behind everybody's back, as somebody with access to the file can."""
    (path,) = shop.folder.rglob("pointsman.db")
    with sqlite3.connect(path) as db:
        db.execute("DROP TRIGGER audit_unchanged")
        db.execute("DROP TRIGGER audit_kept")
        for statement in statements:
            db.execute(statement)
    db.close()


@pytest.fixture
def logged(shop: Shop) -> Shop:
    """A shop whose log has three rows: opened, rejected, settled."""
    ticket = a_ticket(shop)
    assert shop.invoke("reject", ticket, "--reason", "no").code == 0
    return shop


def test_a_whole_log_is_whole(logged: Shop) -> None:
    """Says how many rows, exits 0; the same of an exported file."""
    done = logged.invoke("audit", "verify")
    assert (done.code, done.out) == (0, "The audit log is whole: 3 rows in one chain.\n")
    assert logged.invoke("audit", "export", "--out", "audit.jsonl").code == 0
    rows = [json.loads(line) for line in (logged.folder / "audit.jsonl").read_text().splitlines()]
    assert [r["entry"]["action"] for r in rows] == ["open", "reject", "settle"]
    assert logged.invoke("audit", "verify", "--file", "audit.jsonl", "--json").out == (
        '{"rows": 3, "faults": []}\n'
    )


@pytest.mark.parametrize(
    ("statement", "row", "what"),
    [
        (
            "UPDATE audit SET entry = replace(entry, 'reject', 'approve') WHERE seq = 2",
            2,
            "row 2 was changed",
        ),
        ("DELETE FROM audit WHERE seq = 1", 1, "row 1 missing"),
        ("UPDATE audit SET seq = CASE seq WHEN 1 THEN -2 ELSE -1 END WHERE seq < 3", 1, "row"),
    ],
)
def test_tampering_is_found_where_it_was_done(
    logged: Shop, statement: str, row: int, what: str
) -> None:
    """Changed, removed and reordered rows; exit 1, and what to do."""
    tamper(logged, statement, "UPDATE audit SET seq = -seq WHERE seq < 0")
    done = logged.invoke("audit", "verify")
    assert done.code == 1
    assert f"row {row}: {what}" in done.err
    assert "compare it with a backup" in done.err


def test_rows_cut_off_show_against_a_head(logged: Shop) -> None:
    """Without one nobody could know; with one it says which are gone."""
    assert logged.invoke("audit", "head", "--out", "head.json").code == 0
    tamper(logged, "DELETE FROM audit WHERE seq = 3")
    assert logged.invoke("audit", "verify").code == 0
    done = logged.invoke("audit", "verify", "--head", "head.json")
    assert (done.code, done.err.splitlines()[0]) == (
        1,
        "row 3: rows 3 to 3 were cut off the end",
    )


def test_a_file_that_is_no_log_says_so(logged: Shop) -> None:
    """One sentence that names file and line."""
    (logged.folder / "bad.jsonl").write_text('{"seq": 1}\n')
    done = logged.invoke("audit", "verify", "--file", "bad.jsonl")
    assert done.code == 1
    assert "bad.jsonl, line 1 is no AuditRow" in done.err


def test_a_grant_saves_the_next_question(shop: Shop) -> None:
    """Given from a ticket, listed, used, revoked."""
    ticket = a_ticket(shop)
    made = shop.invoke(
        "grant",
        ticket,
        "--until",
        "2d",
        "--at-most",
        "usd=20",
        "--reason",
        "small ones",
        "--by",
        "ana",
    )
    assert made.code == 0, made.err
    assert "refund(order=A-1001, usd<=20)" in made.out
    assert "by ana" in made.out
    assert f"approve {ticket[:8]}" in made.out
    assert shop.invoke("run", "refund A-1001", "--thread", "other").code == 0
    assert len(shop.effects) == 1
    assert shop.invoke("grants").out == "No grant can be used.\n"
    (grant,) = json.loads(shop.invoke("grants", "--all", "--json").out)
    assert (grant["uses"], grant["reason"]) == (1, "small ones")
    over = shop.invoke("revoke", grant["id"][:6])
    assert over.out == f"Grant {grant['id']} is over. It was used 1 of 1 times.\n"
    assert shop.invoke("revoke", grant["id"]).code == 1


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (("--until", "soon"), 2, "neither 30m, 12h, 2d nor an ISO date"),
        (("--until", "2d", "--at-most", "usd"), 2, "is not NAME=NUMBER"),
        (("--until", "2d", "--at-most", "eur=5"), 1, "no argument 'eur'"),
        (("--until", "200d"), 1, "must end within 90 days"),
        ((), 2, "--until"),
    ],
)
def test_a_grant_without_bounds_is_refused(
    shop: Shop, flags: tuple[str, ...], code: int, says: str
) -> None:
    """Wrong usage exits 2, a class that is not bounded 1; both say what is wrong."""
    done = shop.invoke("grant", a_ticket(shop), *flags)
    assert done.code == code
    assert says in done.err
    assert shop.invoke("grants", "--all").out == "No grant can be used.\n"


def test_help_has_examples(tmp_path: Path, shop: Shop) -> None:
    """Every command of the two groups says how it is used."""
    for command in (("audit", "verify"), ("audit", "export"), ("audit", "head"), ("grant",),
                    ("grants",), ("revoke",)):  # fmt: skip
        done = shop.invoke(*command, "--help")
        assert done.code == 0
        assert "Example" in done.out
