"""The audit log's chain: whatever is done to its rows is found, and where."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pointsman.teams.approvals.audit import GENESIS, AuditEntry, AuditRow, Head, chained, faults

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def a_log(length: int) -> list[AuditRow]:
    """A log of so many rows."""
    rows: list[AuditRow] = []
    head = None
    for n in range(length):
        entry = AuditEntry(
            at=NOW + timedelta(seconds=n), team="shop", run=f"r{n}", ticket=f"t{n}",
            action="approve", by=f"p{n}", status="approved", tool="refund", digest=f"d{n}",
        )  # fmt: skip
        rows.append(chained(entry, head))
        head = Head(seq=rows[-1].seq, hash=rows[-1].hash)
    return rows


def head_of(rows: list[AuditRow]) -> Head:
    """The end of the log, as it is exported."""
    return Head(seq=rows[-1].seq, hash=rows[-1].hash) if rows else Head(seq=0, hash=GENESIS)


logs = st.integers(1, 12).map(a_log)


@given(logs, st.integers(0, 12))
def test_a_whole_log_has_no_fault(rows: list[AuditRow], upto: int) -> None:
    """Also against the head of any earlier moment."""
    assert faults(rows) == []
    assert faults(rows, head_of(rows[:upto])) == []


@given(logs, st.data())
def test_a_changed_field_is_found_in_its_row(rows: list[AuditRow], data: st.DataObject) -> None:
    """Any field of any row."""
    n = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(sorted(AuditEntry.model_fields)))
    other = {"at": NOW - timedelta(days=1), "action": "reject"}.get(name, "forged")
    forged = rows[n].entry.model_copy(update={name: other})
    rows[n] = rows[n].model_copy(update={"entry": forged})
    assert [(f.seq, f.what) for f in faults(rows)] == [(n + 1, f"row {n + 1} was changed")]


@given(logs, st.data())
def test_a_changed_row_with_a_new_hash_breaks_the_next_one(
    rows: list[AuditRow], data: st.DataObject
) -> None:
    """Whoever knows how hashes are made must make all that follow; the head finds even that."""
    n = data.draw(st.integers(0, len(rows) - 1))
    head = head_of(rows)
    before = head_of(rows[:n]) if n else None
    rows[n] = chained(rows[n].entry.model_copy(update={"by": "mallory"}), before)
    found = faults(rows)
    assert [f.seq for f in found] == ([n + 2] if n + 1 < len(rows) else [])
    for k in range(n + 1, len(rows)):
        rows[k] = chained(rows[k].entry, head_of(rows[:k]))
    assert faults(rows) == []
    assert [f.seq for f in faults(rows, head)] == [head.seq]


@given(logs, st.data())
def test_a_missing_row_is_found(rows: list[AuditRow], data: st.DataObject) -> None:
    """By its number, where it was; at the end only against a head."""
    n = data.draw(st.integers(0, len(rows) - 1))
    head = head_of(rows)
    gone = rows.pop(n)
    found = faults(rows, head)
    assert gone.seq in [f.seq for f in found]
    if n < len(rows):
        assert (found[0].seq, found[0].what) == (n + 1, f"row {n + 1} missing")
    else:
        assert faults(rows) == []


@given(st.integers(2, 12).map(a_log), st.data())
def test_moved_rows_are_found(rows: list[AuditRow], data: st.DataObject) -> None:
    """Swapped as they are, or with their numbers exchanged."""
    pair = st.lists(st.integers(0, len(rows) - 1), min_size=2, max_size=2, unique=True)
    a, b = data.draw(pair)
    swapped = list(rows)
    swapped[a], swapped[b] = rows[b], rows[a]
    assert faults(swapped)
    renumbered = list(rows)
    renumbered[a] = rows[b].model_copy(update={"seq": rows[a].seq})
    renumbered[b] = rows[a].model_copy(update={"seq": rows[b].seq})
    found = {f.seq for f in faults(renumbered)}
    assert {rows[a].seq, rows[b].seq} <= found


@given(logs, st.data())
def test_rows_cut_off_the_end_are_found_against_a_head(
    rows: list[AuditRow], data: st.DataObject
) -> None:
    """Which rows are missing, from where on."""
    keep = data.draw(st.integers(0, len(rows) - 1))
    head = head_of(rows)
    (fault,) = faults(rows[:keep], head)
    assert (fault.seq, fault.what) == (
        keep + 1, f"rows {keep + 1} to {len(rows)} were cut off the end",
    )  # fmt: skip
