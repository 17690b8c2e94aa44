"""Plots as SVG: where things are drawn, and that whatever is given is drawn within the frame."""

import re

from hypothesis import given
from hypothesis import strategies as st

from pointsman.evals.page.plots import Dot, H, W, bar, scatter, shares_below, span

SHARE = st.floats(0, 1)
NUMBER = st.floats(0, 1e6)


def places(svg: str) -> list[tuple[float, float]]:
    """The centres of a plot's dots."""
    found = re.findall(r'cx="([-\d.]+)" cy="([-\d.]+)"', svg)
    return [(float(x), float(y)) for x, y in found]


@given(st.lists(st.tuples(NUMBER, SHARE), min_size=1, max_size=20))
def test_dots_stay_in_the_frame(values: list[tuple[float, float]]) -> None:
    """However dear or bad a group is."""
    dots = [Dot(f"g{n}", x, y, "run", y / 2, (1 + y) / 2) for n, (x, y) in enumerate(values)]
    svg = scatter(dots, "USD", "pass rate")
    assert len(places(svg)) == len(dots)
    assert all(0 <= x <= W and 0 <= y <= H for x, y in places(svg))


def test_dearer_is_to_the_right_and_better_is_up() -> None:
    """The axes run as one reads them."""
    svg = scatter([Dot("a", 1, 0.2), Dot("b", 2, 0.9)], "USD", "pass rate")
    (ax, ay), (bx, by) = places(svg)
    assert bx > ax
    assert by < ay


def test_names_do_not_cover_each_other() -> None:
    """Of groups at one place one is named; all have a title."""
    dots = [Dot(f"group {n}", 1, 0.5) for n in range(12)]
    svg = scatter([*dots, Dot("this run", 1, 0.5, "run")], "USD", "pass rate")
    assert svg.count("<title>") == 13
    assert svg.count('<text class="name') < 13


@given(st.lists(NUMBER, min_size=1, max_size=400))
def test_steps_end_at_all_samples(values: list[float]) -> None:
    """The line never falls, and its last step is 100 %."""
    svg = shares_below([("run", values)], "seconds")
    path = re.findall(r'class="steps run" d="([^"]+)"', svg)[0]
    heights = [float(v) for v in re.findall(r"V([-\d.]+)", path)]
    assert heights == sorted(heights, reverse=True)
    assert heights[-1] == 12.0


@given(SHARE, SHARE, SHARE)
def test_bars_are_as_long_as_their_share(value: float, low: float, high: float) -> None:
    """In percent of their width."""
    svg = bar(value, low, high, before=low)
    assert f'width="{100 * value:.2f}"' in svg


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_spans_stay_in_their_cell(low: float, high: float, widest: float) -> None:
    """A change wider than the scale is cut at its end."""
    numbers = re.findall(r"[MH]([-\d.]+)", span(low, high, low, widest, ""))
    assert all(0 <= float(number) <= 100 for number in numbers)
