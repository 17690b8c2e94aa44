"""`pointsman new`: a project that runs, and passes its own tests, at once."""

import keyword
import shutil
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from pointsman.errors import BadInput

_TOKEN = "__name__"  # noqa: S105 - stands for the project's name in the templates


@click.command()
@click.argument("name")
def new(name: str) -> int:
    """Start a project in the new folder NAME: a team of two specialists, with prompts and tests.

    \b
    Example:
      pointsman new my_team && cd my_team && pointsman run "Where is my order A-1002?" && pytest
    """
    target = Path(name)
    _check(target.name, target)
    try:
        target.mkdir(parents=True)
    except OSError as error:
        raise _unwritable(name, error) from error
    try:
        written = _copy(files("pointsman.views.cli").joinpath("scaffold"), target, target.name)
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise _unwritable(name, error) from error
    click.echo(f"Made {written} files in {target}.", err=True)
    click.echo(
        f"\nNext:\n  cd {target}\n  pointsman check\n"
        '  pointsman run "Where is my order A-1002?"\n'
        '  pointsman run "Please cancel order A-1003."\n  pytest',
    )
    return 0


def _unwritable(name: str, error: OSError) -> BadInput:
    return BadInput(
        f"Project {name!r} cannot be written: {error.strerror or error}.",
        hint="Choose a folder you may write to, with space left.",
    )


def _check(name: str, target: Path) -> None:
    """Raises BadInput for a name that cannot name a module, and for a folder that exists."""
    fit = name.isidentifier() and name.isascii() and not keyword.iskeyword(name)
    if not fit or name.startswith("_"):
        raise BadInput(
            f"{name!r} cannot name a Python module.",
            hint="Use letters, digits and underscores, a letter first, e.g. my_team.",
        )
    if target.exists() or target.is_symlink():
        raise BadInput(
            f"{str(target)!r} exists already; nothing was written.",
            hint="Choose another name, or move it away.",
        )


def _copy(source: Traversable, target: Path, name: str) -> int:
    """Copy the templates, with the project's name put in. Gives the number of files."""
    count = 0
    for entry in source.iterdir():
        if entry.is_dir():
            folder = target / entry.name.replace(_TOKEN, name)
            folder.mkdir()
            count += _copy(entry, folder, name)
        elif entry.name.endswith(".tmpl"):
            file = entry.name.removesuffix(".tmpl").replace(_TOKEN, name)
            made = target / (".gitignore" if file == "gitignore" else file)
            text = entry.read_text(encoding="utf-8").replace(_TOKEN, name)
            made.write_text(text, encoding="utf-8")
            count += 1
    return count
