"""What choosing between a weak and a strong model saves, on recorded answers of both.

    python benchmarks/cost.py --data FILE [--data FILE ...] [--objective cost|calls] [--plot FILE]

FILE is JSONL, rows {id, group, prompt, weak: {correct, answer?, usd}, strong: {...}};
`benchmarks/routellm_rows.py` makes it of RouteLLM's published CSV files. Measures a route (decides
by the prompt) and, where every weak answer was recorded, a cascade (reads that answer), on folds
that nothing was fitted on, with thresholds from training folds only.
"""

import time
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.table import Table

from pointsman.evals.calibration.measure import Measured, measure
from pointsman.evals.calibration.report import COLUMNS, rows, verdict
from pointsman.evals.calibration.rows import has_answers, read_rows


@click.command(help=__doc__)
@click.option("--data", required=True, multiple=True, type=click.Path(exists=True, path_type=Path))
@click.option("--objective", type=click.Choice(["cost", "calls", "both"]), default="both")
def main(data: tuple[Path, ...], objective: Literal["cost", "calls", "both"]) -> None:
    """Measure each file."""
    wanted: tuple[Literal["cost", "calls"], ...] = (
        ("cost", "calls") if objective == "both" else (objective,)
    )
    for path in data:
        recorded = read_rows([path])
        kinds = ("route", "cascade") if has_answers(recorded) else ("route",)
        for kind in kinds:
            for goal in wanted:
                began = time.process_time()
                measured = measure(recorded, kind=kind, objective=goal)
                show(path, measured, time.process_time() - began)


def show(path: Path, measured: Measured, seconds: float) -> None:
    """One table."""
    screen = Console(highlight=False, width=110)
    screen.print(
        f"\n{path.name}: {measured.kind}, objective {measured.objective}, {measured.rows} rows,"
        f" {seconds:.0f} s of CPU\n{verdict(measured)}"
    )
    table = Table(box=None)
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for row in rows(measured):
        table.add_row(*row)
    screen.print(table)
    screen.print("* chosen with hindsight: a bound, not a policy")


if __name__ == "__main__":
    main()
