"""`pointsman replay`: a recorded run again, offline, and where it parts from its record now."""

import click

from pointsman.views.cli.exits import DONE, FAILED, drive
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project


@click.command()
@click.argument("run")
@as_json
@click.pass_obj
def replay(project: Project, run: str, as_json: bool) -> int:
    """Play RUN again with the code and the prompts of now, and say where it differs.

    RUN is a run's id or the beginning of one. Models answer from the journal, reads and writes from
    the record, people as they decided: nothing outside is asked, nothing is written. Exits 0 where
    nothing differs, 1 where something does.

    \b
    Example:
      pointsman replay 3fa2c1d0
    """
    from pointsman.views.cli.record import put
    from pointsman.views.cli.replayed import of_replay, show_replay
    from pointsman.views.cli.session import opened, run_of

    async def work() -> int:
        async with opened(project) as session:
            came = await session.team.replay(await run_of(session.team, run))
        if as_json:
            put(of_replay(came))
        else:
            show_replay(came)
        return FAILED if came.divergences else DONE

    return drive(work, kept=lambda: "Stopped. Nothing was changed.")
