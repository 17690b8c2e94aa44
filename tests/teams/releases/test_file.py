"""Release files: readable, exact, and refused when they were changed."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.errors import InvalidRelease, NotFound
from pointsman.teams.releases import file
from pointsman.teams.releases.release import Release
from tests.teams.releases.made import NOW, a_release

TEXTS = st.text(st.characters(codec="utf-8"), max_size=200)


@settings(deadline=None)
@given(TEXTS | TEXTS.map(lambda text: text + "\n"))
def test_a_text_comes_back_to_the_byte(text: str) -> None:
    """Whatever is in a prompt: ends of lines, tabs, what looks like YAML."""
    release = a_release(text)
    said = yaml.safe_load(file.text_of(release))
    del said["digests"]
    assert Release.model_validate(said) == release


@pytest.mark.parametrize(
    "text", ["a\r\nb\r\n", "\ufeffa\n", "a \nb\t\n", "---\n# x\n", "2026-11-21"]
)
def test_a_file_comes_back(tmp_path: Path, text: str) -> None:
    """Through the disk too, where some would change the ends of lines."""
    release = a_release(text)
    path = file.write(release, tmp_path)
    assert path == tmp_path / "shop" / f"{release.release}.yaml"
    assert file.read(path) == release


def test_a_prompt_can_be_read_in_the_file() -> None:
    """Lines stand as lines, not in quotes, and the parts come after a summary."""
    text = file.text_of(a_release("First.\nSecond.\n"))
    assert "      text: |\n        First.\n        Second.\n" in text
    assert text.index("digests:") < text.index("parts:")


def test_equal_behaviour_is_one_file(tmp_path: Path) -> None:
    """The file that is there stays, whenever and by whomever the other was made."""
    first = file.write(a_release(), tmp_path)
    later = a_release(at=NOW + timedelta(days=3))
    assert later.release != a_release().release
    assert file.write(later, tmp_path) == first
    assert len(list((tmp_path / "shop").iterdir())) == 1


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Be kind.", "Be rude.", "digests are not those of its parts"),
        ("max_hops: 6", "max_hops: 60", "digests are not those of its parts"),
        ("pointsman.release@1", "pointsman.release@9", "schema"),
        ("by: ana", "by: [ana", "while parsing"),
        ("shop/clerk:", "../clerk:", "prompts"),
        ("team: shop", "teem: shop", "team"),
    ],
)
def test_a_changed_file_is_refused(tmp_path: Path, old: str, new: str, why: str) -> None:
    """The error names the file and says what is wrong."""
    path = file.write(a_release(), tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InvalidRelease, match=why) as caught:
        file.read(path)
    assert str(path) in str(caught.value)


def test_a_forged_digest_is_refused(tmp_path: Path) -> None:
    """One who mends the parts' digests as well fails at the whole's."""
    path = file.write(a_release(), tmp_path)
    other = file.text_of(a_release("Be rude.\n"))
    said, forged = yaml.safe_load(path.read_text()), yaml.safe_load(other)
    said |= {"parts": forged["parts"], "digests": forged["digests"]}
    path.write_text(yaml.safe_dump(said))
    with pytest.raises(InvalidRelease, match="changed after it was made"):
        file.read(path)


@pytest.mark.parametrize("text", ["", "[]", "a: &a [*a]", "\x00"])
def test_what_is_no_release_is_refused(tmp_path: Path, text: str) -> None:
    """Any other file is."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(InvalidRelease):
        file.read(path)


def test_a_release_is_found_by_its_beginning(tmp_path: Path) -> None:
    """Its name, a unique beginning, or the digits of its digest."""
    one, two = a_release("one\n"), a_release("two\n")
    for release in (one, two):
        file.write(release, tmp_path)
    for name in (one.release, one.release[:14], one.digest[:8]):
        assert file.find(tmp_path, "shop", name) == one
    with pytest.raises(NotFound, match="several"):
        file.find(tmp_path, "shop", "2026-")
    with pytest.raises(NotFound, match="none"):
        file.find(tmp_path, "shop", "1999")


def test_files_are_listed_newest_first(tmp_path: Path) -> None:
    """By when they were made, of one team only."""
    old, new = a_release("one\n"), a_release("two\n", at=NOW + timedelta(hours=1))
    for release in (new, old, a_release(team="other")):
        file.write(release, tmp_path)
    assert file.listed(tmp_path, "shop") == (new, old)
    assert file.listed(tmp_path, "nobody") == ()
