"""Commands that look and change nothing: show, graph, models."""

from pathlib import Path

import click

from pointsman.errors import BadInput
from pointsman.nodes.digest import JsonObject
from pointsman.views.cli.exits import FAILED, drive
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project


@click.command()
@click.argument("run")
@as_json
@click.pass_obj
def show(project: Project, run: str, as_json: bool) -> int:
    """Show what happened in RUN, step by step: routes, guard verdicts, model and tool calls,
    tickets, effects, the runs it gave work to, and what it cost.

    RUN is a run's id or the beginning of one. A step's name is what `fork --at` takes. Exits 0
    whatever the run's status.

    \b
    Example:
      pointsman show 3fa2c1d0
    """
    from pointsman.teams.replay.record import as_record
    from pointsman.views.cli.listing import show_record
    from pointsman.views.cli.record import of_event, of_result, put
    from pointsman.views.cli.session import opened, run_of

    async def work() -> int:
        async with opened(project) as session:
            name = await run_of(session.team, run)
            result = await session.team.result(name)
            record = await session.team.record(name)
            events = await session.team.events(name)
        if as_json:
            said: JsonObject = {"events": [of_event(recorded) for recorded in events]}
            put({**of_result(result), **said, "record": as_record(record)})
        else:
            show_record(record, result)
        return 0

    return drive(work, kept=lambda: "Stopped. Nothing was changed.")


@click.command()
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write this file instead: .mmd (Mermaid), .svg or .png.",
)
@click.pass_obj
def graph(project: Project, output: Path | None) -> int:
    """Draw the team. Mermaid on stdout, or a file with --output; all of it drawn offline.

    \b
    Examples:
      pointsman graph
      pointsman graph --output team.png
    """
    from pointsman.views.picture import mermaid, picture_of
    from pointsman.views.svg import png, svg

    picture = picture_of(project.load())
    if output is None:
        click.echo(mermaid(picture), nl=False)
        return 0
    match output.suffix.lower():
        case ".svg":
            data = svg(picture).encode()
        case ".png":
            data = png(svg(picture))
        case ".mmd":
            data = mermaid(picture).encode()
        case other:
            raise click.BadParameter(
                f"{other or 'no suffix'} is not a picture pointsman draws: use .mmd, .svg or .png.",
                param_hint="--output",
            )
    try:
        output.write_bytes(data)
    except OSError as error:
        raise BadInput(
            f"{str(output)!r} cannot be written: {error.strerror or error}.",
            hint="Give --output a file in a folder that exists.",
        ) from error
    click.echo(f"Wrote {output}.", err=True)
    return 0


@click.command()
@as_json
@click.pass_obj
def models(project: Project, as_json: bool) -> int:
    """List the models of each tier, first choice first, and whether they are set up. Calls none.

    Exits 1 when a tier has no model that could answer.

    \b
    Examples:
      pointsman models
      POINTSMAN_FAST=openai/gpt-4o-mini,embedded pointsman models
    """
    from pointsman.teams.settings import Settings
    from pointsman.views.cli.matrix import show_models
    from pointsman.views.cli.record import put
    from pointsman.views.models import model_states

    states = model_states(project.load(), Settings.read())
    if as_json:
        put(
            [
                {
                    "tier": s.tier,
                    "place": s.place,
                    "model": s.model,
                    "ready": s.ready,
                    "note": s.note,
                }
                for s in states
            ]
        )
    else:
        show_models(states)
    usable = {state.tier for state in states if state.ready is not False}
    return 0 if usable >= {state.tier for state in states} else FAILED
