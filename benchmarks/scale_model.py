"""A discrete-event model of a message's way through the pools, for sizing.

    python -m benchmarks.scale_model [--threads-day 1000000] [--peak 4] [--cpu MS] [--json FILE]

A message is moved on by a router's process, waits for a model in one of the places of a
specialist's pool, needs the CPU of one of that pool's processes, and is moved on again. Each of
these is a queue with so many places, first come, first served; arrivals are Poisson. Given the CPU
of an activity that `benchmarks/scale.py` measured and how long a provider answers, it says how many
processes and places are needed for a utilisation, and how long messages wait then (p50, p95). With
one queue and exponential times it is M/M/c, which the tests check against Erlang's formula (Erlang,
1917; see Kleinrock, Queueing Systems I, 1975, 3.5). Plain Python, seeded: the same call gives the
same figures.
"""

import argparse
import heapq
import itertools
import json
import math
import random
import statistics
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

Draw = Callable[[random.Random], float]
"""A service time in seconds."""

Z95 = statistics.NormalDist().inv_cdf(0.95)
WARM = 0.1
"""Part of the messages that are left out: the queues began empty."""


def exponential(mean: float) -> Draw:
    """Exponential times."""
    return lambda dice: dice.expovariate(1.0 / mean)


def constant(seconds: float) -> Draw:
    """Always the same."""
    return lambda dice: seconds


def lognormal(p50: float, p95: float) -> Draw:
    """Times with this median and 95th percentile: how model providers answer, about."""
    sigma = math.log(p95 / p50) / Z95
    return lambda dice: dice.lognormvariate(math.log(p50), sigma)


@dataclass(frozen=True)
class Pool:
    """What tasks stand in line for, and how many it serves at once."""

    name: str
    places: int


@dataclass(frozen=True)
class Visit:
    """A part of a message's way: which pool, and how long it holds a place there."""

    pool: str
    service: Draw


@dataclass(frozen=True)
class Figures:
    """What a simulation found. Seconds; `waits` of each pool's tasks, `busy` as parts of one."""

    rate: float
    """Messages that ended in a second."""
    busy: Mapping[str, float]
    waits: Mapping[str, tuple[float, float]]
    """p50 and p95."""
    mean_wait: Mapping[str, float]
    took: tuple[float, float]
    """p50 and p95 of a message, from its arrival to its end."""


class _Queue:
    """A pool at work."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.free = pool.places
        self.line: deque[tuple[int, int, float]] = deque()
        self.busy = 0.0
        self.waited: list[float] = []


def simulated(
    pools: Sequence[Pool], path: Sequence[Visit], *, rate: float, messages: int, seed: int = 1
) -> Figures:
    """Send so many messages a second along `path`, until `messages` have ended."""
    dice, order = random.Random(seed), itertools.count()  # noqa: S311 (figures, not secrets)
    queues = {pool.name: _Queue(pool) for pool in pools}
    events: list[tuple[float, int, str, int, int]] = []
    arrived: list[float] = []
    now, came = 0.0, 0.0
    for number in range(messages):
        came += dice.expovariate(rate)
        arrived.append(came)
        heapq.heappush(events, (came, next(order), "arrive", number, 0))
    took: list[float] = []
    skip = int(messages * WARM)

    def begin(queue: _Queue, number: int, step: int, since: float) -> None:
        seconds = path[step].service(dice)
        queue.free -= 1
        queue.busy += seconds
        if number >= skip:
            queue.waited.append(now - since)
        heapq.heappush(events, (now + seconds, next(order), "end", number, step))

    while events:
        now, _, what, number, step = heapq.heappop(events)
        if what == "end":
            queue = queues[path[step].pool]
            queue.free += 1
            if queue.line:
                begin(queue, *queue.line.popleft())
            step += 1
            if step == len(path):
                if number >= skip:
                    took.append(now - arrived[number])
                continue
        queue = queues[path[step].pool]
        if queue.free:
            begin(queue, number, step, now)
        else:
            queue.line.append((number, step, now))
    return Figures(
        rate=messages / now,
        busy={name: queue.busy / (queue.pool.places * now) for name, queue in queues.items()},
        waits={name: _percentiles(queue.waited) for name, queue in queues.items()},
        mean_wait={name: statistics.fmean(queue.waited) for name, queue in queues.items()},
        took=_percentiles(took),
    )


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    ranked = sorted(values)
    return ranked[len(ranked) // 2], ranked[int(len(ranked) * 0.95)]


def erlang_c(places: int, load: float) -> float:
    """The chance that a task of an M/M/c queue has to wait; `load` is arrivals a second times the
    mean service time, below `places`."""
    blocked = 1.0
    for servers in range(1, places + 1):
        blocked = load * blocked / (servers + load * blocked)
    return blocked / (1.0 - load / places * (1.0 - blocked))


def mean_wait(places: int, rate: float, service: float) -> float:
    """Mean seconds in the line of an M/M/c queue."""
    return erlang_c(places, rate * service) * service / (places - rate * service)


def places_for(rate: float, service: float, busy: float) -> int:
    """Places that keep a pool at this utilisation at most."""
    return max(1, math.ceil(rate * service / busy))


@dataclass(frozen=True)
class Load:
    """What comes in, and what a message needs. Seconds."""

    rate: float
    """Messages a second."""
    cpu: float
    """CPU of one activity, the server's and PostgreSQL's not counted."""
    think: tuple[float, float]
    """p50 and p95 of the model calls of one specialist's visit together."""
    route: tuple[float, float] = (0.0, 0.0)
    """p50 and p95 of the router's model call; zeros: a classifier or rules route."""
    visits: int = 2
    writes: int = 1

    @property
    def steps(self) -> int:
        """Activities of specialists' pools."""
        return self.visits + self.writes

    @property
    def segments(self) -> int:
        """Activities of the router's pool: one before each step, and the last."""
        return self.steps + 1

    def path(self) -> list[Visit]:
        """A message's way."""
        router, work = Visit("router", exponential(self.cpu)), Visit("work", exponential(self.cpu))
        path = [router]
        if self.route[0]:
            path.insert(0, Visit("routing", lognormal(*self.route)))
        for step in range(self.steps):
            # A read and a write between two visits: the writes come before the last one.
            if step < self.visits - 1 or step == self.steps - 1:
                path.append(Visit("places", lognormal(*self.think)))
            path += [work, router]
        return path

    def pools(self, busy: float) -> tuple[Pool, ...]:
        """Processes and places of which this part is used, rounded up to whole ones."""
        return (
            Pool("router", places_for(self.rate * self.segments, self.cpu, busy)),
            Pool("work", places_for(self.rate * self.steps, self.cpu, busy)),
            Pool("places", places_for(self.rate * self.visits, mean(*self.think), busy)),
            Pool("routing", places_for(self.rate, mean(*self.route), busy)),
        )


def mean(p50: float, p95: float) -> float:
    """The mean of `lognormal(p50, p95)`; 0 for zeros."""
    if not p50:
        return 0.0
    return p50 * math.exp((math.log(p95 / p50) / Z95) ** 2 / 2)


UTILISATIONS = (0.5, 0.7, 0.8, 0.9, 0.95)


def tables(load: Load, *, messages: int, seed: int) -> list[tuple[tuple[Pool, ...], Figures]]:
    """The same load, with pools for each of these utilisations."""
    found: list[tuple[tuple[Pool, ...], Figures]] = []
    for busy in UTILISATIONS:
        pools, path = load.pools(busy), load.path()
        visited = [pool for pool in pools if any(visit.pool == pool.name for visit in path)]
        figures = simulated(visited, path, rate=load.rate, messages=messages, seed=seed)
        found.append((tuple(visited), figures))
    return found


def table(found: Sequence[tuple[Sequence[Pool], Figures]]) -> str:
    """The figures as text: for each pool its places and the p95 of the wait for one."""
    names = [pool.name for pool in found[0][0]]
    lines = [
        f"{'':>6}" + "".join(f"{name:>20}" for name in names) + f"{'a message, s':>20}",
        f"{'busy':>6}" + f"{'number':>8}{'p95 ms':>12}" * len(names) + f"{'p50':>11}{'p95':>9}",
    ]
    for busy, (pools, one) in zip(UTILISATIONS, found, strict=True):
        cells = "".join(f"{p.places:>8}{one.waits[p.name][1] * 1e3:>12.0f}" for p in pools)
        lines.append(f"{busy:6.0%}{cells}{one.took[0]:11.2f}{one.took[1]:9.2f}")
    return "\n".join(lines)


def main(given: Sequence[str] | None = None) -> int:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads-day", type=float, default=1e6, help="each of one message")
    parser.add_argument("--peak", type=float, default=4.0, help="the busiest hour, times the mean")
    parser.add_argument("--cpu", type=float, default=30.0, help="CPU milliseconds of an activity")
    parser.add_argument("--think", type=float, nargs=2, default=(2.0, 8.0), help="p50 and p95, s")
    parser.add_argument("--route", type=float, nargs=2, default=(0.0, 0.0), help="p50 and p95, s")
    parser.add_argument("--visits", type=int, default=2)
    parser.add_argument("--writes", type=int, default=1)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(given)
    think, route = tuple(options.think), tuple(options.route)
    load = Load(
        options.threads_day / 86_400 * options.peak, options.cpu / 1e3, think, route,
        options.visits, options.writes,
    )  # fmt: skip
    found = tables(load, messages=options.messages, seed=options.seed)
    print(f"{load.rate:.1f} messages a second, of {load.segments} segments and {load.steps} steps")
    print(table(found))
    if options.json:
        told = [{"pools": {p.name: p.places for p in pools}, **asdict(f)} for pools, f in found]
        options.json.write_text(json.dumps(told, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
