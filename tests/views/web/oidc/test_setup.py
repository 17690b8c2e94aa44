"""The file that sets OpenID Connect up."""

from pathlib import Path

import pytest

from pointsman.errors import Misconfigured
from pointsman.views.web.oidc.setup import read_setup

WHOLE = """
issuer = "https://login.example.org/tenant"
client_id = "pointsman"
client_secret = "s3cret-of-the-client"
scopes = ["profile"]
[roles]
admin = ["ops"]
viewer = ["*"]
"""


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    """The file."""
    path = folder / "oidc.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_whole_file(tmp_path: Path) -> None:
    """The scope `openid` is always asked for; everybody has the lowest role that `*` has."""
    made = read_setup(written(tmp_path, WHOLE))
    assert made.scopes == ("openid", "profile")
    assert made.host == "login.example.org"
    assert (made.role(["ops", "x"]), made.role([])) == ("admin", "viewer")
    assert "s3cret" not in repr(made)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("https://login", "http://login", "issuer"),
        ("https://login.example.org/tenant", "https://login.example.org/?x=1", "issuer"),
        ("https://login.example.org/tenant", "https://[::1", "issuer"),
        ('client_id = "pointsman"', "", "client_id"),
        ("[roles]", "[rules]", "roles"),
        ("admin =", "root =", "roles"),
        ('admin = ["ops"]', "admin = 1", "roles"),
        ('admin = ["ops"]', "admin", "cannot be read"),
        ("issuer", "isuer", "issuer"),
    ],
)
def test_a_file_that_does_not_fit(tmp_path: Path, before: str, after: str, said: str) -> None:
    """It says what is wrong, and never the secret."""
    with pytest.raises(Misconfigured) as found:
        read_setup(written(tmp_path, WHOLE.replace(before, after, 1)))
    assert said in str(found.value)
    assert "s3cret" not in str(found.value)


def test_a_secret_that_others_can_read(tmp_path: Path) -> None:
    """It is refused, with the command that mends it; without a secret the file is anybody's."""
    with pytest.raises(Misconfigured) as found:
        read_setup(written(tmp_path, WHOLE, 0o644))
    assert "chmod 600" in found.value.hint
    plain = WHOLE.replace('client_secret = "s3cret-of-the-client"', "")
    assert not read_setup(written(tmp_path, plain, 0o644)).client_secret.get_secret_value()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Named, with the setting."""
    with pytest.raises(Misconfigured) as found:
        read_setup(tmp_path / "none.toml")
    assert "POINTSMAN_OIDC" in found.value.hint
