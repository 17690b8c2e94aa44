"""Accounts as a picture."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# matplotlib's types are partial.

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pointsman.evals.plotting import plot
from pointsman.teams.accounts import Account, Accounts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Figure = Literal["cost", "calls", "tokens", "saved"]

_WORDED: dict[Figure, str] = {
    "cost": "US dollars",
    "calls": "model calls",
    "tokens": "tokens, in and out",
    "saved": "US dollars saved by the cache",
}
_BARS = 20
_SERIES = 8
_OTHERS = "others"


def draw(accounts: Accounts, path: Path, *, figure: Figure = "cost") -> None:
    """Write the picture as the suffix says: .svg, .png or .pdf. A bar for each group; with days,
    a bar for each day, in parts.

    Raises MissingExtra without the extra `analysis`, BadInput for another suffix.
    """
    with plot(path, inches=(8, 4.5)) as axes:
        (_over_days if "day" in accounts.by else _bars)(axes, accounts, figure)
        axes.set_title(_title(accounts.total, figure))


def _value(of: Account, figure: Figure) -> float:
    match figure:
        case "cost":
            return float(of.usd)
        case "calls":
            return of.calls
        case "tokens":
            return of.input_tokens + of.output_tokens
        case "saved":
            return float(of.saved_usd)


def _unknown(of: Account, figure: Figure) -> int:
    return {"cost": of.unknown_calls, "saved": of.saved_unknown}.get(figure, 0)


def _title(total: Account, figure: Figure) -> str:
    unknown = _unknown(total, figure)
    left_out = f"; {unknown:,} of unknown price left out" if unknown else ""
    return f"{total.runs:,} runs, {total.calls:,} model calls{left_out}"


def _named(key: Sequence[str]) -> str:
    # A dollar sign would begin a formula.
    name = ", ".join(part or "-" for part in key) or "all"
    return (name if len(name) <= 40 else f"{name[:39]}…").replace("$", r"\$")


def _bars(axes: "Axes", accounts: Accounts, figure: Figure) -> None:
    groups = sorted(accounts.groups(), key=lambda group: -_value(group.account, figure))
    shown = [(_named(group.key), group.account) for group in groups[:_BARS]]
    if groups[_BARS:]:
        others = Account()
        for group in groups[_BARS:]:
            others.merge(group.account)
        shown.append((f"{len(groups) - _BARS:,} {_OTHERS}", others))
    places = range(len(shown))
    bars = axes.barh(places, [_value(account, figure) for _, account in shown])
    axes.bar_label(
        bars, [f"+ {n:,} unknown" if (n := _unknown(a, figure)) else "" for _, a in shown],
        padding=3,
    )  # fmt: skip
    axes.set_yticks(places, [name for name, _ in shown])
    axes.invert_yaxis()
    axes.set_xlabel(_WORDED[figure])


def _over_days(axes: "Axes", accounts: Accounts, figure: Figure) -> None:
    place = accounts.by.index("day")
    sums: dict[str, float] = {}
    cells: dict[tuple[str, str], float] = {}
    for group in accounts.groups():
        name = _named(group.key[:place] + group.key[place + 1 :])
        value = _value(group.account, figure)
        sums[name] = sums.get(name, 0.0) + value
        cells[name, group.key[place]] = cells.get((name, group.key[place]), 0.0) + value
    days = _days(sorted({day for _, day in cells}))
    dearest = sorted(sums, key=lambda name: (-sums[name], name))
    series = {name: [name] for name in dearest[:_SERIES]}
    if dearest[_SERIES:]:
        series[f"{len(dearest) - _SERIES:,} {_OTHERS}"] = dearest[_SERIES:]
    base = [0.0] * len(days)
    for label, names in series.items():
        heights = [sum(cells.get((name, day), 0.0) for name in names) for day in days]
        axes.bar(range(len(days)), heights, bottom=base, label=label)
        base = [low + high for low, high in zip(base, heights, strict=True)]
    unknown = dict.fromkeys(days, 0)
    for group in accounts.groups():
        unknown[group.key[place]] += _unknown(group.account, figure)
    for n, (day, height) in enumerate(zip(days, base, strict=True)):
        if unknown[day]:
            said = f" + {unknown[day]:,} unknown"
            axes.text(n, height, said, rotation=90, ha="center", va="bottom", fontsize="small")
    step = -(-len(days) // 7) or 1
    axes.set_xticks(range(0, len(days), step), days[::step])
    axes.set_ylabel(_WORDED[figure])
    if len(accounts.by) > 1 and series:
        axes.legend(fontsize="small")


def _days(seen: Sequence[str]) -> list[str]:
    """Every day from the first to the last, also those on which nothing ran."""
    if not seen:
        return []
    first, last = date.fromisoformat(seen[0]), date.fromisoformat(seen[-1])
    return [(first + timedelta(n)).isoformat() for n in range((last - first).days + 1)]
