"""The page's figures: tiles, tables and plots."""

from collections import Counter
from collections.abc import Mapping

from pointsman.evals import wording
from pointsman.evals.change import Change
from pointsman.evals.compare import Comparison
from pointsman.evals.figures import Figure, figure_of, passing
from pointsman.evals.metrics import KNOWN, Metric, Row, Run
from pointsman.evals.page.escaped import safe
from pointsman.evals.page.plots import Dot, bar, scatter, shares_below, span

_TAGS = 25
"""Tags that are plotted: those with the most samples."""
_ROUTES = 20


def tiles(run: Run, baseline: Run | None) -> str:
    """What one wants to know first."""
    rows = list(run.rows.values())
    passed = passing(rows)
    errors = sum(bool(row.error) for row in rows)
    shown = [
        (wording.number("passed", "share", passed.value), f"pass: {passed.scored} scored of"
         f" {passed.total}" + _sure(passed)),
        (str(errors), f"errors in {len(rows)} samples"),
        *((_known(run, name), words) for name, words in (
            ("usd", "per sample"), ("p95_seconds", "95th percentile"),
            ("tickets_asked", "tickets per sample"),
        )),
    ]  # fmt: skip
    if baseline is not None:
        before = passing(baseline.rows.values())
        told = f"passed in the baseline, {len(baseline.rows)} samples"
        shown.insert(1, (wording.number("passed", "share", before.value), told))
    body = "".join(
        f'<div class="tile"><b>{value}</b><span>{text}</span></div>' for value, text in shown
    )
    return f'<div class="tiles">{body}</div>\n'


def _sure(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f", 95 % sure: {figure.low:.1%} to {figure.high:.1%}"


def _known(run: Run, name: str) -> str:
    kind, higher, _ = KNOWN[name]
    figure = figure_of(Metric(name, kind, higher), run.rows.values())
    return "unknown" if figure.value is None else wording.number(name, kind, figure.value)


def figures(run: Run, seed: int) -> str:
    """A run without a baseline: every metric with its interval and its denominator."""
    rows: list[str] = []
    for metric in run.metrics.values():
        if metric.kind == "label":
            rows.append(_labels(run, metric))
            continue
        figure = figure_of(metric, run.rows.values(), seed=seed)
        value = wording.number(metric.name, metric.kind, figure.value)
        sure = "-"
        if figure.low is not None and figure.high is not None:
            ends = (
                wording.number(metric.name, metric.kind, end) for end in (figure.low, figure.high)
            )
            sure = " to ".join(ends)
        what = KNOWN[metric.name][2] if metric.name in KNOWN else ""
        rows.append(
            f'<tr><td>{safe(metric.name)}</td><td class="n">{value}</td><td class="n">{sure}</td>'
            f'<td class="n">{figure.scored} of {figure.total}</td><td class="why">{what}</td></tr>'
        )
    head = (
        '<tr><th>metric</th><th class="n">value</th><th class="n">95 % interval</th>'
        '<th class="n">scored</th><th></th></tr>'
    )
    return (
        f'<h2>Figures</h2>\n<div class="wide"><table><thead>{head}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>\n"
        '<p class="note">What has no score, for an error or a scorer that failed, counts as the'
        " worst.</p>\n"
    )


def _labels(run: Run, metric: Metric) -> str:
    counts = Counter(str(row.scores.get(metric.name, "(none)")) for row in run.rows.values())
    said = ", ".join(f"{safe(label)} {times}" for label, times in counts.most_common(12))
    total = len(run.rows)
    return (
        f'<tr><td>{safe(metric.name)}</td><td class="n">-</td><td class="n">-</td>'
        f'<td class="n">{total - counts["(none)"]} of {total}</td><td class="why">{said}</td></tr>'
    )


def changes(found: Comparison) -> str:
    """The comparison, metric by metric."""
    rows = "".join(_change(change) for change in found.changes)
    head = (
        '<tr><th>metric</th><th>verdict</th><th class="n">baseline</th><th class="n">now</th>'
        f'<th class="n">change</th><th>{1 - found.alpha:.0%} interval</th><th class="n">p</th>'
        '<th class="n">would see</th></tr>'
    )
    odd = ", ".join(
        f"{len(keys)} samples {what}"
        for keys, what in (
            (found.gone, "only in the baseline"),
            (found.new, "only in the run"),
            (found.changed, "not compared, since the case changed"),
        )
        if keys
    )
    tested = sum(change.p is not None for change in found.changes)
    return (
        "<h2>Against the baseline</h2>\n"
        f'<p class="note">{found.pairs} pairs; {tested} metrics, each'
        f" tested at {found.alpha:g}. would see: the smallest change for the worse that this many"
        f" cases show four times in five.{f' {odd}.' if odd else ''}</p>\n"
        f'<div class="wide"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>\n'
    )


def _change(change: Change) -> str:
    drawn = ""
    if change.low is not None and change.high is not None and change.change is not None:
        widest = max(abs(change.low), abs(change.high))
        tone = change.verdict if change.verdict in ("better", "worse") else ""
        drawn = span(change.low, change.high, change.change, widest, tone)
        drawn += f'<span class="soft">{wording.interval(change)}</span>'
    said = wording.JUDGEMENTS[change.verdict]
    if change.verdict == "not_comparable":
        drawn = f'<span class="soft">{safe(change.why)}</span>'
    p = "-" if change.p is None else f"{change.p:.3f}"
    return (
        f'<tr class="{change.verdict}"><td>{safe(change.metric)}</td>'
        f'<td class="verdict">{said}</td>'
        f'<td class="n">{wording.figure(change, change.before)}</td>'
        f'<td class="n">{wording.figure(change, change.now)}</td>'
        f'<td class="n">{wording.moved_by(change)}</td><td>{drawn}</td><td class="n">{p}</td>'
        f'<td class="n">{wording.sees(change)}</td></tr>'
    )


def plots(run: Run, baseline: Run | None, seed: int) -> str:
    """Four plots, as far as there is something to plot."""
    groups = _groups(run)
    before = {} if baseline is None else _groups(baseline)
    cards = [
        _rates(groups, before, seed),
        _cost(run, baseline, groups, seed),
        _latency(run, baseline),
        _confusion(run),
    ]
    body = "".join(f'<section class="card">{card}</section>' for card in cards if card)
    return f'<h2>Plots</h2>\n<div class="grid">{body}</div>\n' if body else ""


def _groups(run: Run) -> dict[str, list[Row]]:
    counts = Counter(tag for row in run.rows.values() for tag in row.tags)
    groups: dict[str, list[Row]] = {tag: [] for tag, _ in counts.most_common(_TAGS)}
    for row in run.rows.values():
        for tag in row.tags:
            if tag in groups:
                groups[tag].append(row)
    return groups


def _rates(groups: Mapping[str, list[Row]], before: Mapping[str, list[Row]], seed: int) -> str:
    rows: list[str] = []
    for tag, held in groups.items():
        figure = passing(held, seed=seed)
        if figure.value is None:
            continue
        old = passing(before[tag], seed=seed).value if tag in before else None
        rows.append(
            f'<div class="rate"><span class="k">{safe(tag)}</span>'
            f"{bar(figure.value, figure.low, figure.high, before=old)}"
            f'<span class="v">{figure.value:.0%} of {figure.total}</span></div>'
        )
    if not rows:
        return ""
    key = _key(before, "the baseline") if before else ""
    return (
        '<h3>Pass rate by tag</h3><p class="note">with 95 % intervals; errors count as not passed'
        f"</p>{''.join(rows)}{key}"
    )


def _key(baseline: object, words: str, *, groups: bool = False) -> str:
    if baseline is None and not groups:
        return ""
    parts = ["<span><i></i>this run</span>"]
    if baseline is not None:
        parts.append(f'<span><i class="baseline"></i>{words}</span>')
    if groups:
        parts.append('<span><i class="group"></i>a tag</span>')
    return f'<div class="key">{"".join(parts)}</div>'


def _cost(run: Run, baseline: Run | None, groups: Mapping[str, list[Row]], seed: int) -> str:
    dots: list[Dot] = []
    for kind, name, rows in (
        *(("group", tag, held) for tag, held in list(groups.items())[:12]),
        *(() if baseline is None else (("baseline", "baseline", [*baseline.rows.values()]),)),
        ("run", "this run", [*run.rows.values()]),
    ):
        figure, usd = passing(rows, seed=seed), _mean_usd(rows)
        if figure.value is None or usd is None:
            continue
        sure = (None, None) if kind == "group" else (figure.low, figure.high)
        dots.append(Dot(name, usd, figure.value, kind, *sure))
    if not any(dot.kind == "run" for dot in dots):
        return ""
    drawn = scatter(dots, "US dollars per sample", "pass rate")
    return (
        '<h3>Cost and quality</h3><p class="note">pass rate over US dollars per sample</p>'
        f"{drawn}{_key(baseline, 'the baseline', groups=bool(groups))}"
    )


def _mean_usd(rows: list[Row]) -> float | None:
    """None as soon as one price is unknown."""
    prices = [row.known["usd"] for row in rows]
    known = [price for price in prices if price is not None]
    return sum(known) / len(known) if known and len(known) == len(prices) else None


def _latency(run: Run, baseline: Run | None) -> str:
    def seconds(of: Run) -> list[float]:
        return [float(row.known["seconds"] or 0.0) for row in of.rows.values()]

    if not any(seconds(run)):
        return ""
    series = [("run", seconds(run))]
    if baseline is not None:
        series.insert(0, ("baseline", seconds(baseline)))
    return (
        '<h3>Latency</h3><p class="note">share of samples that took at most so many seconds</p>'
        f"{shares_below(series, 'seconds')}{_key(baseline, 'the baseline')}"
    )


def _confusion(run: Run) -> str:
    counts = Counter(
        (row.expected_route, "(error)" if row.error else row.route)
        for row in run.rows.values()
        if row.expected_route is not None
    )
    if not counts:
        return ""
    common = Counter[str]()
    for (wanted, got), times in counts.items():
        common.update({str(wanted): times, got: times})
    names = sorted(name for name, _ in common.most_common(_ROUTES))
    expected = [name for name in names if any(w == name for w, _ in counts)]
    head = "".join(f"<th>{safe(_route(name))}</th>" for name in names)
    rows = ""
    for wanted in expected:
        total = sum(times for (w, _), times in counts.items() if w == wanted)
        cells = "".join(
            f'<td class="h{_heat(counts[wanted, got], total)}{" right" if got == wanted else ""}">'
            f"{counts[wanted, got] or '·'}</td>"
            for got in names
        )
        rows += f"<tr><th>{safe(_route(wanted))}</th>{cells}</tr>"
    right = sum(times for (wanted, got), times in counts.items() if wanted == got)
    total = sum(counts.values())
    more = f"; the {_ROUTES} most frequent routes" if len(common) > _ROUTES else ""
    return (
        f'<h3>Routes</h3><p class="note">expected (rows) and taken (columns): {right} of {total}'
        f" right{more}</p>"
        f'<div class="matrixbox"><table class="matrix"><thead><tr><th></th>{head}'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _route(name: str) -> str:
    return name or "nobody"


def _heat(times: int, total: int) -> int:
    return 0 if not times else 1 + round(6 * times / total)
