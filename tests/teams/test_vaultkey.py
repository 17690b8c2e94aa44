"""The vault's key: given, or in a file that only its owner reads."""

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pointsman.errors import Misconfigured
from pointsman.teams.vaultkey import vault_key


def test_the_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    """32 bytes, mode 0600, the same ones from then on, and no part of it left behind."""
    home = tmp_path / "home"
    key = vault_key(home)
    assert len(key) == 32
    assert vault_key(home) == key
    assert (home / "vault.key").stat().st_mode & 0o777 == 0o600
    assert [f.name for f in home.iterdir()] == ["vault.key"]


def test_many_that_make_it_at_once_have_the_same(tmp_path: Path) -> None:
    """The first file wins."""
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(vault_key, [tmp_path] * 32))
    assert len(keys) == 1
    assert [f.name for f in tmp_path.iterdir()] == ["vault.key"]


def test_a_given_key_needs_no_file(tmp_path: Path) -> None:
    """As it stands in the environment, in base64."""
    key = bytes(range(32))
    assert vault_key(tmp_path, base64.b64encode(key).decode()) == key
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["secret", "c2VjcmV0", "!" * 44])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    """The variable or the file is named, and what it holds is not shown."""
    with pytest.raises(Misconfigured, match="POINTSMAN_VAULT_KEY holds no vault key") as caught:
        vault_key(tmp_path, text)
    assert text not in str(caught.value)
    (tmp_path / "vault.key").write_text(text)
    with pytest.raises(Misconfigured, match=r"vault\.key holds no vault key"):
        vault_key(tmp_path)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """Never a new key in its place: what the old one sealed would be lost."""
    (tmp_path / "vault.key").mkdir()
    with pytest.raises(Misconfigured, match="cannot be used"):
        vault_key(tmp_path)
