"""`pointsman doc`: the team's design page, written from its definition."""

from pathlib import Path

import click

from pointsman.errors import BadInput
from pointsman.views.cli.project import Project


@click.command()
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write this file instead of stdout; .html gives HTML.",
)
@click.option("--html", "as_html", is_flag=True, help="HTML, one file with the picture in it.")
@click.option(
    "--schemas",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write the contracts' JSON Schemas into this folder.",
)
@click.pass_obj
def doc(
    project: Project,
    output: Path | None,
    as_html: bool,
    schemas: Path | None,
) -> int:
    """Write the team's design page: responsibilities, actions, contracts, transition table,
    policy, limits and guards with their reasons (`why=`), and a picture.

    The page is Markdown and the same for the same team, so that a changed page in a review is a
    changed team.

    \b
    Examples:
      pointsman doc --output docs/team.md --schemas docs/schemas
      pointsman doc --output team.html
    """
    from pointsman.views.design.page import page
    from pointsman.views.design.render import html, markdown
    from pointsman.views.design.schemas import schemas as schemas_of
    from pointsman.views.design.schemas import text as schema_text

    team = project.load()
    blocks = page(team)
    as_html = as_html or (output is not None and output.suffix.lower() in (".html", ".htm"))
    text = html(blocks, title=f"Team {team.name}") if as_html else markdown(blocks)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)
    if schemas is not None:
        for name, schema in schemas_of(team.spec).items():
            _write(schemas / name, schema_text(schema))
    return 0


def _write(path: Path, text: str) -> None:
    """Write a file and say so. Raises BadInput where that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"{str(path)!r} cannot be written: {error.strerror or error}.",
            hint="Name a file in a folder you may write to.",
        ) from error
    click.echo(f"Wrote {path}.", err=True)
