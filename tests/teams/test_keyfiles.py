"""Files of keys: made for their owner only, and refused with a sentence when they are no keys."""

import stat
from pathlib import Path

import pytest

from pointsman.errors import Misconfigured
from pointsman.nodes.signing import Signer
from pointsman.teams.keyfiles import Keys, new_signer, read_senders, read_signer, sender_line
from pointsman.teams.settings import Settings


@pytest.mark.parametrize("name", ["shop/router", 'a "b"\\c', "ü\x7f"])
def test_a_key_comes_back_from_its_file(tmp_path: Path, name: str) -> None:
    """With its sender's name; its line makes others believe it."""
    own, listed = tmp_path / "keys" / "own.key", tmp_path / "senders.toml"
    signer = new_signer(name, own)
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    assert read_signer(own) == signer
    listed.write_text(f"[senders]\n{sender_line(signer)}\n", "utf-8")
    read_senders(listed).check(signer.signed({"id": "1"}))


def test_a_key_overwrites_nothing(tmp_path: Path) -> None:
    """The first one stays."""
    signer = new_signer("a", tmp_path / "k")
    with pytest.raises(Misconfigured, match="cannot be written"):
        new_signer("b", tmp_path / "k")
    assert read_signer(tmp_path / "k") == signer


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """It says how to mend it."""
    new_signer("a", tmp_path / "k")
    (tmp_path / "k").chmod(0o640)
    with pytest.raises(Misconfigured, match="chmod 600"):
        read_signer(tmp_path / "k")


@pytest.mark.parametrize("text", ["", "[", 'source = "a"', 'source = "a"\nsecret = "AA=="'])
def test_no_key_is_said(tmp_path: Path, text: str) -> None:
    """Whatever the file holds instead."""
    (tmp_path / "k").write_text(text)
    (tmp_path / "k").chmod(0o600)
    with pytest.raises(Misconfigured):
        read_signer(tmp_path / "k")


@pytest.mark.parametrize(
    "text", ["", "senders = 1", '[senders]\na = "x"', '[senders]\na = ["x"]', "[senders]\na = [1]"]
)
def test_no_list_is_said(tmp_path: Path, text: str) -> None:
    """A list that cannot be read is no list that believes nobody, or everybody."""
    (tmp_path / "s").write_text(text)
    with pytest.raises(Misconfigured):
        read_senders(tmp_path / "s")
    with pytest.raises(Misconfigured):
        read_senders(tmp_path / "missing")


def test_the_settings_name_them(tmp_path: Path) -> None:
    """Without them nothing is signed, and everybody is believed."""
    assert Keys.read(Settings.read({})) == Keys(None, None)
    made = new_signer("a", tmp_path / "k")
    keys = Keys.read(Settings.read({"POINTSMAN_SIGNING_KEY": str(tmp_path / "k")}))
    assert isinstance(keys.signer, Signer)
    assert keys == Keys(made, None)
