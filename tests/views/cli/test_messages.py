"""Messages from arguments, stdin and files."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BadInput, InvalidMessage
from pointsman.views.cli.messages import MAX_BYTES, decoded, from_argument, lines_of, renewed


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"x" * MAX_BYTES, "too large"),
        (b"caf\xe9", "not UTF-8 text (byte 4 is 0xe9)"),
        (b"\x7fELF\x00\x01", "binary"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, says: str) -> None:
    """Empty, huge, binary and non-UTF-8 input each say what they are."""
    with pytest.raises(
        InvalidMessage, match=says.replace("(", r"\(").replace(")", r"\)")
    ) as caught:
        decoded(data, "The message")
    assert caught.value.hint


def test_a_broken_argument_is_refused() -> None:
    """An argument that the shell passed as bytes that are not UTF-8 is an InvalidMessage."""
    with pytest.raises(InvalidMessage, match="not UTF-8"):
        from_argument("caf\udce9")


def test_a_byte_order_mark_is_dropped() -> None:
    """Files from Windows begin with a mark that is not part of the message."""
    assert decoded(b"\xef\xbb\xbfhello", "It") == "hello"


BAD = [
    b"not json",
    b'{"thread": "t"}',
    b'{"text": 5}',
    b'["text"]',
    b'{"text": ""}',
    b'{"text": "a\\ud800b"}',
    b'{"text": "caf\xe9"}',
    b'{"text": "x", "priority": 12}',
    b'{"text": "a\\u0000b"}',
]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_line_does_not_spoil_the_others(tmp_path: Path, bad: bytes) -> None:
    """A bad line carries its fault and its number; the lines around it are read."""
    file = tmp_path / "m.jsonl"
    file.write_bytes(b'{"text": "one"}\n' + bad + b'\n\n{"text": "four", "id": 4}')
    one, two, four = lines_of(str(file))
    assert (one.number, two.number, four.number) == (1, 2, 4)
    assert one.line is not None
    assert one.line.text == "one"
    assert four.line is not None
    assert four.line.id == "4"
    assert two.line is None
    assert two.fault is not None
    assert "Line 2" in two.fault.message


def test_an_endless_line_is_one_fault(tmp_path: Path) -> None:
    """A line of many megabytes is one bad line, read without keeping it all."""
    file = tmp_path / "m.jsonl"
    file.write_bytes(b'{"text": "' + b"x" * (13 * MAX_BYTES) + b'"}\n{"text": "two"}\n')
    huge, two = lines_of(str(file))
    assert huge.fault is not None
    assert "too large" in huge.fault.message
    assert two.number == 2
    assert two.line is not None


def test_start_skips_lines(tmp_path: Path) -> None:
    """Lines before the first wanted one are not even parsed."""
    file = tmp_path / "m.jsonl"
    file.write_text('broken\n{"text": "two"}\n{"text": "three"}\n')
    assert [n.number for n in lines_of(str(file), start=2)] == [2, 3]


def test_renewed_lines_are_new_messages_in_the_same_conversations(tmp_path: Path) -> None:
    """Ids and threads change, lines of one thread stay together, and the rest stays as it was."""
    file = tmp_path / "m.jsonl"
    one, two = '{"text": "a", "id": "1", "thread": "t"}', '{"text": "b", "thread": "t"}'
    file.write_text(f'{one}\n{two}\n{{"text": "c"}}\nbad\n')
    before = lines_of(str(file))
    after = renewed(before)
    a, b, c = (n.line for n in after[:3])
    assert a is not None
    assert b is not None
    assert a.id != "1"
    assert a.thread == b.thread != "t"
    assert (b.id, c) == (None, before[2].line)
    assert after[3] == before[3]


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_an_unreadable_file_is_an_error(name: str) -> None:
    """A file that is not there, and a folder, are one clear error."""
    with pytest.raises(BadInput, match="cannot be read"):
        lines_of(name)


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    """A file without a message is an error rather than a batch of nothing."""
    (tmp_path / "m.jsonl").write_text("\n\n")
    with pytest.raises(BadInput, match="holds no message"):
        lines_of(str(tmp_path / "m.jsonl"))


@given(st.text(min_size=1).filter(lambda t: t.strip() and "\x00" not in t))
def test_any_text_survives_the_file(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """What was written as a JSON line is what the team gets."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    file = tmp_path_factory.mktemp("m") / "m.jsonl"
    file.write_text(json.dumps({"text": text}) + "\n")
    (only,) = lines_of(str(file))
    assert only.line is not None
    assert only.line.text == text
