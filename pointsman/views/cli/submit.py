"""`pointsman submit`: stores a message for the workers of many machines."""

from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, code_of, drive
from pointsman.views.cli.options import as_json, program
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.teams.result import Result


@click.command()
@click.argument("text")
@click.option("--thread", help="The conversation it belongs to. Default: a new one.")
@click.option("--tenant", default="default", help="Whose data and limits apply.")
@click.option("--message-id", metavar="ID", help="The same id again is the same run, not a second.")
@click.option("--priority", type=click.IntRange(0, 9), default=5, help="0 is most urgent.")
@click.option("--deadline", type=click.FloatRange(0, min_open=True), help="Seconds it may take.")
@click.option("--budget", type=click.FloatRange(0), metavar="USD", help="Dollars it may cost.")
@click.option("--wait", is_flag=True, help="Wait until it has ended or waits for a person.")
@as_json
@click.pass_obj
def submit(
    project: Project, text: str, thread: str | None, tenant: str, message_id: str | None,
    priority: int, deadline: float | None, budget: float | None, wait: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Store TEXT for the team's workers and print its run's id. `-` reads the text from stdin.

    Returns once the engine has it: workers take it on when there are some. Needs
    POINTSMAN_TEMPORAL. With --wait, exits as `pointsman run` does.

    \b
    Example:
      pointsman submit "Where is parcel PX-204?" --thread customer-17
    """
    from pointsman.nodes.run import Budget
    from pointsman.views.cli.messages import from_argument
    from pointsman.views.cli.outcome import show_result
    from pointsman.views.cli.record import put
    from pointsman.views.cli.session import opened

    message, run = from_argument(text), ""
    money = None if budget is None else Budget(usd=budget)

    async def work() -> "Result | None":
        nonlocal run
        async with opened(project) as session:
            run = await session.team.post(
                message, thread=thread, tenant=tenant, message_id=message_id, priority=priority,
                deadline=deadline, budget=money,
            )  # fmt: skip
            return await session.team.resume(run) if wait else None

    result = drive(work, kept=lambda: f"Stopped. It is stored:  {program()} show {run}")
    if result is not None:
        show_result(result, as_json=as_json)
        return code_of(result.status)
    if as_json:
        put({"run": run})
    else:
        click.echo(run)
    return DONE
