"""Plots as SVG text that takes its colours from the page's style."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from pointsman.evals.page.escaped import safe

W, H = 360.0, 220.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 12.0, 12.0, 34.0


@dataclass(frozen=True, slots=True)
class Dot:
    """A point with a name; `low` and `high` are the interval of `y`."""

    name: str
    x: float
    y: float
    kind: str = "group"
    """`group`, `run` or `baseline`."""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float
    begin: float
    """Pixel of `low`."""
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.begin + share * (self.end - self.begin), 2)

    @property
    def ticks(self) -> list[float]:
        """Three to six round numbers."""
        step = 10 ** floor(log10((self.high - self.low) / 3))
        step *= next((m for m in (5, 2) if (self.high - self.low) / (step * m) >= 3), 1)
        first = int(self.low / step + (0.999999 if self.low > 0 else 0))
        count = int((self.high - first * step) / step + 1e-9) + 1
        return [(first + n) * step for n in range(count)]


def bar(value: float, low: float | None, high: float | None, *, before: float | None = None) -> str:
    """A share as a bar that is as wide as it is let, with its interval and the baseline's mark."""
    marks = [
        '<rect class="track" x="0" y="3" width="100" height="8" rx="1"/>',
        f'<rect class="fill" x="0" y="3" width="{100 * value:.2f}" height="8" rx="1"/>',
    ]
    if low is not None and high is not None:
        a, b = 100 * low, 100 * high
        marks.append(f'<path class="whisker" d="M{a:.2f} 7H{b:.2f}M{a:.2f} 4V10M{b:.2f} 4V10"/>')
    if before is not None:
        marks.append(f'<path class="mark" d="M{100 * before:.2f} 0V14"/>')
    inside = "".join(marks)
    return (
        '<svg class="bar" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">'
        f"{inside}</svg>"
    )


def span(low: float, high: float, change: float, widest: float, tone: str) -> str:
    """The interval of a change around zero, `widest` at either end."""

    def at(value: float) -> float:
        return 50 + 48 * max(-1.0, min(1.0, value / widest if widest else 0.0))

    return (
        '<svg class="span" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="zero" d="M50 0V14"/><path class="reach {tone}" d="M{at(low):.2f} 7H'
        f'{at(high):.2f}"/><path class="here {tone}" d="M{at(change):.2f} 2V12"/></svg>'
    )


def scatter(dots: Sequence[Dot], x_name: str, y_name: str) -> str:
    """Dots over `x` (from 0) and `y` (a share); the run's and the baseline's with intervals."""
    top = _top([dot.x for dot in dots])
    x = _Axis(0.0, top * 1.12, _LEFT, W - _RIGHT)
    lowest = min((d.y if d.low is None else d.low for d in dots), default=0.0)
    y = _Axis(max(0.0, floor(lowest * 10 - 0.5) / 10), 1.0, H - _BOTTOM, _TOP)
    parts = [_axes(x, y, x_name, y_name, y_percent=True)]
    for dot in sorted(dots, key=lambda d: d.kind != "group"):
        if dot.low is not None and dot.high is not None:
            parts.append(
                f'<path class="error {dot.kind}" d="M{x(dot.x)} {y(dot.low)}V{y(dot.high)}"/>'
            )
        said = f"{safe(dot.name)}: {dot.y:.1%}, {x_name} {dot.x:.4g}"
        size = 4 if dot.kind == "group" else 6
        parts.append(
            f'<circle class="dot {dot.kind}" cx="{x(dot.x)}" cy="{y(dot.y)}" r="{size}">'
            f"<title>{said}</title></circle>"
        )
    parts += _names([(dot, x(dot.x), y(dot.y)) for dot in dots])
    return _svg("".join(parts), f"{y_name} over {x_name}")


def _names(dots: Sequence[tuple[Dot, float, float]]) -> list[str]:
    """The dots' names beside them, as far as they do not cover each other."""
    taken = [(px - 6, py - 7, px + 6, py + 7) for _, px, py in dots]
    parts: list[str] = []
    for dot, px, py in sorted(dots, key=lambda held: held[0].kind == "group"):
        text = _short(dot.name)
        for left in (px + 9, px - 9 - 6 * len(text)):
            box = (left, py - 5, left + 6 * len(text), py + 5)
            inside = box[0] > _LEFT and box[2] < W
            if inside and not any(_meet(box, other) for other in taken):
                taken.append(box)
                end = left < px
                parts.append(
                    f'<text class="name {dot.kind}" x="{px - 9 if end else px + 9:.2f}"'
                    f' y="{py + 4:.2f}" text-anchor="{"end" if end else "start"}">'
                    f"{safe(text)}</text>"
                )
                break
    return parts


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def shares_below(runs: Sequence[tuple[str, Sequence[float]]], x_name: str) -> str:
    """For each run, the share of values at most `x`, as steps; (class, values) each."""
    held = [(kind, sorted(values)) for kind, values in runs if values]
    top = _top([values[-1] for _, values in held])
    x, y = _Axis(0.0, top * 1.03, _LEFT, W - _RIGHT), _Axis(0.0, 1.0, H - _BOTTOM, _TOP)
    parts = [_axes(x, y, x_name, "share of samples", y_percent=True)]
    parts.append(f'<path class="guide" d="M{x.begin} {y(0.95)}H{x.end}"/>')
    parts.append(f'<text class="tick" x="{x.end}" y="{y(0.95) + 11}" text-anchor="end">95 %</text>')
    for kind, values in held:
        n = len(values)
        step = max(1, n // 300)
        places = sorted({*range(0, n, step), n - 1})
        path = f"M{x.begin} {y(0)}" + "".join(f"H{x(values[i])}V{y((i + 1) / n)}" for i in places)
        parts.append(f'<path class="steps {kind}" d="{path}"/>')
    return _svg("".join(parts), f"share of samples by {x_name}")


def _top(values: Sequence[float]) -> float:
    """The largest; 1 where all are as good as zero, since an axis needs a length."""
    top = max(values, default=0.0)
    return top if top > 1e-12 else 1.0


def _axes(x: _Axis, y: _Axis, x_name: str, y_name: str, *, y_percent: bool) -> str:
    parts: list[str] = []
    for tick in y.ticks:
        label = f"{tick:.0%}" if y_percent else f"{tick:.4g}"
        parts.append(f'<path class="grid" d="M{x.begin} {y(tick)}H{x.end}"/>')
        parts.append(
            f'<text class="tick" x="{x.begin - 5}" y="{y(tick) + 4}" text-anchor="end">'
            f"{label}</text>"
        )
    parts += [
        f'<text class="tick" x="{x(tick)}" y="{y.begin + 14}" text-anchor="middle">'
        f"{tick:.4g}</text>"
        for tick in x.ticks
    ]
    parts.append(f'<path class="axis" d="M{x.begin} {y.end}V{y.begin}H{x.end}"/>')
    parts.append(
        f'<text class="label" x="{x.end}" y="{H - 4}" text-anchor="end">{safe(x_name)}</text>'
    )
    return "".join(parts)


def _svg(inside: str, title: str) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {W:g} {H:g}" role="img" aria-label="{safe(title)}">'
        f"{inside}</svg>"
    )


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"
