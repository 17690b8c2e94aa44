"""`pointsman runs`: the runs on record, listed and searched."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

import click

from pointsman.nodes.message import Status
from pointsman.views.cli.costs import Moment
from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.options import as_json, program
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from pointsman.nodes.digest import JsonObject
    from pointsman.teams.search import RunFilter, RunLine, RunPage
    from pointsman.teams.store.rows import RunState

_STATES = ("running", *get_args(Status))


@click.command()
@click.option("--text", default="", metavar="WORDS", help="With these words, or words they begin.")
@click.option("--thread", default="", help="Of this conversation.")
@click.option("--specialist", default="", help="Answered by this one.")
@click.option(
    "--status", "states", multiple=True, type=click.Choice(_STATES),
    help="That stand so. May be repeated.",
)  # fmt: skip
@click.option("--tenant", default="", help="Of this tenant.")
@click.option("--release", default="", help="On this release.")
@click.option("--since", type=Moment(), metavar="TIME", help="Begun 12h, 7d, 4w ago or later.")
@click.option("--until", type=Moment(), metavar="TIME", help="Begun before that time.")
@click.option("--min-usd", type=click.FloatRange(0), metavar="USD", help="That cost at least this.")
@click.option("--max-usd", type=click.FloatRange(0), metavar="USD", help="That cost at most this.")
@click.option("--min-seconds", type=click.FloatRange(0), help="Worked on for at least this long.")
@click.option("--max-seconds", type=click.FloatRange(0), help="Worked on for at most this long.")
@click.option("--children", is_flag=True, help="Also runs that other runs gave work to.")
@click.option("--forks", is_flag=True, help="Also forks of runs.")
@click.option(
    "--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="At most."
)
@click.option("--after", default="", metavar="PLACE", help="Go on where a list ended.")
@as_json
@click.pass_obj
def runs(
    project: Project,
    text: str,
    thread: str,
    specialist: str,
    states: "tuple[RunState, ...]",
    tenant: str,
    release: str,
    since: float | None,
    until: float | None,
    min_usd: float | None,
    max_usd: float | None,
    min_seconds: float | None,
    max_seconds: float | None,
    children: bool,
    forks: bool,
    limit: int,
    after: str,
    as_json: bool,
) -> int:
    """List runs, newest first: all of them, or those for which every option holds.

    --text looks in the request and the answer for words, or for how words begin. JSON is an object
    with `runs` and `next`: give that as --after to go on.

    \b
    Examples:
      pointsman runs --status failed --since 24h
      pointsman runs --text "refund invoice" --tenant acme --min-usd 0.10
      pointsman runs --thread customer-17 --limit 100 --json
    """
    from pointsman.teams.search import RunFilter

    wanted = RunFilter(
        text, thread, specialist, states, tenant, release, since, until, min_usd, max_usd,
        min_seconds, max_seconds, children, forks,
    )  # fmt: skip
    page = _found(project, wanted, after, limit)
    if as_json:
        from pointsman.views.cli.record import put

        lines: list[JsonValue] = [_record(line) for line in page.lines]
        put({"runs": lines, "next": page.next})
    elif not page.lines:
        anything = wanted != RunFilter() or after
        click.echo("No run fits." if anything else "Nothing is on record.")
    else:
        _show(page.lines)
        if page.next:
            click.echo(f"\nThere are more: add --after {page.next}")
        click.echo(f"Look:  {program()} show {page.lines[0].run}")
    return DONE


def _found(project: Project, wanted: "RunFilter", after: str, limit: int) -> "RunPage":
    from pointsman.views.cli.session import opened

    async def work() -> "RunPage":
        async with opened(project) as session:
            return await session.team.search(wanted, after, limit)

    return drive(work, kept=lambda: "Stopped. Nothing was changed.")


def _record(line: "RunLine") -> "JsonObject":
    """Every field of a line; times are ISO 8601 in UTC."""
    made: JsonObject = asdict(line)
    for name, at in (("created", line.created), ("ended", line.ended)):
        made[name] = None if at is None else datetime.fromtimestamp(at, UTC).isoformat()
    return made


def _show(lines: "Sequence[RunLine]") -> None:
    from rich.text import Text

    from pointsman.views.cli.screen import STYLES, console, table
    from pointsman.views.cli.wording import STATUS_TONE, money, seconds, short
    from pointsman.views.visible import one_line

    out = console(stderr=False)
    made = table("run", "begun", "status", "specialist", "time", "cost", "request")
    for column in made.columns:
        column.no_wrap = True
    made.columns[-1].overflow = "ellipsis"
    for line in lines:
        state = "plain" if line.state == "running" else STATUS_TONE[line.state]
        says = f"{line.state} ({line.error})" if line.error else line.state
        says += f", fork of {short(line.fork_of)}" if line.fork_of else ""
        made.add_row(
            Text(short(line.run) if out.is_terminal else line.run),
            f"{datetime.fromtimestamp(line.created).astimezone():%Y-%m-%d %H:%M}",
            Text(says, STYLES[state]),
            Text(one_line(line.specialist, 24) or "-"),
            seconds(line.seconds),
            money(line.usd) if line.state not in ("running", "waiting") else "-",
            Text(one_line(line.text, 160)),
        )
    if not out.is_terminal:
        out.width = 240
    out.print(made)
