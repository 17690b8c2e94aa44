"""The response cache: exact answers by key, kept on disk, in memory or in Redis.

A cache may lose anything and must break nothing: what cannot be read is a miss with one warning.
An answer is kept sealed, with its expiry and what it belongs to (see `kept.py`); the places where
rows lie know none of that (see `cachestore.py`).
"""

import asyncio
import logging
import math
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pointsman.errors import Misconfigured, is_control_flow
from pointsman.nodes.gateway.cachedisk import DiskStore
from pointsman.nodes.gateway.cachestore import LEAST_BYTES, CacheStore, Row, Sayings
from pointsman.nodes.gateway.kept import MAX_VALUE, Answer, Kept, Match, Tags, decode, encode
from pointsman.nodes.gateway.similarrow import PREFIX, Alike, Entry, nearest
from pointsman.nodes.gateway.similarrow import decode as decode_group
from pointsman.nodes.gateway.similarrow import encode as encode_group
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest

__all__ = ["LEAST_BYTES", "Answer", "CacheStats", "Match", "ResponseCache", "Tags"]

log = logging.getLogger("pointsman.gateway")

DAY = 86_400.0
COUNTED_AT_ONCE = 64
"""Finds and puts after which the counters are written; a crash loses so many at most."""
DROPPED_AT_ONCE = 500
_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What a cache did since it was made, and what it takes. A crash loses the latest counts."""

    hits: int = 0
    stale: int = 0
    """Hits of expired answers, after every model had failed."""
    similar: int = 0
    """Answers of similar requests, after a miss."""
    misses: int = 0
    puts: int = 0
    refused: int = 0
    """Answers not kept: empty, too long, or bearing a secret."""
    saved_usd: float = 0.0
    saved_unpriced: int = 0
    """Hits whose price is not known. They are not counted as free."""
    saved_seconds: float = 0.0
    bytes: int = 0
    max_bytes: int = 0


class ResponseCache:
    """Answers by cache key, in a store or, given a folder, on disk in it.

    `max_bytes` and `lock_timeout` are the disk's (see `DiskStore`); another store has its own.
    `ttl`: seconds an answer lives, None for ever. `grace`: seconds it is kept after that, for
    `find(..., stale=True)`. `namespace` parts caches that share a store: letters, digits, `_.-`.
    `secret` seals the rows, so that who can write the store but does not know it cannot plant an
    answer; without one the seal finds damage only. `storable` and `answerable` say whether a reply,
    and a request, may leave a trace in it.

    Raises Misconfigured for bounds that cannot be. Opens nothing before the first use.
    """

    def __init__(
        self,
        store: Path | CacheStore,
        *,
        max_bytes: int = 256 << 20,
        ttl: float | None = 30 * DAY,
        lock_timeout: float = 0.2,
        grace: float = 0.0,
        namespace: str = "default",
        secret: bytes = b"",
        storable: Callable[[ModelReply], bool] | None = None,
        answerable: Callable[[ModelRequest], bool] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if (ttl is not None and not ttl > 0) or not 0 <= grace < math.inf or len(secret) > 64:
            raise Misconfigured(
                f"A response cache with ttl={ttl} and grace={grace} cannot be.",
                hint="ttl is more than 0 or None, grace 0 or more, a secret of 64 bytes at most.",
            )
        if not _NAMESPACE.fullmatch(namespace):
            raise Misconfigured(
                f"{namespace!r} cannot be a cache's namespace.",
                hint="Use up to 64 letters, digits and _ . - only.",
            )
        self._store: CacheStore = (
            DiskStore(store, max_bytes=max_bytes, lock_timeout=lock_timeout)
            if isinstance(store, Path)
            else store
        )
        self._ttl = ttl
        self._grace = grace
        self._prefix = f"{namespace}:"
        self._secret = secret
        self._storable = storable
        self._answerable = answerable
        self._clock = clock
        self._sayings = Sayings("") if not isinstance(store, Path) else Sayings(f"in {store}")
        self._counted: Counter[str] = Counter()
        self._uncounted = 0

    async def find(self, keys: Sequence[str], *, stale: bool = False) -> ModelReply | None:
        """The answer of the first of the keys that has one; with `stale`, also one that expired
        less than the grace ago: for when every model failed. Never raises."""
        if not keys or (stale and not self._grace):
            return None
        kept = await self._first([self._prefix + key for key in keys], stale=stale)
        if kept is None:
            # The miss of a call was counted when it was looked for the first time.
            self._count("misses", 0 if stale else 1)
        else:
            self._count("stale" if stale else "hits")
            self._count("saved_seconds", kept.reply.seconds)
            self._count("saved_unpriced", kept.reply.usd is None)
            self._count("saved_usd", kept.reply.usd or 0.0)
        await self._tick()
        return None if kept is None else kept.reply

    async def put(self, answers: Sequence[Answer | tuple[str, ModelReply]]) -> None:
        """Keep the answers, as far as that can be done at once. Never raises.

        Left out: an answer without text and calls, one above 4 MiB, one whose reply or request the
        predicates refuse, and one whose seconds to live are none.
        """
        given = [one if isinstance(one, Answer) else Answer(*one) for one in answers]
        if not given:
            return
        if self._storable is None and self._answerable is None:
            made = self._made(given)
        else:
            # Reading long texts for secrets takes milliseconds, which the loop's other calls need.
            made = await asyncio.to_thread(self._made, given)
        rows = [row for row in made if row is not None]
        self._count("puts", len(rows))
        self._count("refused", len(made) - len(rows))
        if rows:
            await self._store.put(rows)
            stored = [one for one, row in zip(given, made, strict=True) if row is not None]
            await self._group(stored)
        await self._tick()

    async def similar(self, wanted: Sequence[Alike], threshold: float) -> ModelReply | None:
        """The answer of the request that is most like one of the wanted, from that cosine on; of
        the first of the wanted that has one. Never raises."""
        names = [self._group_key(alike) for alike in wanted]
        for alike, name, row in zip(wanted, names, await self._store.get(names), strict=True):
            if row is None:
                continue
            # Hundreds of vectors take milliseconds, which the loop's other calls need.
            found = await asyncio.to_thread(self._nearest, alike, name, row)
            if found is None or found[1] < threshold:
                continue
            entry, cosine = found
            kept = await self._first([self._prefix + entry.key], stale=False)
            if kept is not None and not kept.reply.tool_calls:
                self._count("similar")
                self._count("saved_seconds", kept.reply.seconds)
                self._count("saved_unpriced", kept.reply.usd is None)
                self._count("saved_usd", kept.reply.usd or 0.0)
                return replace(kept.reply, similarity=min(cosine, 1.0))
        return None

    async def entries(self, match: Match | None = None) -> AsyncIterator[Kept]:
        """The answers kept in this namespace, expired ones in their grace too. What this version
        did not write, or another secret sealed, is left out. Raises StoreError."""
        async for key, value in self._store.scan(self._prefix):
            kept = decode(key, value, secret=self._secret)
            if kept is not None and (match is None or match(kept, self._clock())):
                yield kept

    async def clear(self, match: Match | None = None) -> int:
        """Forget the answers that match, or all of this namespace, readable or not; how many there
        were. Raises StoreError."""
        if match is None:
            keys = [key async for key, _ in self._store.scan(self._prefix)]
        else:
            keys = [kept.key async for kept in self.entries(match)]
        pages = range(0, len(keys), DROPPED_AT_ONCE)
        return sum([await self._store.drop(keys[n : n + DROPPED_AT_ONCE]) for n in pages])

    async def stats(self) -> CacheStats:
        """The counters, of all namespaces of the store together. Raises StoreError."""
        await self._write_counts()
        counted, room = await self._store.counts(), await self._store.room()
        # Another's hand may have written what is no count.
        counts = {name: n for name, n in counted.items() if math.isfinite(n)}
        return CacheStats(
            hits=int(counts.get("hits", 0)),
            stale=int(counts.get("stale", 0)),
            similar=int(counts.get("similar", 0)),
            misses=int(counts.get("misses", 0)),
            puts=int(counts.get("puts", 0)),
            refused=int(counts.get("refused", 0)),
            saved_usd=counts.get("saved_usd", 0.0),
            saved_unpriced=int(counts.get("saved_unpriced", 0)),
            saved_seconds=counts.get("saved_seconds", 0.0),
            bytes=room.used,
            max_bytes=room.bound,
        )

    async def aclose(self) -> None:
        """Close the store. Safe to call twice; a later call opens it again."""
        await self._write_counts()
        await self._store.aclose()

    def _group_key(self, alike: Alike) -> str:
        return self._prefix + PREFIX + alike.group

    def _group_of(self, name: str, row: bytes) -> list[Entry]:
        entries = decode_group(name, row, secret=self._secret)
        if entries is None:
            self._sayings.say("holds vectors that this version did not write; they are ignored")
        return entries or []

    def _nearest(self, alike: Alike, name: str, row: bytes) -> tuple[Entry, float] | None:
        return nearest(alike.vector, self._group_of(name, row))

    async def _group(self, answers: Sequence[Answer]) -> None:
        """Add the answers' requests to those they are like. Of two processes that do so at once
        one may win: the other's are not found."""
        for answer in answers:
            alike = answer.similar
            if alike is not None:
                name = self._group_key(alike)
                (row,) = await self._store.get([name])
                value = await asyncio.to_thread(self._added, answer.key, alike, name, row)
                lives = None if self._ttl is None or self._ttl == math.inf else self._ttl
                await self._store.put([Row(name, value, lives)])

    def _added(self, key: str, alike: Alike, name: str, row: bytes | None) -> bytes:
        before = [] if row is None else self._group_of(name, row)
        others = [entry for entry in before if entry.key != key]
        kept = [*others, Entry(key, alike.vector)][-alike.entries :]
        return encode_group(name, kept, secret=self._secret)

    async def _first(self, keys: Sequence[str], *, stale: bool) -> Kept | None:
        now = self._clock()
        for key, value in zip(keys, await self._store.get(keys), strict=True):
            if value is None:
                continue
            kept = decode(key, value, secret=self._secret)
            if kept is None:
                self._sayings.say("holds answers that this version did not write; they are ignored")
            elif kept.fresh(now) or (stale and now < (kept.expires or now) + self._grace):
                return kept
        return None

    def _made(self, answers: Sequence[Answer]) -> list[Row | None]:
        return [self._row(answer) for answer in answers]

    def _row(self, answer: Answer) -> Row | None:
        """The row to write; None for what is not to be kept."""
        # Why it was this model is about that run, and may name what its provider said.
        reply = replace(answer.reply, fallbacks=())
        answer = replace(answer, reply=reply)
        if not reply.text.strip() and not reply.tool_calls:
            return None
        if not self._allowed(answer):
            return None
        ttl = self._ttl if answer.ttl is None else answer.ttl
        lives = None if ttl is None or ttl == math.inf else ttl
        if lives is not None and not lives > 0:
            return None
        now, key = self._clock(), self._prefix + answer.key
        try:
            value = encode(
                key, answer, stored=now, expires=None if lives is None else now + lives,
                secret=self._secret,
            )  # fmt: skip
        except ValueError:
            return None
        if len(value) > MAX_VALUE:
            return None
        return Row(key, value, None if lives is None else lives + self._grace)

    def _allowed(self, answer: Answer) -> bool:
        try:
            return (self._storable is None or self._storable(answer.reply)) and (
                self._answerable is None
                or answer.request is None
                or self._answerable(answer.request)
            )
        except Exception as error:
            if is_control_flow(error):
                raise
            # What could not be looked at is not kept.
            log.warning("an answer could not be checked for the cache: %s", type(error).__name__)
            return False

    def _count(self, name: str, number: float = 1) -> None:
        if number:
            self._counted[name] += number  # pyright: ignore[reportArgumentType]

    async def _tick(self) -> None:
        self._uncounted += 1
        if self._uncounted >= COUNTED_AT_ONCE:
            await self._write_counts()

    async def _write_counts(self) -> None:
        counted, self._counted, self._uncounted = self._counted, Counter(), 0
        if counted:
            await self._store.count(counted)
