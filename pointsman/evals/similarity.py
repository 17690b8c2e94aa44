"""How often a similarity cache would serve the wrong answer, on labelled texts of the user's own.

Texts with one label want one answer. The texts come in a random order; each is compared with those
before it, as if all of them had been answered and none had left the cache, and only where the words
that must be the same are (numbers, addresses, links). A hit is a text whose nearest earlier one has
at least the threshold's cosine; a false hit is one of another label.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pointsman.errors import BadInput
from pointsman.evals.report import Share
from pointsman.nodes.gateway.embedding import Vector
from pointsman.nodes.gateway.similar import fixed

THRESHOLDS = (0.70, 0.75, 0.80, 0.85, 0.90, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99)
LEAST = 100
"""Rows below which nothing is measured."""
AT_ONCE = 8
"""Texts that are embedded at the same time."""
_BLOCK = 512

Embed = Callable[[str], Awaitable[Vector]]


class Labelled(BaseModel):
    """A text, and what it wants: texts with one label want one answer."""

    model_config = ConfigDict(strict=True)

    text: str = Field(min_length=1)
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """What a threshold would do."""

    threshold: float
    hits: Share
    """Of all texts that came."""
    false: Share
    """Of the hits."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it."""

    embedding: str
    texts: int
    """Different texts; the same text again is the exact cache's."""
    repeated: int
    labels: int
    at_most: float
    """The share of false hits that is wanted at most."""
    rows: tuple[Row, ...]
    """By threshold, the lowest first."""
    recommended: float | None
    """The lowest threshold that keeps false hits under `at_most` (see `recommend`)."""


def read(path: Path) -> tuple[Labelled, ...]:
    """The rows of a file, one JSON object a line: `{"text": "...", "label": "..."}`. Raises
    BadInput for the first bad line and for fewer rows than LEAST."""
    made: list[Labelled] = []
    for number, line in enumerate(path.read_text("utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        try:
            made.append(Labelled.model_validate(json.loads(line)))
        except (ValueError, RecursionError) as error:
            raise BadInput(
                f"{path}:{number} is no row: {_why(error)}.",
                hint='Write rows such as {"text": "Where is my card?", "label": "card_arrival"}.',
            ) from None
    if len(made) < LEAST:
        raise BadInput(f"{path} has {len(made)} rows; a rate needs {LEAST}.", hint="Add rows.")
    return tuple(made)


async def measure(
    rows: Sequence[Labelled],
    embed: Embed,
    *,
    name: str,
    thresholds: Iterable[float] = THRESHOLDS,
    at_most: float = 0.01,
    seed: int = 0,
    done: Callable[[], None] = lambda: None,
) -> Measured:
    """The figures of an embedding called `name`. `done` is told of each text. Raises what `embed`
    does, and BadInput for fewer different texts than LEAST."""
    texts = {row.text.strip(): row.label for row in rows}
    if len(texts) < LEAST:
        raise BadInput(f"{len(texts)} different texts are too few.", hint=f"Give {LEAST}.")
    order = sorted(texts)
    random.Random(seed).shuffle(order)  # noqa: S311 (repeatable on purpose)
    nearest = _nearest(order, await _vectors(order, embed, done))
    wrong = [
        before is not None and texts[text] != texts[order[before]]
        for text, (before, _) in zip(order, nearest, strict=True)
    ]
    made: list[Row] = []
    for threshold in sorted(set(thresholds)):
        hits = [false for false, (_, like) in zip(wrong, nearest, strict=True) if like >= threshold]
        count = len(hits)
        made.append(
            Row(
                threshold,
                Share(count, len(order), len(order)),
                Share(sum(hits), count, count),
            )
        )
    return Measured(
        embedding=name,
        texts=len(order),
        repeated=len(rows) - len(order),
        labels=len(set(texts.values())),
        at_most=at_most,
        rows=tuple(made),
        recommended=recommend(made, at_most),
    )


def recommend(rows: Sequence[Row], at_most: float) -> float | None:
    """The lowest threshold down to which, from the highest on that has hits enough to tell, the
    whole 95 % interval of the false hits stays under `at_most`; None where there is none.

    Tested from above and ended by the first that fails, many thresholds need no correction (fixed
    sequence; Maurer, Hothorn and Lehmacher 1995): which ones have hits enough does not hang on
    their labels.
    """
    found = None
    for row in sorted(rows, key=lambda row: -row.threshold):
        hits = row.false.total
        if not hits or Share(0, hits, hits).interval[1] > at_most:
            continue
        if row.false.interval[1] > at_most:
            break
        found = row.threshold
    return found


async def _vectors(texts: Sequence[str], embed: Embed, done: Callable[[], None]) -> list[Vector]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(text: str) -> Vector:
        async with gate:
            vector = await embed(text)
        done()
        return vector

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(text)) for text in texts]
    return [task.result() for task in tasks]


def _nearest(texts: Sequence[str], vectors: Sequence[Vector]) -> list[tuple[int | None, float]]:
    """For each text the place and the cosine of the most like before it."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, text in enumerate(texts):
        groups.setdefault(tuple(fixed(text)), []).append(place)
    found: list[tuple[int | None, float]] = [(None, -1.0)] * len(texts)
    for places in groups.values():
        wide = np.array([np.frombuffer(bytes(vectors[at]), np.int8) for at in places], np.float32)
        wide /= np.linalg.norm(wide, axis=1, keepdims=True)
        for at, (before, like) in enumerate(_before(wide)):
            if at:
                found[places[at]] = (places[before], like)
    return found


def _before(wide: npt.NDArray[np.float32]) -> list[tuple[int, float]]:
    """For each row the most like of the rows above it."""
    made: list[tuple[int, float]] = []
    for start in range(0, len(wide), _BLOCK):
        block = wide[start : start + _BLOCK] @ wide[: start + _BLOCK].T
        for n, line in enumerate(block):
            line[start + n :] = -2.0
            best = int(line.argmax())
            made.append((best, float(line[best])))
    return made


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'row'}: {first['msg'].lower()}"
    return "it is no JSON object"
