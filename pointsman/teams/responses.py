"""The response cache of a team: where settings say, in its folder of state by default."""

import hashlib
from pathlib import Path

from pointsman.guardrails.traceless import Traceless
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.cachechoice import open_store

FOLDER = "cache"


def open_responses(
    home: Path, choice: str = "disk", *, grace: float = 0.0, vault_key: str = ""
) -> ResponseCache | None:
    """The cache that `choice` names (see `open_store`); None for `off`. Opens nothing yet.

    `grace`: seconds an expired answer may be served when every model failed. `vault_key` is what
    POINTSMAN_VAULT_KEY says: with it the answers are sealed, so that who can write to the place but
    does not know it cannot plant one; a machine with another key finds nothing.

    Raises Misconfigured and MissingExtra, as `open_store` does.
    """
    store = open_store(choice, home / FOLDER)
    if store is None:
        return None
    checks = Traceless()
    return ResponseCache(
        store,
        grace=grace,
        secret=_secret(vault_key),
        storable=checks.reply,
        answerable=checks.request,
    )


def _secret(vault_key: str) -> bytes:
    """A key of its own: what seals the cache opens nothing in the vault."""
    if not vault_key:
        return b""
    key = hashlib.sha256(vault_key.encode()).digest()
    return hashlib.blake2b(key=key, person=b"pointsman.cache").digest()
