"""The audit log's chain: whatever is done to its rows is found, and where."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import get_args

from hypothesis import assume, given
from hypothesis import strategies as st

from pointsman.teams.approvals.audit import (
    GENESIS,
    AuditEntry,
    AuditRow,
    Head,
    chained,
    faults,
)
from pointsman.teams.approvals.lifecycle import Step

_words = st.text(max_size=8)
_entries = st.builds(
    AuditEntry,
    at=st.datetimes(timezones=st.just(UTC)),
    team=_words,
    run=_words,
    ticket=_words,
    grant=_words,
    action=st.sampled_from(["open", "grant", "use", "revoke", *get_args(Step)]),
    by=_words,
    status=_words,
    tool=_words,
    digest=_words,
    policy=_words,
    to=_words,
    text_digest=_words,
)


def a_log(entries: list[AuditEntry]) -> list[AuditRow]:
    """The entries as a log."""
    rows: list[AuditRow] = []
    for entry in entries:
        rows.append(chained(entry, head_of(rows) if rows else None))
    return rows


def head_of(rows: list[AuditRow]) -> Head:
    """The end of the log, as it is exported."""
    return Head(seq=rows[-1].seq, hash=rows[-1].hash) if rows else Head(seq=0, hash=GENESIS)


def places(rows: list[AuditRow], head: Head | None = None) -> list[int]:
    """The numbers of the rows at which something is wrong."""
    return [fault.seq for fault in faults(rows, head)]


logs = st.lists(_entries, min_size=1, max_size=7).map(a_log)
longer_logs = st.lists(_entries, min_size=2, max_size=7).map(a_log)


@given(logs, st.integers(0, 7))
def test_a_whole_log_has_no_fault(rows: list[AuditRow], upto: int) -> None:
    """Also against the head of any earlier moment, and read back from its JSON."""
    assert faults(rows) == []
    assert faults(rows, head_of(rows[:upto])) == []
    again = [AuditRow.model_validate_json(row.model_dump_json()) for row in rows]
    assert faults(again, head_of(rows)) == []


def test_an_empty_log_is_whole() -> None:
    """Nothing happened yet: against the head of that moment too, and not against a later one."""
    assert faults([]) == []
    assert faults([], head_of([])) == []
    assert places([], Head(seq=2, hash="h")) == [1]


@given(logs)
def test_rows_are_looked_at_one_by_one(rows: list[AuditRow]) -> None:
    """A log of any length needs no more memory than a row: an iterator is read once."""

    def lazily() -> Iterator[AuditRow]:
        yield from rows

    assert faults(lazily()) == []


@given(logs, st.data())
def test_a_changed_field_is_found_in_its_row(rows: list[AuditRow], data: st.DataObject) -> None:
    """Any field of any row, to any other value."""
    n = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(sorted(AuditEntry.model_fields)))
    value = getattr(data.draw(_entries), name)
    assume(value != getattr(rows[n].entry, name))
    forged = rows[n].entry.model_copy(update={name: value})
    rows[n] = rows[n].model_copy(update={"entry": forged})
    assert [(f.seq, f.what) for f in faults(rows)] == [(n + 1, f"row {n + 1} was changed")]


@given(logs, st.data())
def test_a_changed_place_in_the_chain_is_found(rows: list[AuditRow], data: st.DataObject) -> None:
    """A row's own hash, or the one before it: in that row, and where the next one hangs on it."""
    n = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(["prev", "hash"]))
    other = data.draw(st.text("0123456789abcdef", min_size=64, max_size=64))
    assume(other != getattr(rows[n], name))
    rows[n] = rows[n].model_copy(update={name: other})
    after = [n + 2] if name == "hash" and n + 1 < len(rows) else []
    assert sorted(set(places(rows))) == [n + 1, *after]


@given(logs, st.data())
def test_a_changed_number_is_found(rows: list[AuditRow], data: st.DataObject) -> None:
    """Where the row was, or where it now claims to be; also as stores read it, by number."""
    n = data.draw(st.integers(0, len(rows) - 1))
    seq = data.draw(st.integers(-3, len(rows) + 3))
    assume(seq != n + 1)
    rows[n] = rows[n].model_copy(update={"seq": seq})
    assert {n + 1, seq} & set(places(rows))
    assert {n + 1, seq} & set(places(sorted(rows, key=lambda row: row.seq)))


@given(logs, st.data())
def test_a_changed_row_with_a_new_hash_breaks_the_next_one(
    rows: list[AuditRow], data: st.DataObject
) -> None:
    """Whoever knows how hashes are made must make all that follow; the head finds even that."""
    n = data.draw(st.integers(0, len(rows) - 1))
    assume(rows[n].entry.by != "mallory")
    head = head_of(rows)
    before = head_of(rows[:n]) if n else None
    rows[n] = chained(rows[n].entry.model_copy(update={"by": "mallory"}), before)
    assert places(rows) == ([n + 2] if n + 1 < len(rows) else [])
    for k in range(n + 1, len(rows)):
        rows[k] = chained(rows[k].entry, head_of(rows[:k]))
    assert faults(rows) == []
    assert places(rows, head) == [head.seq]


@given(logs, st.data())
def test_missing_rows_are_found(rows: list[AuditRow], data: st.DataObject) -> None:
    """By their numbers, where they were; at the end only against a head."""
    first = data.draw(st.integers(0, len(rows) - 1))
    upto = data.draw(st.integers(first, len(rows) - 1)) + 1
    head = head_of(rows)
    left = rows[:first] + rows[upto:]
    if upto == len(rows):
        assert faults(left) == []
        assert places(left, head) == [first + 1]
        return
    which = f"row {first + 1}" + ("" if upto == first + 1 else f" to {upto}")
    assert [(f.seq, f.what) for f in faults(left, head)] == [(first + 1, f"{which} missing")]


@given(longer_logs, st.data())
def test_missing_rows_cannot_be_covered_by_new_numbers(
    rows: list[AuditRow], data: st.DataObject
) -> None:
    """Those that follow, counted anew from where one was taken out, no longer fit the chain."""
    n = data.draw(st.integers(0, len(rows) - 2))
    left = rows[:n] + [row.model_copy(update={"seq": row.seq - 1}) for row in rows[n + 1 :]]
    assert places(left)[0] == n + 1


@given(logs, _entries, st.data())
def test_an_added_row_is_found(
    rows: list[AuditRow], entry: AuditEntry, data: st.DataObject
) -> None:
    """Slipped in between with a valid hash, and the rest counted on: the next one gives it away."""
    n = data.draw(st.integers(0, len(rows) - 1))
    added = chained(entry, head_of(rows[:n]) if n else None)
    rest = [row.model_copy(update={"seq": row.seq + 1}) for row in rows[n:]]
    assert places([*rows[:n], added, *rest])[0] == n + 2


@given(longer_logs, st.data())
def test_swapped_rows_are_found(rows: list[AuditRow], data: st.DataObject) -> None:
    """As they stand in a file, each at the place it was moved from or to; and with their numbers
    exchanged, in exactly these rows and the ones that hang on them."""
    pair = st.lists(st.integers(0, len(rows) - 1), min_size=2, max_size=2, unique=True)
    a, b = sorted(data.draw(pair))
    swapped = list(rows)
    swapped[a], swapped[b] = rows[b], rows[a]
    found = set(places(swapped))
    assert a + 1 in found
    assert found <= set(range(a + 1, b + 3))
    renumbered = list(rows)
    renumbered[a] = rows[b].model_copy(update={"seq": a + 1})
    renumbered[b] = rows[a].model_copy(update={"seq": b + 1})
    found = set(places(renumbered))
    assert {a + 1, b + 1} <= found <= {a + 1, a + 2, b + 1, b + 2}


@given(logs, st.data())
def test_rows_cut_off_the_end_are_found_against_a_head(
    rows: list[AuditRow], data: st.DataObject
) -> None:
    """Which rows are missing, from where on; and when others were put in their place."""
    keep = data.draw(st.integers(0, len(rows) - 1))
    head = head_of(rows)
    (fault,) = faults(rows[:keep], head)
    assert (fault.seq, fault.what) == (
        keep + 1, f"rows {keep + 1} to {len(rows)} were cut off the end",
    )  # fmt: skip
    assume(all(row.entry.by != "mallory" for row in rows))
    other = rows[:keep]
    for row in rows[keep:]:
        entry = row.entry.model_copy(update={"by": "mallory"})
        other.append(chained(entry, head_of(other) if other else None))
    assert faults(other) == []
    assert places(other, head) == [len(rows)]


def test_what_a_hash_covers_does_not_change() -> None:
    """Logs are verified years later: the first hash of a given entry is this one for good."""
    entry = AuditEntry(
        at=datetime(2026, 11, 21, 9, 0, tzinfo=UTC), team="shop", run="r", ticket="t",
        action="approve", by="ana", status="approved", tool="refund", digest="d",
    )  # fmt: skip
    pinned = "d9d0d45af0551704d298f8787f04719831b31959935a7731a09218d7f5047821"
    assert chained(entry, None).hash == pinned
