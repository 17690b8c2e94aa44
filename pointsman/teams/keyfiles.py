"""Files of keys: this process's own, which signs, and those of the senders that it believes."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pointsman.errors import Misconfigured
from pointsman.nodes.signing import Senders, Signer, decoded, encoded, new_secret
from pointsman.teams.settings import Settings


@dataclass(frozen=True)
class Keys:
    """What a process signs with, and whom it believes."""

    signer: Signer | None = None
    """None: what it sends is not signed."""
    senders: Senders | None = None
    """None: everybody is believed."""

    @classmethod
    def read(cls, settings: Settings) -> "Keys":
        """Those of the settings' files. Raises Misconfigured for a file that cannot be used."""
        own, others = settings.signing_key, settings.senders
        return cls(read_signer(own) if own else None, read_senders(others) if others else None)


def read_signer(path: Path) -> Signer:
    """A private key from its file, which only its owner may read. Raises Misconfigured."""
    table = _toml(path)
    source, secret = table.get("source"), table.get("secret")
    if not (isinstance(source, str) and source and isinstance(secret, str)):
        raise Misconfigured(
            f"{path} is no signing key: it must have `source` and `secret`.",
            hint="Make one with: pointsman keys new NAME",
        )
    if path.stat().st_mode & 0o077:
        raise Misconfigured(
            f"Others than its owner may read the signing key {path}.", hint=f"chmod 600 {path}"
        )
    return Signer(source, decoded(secret, str(path)))


def read_senders(path: Path) -> Senders:
    """The public keys of each sender: `[senders]`, a name = a list of keys in base64. Raises
    Misconfigured."""
    table = _toml(path).get("senders")
    wrong = Misconfigured(
        f"{path} lists no senders: it must have a table [senders] of names, each with a list of"
        " keys.",
        hint="`pointsman keys new NAME` prints the line of a sender.",
    )
    if not isinstance(table, Mapping):
        raise wrong
    keys: dict[str, tuple[bytes, ...]] = {}
    for name, listed in cast("Mapping[str, object]", table).items():
        if not isinstance(listed, list):
            raise wrong
        texts = cast("list[object]", listed)
        keys[name] = tuple(decoded(str(text), f"{path}, sender {name!r},") for text in texts)
    return Senders(keys)


def new_signer(source: str, path: Path) -> Signer:
    """Make a key and write its file, for its owner only. Raises Misconfigured where a file is."""
    signer = Signer(source, new_secret())
    text = f"source = {_quoted(source)}\nsecret = {_quoted(encoded(signer.secret))}\n"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Misconfigured(
            f"The signing key cannot be written to {path}: {error.strerror}.",
            hint="Name another file with --out: a key overwrites nothing.",
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return signer


def sender_line(signer: Signer) -> str:
    """The line of a senders file that makes others believe this one."""
    return f"{_quoted(signer.source)} = [{_quoted(encoded(signer.public))}]"


def _quoted(text: str) -> str:
    """A TOML basic string. JSON's is one, but for DEL."""
    import json

    return json.dumps(text).replace("\x7f", "\\u007f")


def _toml(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"The key file {path} cannot be read: {error}.",
            hint="Correct POINTSMAN_SIGNING_KEY or POINTSMAN_SENDERS, or the file.",
        ) from error
