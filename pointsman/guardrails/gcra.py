"""GCRA, the arithmetic of every rate limit here. Pure: a bucket and a time in, a bucket out.

The generic cell rate algorithm (ITU-T I.371, annex A, virtual scheduling) keeps one number a key:
`due`, the time at which everything taken so far is paid off, one unit each `every` seconds. A take
may move it at most `burst` units past now, so over any t seconds at most burst + t / every units
are taken. What lies between now and `due` is the backlog.

Taking an estimate and giving the surplus back later needs more: while the estimate stood, the
bucket may have run empty, and the time in which it did has paid for what was never used. Given back
in full, the same seconds would pay twice, and more than the bound would pass. By the reflection of
a queue at zero (Lindley's recursion) exactly the smaller of the surplus and the lowest backlog
since may be given back, which is as if the surplus had never been taken. So a bucket also keeps the
lows of its backlog, as a rising stack: a few numbers more.
"""

from typing import NamedTuple

LOWS = 8
"""Lows kept a bucket. Beyond, the oldest two become the lower one: the oldest takes then get back
less than they might, never more."""

SLACK = 1e-3
"""Part of one unit that rounding may take too much: clocks count 1e9 s in 53 bits."""


class Low(NamedTuple):
    """The backlog, in seconds, just before the take of number `at`, and lower than any later."""

    at: int
    backlog: float


class Bucket(NamedTuple):
    """What is known of one key. A bucket whose `due` is past is full, and need not be kept."""

    due: float
    """In seconds of the limit's clock, as is `since`."""
    since: float
    """When it was last full. Tells the bucket from an older one of the same key."""
    takes: int = 0
    """Takes since then."""
    lows: tuple[Low, ...] = ()
    """Oldest first, and rising."""


class Slot(NamedTuple):
    """Which take of which bucket it was: what giving back needs."""

    since: float
    at: int


def bucket_at(bucket: Bucket | None, now: float) -> Bucket:
    """The bucket as it stands now; None is one that nothing was taken from."""
    if bucket is None or bucket.due <= now:
        return Bucket(due=now, since=now)
    return bucket


def wait_for(bucket: Bucket, now: float, *, cost: float, every: float, burst: float) -> float:
    """Seconds until `cost` units may be taken; 0 for now.

    A cost above the burst waits for a full bucket and then goes into debt: else it would never
    pass.
    """
    over = bucket.due + cost * every - now - max(burst, cost) * every
    return over if over > SLACK * every else 0.0


def taken(bucket: Bucket, now: float, seconds: float) -> tuple[Bucket, Slot]:
    """The bucket after a take of `seconds` (units times `every`), whether or not there was room:
    what was used above an estimate is a debt, and is taken so."""
    at = bucket.takes + 1
    lows = _risen((*bucket.lows, Low(at, bucket.due - now)))
    return Bucket(bucket.due + seconds, bucket.since, at, lows), Slot(bucket.since, at)


def given_back(bucket: Bucket | None, now: float, slot: Slot, seconds: float) -> Bucket | None:
    """The bucket as if `seconds` of that take had never been taken."""
    if bucket is None or bucket.due <= now or bucket.since != slot.since:
        return bucket
    lowest = next((low.backlog for low in bucket.lows if low.at > slot.at), float("inf"))
    back = min(seconds, lowest)
    lows = tuple(
        Low(low.at, low.backlog - back) if low.at > slot.at else low for low in bucket.lows
    )
    return bucket._replace(due=bucket.due - min(back, bucket.due - now), lows=_risen(lows))


def _risen(lows: tuple[Low, ...]) -> tuple[Low, ...]:
    """Without those that a later one is as low as, and at most LOWS."""
    kept: list[Low] = []
    for low in lows:
        while kept and kept[-1].backlog >= low.backlog:
            kept.pop()
        kept.append(low)
    while len(kept) > LOWS:
        kept[:2] = [Low(kept[1].at, kept[0].backlog)]
    return tuple(kept)


def written(bucket: Bucket) -> str:
    """A bucket as one line of numbers, exact to the last bit."""
    lows = (f"{low.at} {low.backlog!r}" for low in bucket.lows)
    return " ".join((repr(bucket.due), repr(bucket.since), str(bucket.takes), *lows))


def read(line: str) -> Bucket:
    """A bucket from its line. Raises ValueError for anything else."""
    due, since, takes, *rest = line.split()
    lows = (Low(int(at), float(low)) for at, low in zip(rest[::2], rest[1::2], strict=True))
    return Bucket(float(due), float(since), int(takes), tuple(lows))
