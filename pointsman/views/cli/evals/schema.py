"""`pointsman eval schema`: the JSON Schemas of a suite's files."""

import json
from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
def schema(folder: Path) -> None:
    """Write suite.schema.json and case.schema.json into FOLDER, for editors.

    A suite names its schema in its first line, and many editors then complete and check it:

    \b
      # yaml-language-server: $schema=suite.schema.json
    """
    from pointsman.evals.suitefile import schemas

    folder.mkdir(parents=True, exist_ok=True)
    for name, made in schemas().items():
        path = folder / name
        path.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", "utf-8")
        click.echo(f"Wrote {path}.", err=True)
