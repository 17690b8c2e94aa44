"""`pointsman eval`: the group; each command's code is loaded only when it is called."""

from importlib import import_module

import click

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


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name, _ = _COMMANDS[cmd_name]
        command = getattr(import_module(module), name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in _COMMANDS.items()])


@click.group("eval", cls=_Lazy)
def group() -> None:
    """Run suites of cases, compare runs, and stop what is worse.

    \b
    Examples:
      pointsman eval list
      pointsman eval run evals/suite.yaml
    """
