"""What a terminal sends, as keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.views.cli.keys import Decoder, Editor, Key


def keys(*pieces: bytes) -> list[str]:
    """The names or texts of the keys in these pieces, which arrive one after another."""
    decoder = Decoder()
    found = [key for piece in pieces for key in decoder.feed(piece)]
    return [key.name or key.text for key in [*found, *decoder.flush()]]


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (b"ayq", ["a", "y", "q"]),
        (b"\x1b[A\x1b[B\x1bOA\x1bOB", ["up", "down", "up", "down"]),
        (b"\x1b[5~\x1b[6~\x1b[H\x1b[4~\x1b[3~", ["pageup", "pagedown", "home", "end", "delete"]),
        (b"\r\n\x7f\x08\t", ["enter", "enter", "backspace", "backspace", "tab"]),
        (b"\x01\x05\x15\x17\x0c\x04", ["home", "end", "clear", "word", "redraw", "end of input"]),
        ("ä€😀".encode(), ["ä", "€", "😀"]),
        (b"\xff", ["\ufffd"]),
        (b"\x1b", ["esc"]),
        (b"\x1b\x1b", ["esc", "esc"]),
        (b"\x1b\x1b[A", ["esc", "up"]),
        (b"\x1ba", []),
        (b"\x1b[", []),
        (b"\x1b[1;5C\x1b[999x", []),
        (b"\x1b[" + b"1" * 100, ["1"] * 70),
        (b"\x00\x02", []),
    ],
)
def test_keys(sent: bytes, found: list[str]) -> None:
    """Names for keys that have one; sequences that mean nothing here are dropped."""
    assert keys(sent) == found


@given(st.lists(st.sampled_from(
    ["a", "y", "ä", "😀", "\r", "\x1b[A", "\x1bOB", "\x1b[3~", "\x1b[200~q\x1b[y\x1b[201~"]
)), st.data())  # fmt: skip
def test_how_the_bytes_are_cut_does_not_matter(sent: list[str], data: st.DataObject) -> None:
    """The same keys come out when the bytes arrive in other pieces."""
    whole = "".join(sent).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert keys(*pieces) == keys(whole)


@given(st.binary())
def test_no_bytes_break_it(sent: bytes) -> None:
    """Whatever comes, keys come out, and none types a control character."""
    assert all(key.isprintable() for key in keys(sent) if len(key) == 1)


def test_a_paste_is_one_key() -> None:
    """Everything between the brackets is text, commands and line ends too; it ends only there."""
    decoder = Decoder()
    found = decoder.feed(b"\x1b[200~ay\rq\x1b[A\x1b[20")
    assert (found, decoder.waits, decoder.flush()) == ([], False, [])
    assert decoder.feed(b"1~x") == [Key("paste", "ay\rq\x1b[A"), Key(text="x")]


def test_a_line_is_edited() -> None:
    """Typing, moving and deleting, with the cursor in the middle; a paste stays on one line."""
    line = Editor("20.0", 4)
    for key in [Key("home"), Key(text="1"), Key("right"), Key("delete"), Key("end")]:
        assert line.press(key)
    assert (line.text, line.at) == ("12.0", 4)
    line.press(Key("clear"))
    line.press(Key("paste", "one\ntwo\tthree\x1b"))
    assert line.text == "one two three "
    line.press(Key("word"))
    assert line.text == "one two "
    line.press(Key("left"))
    line.press(Key("backspace"))
    assert (line.text, line.at) == ("one tw ", 6)
    assert not line.press(Key("up"))


KEY_NAMES = ["left", "right", "home", "end", "backspace", "delete", "clear", "word"]


@given(st.lists(st.sampled_from(KEY_NAMES) | st.characters()))
def test_the_cursor_stays_in_the_line(pressed: list[str]) -> None:
    """No keys lead the cursor out of the text, or put a control character into it."""
    line = Editor()
    for key in pressed:
        line.press(Key(key) if len(key) > 1 else Key(text=key))
        assert 0 <= line.at <= len(line.text)
        assert line.text.isprintable()
