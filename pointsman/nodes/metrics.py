"""Metrics, through OpenTelemetry's API only: the instruments, and how long visits and runs take.
What else is counted comes from the events of runs, in one place (`counting.py`).

Labels are few: names that a team's description holds, models, error classes and tenants. What a
process has seen too many of is counted as `other`: never does a run's or thread's id get in.
"""

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from pointsman.errors import is_control_flow
from pointsman.nodes import conventions as names
from pointsman.nodes import telemetry
from pointsman.nodes.run import Run

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation

MAX_TENANTS = 50
"""How many a process tells apart, where nothing else is set."""
MAX_VALUES = 500
"""Different values of one label, for all but tenants."""
OTHER = "other"

Labels = dict[str, str | bool]


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose events are counted. `tenants`: how many a process tells apart."""

    team: str
    tenant: str
    release: str = ""
    tenants: int = MAX_TENANTS
    fork: bool = False
    """Of a fork only what providers were asked counts: it costs money."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a team's store said last. Times are in seconds since the epoch; None: nothing waits."""

    queued: int = 0
    queued_since: float | None = None
    waiting: int = 0
    waiting_since: float | None = None
    dead: int = 0


class _Adds(Protocol):
    def __call__(self, amount: float, attributes: Labels, /) -> None: ...


@dataclass
class Instruments:
    """The instruments of one meter, and the label values they have seen."""

    adds: dict[str, _Adds] = field(default_factory=dict[str, _Adds])
    figures: dict[str, Figures] = field(default_factory=dict[str, Figures])
    _seen: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    def add(self, name: str, amount: float, labels: Labels, *, tenants: int) -> None:
        """Count, observe or set, unless it is silent here. Labels are those that the metric has;
        empty ones are left out."""
        if telemetry.silent():
            return
        kept: Labels = {}
        for label, value in labels.items():
            if value == "":
                continue
            if isinstance(value, str):
                most = tenants if label == names.TENANT else MAX_VALUES
                kept[label] = self._bounded(label, value, most)
            else:
                kept[label] = value
        self.adds[name](amount, kept)

    def _bounded(self, label: str, value: str, most: int) -> str:
        seen = self._seen.get(label)
        if seen is None:
            seen = self._seen[label] = set()
        if value in seen:
            return value
        if len(seen) >= most:
            return OTHER
        seen.add(value)
        return value


@lru_cache(maxsize=1)
def instruments() -> Instruments:
    """Those of this process. Made before an SDK is set up they count for nothing until it is."""
    from opentelemetry import metrics

    return made_of(metrics.get_meter(names.SCOPE))


def collected() -> bool:
    """Whether anything collects metrics: the API alone does not."""
    from opentelemetry import metrics

    return not type(metrics.get_meter_provider()).__module__.startswith("opentelemetry.metrics")


@contextmanager
def visit(specialist: str, run: Run) -> Generator[None]:
    """The span of a visit to a specialist, and its duration. A pause is no error."""
    attributes = {
        names.PROVIDER: names.OWN_PROVIDER,
        names.AGENT: specialist,
        names.CONVERSATION: run.thread,
        names.RUN: run.id,
        names.TENANT: run.tenant,
    }
    began, error = time.perf_counter(), ""
    try:
        with telemetry.operation("invoke_agent", attributes):
            yield
    except BaseException as raised:
        error = "" if is_control_flow(raised) else type(raised).__name__
        raise
    finally:
        labels: Labels = {
            names.TEAM: run.team, names.TENANT: run.tenant, names.OPERATION: "invoke_agent",
            names.PROVIDER: names.OWN_PROVIDER, names.AGENT: specialist, names.ERROR_TYPE: error,
        }  # fmt: skip
        seconds = time.perf_counter() - began
        if not run.tape.plays:
            add("gen_ai.invoke_agent.duration", seconds, labels, run.tenants)


def worked(whose: Whose, status: str, seconds: float, error: str = "") -> None:
    """How long a run was worked on without a stop, and how it stands then."""
    if whose.fork:
        return
    labels: Labels = {
        names.TEAM: whose.team, names.TENANT: whose.tenant, names.OPERATION: "invoke_workflow",
        names.WORKFLOW: whose.team, names.STATUS: status, names.ERROR_TYPE: error,
    }  # fmt: skip
    add("gen_ai.invoke_workflow.duration", seconds, labels, whose.tenants)


def add(name: str, amount: float, labels: Labels, tenants: int = MAX_TENANTS) -> None:
    """Count, observe or set one metric of `conventions.METRICS`."""
    instruments().add(name, amount, labels, tenants=tenants)


def stands(team: str, figures: Figures | None) -> None:
    """What the gauges show of a team until they are told again; None: nothing any more."""
    if figures is None:
        instruments().figures.pop(team, None)
    else:
        instruments().figures[team] = figures


def made_of(meter: "Meter") -> Instruments:
    """Instruments of a meter."""
    made = Instruments()
    for metric in names.METRICS:
        _make(metric, meter, made)
    return made


def _make(metric: names.Metric, meter: "Meter", made: Instruments) -> None:
    given = {"unit": metric.unit, "description": metric.text}
    match metric.instrument:
        case "counter":
            made.adds[metric.name] = meter.create_counter(metric.name, **given).add
        case "histogram":
            buckets = metric.buckets or None
            made.adds[metric.name] = meter.create_histogram(
                metric.name, **given, explicit_bucket_boundaries_advisory=buckets
            ).record
        case "gauge":
            made.adds[metric.name] = meter.create_gauge(metric.name, **given).set
        case "observed":
            read = _READ[metric.name]
            meter.create_observable_gauge(metric.name, [_observing(read, made)], **given)


def _observing(
    read: Callable[[Figures], float], made: Instruments
) -> "Callable[[CallbackOptions], Iterable[Observation]]":
    def observe(_options: "CallbackOptions") -> "Iterable[Observation]":
        from opentelemetry.metrics import Observation

        # Another thread asks, while the loop may change them.
        return [Observation(read(f), {names.TEAM: t}) for t, f in list(made.figures.items())]

    return observe


def _age(since: float | None) -> float:
    return 0.0 if since is None else max(time.time() - since, 0.0)


_READ: dict[str, Callable[[Figures], float]] = {
    "pointsman.queue.depth": lambda f: f.queued,
    "pointsman.queue.age": lambda f: _age(f.queued_since),
    "pointsman.tickets.waiting": lambda f: f.waiting,
    "pointsman.tickets.age": lambda f: _age(f.waiting_since),
    "pointsman.dead_letters": lambda f: f.dead,
}
