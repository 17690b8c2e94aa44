"""Options that several commands share."""

import getpass
from collections.abc import Callable
from typing import Any, TypeVar

import click

from pointsman.views.cli.project import Project

F = TypeVar("F", bound=Callable[..., Any])


def as_json(command: F) -> F:
    """`--json`: JSON on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")(command)


def by_whom(command: F) -> F:
    """`--by`: who decides; the user's name on this machine by default."""
    return click.option(
        "--by", metavar="NAME", default=user_name, help="Who decides. Default: your user name."
    )(command)


def program() -> str:
    """`pointsman` with the options that find the same team again, for hints."""
    context = click.get_current_context(silent=True)
    project = context.find_object(Project) if context is not None else None
    return project.program if project is not None else "pointsman"


def user_name() -> str:
    """The name of the person at this machine. Raises a usage error where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise click.UsageError("This machine does not know your name: give --by NAME.") from error
