"""The deny-list: whole words, in any spelling that canonical text undoes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.denylist import DenyList

LIST = DenyList(("Acme", "project falcon", "bad", "danger*", "秘密"))


def found(text: str, check: DenyList = LIST) -> list[str]:
    """What stands where a word was found, in the original."""
    plain = canonical(text)
    return [text[slice(*plain.span(one.start, one.end))] for one in check.find(plain)]


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("ACME sells anvils", ["ACME"]),
        ("(acme)", ["acme"]),
        ("Project\n   Falcon is late", ["Project\n   Falcon"]),
        ("b.a.d and b-a-d and b a d", ["b.a.d", "b-a-d", "b a d"]),
        ("a dangerous thing, danger", ["dangerous", "danger"]),
        ("这是秘密吗", ["秘密"]),
        ("\uff42\uff41\uff44", ["\uff42\uff41\uff44"]),
        ("b\u200ba\u200bd", ["b\u200ba\u200bd"]),
        ("b\u0430d", ["b\u0430d"]),
        ("badge, forbad, bad_name, acmes, endanger", []),
        ("", []),
    ],
)
def test_whole_words_are_found_in_any_spelling(text: str, hits: list[str]) -> None:
    """Case, white space, hidden characters and separators between letters do not hide a word; a
    part of another word is no hit."""
    assert sorted(found(text)) == sorted(hits)


@pytest.mark.parametrize("words", [(), ("",), ("good", "  "), ("...",), ("\u200b",), ("x" * 201,)])
def test_a_list_that_finds_nothing_is_refused(words: tuple[str, ...]) -> None:
    """An empty list and a word without a letter are mistakes."""
    with pytest.raises(Misconfigured):
        DenyList(words)


def test_a_list_is_read_from_a_file(tmp_path: Path) -> None:
    """One word a line; notes and empty lines are skipped."""
    file = tmp_path / "words.txt"
    file.write_text("# rivals\nacme\n\n  Initech  \n", "utf-8")
    check = DenyList.load(file, action="redact", name="rivals")
    assert (check.words, check.action, check.name) == (("acme", "Initech"), "redact", "rivals")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff", b"# nothing\n"])
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """The error of a missing or unreadable file is a Misconfigured."""
    file = tmp_path / "words.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Misconfigured):
        DenyList.load(file)


def test_the_version_says_what_decides() -> None:
    """The words change it, their order does not."""
    assert DenyList(("a", "b")).version == DenyList(("b", "a")).version != DenyList(("a",)).version


@given(st.text(alphabet="bad acmeproject\nflcon.-_\u200b\u0130İßΣ秘密", max_size=60))
def test_any_text_is_read(text: str) -> None:
    """No text raises, every span holds text, and a listed word in blanks is always found."""
    plain = canonical(text)
    for one in LIST.find(plain):
        assert 0 <= one.start < one.end <= len(plain.text)
    assert "ACME" in found(f"{text} ACME {text}")
