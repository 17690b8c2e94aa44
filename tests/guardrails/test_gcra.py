"""The arithmetic of rate limits, against a queue that is worked out anew each time."""

import math

from hypothesis import assume, given
from hypothesis import strategies as st

from pointsman.guardrails.gcra import (
    LOWS,
    Bucket,
    Slot,
    bucket_at,
    given_back,
    read,
    taken,
    wait_for,
    written,
)

EVERY, BURST = 0.5, 20.0
START = 1_790_000_000.0

STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.25, 1.0, 2.5, 7.0, 30.0]),  # seconds that pass first
        st.sampled_from(["take", "take", "settle", "release"]),
        st.integers(0, 24),  # units estimated, or used
        st.integers(0, 9),  # which of those under way
    ),
    max_size=40,
)


def backlog(inputs: list[tuple[float, float]], now: float) -> float:
    """Lindley's recursion: seconds of work not yet done, of inputs (time, seconds), in order."""
    left, last = 0.0, -math.inf
    for at, seconds in inputs:
        left = max(0.0, left - (at - last)) + seconds
        last = at
    return max(0.0, left - (now - last))


class Model:
    """A bucket, and the inputs as they would be if every estimate had been the truth."""

    def __init__(self) -> None:
        self.now = START
        self.bucket: Bucket | None = None
        self.inputs: list[list[float]] = []
        self.under_way: list[tuple[int, Slot, float]] = []

    def room(self, units: float) -> bool:
        """Whether a take of so many units may be."""
        bucket = bucket_at(self.bucket, self.now)
        return wait_for(bucket, self.now, cost=units, every=EVERY, burst=BURST) == 0.0

    def take(self, units: float) -> None:
        """Take them."""
        bucket = bucket_at(self.bucket, self.now)
        self.bucket, slot = taken(bucket, self.now, units * EVERY)
        self.under_way.append((len(self.inputs), slot, units))
        self.inputs.append([self.now, units * EVERY])

    def end(self, which: int, used: float) -> None:
        """Settle one of those under way."""
        index, slot, units = self.under_way.pop(which % len(self.under_way))
        if used > units:
            bucket = bucket_at(self.bucket, self.now)
            self.bucket, _ = taken(bucket, self.now, (used - units) * EVERY)
            self.inputs.append([self.now, (used - units) * EVERY])
        elif used < units:
            self.bucket = given_back(self.bucket, self.now, slot, (units - used) * EVERY)
            self.inputs[index][1] = used * EVERY

    def owed(self) -> float:
        """The bucket's backlog, in seconds."""
        return bucket_at(self.bucket, self.now).due - self.now

    def true(self) -> float:
        """The backlog as it would be if every estimate had been right."""
        return backlog([(at, seconds) for at, seconds in self.inputs], self.now)


def played(steps: list[tuple[float, str, int, int]], *, forget: bool) -> tuple[Model, bool]:
    """The steps, checked after each; and whether so few lows were needed that all were kept."""
    model, exact = Model(), True
    for seconds, what, units, which in steps:
        model.now += seconds
        if forget and model.bucket is not None and model.bucket.due <= model.now:
            model.bucket = None
        if what == "take" and model.room(units):
            model.take(units)
        elif what != "take" and model.under_way:
            model.end(which, units if what == "settle" else 0)
        if model.bucket is not None:
            exact = exact and len(model.bucket.lows) < LOWS
            assert [low.backlog for low in model.bucket.lows] == sorted(
                low.backlog for low in model.bucket.lows
            )
        assert model.owed() >= model.true() - 1e-6
    return model, exact


@given(STEPS)
def test_never_less_is_owed_than_was_used(steps: list[tuple[float, str, int, int]]) -> None:
    """Whatever is given back, when and in which order: at least what a queue would hold that never
    saw the surplus. A bucket that is full may be forgotten at any time."""
    played(steps, forget=False)
    played(steps, forget=True)


@given(STEPS)
def test_exactly_what_was_used_is_owed(steps: list[tuple[float, str, int, int]]) -> None:
    """And no more either, as long as no low had to be left out."""
    model, exact = played(steps, forget=True)
    assume(exact)
    assert abs(model.owed() - model.true()) < 1e-6


@given(STEPS)
def test_no_window_holds_more_than_the_bound(steps: list[tuple[float, str, int, int]]) -> None:
    """At each take at time t: over any time from s to t, debts and the take itself with it, at most
    burst + (t - s) / every units; a take above the burst counts as the burst."""
    model = Model()
    takes: list[tuple[float, int, float]] = []
    for seconds, what, units, which in steps:
        model.now += seconds
        if what == "take" and model.room(units):
            model.take(units)
            takes.append((model.now, len(model.inputs), max(BURST, float(units))))
        elif what != "take" and model.under_way:
            model.end(which, units if what == "settle" else 0)
    for now, count, burst in takes:
        inputs = model.inputs[:count]
        for index, (since, _) in enumerate(inputs):
            units = sum(seconds for _, seconds in inputs[index:]) / EVERY
            assert units <= burst + (now - since) / EVERY + 1e-3


@given(STEPS)
def test_a_line_is_exact(steps: list[tuple[float, str, int, int]]) -> None:
    """A bucket written and read is the same bucket, to the last bit."""
    model, _ = played(steps, forget=False)
    if model.bucket is not None:
        assert read(written(model.bucket)) == model.bucket


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60), st.integers(1, 50))
def test_the_wait_it_names_is_enough(costs: list[int], rate: int) -> None:
    """Who comes back then passes, also with a real clock's large numbers."""
    bucket, now, every = None, START, 1.0 / rate
    for cost in costs:
        now += wait_for(bucket_at(bucket, now), now, cost=cost, every=every, burst=7.0)
        at = bucket_at(bucket, now)
        assert wait_for(at, now, cost=cost, every=every, burst=7.0) == 0.0
        bucket, _ = taken(at, now, cost * every)


def test_lows_are_bounded() -> None:
    """A rising backlog, which has a low at every take, keeps the latest."""
    bucket = bucket_at(None, START)
    for _ in range(100):
        bucket, _ = taken(bucket, START, 1.0)
    assert len(bucket.lows) == LOWS
    assert bucket.lows[-1].at == 100
