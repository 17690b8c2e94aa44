"""Tokens by command: made, listed, ended."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.views.conftest import Shop


def test_a_token_is_made_listed_and_ended(shop: "Shop") -> None:
    """The secret is printed alone on stdout, this once; the list never shows it."""
    made = shop.invoke("token", "new", "ana", "--role", "reviewer", "--tenant", "acme",
                       "--until", "30d", "--by", "root")  # fmt: skip
    assert made.code == 0, made.err
    secret = made.out.strip()
    assert secret.startswith("pm_")
    assert "ana of tenant acme: read, decide, until" in made.err
    assert secret not in made.err
    listed = shop.invoke("token", "list")
    assert secret.split("_")[1] in listed.out
    assert secret.rpartition("_")[2] not in listed.out
    assert "by root" in listed.out
    ended = shop.invoke("token", "revoke", secret.split("_")[1][:6], "--by", "root")
    assert ended.out == f"Token {secret.split('_')[1]} of ana is over.\n"
    assert "There are no tokens" in shop.invoke("token", "list").out
    assert "revoked by root" in shop.invoke("token", "list", "--all").out
    again = shop.invoke("token", "revoke", secret.split("_")[1])
    assert again.code == 1
    assert "was revoked before, by root" in again.err
    log = shop.invoke("audit", "export").out
    assert secret.rpartition("_")[2] not in log


def test_as_json(shop: "Shop") -> None:
    """One object with the secret when it is made; without it in the list."""
    made = json.loads(
        shop.invoke("token", "new", "web", "--scope", "submit", "--scope", "read", "--json").out
    )
    assert made["scopes"] == ["read", "submit"]
    (listed,) = json.loads(shop.invoke("token", "list", "--json").out)
    assert {**listed, "secret": made["secret"]} == made


def test_what_cannot_be_made(shop: "Shop") -> None:
    """Neither a role nor scopes, or both, or a name that is none."""
    assert shop.invoke("token", "new", "ana").code == 2
    assert shop.invoke("token", "new", "ana", "--role", "admin", "--scope", "read").code == 2
    assert shop.invoke("token", "new", " ", "--role", "admin").code == 1
    assert shop.invoke("token", "revoke", "0000").code == 1
