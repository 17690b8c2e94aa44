"""`pointsman eval`: the group; each command's code is loaded only when it is called."""

import click

from pointsman.views.cli.lazy import LazyGroup

_HERE = "pointsman.views.cli.evals"
_COMMANDS = {
    "run": (f"{_HERE}.run", "run", "Run a suite, or go on with it."),
    "list": (f"{_HERE}.listing", "listing", "List the project's suites and what ran."),
    "schema": (f"{_HERE}.schema", "schema", "Write the JSON Schemas of suites for editors."),
    "compare": (f"{_HERE}.compare", "compare", "Compare a run with a baseline, case by case."),
    "gate": (f"{_HERE}.gate", "gate", "Run a suite and say whether it may ship."),
    "report": (f"{_HERE}.report", "report", "Write what a run came to as one HTML page."),
}
"""Command -> module, attribute, the line in `pointsman eval --help`."""


class _Evals(LazyGroup):
    lazy = _COMMANDS


@click.group("eval", cls=_Evals)
def group() -> None:
    """Run suites of cases, compare runs, and stop what is worse.

    \b
    Examples:
      pointsman eval list
      pointsman eval run evals/suite.yaml
    """
