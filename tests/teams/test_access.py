"""Access tokens: what a secret is, what it opens, and how it ends."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BadInput
from pointsman.teams.access import ROLES, SCOPES, Token, issue, secret_digest, token_id
from tests.flow.processes import rows
from tests.flow.shop import shop_team

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_a_secret_names_its_token() -> None:
    """`pm_<id>_<random>`, 256 random bits, new each time, and in no repr."""
    made, other = (issue("shop", "ana", scopes=("read",), at=NOW) for _ in range(2))
    assert made.secret.startswith(f"pm_{made.token.id}_")
    assert len(made.secret.rpartition("_")[2]) == 64
    assert made.secret != other.secret
    assert made.secret not in repr(made)
    assert token_id(made.secret) == made.token.id
    assert made.opens(made.secret)
    assert not made.opens(other.secret)


@given(st.text())
def test_other_texts_name_no_token(text: str) -> None:
    """Whatever is sent in place of a secret: no token, and no error."""
    assert token_id(text) == ""
    assert len(secret_digest(text)) == 64


def test_secrets_that_are_nearly_right() -> None:
    """Other letters, other lengths, and digits of other scripts are no secrets."""
    good = issue("shop", "ana", scopes=("read",), at=NOW).secret
    for text in (
        good.upper(),
        good[:-1],
        good + "0",
        good + "\n",
        f" {good}",
        good.replace("_", "-"),
    ):
        assert token_id(text) == ""


@pytest.mark.parametrize("role", list(ROLES))
def test_roles(role: str) -> None:
    """Each role has its scopes; admin has all; none may more than it says."""
    wanted = {"viewer": {"read"}, "reviewer": {"read", "decide"}, "admin": set(SCOPES)}
    assert set(ROLES[role]) == wanted[role]  # pyright: ignore[reportArgumentType]


def test_what_a_token_sees_and_for_how_long() -> None:
    """Its tenant, or all; until it ends or is revoked."""
    everybodys = issue("shop", "ana", scopes=("read",), at=NOW).token
    theirs = issue(
        "shop", "ana", scopes=("read",), tenant="acme", expires=NOW + timedelta(hours=1), at=NOW
    ).token
    assert everybodys.sees("acme")
    assert theirs.sees("acme")
    assert not theirs.sees("globex")
    assert not theirs.may("submit")
    assert theirs.live(NOW)
    assert not theirs.live(NOW + timedelta(hours=1))
    assert not everybodys.model_copy(update={"revoked": NOW}).live(NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""}, {"name": "  "}, {"name": "a\nb"}, {"name": "x" * 201}, {"scopes": ()},
        {"tenant": "a\x00"}, {"tenant": "t" * 201}, {"expires": NOW}, {"by": "\x1b[2J"},
    ],
)  # fmt: skip
def test_tokens_that_cannot_be(change: dict[str, object]) -> None:
    """They are refused with a sentence."""
    given: dict[str, object] = {"name": "ana", "scopes": ("read",), "at": NOW} | change
    with pytest.raises(BadInput, match="token"):
        issue("shop", **given)  # pyright: ignore[reportArgumentType]


async def test_a_team_checks_its_tokens(tmp_path: Path) -> None:
    """The right secret opens; a wrong one, one of another token, a revoked one and an ended one
    do not."""
    now = [NOW.timestamp()]
    async with shop_team(tmp_path, clock=lambda: now[0]) as team:
        token, secret = await team.new_token("ana", role="reviewer", tenant="acme", by="root")
        ends, short = await team.new_token(
            "bo", scopes=("read",), expires=NOW + timedelta(minutes=5), by="root"
        )
        assert await team.check_token(secret) == token
        assert (token.name, token.scopes, token.by) == ("ana", ("read", "decide"), "root")
        forged = f"pm_{token.id}_{short.rpartition('_')[2]}"
        assert await team.check_token(forged) is None
        assert await team.check_token("") is None
        assert await team.check_token(short) == ends
        now[0] += 301
        assert await team.check_token(short) is None
        await team.revoke_token(token.id, by="root")
        assert await team.check_token(secret) is None
        assert {t.id for t in await team.tokens()} == {token.id, ends.id}
    stored = "".join(str(row) for row in rows(tmp_path, "SELECT * FROM access_tokens"))
    assert secret not in stored
    assert short.rpartition("_")[2] not in stored


def test_a_token_has_no_secret() -> None:
    """Nothing of a secret is a field of what is stored and listed."""
    assert not {f for f in Token.model_fields if "secret" in f or "digest" in f}
