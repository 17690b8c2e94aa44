"""Metrics in memory, with OpenTelemetry's own SDK."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    InMemoryMetricReader,
    NumberDataPoint,
)


@dataclass(frozen=True)
class Point:
    """One series: its labels, its value (of a histogram: the sum), how many were observed."""

    labels: Mapping[str, object]
    value: float
    count: int
    buckets: tuple[float, ...]


class Collected:
    """What was counted since the block began."""

    def __init__(self, reader: InMemoryMetricReader) -> None:
        self._reader = reader
        self._after: dict[tuple[str, str], Point] | None = None
        self._before = self._now()

    def end(self) -> None:
        """Keep what was counted up to now: the reader is taken away."""
        self._after = self._now()

    def points(self, name: str) -> list[Point]:
        """The series of a metric that moved during the block; a gauge's all."""
        return [
            Point(p.labels, p.value - v, p.count - c, p.buckets)
            for key, p in self._now().items()
            if key[0] == name
            for v, c in [self._of(key)]
            if p.count - c or not p.count
        ]

    def names(self) -> set[str]:
        """The metrics that have a point."""
        return {name for name, _ in self._now()}

    def labels(self) -> dict[str, set[str]]:
        """By metric, the labels of its points."""
        found: dict[str, set[str]] = {}
        for (name, _), point in self._now().items():
            found.setdefault(name, set()).update(point.labels)
        return found

    def _of(self, key: tuple[str, str]) -> tuple[float, int]:
        before = self._before.get(key)
        return (before.value, before.count) if before and before.count else (0.0, 0)

    def _now(self) -> dict[tuple[str, str], Point]:
        if self._after is not None:
            return self._after
        found: dict[tuple[str, str], Point] = {}
        data = self._reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    counts = type(metric.data).__name__ == "Sum"
                    for point in metric.data.data_points:
                        labels = dict(point.attributes or {})
                        key = (metric.name, repr(sorted(labels.items())))
                        found[key] = _point(point, labels, counts=counts)
        return found


def _point(point: object, labels: Mapping[str, object], *, counts: bool) -> Point:
    if isinstance(point, HistogramDataPoint):
        return Point(labels, point.sum, point.count, tuple(point.explicit_bounds))
    assert isinstance(point, NumberDataPoint)
    return Point(labels, point.value, int(point.value * 1e9) if counts else 0, ())


@contextmanager
def collected() -> Generator[Collected]:
    """What is counted during the block. A process has one provider: made here if there is none."""
    provider = metrics.get_meter_provider()
    reader = InMemoryMetricReader()
    if isinstance(provider, MeterProvider):
        provider.add_metric_reader(reader)
    else:
        provider = MeterProvider([reader])
        metrics.set_meter_provider(provider)
    seen = Collected(reader)
    yield seen
    seen.end()
    provider.remove_metric_reader(reader)
