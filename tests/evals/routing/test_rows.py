"""Rows to measure a router on: what is one, and what is said of a line that is none."""

from pathlib import Path

import pytest

from pointsman.errors import BadInput
from pointsman.evals.routing.rows import BadRow, Row, examples_of, read_rows


def test_rows_are_read_and_blank_lines_are_none() -> None:
    """null is nobody's; a byte order mark is no part of the file."""
    lines = [
        b'\xef\xbb\xbf{"text": "a", "expected": "x"}\n',
        b"\n",
        b'{"text":"b","expected":null}',
    ]
    assert list(read_rows(lines)) == [Row("a", "x", 1), Row("b", None, 3)]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"{", "it is no JSON"),
        (b'"text"', "it is no JSON object"),
        (b"\xff\xfe", "it is not UTF-8 (byte 1)"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"expected": "x"}', "`text` is missing"),
        (b'{"text": " ", "expected": "x"}', "`text` is missing, empty"),
        (b'{"text": "a"}', "`expected` is missing"),
        (b'{"text": "a", "expected": 3}', "`expected` is no name"),
        (b'{"text": "a", "expected": ""}', "`expected` is no name"),
        (b'{"text": "a", "expected": "mars"}', "'mars', who is not among x, y"),
    ],
)
def test_a_line_that_is_no_row_is_named_and_skipped(line: bytes, error: str) -> None:
    """By its number; the next line is read."""
    good = b'{"text": "a", "expected": "x"}'
    bad, row = read_rows([line, good], ("x", "y"))
    assert isinstance(bad, BadRow)
    assert bad.line == 1
    assert error in bad.error
    assert row == Row("a", "x", 2)


def test_examples_are_grouped_by_label(tmp_path: Path) -> None:
    """And those of nobody are apart."""
    path = tmp_path / "train.jsonl"
    path.write_text(
        '{"text": "a", "expected": "x"}\n{"text": "b", "expected": null}\n'
        '{"text": "c", "expected": "y"}\n{"text": "d", "expected": "x"}\n'
    )
    assert examples_of(path) == ({"x": ["a", "d"], "y": ["c"]}, ["b"])


@pytest.mark.parametrize(
    ("text", "error"),
    [('{"text": "a", "expected": "x"}\nno', ":2: it is no JSON"), ("", "has 0 labels")],
)
def test_a_file_that_cannot_be_fitted_on_is_refused(tmp_path: Path, text: str, error: str) -> None:
    """Nothing is fitted on half of a file."""
    path = tmp_path / "train.jsonl"
    path.write_text(text)
    with pytest.raises(BadInput, match=error):
        examples_of(path)
