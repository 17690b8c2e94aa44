"""`pointsman audit` and `pointsman grant`, as programs and people use them."""

import json
import sqlite3
from pathlib import Path

import pytest

from pointsman.teams.approvals.audit import AuditEntry
from pointsman.teams.store.auditrows import append
from tests.contracts.store import NOW
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
        db.execute("DROP TRIGGER audit_next")
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


def test_an_exchanged_end_shows_against_a_head(logged: Shop) -> None:
    """A whole chain that is not the one that was exported: its head's row says so."""
    assert logged.invoke("audit", "head", "--out", "head.json").code == 0
    (path,) = logged.folder.rglob("pointsman.db")
    path.unlink()
    assert logged.invoke("reject", a_ticket(logged), "--reason", "other").code == 0
    assert logged.invoke("audit", "verify").code == 0
    done = logged.invoke("audit", "verify", "--head", "head.json")
    assert (done.code, done.err.splitlines()[0]) == (
        1, "row 3: row 3 is not the one that was exported",
    )  # fmt: skip


def test_every_fault_of_a_log_is_printed(logged: Shop) -> None:
    """Three at once, two of them rows that cannot be read, one of these behind a gap in the
    numbers: each is named with its row, as text and as JSON."""
    tamper(
        logged,
        "UPDATE audit SET entry = CAST(x'fffe' AS TEXT) WHERE seq = 1",
        "UPDATE audit SET entry = replace(entry, 'reject', 'approve') WHERE seq = 2",
        "INSERT INTO audit SELECT 900, '{}', prev, hash FROM audit WHERE seq = 3",
    )
    done = logged.invoke("audit", "verify")
    assert done.code == 1
    assert done.err.splitlines()[:3] == [
        "row 1: Row 1 of the audit log cannot be read: it is no AuditEntry.",
        "row 2: row 2 was changed",
        "row 900: Row 900 of the audit log cannot be read: it is no AuditEntry.",
    ]
    assert "3 faults in 2 rows" in done.err
    found = json.loads(logged.invoke("audit", "verify", "--json").out)
    assert [f["row"] for f in found["faults"]] == [1, 2, 900]


def test_a_row_below_the_first_is_seen(logged: Shop) -> None:
    """Numbers begin at 1: a row that was slipped in before is a fault, not overlooked."""
    tamper(logged, "INSERT INTO audit SELECT -7, entry, prev, hash FROM audit WHERE seq = 1")
    done = logged.invoke("audit", "verify")
    assert done.code == 1
    assert "row -7: " in done.err


def test_a_tampered_log_is_exported_as_far_as_it_can_be_read(logged: Shop) -> None:
    """Evidence is not held back by one bad row; exit 1 says that it is not all of it. A head of
    such a log is written with a warning."""
    tamper(logged, "UPDATE audit SET entry = 'gone' WHERE seq = 2")
    done = logged.invoke("audit", "export")
    assert [json.loads(line)["seq"] for line in done.out.splitlines()] == [1, 3]
    assert (done.code, done.err) == (
        1, "Left out: Row 2 of the audit log cannot be read: it is no AuditEntry.\n",
    )  # fmt: skip
    end = logged.invoke("audit", "head")
    assert (end.code, json.loads(end.out)["seq"]) == (1, 3)
    assert "`pointsman audit verify` says where" in end.err


def test_a_changed_export_says_where(logged: Shop) -> None:
    """Lines taken out, exchanged or garbled in an exported file."""
    lines = logged.invoke("audit", "export").out.splitlines()
    for said, changed in (
        ("row 2: row 2 missing", [lines[0], lines[2]]),
        ("row 1: row 1 stands after row 2", [lines[1], lines[0], lines[2]]),
        ("row 2: audit.jsonl, line 2 is no AuditRow", [lines[0], lines[1][:-9], lines[2]]),
    ):
        (logged.folder / "audit.jsonl").write_text("\n".join(changed) + "\n")
        done = logged.invoke("audit", "verify", "--file", "audit.jsonl")
        assert done.code == 1
        assert said in done.err


@pytest.mark.parametrize("content", [b'{"seq": 1}\n', b"\xff\xfe\n"])
def test_a_file_that_is_no_log_says_so(logged: Shop, content: bytes) -> None:
    """One sentence that names file and line; the same of a head that is none."""
    (logged.folder / "bad.jsonl").write_bytes(content)
    done = logged.invoke("audit", "verify", "--file", "bad.jsonl")
    assert done.code == 1
    assert "bad.jsonl, line 1 is no AuditRow" in done.err
    done = logged.invoke("audit", "verify", "--head", "bad.jsonl")
    assert done.code == 1
    assert "bad.jsonl is no Head" in done.err


def test_a_log_of_several_pages_is_read_whole(logged: Shop) -> None:
    """Every row once and in order; a fault on a later page is found."""
    (path,) = logged.folder.rglob("pointsman.db")
    with sqlite3.connect(path) as db:
        for n in range(2_497):
            append(db, AuditEntry(at=NOW, team="shop", action="remind", by="clock", ticket=f"t{n}"))
    db.close()
    lines = logged.invoke("audit", "export").out.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(1, 2_501))
    assert logged.invoke("audit", "verify").out == (
        "The audit log is whole: 2,500 rows in one chain.\n"
    )
    tamper(logged, "DELETE FROM audit WHERE seq BETWEEN 2000 AND 2002")
    assert "row 2000: row 2000 to 2002 missing" in logged.invoke("audit", "verify").err


def test_help_has_examples(tmp_path: Path, shop: Shop) -> None:
    """Every command of the two groups says how it is used."""
    for command in (("audit", "verify"), ("audit", "export"), ("audit", "head"), ("grant",),
                    ("grants",), ("revoke",)):  # fmt: skip
        done = shop.invoke(*command, "--help")
        assert done.code == 0
        assert "Example" in done.out
