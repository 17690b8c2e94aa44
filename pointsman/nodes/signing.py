"""Who sent an envelope: Ed25519 signatures (RFC 8032), a key for each sender, several while one is
replaced by the next."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pointsman.errors import Forged, Misconfigured
from pointsman.nodes.digest import JsonObject, canonical, digest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNATURE = "signature"
KEY_ID = "keyid"
SOURCE = "source"


@dataclass(frozen=True)
class Signer:
    """Signs what one sender sends. `secret` is 32 bytes."""

    source: str
    secret: bytes = field(repr=False)

    def signed(self, event: JsonObject) -> JsonObject:
        """The event with its sender, the key's name and the signature over all of it."""
        key = _private(self.secret)
        given: JsonObject = {**event, SOURCE: self.source, KEY_ID: key_id(self.public)}
        given.pop(SIGNATURE, None)
        return {**given, SIGNATURE: _text(key.sign(canonical(given)))}

    @property
    def public(self) -> bytes:
        """The key that others check with: 32 bytes."""
        return _private(self.secret).public_key().public_bytes_raw()


@dataclass(frozen=True)
class Senders:
    """Whose envelopes are believed: the public keys of each source."""

    keys: Mapping[str, Sequence[bytes]]

    def check(self, event: JsonObject) -> None:
        """Raises Forged for an event that none of its source's keys signed as it stands."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        source, named, signature = (event.get(name) for name in (SOURCE, KEY_ID, SIGNATURE))
        if not (isinstance(signature, str) and isinstance(source, str)):
            raise _forged(event, "it carries no signature")
        keys = [key for key in self.keys.get(source, ()) if key_id(key) == named]
        if not keys:
            raise _forged(event, f"no key {named!r} of that sender is known here")
        rest = {name: value for name, value in event.items() if name != SIGNATURE}
        try:
            Ed25519PublicKey.from_public_bytes(keys[0]).verify(_bytes(signature), canonical(rest))
        except (InvalidSignature, ValueError) as error:
            raise _forged(event, "its signature does not fit it") from error


def new_secret() -> bytes:
    """A fresh private key: 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate().private_bytes_raw()


def key_id(public: bytes) -> str:
    """A public key's name: the beginning of its digest."""
    return digest("ed25519", public.hex())[:16]


def decoded(text: str, where: str) -> bytes:
    """A key given as base64. Raises Misconfigured when it is none."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise Misconfigured(
            f"{where} holds no signing key: it must be 32 bytes in base64.",
            hint="Make a pair with: pointsman keys new NAME",
        )
    return key


def encoded(key: bytes) -> str:
    """A key as base64."""
    return base64.b64encode(key).decode("ascii")


def _private(secret: bytes) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(secret)


def _text(signature: bytes) -> str:
    return base64.urlsafe_b64encode(signature).decode("ascii")


def _bytes(signature: str) -> bytes:
    """Raises ValueError for any other form than the one that is written."""
    given = base64.urlsafe_b64decode(signature.encode("ascii"))
    if _text(given) != signature:
        raise ValueError("not the form that is written")
    return given


def _forged(event: JsonObject, why: str) -> Forged:
    return Forged(
        f"Envelope {event.get('id')!r} from {event.get(SOURCE)!r} is refused: {why}.",
        hint="Whoever sent it needs a key that is listed in POINTSMAN_SENDERS.",
    )
