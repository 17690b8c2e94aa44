"""The key of the vault: from the environment, or from a file beside the store."""

import base64
import binascii
import os
from pathlib import Path

from pointsman.errors import Misconfigured
from pointsman.guardrails.sealing import KEY_BYTES

FILE = "vault.key"


def vault_key(home: Path, given: str = "") -> bytes:
    """The vault's 32 bytes: `given` in base64 (`POINTSMAN_VAULT_KEY`), else the file `vault.key` in
    the folder of state, which is made at first use and which only its owner can read.

    Several processes that make it at once end with the same one. Raises Misconfigured for a key of
    another length and for a file that cannot be read or made.
    """
    if given:
        return _decoded(given, "POINTSMAN_VAULT_KEY")
    path = home / FILE
    try:
        if not path.exists():
            _make(path)
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"The vault's key {path} cannot be used: {type(error).__name__}.",
            hint="Make the folder writable for this user, or set POINTSMAN_VAULT_KEY.",
        ) from error
    return _decoded(text.strip(), str(path))


def _make(path: Path) -> None:
    """Write a fresh key, whole or not at all; the first of several wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{FILE}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)
        except FileExistsError:
            return
    finally:
        part.unlink()


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise Misconfigured(
            f"{where} holds no vault key: it must be {KEY_BYTES} bytes in base64.",
            hint="Make one with: openssl rand -base64 32",
        )
    return key
