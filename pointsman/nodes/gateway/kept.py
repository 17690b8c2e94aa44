"""An answer as the response cache keeps it: sealed, with what it is found and cleared by."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError

from pointsman.nodes.gateway.codec import StoredReply, encode_reply, unicode
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.message import Frozen

if TYPE_CHECKING:
    from pointsman.nodes.gateway.similarrow import Alike

MAX_VALUE = 4 << 20
"""Bytes of one answer; a longer one is neither kept nor read."""

TAGS = ("team", "specialist", "model", "tenant", "prompt_version")

_SCHEMA = "pointsman.kept@1"
SEAL = 32
_Moment = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Tags:
    """What an answer belongs to, to count and to clear by. Empty is not known."""

    team: str = ""
    specialist: str = ""
    model: str = ""
    tenant: str = ""
    prompt_version: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to keep. `ttl`: seconds; None is the cache's own, infinity for ever. `request` is
    what it answers, for the check that neither of the two bears a secret; it is not stored."""

    key: str
    reply: ModelReply
    tags: Tags = field(default_factory=Tags)
    ttl: float | None = None
    request: ModelRequest | None = None
    similar: "Alike | None" = None
    """Where similar requests find it; None where they may not."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that is kept. `stored` and `expires`: seconds since the epoch."""

    key: str
    reply: ModelReply
    tags: Tags
    stored: float
    expires: float | None
    size: int = 0
    """Bytes."""

    def fresh(self, now: float) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


@dataclass(frozen=True, slots=True)
class Match:
    """Which answers are meant: all that are as old and have each of the tags (names: TAGS)."""

    older_than: float | None = None
    """Seconds since the answer was stored."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])

    def __call__(self, kept: Kept, now: float) -> bool:
        """Whether the answer is one of them."""
        if self.older_than is not None and now - kept.stored < self.older_than:
            return False
        return all(getattr(kept.tags, name) == value for name, value in self.tags.items())


class _StoredTags(Frozen):
    team: str
    specialist: str
    model: str
    tenant: str
    prompt_version: str


class _StoredKept(Frozen):
    """What is stored, behind its seal. Never moved or renamed without a new schema version."""

    schema_version: Literal["pointsman.kept@1"]
    stored: _Moment
    expires: _Moment | None
    tags: _StoredTags
    reply: StoredReply


def encode(
    key: str, answer: Answer, *, stored: float, expires: float | None, secret: bytes
) -> bytes:
    """The answer sealed for that row. Raises ValueError for numbers that JSON does not have."""
    head = json.dumps(
        {
            "schema_version": _SCHEMA,
            "stored": stored,
            "expires": expires,
            "tags": {name: unicode(value) for name, value in asdict(answer.tags).items()},
        },
        allow_nan=False,
    )
    body = f'{head[:-1]}, "reply": {encode_reply(answer.reply)}}}'.encode()
    return seal(key, body, secret) + body


def decode(key: str, value: bytes, *, secret: bytes) -> Kept | None:
    """The answer of that row; None for one that is damaged, edited, moved from another row, sealed
    with another secret, too long, or another version's. Nothing is parsed before the seal."""
    if not SEAL < len(value) <= MAX_VALUE:
        return None
    told, body = value[:SEAL], value[SEAL:]
    if not compare_digest(told, seal(key, body, secret)):
        return None
    try:
        found = _StoredKept.model_validate_json(body, strict=True)
    except ValidationError:
        return None
    tags = found.tags
    return Kept(
        key=key,
        reply=found.reply.reply(),
        tags=Tags(tags.team, tags.specialist, tags.model, tags.tenant, tags.prompt_version),
        stored=found.stored,
        expires=found.expires,
        size=len(value),
    )


def seal(key: str, body: bytes, secret: bytes) -> bytes:
    """Keyed BLAKE2b over key and body (RFC 7693), as 32 hex digits."""
    name = key.encode("utf-8", "surrogatepass")
    made = hashlib.blake2b(
        len(name).to_bytes(4, "big"), digest_size=16, key=secret, person=b"pointsman.kept1"
    )
    made.update(name)
    made.update(body)
    return made.hexdigest().encode()
