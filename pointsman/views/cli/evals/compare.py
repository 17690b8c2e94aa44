"""`pointsman eval compare`: a run against its baseline."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, FAILED
from pointsman.views.cli.options import as_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from pointsman.evals.compare import Comparison, Key, Moved
    from pointsman.evals.record import Sample

_NAMED = 40
"""Samples that are named without a transcript."""
RECORD = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("run", type=RECORD)
@click.argument("baseline", type=RECORD)
@click.option("--tag", default="", help="Only cases with this tag.")
@click.option(
    "--alpha", type=click.FloatRange(0, 0.5, min_open=True), default=0.05, show_default=True,
    help="How often a metric that did not change may be called better or worse.",
)  # fmt: skip
@click.option("--common", is_flag=True, help="Suites differ: compare the cases that both have.")
@click.option("--lower", multiple=True, metavar="SCORE", help="Less of this score is better.")
@click.option(
    "--cases", "most", type=click.IntRange(0), default=5, show_default=True,
    help="How many samples that no longer pass are shown with both transcripts.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, help="Of the bootstrap.")
@as_json
def compare(
    run: Path,
    baseline: Path,
    tag: str,
    alpha: float,
    lower: tuple[str, ...],
    most: int,
    seed: int,
    *,
    common: bool,
    as_json: bool,
) -> int:
    """Compare two records of a suite, sample by sample.

    Each metric is better, worse, without evidence, or not comparable; errors and missing scores
    count as not passed. Exits 1 when a metric is shown to be worse.

    \b
    Example:
      pointsman eval compare runs/new.jsonl runs/main.jsonl --cases 10
    """
    from pointsman.evals import metrics
    from pointsman.evals.compare import compare as compared
    from pointsman.views.cli.screen import console

    found = compared(
        metrics.read(run), metrics.read(baseline),
        alpha=alpha, seed=seed, common=common, tag=tag, lower=lower,
    )  # fmt: skip
    if as_json:
        click.echo(found.model_dump_json(indent=2))
    else:
        out = console(stderr=False)
        show(out, found)
        show_lost(out, found.regressed, run, baseline, most)
    return FAILED if found.worse else DONE


def show(out: "Console", found: "Comparison") -> None:
    """The table of metrics, and what could not be paired."""
    from pointsman.evals import wording
    from pointsman.views.cli.screen import plain, table

    for name, side in (("run", found.run), ("baseline", found.baseline)):
        more = f"; PARTIAL, {side.partial}" if side.partial else ""
        version = f", version {side.version[:12]}" if side.version else ""
        plain(
            out, f"{name}: {side.path}, {side.samples} samples, {side.errors} errors{version}{more}"
        )
    grid = table("metric", "baseline", "now", "change", f"{1 - found.alpha:.0%} interval", "p",
                 "verdict", "would see")  # fmt: skip
    tones = {"better": "green", "worse": "bold red", "not_comparable": "yellow", "no_evidence": ""}
    for c in found.changes:
        grid.add_row(
            cell(c.metric),
            wording.figure(c, c.before),
            wording.figure(c, c.now),
            wording.moved_by(c),
            wording.interval(c),
            "-" if c.p is None else f"{c.p:.3f}",
            cell(wording.JUDGEMENTS[c.verdict], tones[c.verdict]),
            wording.sees(c),
        )
    plain(out, "")
    out.print(grid)
    plain(out, "")
    for c in found.changes:
        if c.verdict == "not_comparable":
            plain(out, f"{c.metric} is not comparable: {c.why}.", "yellow")
        elif c.missing_now or c.missing_before:
            plain(out, f"{c.metric}: {c.missing_now} of {c.pairs} unscored now,"
                  f" {c.missing_before} before; they count as the worst.")  # fmt: skip
    tested = sum(c.p is not None for c in found.changes)
    chance = 1 - (1 - found.alpha) ** tested
    tests = f"{tested} metrics tested at {found.alpha:g} each"
    plain(out, f"{found.pairs} pairs, {tests}: of equal runs"
          f" up to {chance:.0%} show a change in one of them.", "dim")  # fmt: skip
    plain(out, "would see: the smallest change for the worse that this many cases show four times"
          " in five.", "dim")  # fmt: skip
    for keys, what in (
        (found.gone, "only in the baseline"),
        (found.new, "only in the run"),
        (found.changed, "not compared, since the case changed"),
    ):
        _list(out, keys, what)


def _list(out: "Console", keys: "Sequence[Key]", what: str) -> None:
    from pointsman.views.cli.screen import plain

    if keys:
        named = ", ".join(case if epoch == 1 else f"{case}#{epoch}" for case, epoch in keys[:10])
        more = f" and {len(keys) - 10} more" if len(keys) > 10 else ""
        plain(out, f"{len(keys)} samples {what}: {named}{more}", "yellow")


def show_lost(
    out: "Console", moved: "Sequence[Moved]", run: Path, baseline: Path, most: int
) -> None:
    """Samples that no longer pass, both transcripts side by side."""
    from pointsman.evals.said import picked
    from pointsman.views.cli.screen import plain

    if not moved:
        return
    plain(out, "")
    plain(out, f"{len(moved)} samples no longer pass:", "bold")
    keys = [(one.case, one.epoch) for one in moved[:most]]
    old, new = picked(baseline, keys), picked(run, keys)
    for one, key in zip(moved, keys, strict=False):
        plain(out, "")
        plain(out, f"{one.case} (epoch {one.epoch}): {', '.join(one.metrics)}", "bold")
        _beside(out, old[key], new[key])
    named = moved[most : most + _NAMED]
    for one in named:
        plain(out, f"{one.case} (epoch {one.epoch}): {', '.join(one.metrics)}")
    if len(moved) > most + _NAMED:
        plain(out, f"and {len(moved) - most - _NAMED} more; --json names all")


def _beside(out: "Console", old: "Sample", new: "Sample") -> None:
    from pointsman.views.cli.screen import table

    grid = table("before", "now")
    grid.columns[0].ratio = grid.columns[1].ratio = 1
    grid.expand = True
    grid.add_row(_said(old), _said(new))
    out.print(grid)


def _said(sample: "Sample") -> "Text":
    from rich.text import Text

    from pointsman.evals.said import said
    from pointsman.views.visible import visible

    text = Text()
    for turn in said(sample):
        text.append(f"{visible(turn.who)}: ", "bold red" if turn.who == "error" else "bold")
        text.append(f"{visible(turn.text)}\n")
    if not text.plain:
        text.append("(what was said is not kept in a baseline)\n", "dim")
    route = f"route {sample.route or 'nobody'}; " if sample.route or sample.expected_route else ""
    text.append(visible(f"{route}{_scores(sample)}"), "dim")
    return text


def _scores(sample: "Sample") -> str:
    given = [f"{name} {value}" for name, value in sorted(sample.scores.items())]
    return ", ".join([*given, *(f"{name} unscored" for name in sorted(sample.unscored))])


def cell(text: str, style: str = "") -> "Text":
    """Text for a table, with nothing in it that moves a terminal."""
    from rich.text import Text

    from pointsman.views.visible import visible

    return Text(visible(text), style)
