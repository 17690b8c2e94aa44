"""Rows: what is read, what is refused and with which words."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.evals.guards.rows import BadRow, GoldSpan, Row, read_rows


def read(*lines: object) -> list[Row | BadRow]:
    """The rows of a file of these lines; what is not bytes is written as JSON."""
    raw = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    return list(read_rows(io.BytesIO(b"\n".join(raw)), "rows.jsonl"))


def test_both_kinds_are_read() -> None:
    """A file may mix labels and spans; what else a row holds is left alone."""
    found = read(
        {"text": "hi", "label": "benign", "source": "a", "more": 1},
        {"text": "ann@x.org", "spans": [{"start": 0, "end": 9, "type": "EMAIL"}], "source": "b"},
        {"text": "", "spans": [], "source": "b"},
    )
    assert found == [
        Row("hi", "a", "benign", None, "rows.jsonl", 1),
        Row("ann@x.org", "b", None, (GoldSpan(0, 9, "EMAIL"),), "rows.jsonl", 2),
        Row("", "b", None, (), "rows.jsonl", 3),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "no JSON"),
        (b"\xff\xfe", "not UTF-8 (byte 1)"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5000, "no JSON"),
        (b'"text"', "no JSON object"),
        ({"label": "attack", "source": "s"}, "`text`"),
        ({"text": 3, "label": "attack", "source": "s"}, "`text`"),
        ({"text": "x", "label": "attack"}, "`source`"),
        ({"text": "x", "label": "attack", "source": " "}, "`source`"),
        ({"text": "x", "source": "s"}, "neither"),
        ({"text": "x", "label": "evil", "source": "s"}, '"evil", not "attack" or "benign"'),
        ({"text": "x", "label": [1], "source": "s"}, "[1], not"),
        ({"text": "x", "spans": {}, "source": "s"}, "no list"),
        ({"text": "x", "spans": [1], "source": "s"}, "spans[0] is no JSON object"),
        ({"text": "x", "spans": [{"start": 0, "end": 1}], "source": "s"}, "`type`"),
        ({"text": "x", "spans": [{"start": True, "end": 1, "type": "T"}], "source": "s"}, "whole"),
        ({"text": "x", "spans": [{"start": 0, "end": 2, "type": "T"}], "source": "s"}, "0 to 2"),
        ({"text": "x", "spans": [{"start": 0, "end": 0, "type": "T"}], "source": "s"}, "0 to 0"),
        ({"text": "x", "spans": [{"start": -1, "end": 1, "type": "T"}], "source": "s"}, "-1 to 1"),
    ],
)
def test_a_bad_line_says_why_and_the_next_is_read(line: object, says: str) -> None:
    """Each fault has its words, its file and its line, and ends nothing."""
    good = {"text": "x", "label": "attack", "source": "s"}
    bad, row = read(line, good)
    assert isinstance(bad, BadRow)
    assert (bad.file, bad.line) == ("rows.jsonl", 1)
    assert says in bad.error
    assert isinstance(row, Row)
    assert row.line == 2


def test_blank_lines_and_a_byte_order_mark_are_no_rows() -> None:
    """Lines keep their numbers."""
    row = b'{"text": "x", "label": "attack", "source": "s"}'
    assert [r.line for r in read(b"\xef\xbb\xbf" + row, b"", b"  \r", row)] == [1, 4]


def test_lone_surrogates_are_text() -> None:
    """A text may hold them; a name that holds them is written out, so that it can be printed."""
    (row,) = read(b'{"text": "a\\ud800", "label": "attack", "source": "s\\ud800"}')
    assert isinstance(row, Row)
    assert (row.text, row.source) == ("a\ud800", "s\\ud800")


@given(st.binary(max_size=200))
def test_any_bytes_are_read(data: bytes) -> None:
    """No file raises: each line that is not blank is a row or a fault."""
    lines = io.BytesIO(data).readlines()
    assert len(list(read_rows(io.BytesIO(data), "f"))) <= len(lines)
