"""Embeddings of texts, to find requests that are alike: of a model, or of a function of yours."""

import array
import base64
import binascii
import math
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from pointsman.errors import BadOutput, Misconfigured

MAX_DIMENSIONS = 8192
MAX_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class LocalEmbedding:
    """An embedding that this process makes: `embed` gives as many numbers for each text.

    `name` stands for it wherever vectors are kept: another function, another name. A plain function
    runs on a thread; an async one on the event loop.
    """

    name: str
    embed: Callable[[str], Sequence[float] | Awaitable[Sequence[float]]] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Similar:
    """Serve the cached answer of a similar request, where none was cached for the same one.

        Specialist("faq", handles=..., cache=Similar(embed, threshold=0.97))

    `embed` is a model by its LiteLLM name, which is asked through the gateway, e.g.
    `openai/text-embedding-3-small`, or a `LocalEmbedding`. A text
    is similar from the cosine `threshold` on; measure yours with `pointsman cache similar`, since
    what is alike may want another answer. All else must be the same: model, prompt, rules, tools,
    tenant, the conversation before, and every word with a digit, an `@` or a `://` in it. Up to
    `entries` texts are kept for each of these, as vectors; from vectors a text can be guessed in
    part. Refused for specialists that can write.

    Raises Misconfigured for bounds that cannot be.
    """

    embed: str | LocalEmbedding
    threshold: float = field(kw_only=True)
    entries: int = field(default=200, kw_only=True)

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1 or not 1 <= self.entries <= MAX_ENTRIES:
            raise Misconfigured(
                f"A similarity cache with threshold={self.threshold} and entries={self.entries}"
                " cannot be.",
                hint=f"threshold is above 0 and at most 1, entries 1 to {MAX_ENTRIES}.",
            )
        if not self.name:
            raise Misconfigured(
                "A similarity cache names no embedding.",
                hint='Try "openai/text-embedding-3-small".',
            )

    @property
    def name(self) -> str:
        """The embedding's name."""
        return self.embed if isinstance(self.embed, str) else self.embed.name


def hashed_grams(dimensions: int = 1024) -> LocalEmbedding:
    """Spelling, as a vector: counts of words, pairs of words and 2 to 4 letters in a row, hashed
    into `dimensions` numbers (Weinberger and others 2009). It knows no meaning: texts are alike
    that are written alike. Needs no model.

    Raises Misconfigured for dimensions that cannot be.
    """
    if not 16 <= dimensions <= MAX_DIMENSIONS:
        raise Misconfigured(
            f"An embedding of {dimensions} dimensions cannot be.",
            hint=f"Give 16 to {MAX_DIMENSIONS}.",
        )

    from pointsman.nodes.gateway.traits import character_grams, word_grams

    def embed(text: str) -> list[float]:
        vector = [0.0] * dimensions
        for kind, grams in enumerate((word_grams(text), character_grams(text))):
            for bucket, weight in grams.items():
                place = zlib.crc32(b"%d %d" % (kind, bucket))
                vector[place % dimensions] += weight if place & 1 << 31 else -weight
        return vector

    return LocalEmbedding(f"hashed-grams-{dimensions}", embed)


class Vector:
    """A text's direction, in one byte a dimension: what is kept, compared and measured."""

    __slots__ = ("length", "values")

    def __init__(self, values: "array.array[int]") -> None:
        self.values = values
        self.length = math.sqrt(sum(value * value for value in values))

    @classmethod
    def of(cls, numbers: Sequence[float]) -> "Vector":
        """The direction of these numbers. Raises BadOutput for what has none."""
        if not 0 < len(numbers) <= MAX_DIMENSIONS or not all(map(math.isfinite, numbers)):
            raise BadOutput(f"An embedding of {len(numbers)} numbers cannot be used.")
        most = max(map(abs, numbers))
        if not most:
            raise BadOutput("An embedding of nothing but zeros cannot be used.")
        return cls(array.array("b", [round(number / most * 127) for number in numbers]))

    @classmethod
    def read(cls, raw: bytes) -> "Vector":
        """What `bytes` gave."""
        values = array.array("b")
        values.frombytes(raw)
        return cls(values)

    def __bytes__(self) -> bytes:
        return self.values.tobytes()

    def __len__(self) -> int:
        return len(self.values)

    def cosine(self, other: "Vector") -> float:
        """-1 to 1; 0 where the two have not as many dimensions."""
        if len(self) != len(other) or not self.length * other.length:
            return 0.0
        product = sum(map(int.__mul__, self.values, other.values))
        return product / (self.length * other.length)


def packed(numbers: Sequence[float]) -> str:
    """The numbers as text: how the journal keeps an embedding. Raises BadOutput."""
    return base64.b64encode(bytes(Vector.of(numbers))).decode()


def unpacked(text: str) -> Vector:
    """What `packed` made. Raises BadOutput."""
    try:
        return Vector.read(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise BadOutput("An embedding in the journal cannot be read.") from None
