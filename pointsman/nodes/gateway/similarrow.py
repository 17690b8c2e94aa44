"""Which cached requests are alike but for their last text: one row of the cache's store for each
group, its vectors sealed like the answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from pointsman.nodes.gateway.embedding import MAX_DIMENSIONS, MAX_ENTRIES, Vector
from pointsman.nodes.gateway.kept import MAX_VALUE, SEAL, seal
from pointsman.nodes.message import Frozen

PREFIX = "~"
"""What a group's key begins with, in its namespace. An answer's is a digest."""


@dataclass(frozen=True, slots=True)
class Alike:
    """A request among those it is like: the group's key, its own vector, and the most that the
    group may hold."""

    group: str
    vector: Vector
    entries: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A request that was answered: the key of its answer, and its vector."""

    key: str
    vector: Vector


class _Head(Frozen):
    schema_version: Literal["pointsman.similar@1"]
    dimensions: Annotated[int, Field(ge=1, le=MAX_DIMENSIONS)]
    keys: Annotated[tuple[str, ...], Field(max_length=MAX_ENTRIES)]


def encode(name: str, entries: Sequence[Entry], *, secret: bytes) -> bytes:
    """The group's row; the oldest entries are left out where there is no room. All vectors have as
    many dimensions as the newest; others are left out."""
    size = len(entries[-1].vector)
    room = max(1, (MAX_VALUE - 4096) // (size + 200))
    kept = [entry for entry in entries if len(entry.vector) == size][-room:]
    head = _Head(
        schema_version="pointsman.similar@1",
        dimensions=size,
        keys=tuple(entry.key for entry in kept),
    )
    body = head.model_dump_json().encode() + b"\n" + b"".join(bytes(e.vector) for e in kept)
    return seal(name, body, secret) + body


def decode(name: str, value: bytes, *, secret: bytes) -> list[Entry] | None:
    """The entries of a group's row, oldest first; None for one that is damaged, edited, sealed with
    another secret, or another version's. Nothing is parsed before the seal."""
    if not SEAL < len(value) <= MAX_VALUE:
        return None
    told, body = value[:SEAL], value[SEAL:]
    if not compare_digest(told, seal(name, body, secret)):
        return None
    line, _, raw = body.partition(b"\n")
    try:
        head = _Head.model_validate_json(line, strict=True)
    except ValidationError:
        return None
    size = head.dimensions
    if len(raw) != size * len(head.keys):
        return None
    cuts = range(0, len(raw), size)
    return [
        Entry(key, Vector.read(raw[at : at + size]))
        for key, at in zip(head.keys, cuts, strict=True)
    ]


def nearest(vector: Vector, entries: Sequence[Entry]) -> tuple[Entry, float] | None:
    """The entry that is most like it, with the cosine."""
    found = [(entry.vector.cosine(vector), n) for n, entry in enumerate(entries)]
    if not found:
        return None
    cosine, n = max(found)
    return entries[n], cosine
