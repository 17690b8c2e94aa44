"""`pointsman eval list`: the project's suites, and what ran of them."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import JsonValue

from pointsman.errors import BadInput
from pointsman.views.cli.exits import DONE
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.nodes.digest import JsonObject


@click.command("list")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path),
                required=False)  # fmt: skip
@as_json
@click.pass_obj
def listing(project: Project, folder: Path | None, *, as_json: bool) -> int:
    """List the suites in FOLDER (default: `evals` in the project), with their cases and tags, and
    each one's last record.

    \b
    Example:
      pointsman eval list
    """
    from pointsman.views.cli.evals.run import home, with_folder
    from pointsman.views.cli.screen import console, plain, table

    with_folder(project)
    root = folder or (project.folder or Path()) / "evals"
    found = _suites(root, home(project))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return DONE
    out = console(stderr=False)
    if not found:
        plain(out, f"There is no suite in {root}. Write one: evals/suite.yaml.")
        return DONE
    held = table("suite", "cases", "target", "tags", "last record")
    for one in found:
        held.add_row(*(str(one[name]) for name in ("file", "cases", "target", "tags", "last")))
    out.print(held)
    return DONE


def _suites(root: Path, home: Path) -> "list[JsonObject]":
    from pointsman.evals.suite import Suite

    found: list[JsonObject] = []
    files = sorted(p for p in root.glob("*") if p.suffix in (".yaml", ".yml", ".jsonl", ".csv"))
    parts = {name for path in files for name in _named_in(path)}
    for path in files:
        if path.name in parts:
            continue
        try:
            suite = Suite.load(path)
        except BadInput as error:
            if path.suffix in (".yaml", ".yml"):
                # One that cannot be read is a line of its own: the others are listed.
                row: dict[str, JsonValue] = {"file": str(path), "cases": 0, "target": "",
                                             "tags": "", "last": str(error)}  # fmt: skip
                found.append(row)
            continue
        tags = sorted({tag for case in suite.cases for tag in case.tags})
        found.append(
            {
                "file": str(path),
                "cases": len(suite.cases),
                "target": suite.target,
                "tags": ", ".join(tags),
                "last": _last(home / "evals" / suite.name),
            }
        )
    return found


def _named_in(path: Path) -> list[str]:
    """Files of cases that a suite names: no suites of their own."""
    if path.suffix not in (".yaml", ".yml"):
        return []
    return re.findall(r"(?m)^cases:\s*file:(\S+)", path.read_text("utf-8", "replace"))


def _last(folder: Path) -> str:
    from pointsman.evals import recordfile

    records = sorted(folder.glob("*.jsonl"), key=lambda one: one.stat().st_mtime)
    if not records:
        return "never ran"
    end = recordfile.ending(records[-1])
    if end is None:
        return f"{records[-1].name}: broken off"
    return f"{records[-1].name}: {end.done:,} of {end.due:,}"
