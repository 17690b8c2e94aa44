"""`pointsman fork`: a recorded run, another way from one of its steps on."""

from pathlib import Path
from typing import Literal

import click

from pointsman.errors import BadInput
from pointsman.views.cli.exits import code_of, drive
from pointsman.views.cli.options import as_json, by_whom, program
from pointsman.views.cli.project import Project


@click.command()
@click.argument("run")
@click.option("--at", metavar="STEP", required=True, help="From which step on, as `show` names it.")
@click.option(
    "--set", "changes", metavar="[WHO.]prompt=FILE|[WHO.]model=NAME", multiple=True,
    help="What is other from there on; WHO is a specialist or `route`, default: the step's.",
)  # fmt: skip
@click.option(
    "--answers", type=click.Choice(["recorded", "live"]), default="recorded", show_default=True,
    help="recorded: from the record for as long as the same is asked for, then live.",
)  # fmt: skip
@click.option(
    "--effects", type=click.Choice(["simulate", "allow"]), default="simulate", show_default=True,
    help="simulate: no write happens and nobody is asked. allow: as in any run, with tickets.",
)  # fmt: skip
@by_whom
@as_json
@click.pass_obj
def fork(
    project: Project,
    run: str,
    at: str,
    changes: tuple[str, ...],
    answers: Literal["recorded", "live"],
    effects: Literal["simulate", "allow"],
    by: str,
    as_json: bool,
) -> int:
    """Go over RUN as recorded until a step, and on from there another way, as a run of its own.

    The fork is no part of the thread, of its memory or of the dead letters. Its own id is printed:
    show, replay and export take it. Exits as `run` does.

    \b
    Examples:
      pointsman fork 3fa2c1d0 --at 1.0:billing --set prompt=prompts/billing-new.md
      pointsman fork 3fa2c1d0 --at 1:route --set route.model=openai/gpt-4o --answers live
    """
    from pointsman.teams.replay.fork import Fork
    from pointsman.views.cli.listing import show_record
    from pointsman.views.cli.record import of_result, put
    from pointsman.views.cli.session import opened, run_of

    prompts, models = changed(changes)
    wanted = Fork(at, prompts, models, answers, effects, by)

    async def work() -> int:
        async with opened(project) as session:
            name = await session.team.fork(await run_of(session.team, run), wanted)
            result = await session.team.result(name)
            record = await session.team.record(name)
        if as_json:
            put({**of_result(result), "fork_of": record.fork_of, "fork_at": record.fork_at})
        else:
            show_record(record, result)
            click.echo(f"Compare:  {program()} show {record.fork_of}", err=True)
        return code_of(result.status)

    return drive(work, kept=lambda: "Stopped. What the fork did so far is on record.")


def changed(changes: tuple[str, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """The texts of prompts and the models that `--set` names, each by whose it is. Raises
    BadInput."""
    prompts: dict[str, str] = {}
    models: dict[str, str] = {}
    for change in changes:
        place, given, value = change.partition("=")
        who, _, what = place.rpartition(".")
        if not given or not value or what not in ("prompt", "model"):
            raise BadInput(
                f"--set {change!r} is no change.",
                hint="Give prompt=FILE, model=NAME, or with whose it is: billing.prompt=FILE.",
            )
        if what == "model":
            models[who] = value
            continue
        try:
            prompts[who] = Path(value).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(
                f"The prompt file {value!r} cannot be read: {error}.", hint="Give another file."
            ) from error
    return prompts, models
