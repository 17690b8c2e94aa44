"""`pointsman board`: the blackboard's entries, looked at and written by a person."""

import json
from typing import TYPE_CHECKING, Any

import click

from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.options import as_json, by_whom, program
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import JsonValue

    from pointsman.nodes.digest import JsonObject
    from pointsman.teams.board import Board
    from pointsman.teams.conflicts import Version

UNCHANGED = "Stopped. Nothing was changed."
_CHARS = 100


def whose(command: "Callable[..., Any]") -> "Callable[..., Any]":
    """`--thread` and `--tenant`: whose entries."""
    thread = click.option("--thread", default="", help="Whose entries. Default: the whole team's.")
    tenant = click.option("--tenant", default="default", show_default=True, help="Whose threads.")
    return thread(tenant(command))


@click.group()
def board() -> None:
    """What the team's specialists share: entries with versions, each with who wrote it and why.

    \b
    Examples:
      pointsman board list --thread customer-17
      pointsman board put rates '{"eur": 1.1}' --expect 3 --why "the bank's of today"
    """


@board.command("list")
@whose
@as_json
@click.pass_obj
def board_list(project: Project, thread: str, tenant: str, as_json: bool) -> int:
    """List the entries that stand; without --thread also which threads have some.

    \b
    Example:
      pointsman board list --thread customer-17
    """
    from pointsman.views.cli.record import put
    from pointsman.views.cli.session import opened
    from pointsman.views.visible import one_line

    async def work() -> "tuple[tuple[Version[Any], ...], tuple[str, ...]]":
        async with opened(project) as session:
            shared = session.team.blackboard(thread=thread, tenant=tenant)
            return await shared.list(), () if thread else await shared.threads()

    found, threads = drive(work, kept=lambda: UNCHANGED)
    if as_json:
        entries: list[JsonValue] = [_record(version) for version in found]
        put({"entries": entries, "threads": [*threads]})
        return DONE
    _show(found)
    if not found:
        click.echo("No entries.")
    if threads:
        click.echo(f"Threads with entries: {', '.join(map(one_line, threads))}")
        click.echo(f"Look:  {program()} board list --thread {one_line(threads[0])}")
    return DONE


@board.command("show")
@click.argument("key")
@whose
@as_json
@click.pass_obj
def board_show(project: Project, key: str, thread: str, tenant: str, as_json: bool) -> int:
    """Show the entry KEY whole: its value, version, who wrote it and why.

    \b
    Example:
      pointsman board show budget_plan --thread customer-17
    """
    from pointsman.errors import NotFound
    from pointsman.views.cli.record import put
    from pointsman.views.cli.session import opened

    async def work() -> "Version[Any] | None":
        async with opened(project) as session:
            return await session.team.blackboard(thread=thread, tenant=tenant).get(key)

    found = drive(work, kept=lambda: UNCHANGED)
    if found is None:
        raise NotFound(
            f"Nothing stands under {key!r}.", hint=f"Its past: {program()} board history {key}"
        )
    if as_json:
        put(_record(found))
        return DONE
    _show([found], whole=True)
    return DONE


@board.command("history")
@click.argument("key")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most.")
@whose
@as_json
@click.pass_obj
def board_history(
    project: Project, key: str, limit: int, thread: str, tenant: str,
    as_json: bool,
) -> int:  # fmt: skip
    """Show the versions of KEY that are kept, newest first: who wrote what, in which run, and why.

    \b
    Example:
      pointsman board history budget_plan --thread customer-17 --limit 5
    """
    from pointsman.views.cli.record import put
    from pointsman.views.cli.session import opened

    async def work() -> "tuple[Version[Any], ...]":
        async with opened(project) as session:
            shared = session.team.blackboard(thread=thread, tenant=tenant)
            return await shared.history(key, limit=limit)

    found = drive(work, kept=lambda: UNCHANGED)
    if as_json:
        put([_record(version) for version in found])
    elif found:
        _show(found)
    else:
        click.echo(f"Nothing was written under {key}.")
    return DONE


@board.command("put")
@click.argument("key")
@click.argument("value", metavar="JSON")
@click.option(
    "--expect", type=click.IntRange(0), required=True, metavar="VERSION",
    help="The version you have seen; 0 for none. Another one stands: nothing is written.",
)  # fmt: skip
@click.option("--why", default="", help="Why; kept with the version.")
@by_whom
@whose
@as_json
@click.pass_obj
def board_put(
    project: Project, key: str, value: str, expect: int, why: str, by: str, thread: str,
    tenant: str, as_json: bool,
) -> int:  # fmt: skip
    """Write JSON as the next version of KEY. A text needs its quotes: '"like this"'.

    \b
    Example:
      pointsman board put fact/capital '"Paris"' --thread customer-17 --expect 0 --by ana
    """
    from pointsman.views.cli.record import put
    from pointsman.views.cli.session import opened

    try:
        given = json.loads(value)
    except ValueError as error:
        raise click.UsageError(f"The value is no JSON: {error}.") from error

    async def work() -> "Version[Any]":
        async with opened(project) as session:
            shared: Board = session.team.blackboard(thread=thread, tenant=tenant, by=by)
            return await shared.put(key, given, expect=expect, why=why)

    made = drive(work, kept=lambda: UNCHANGED)
    if as_json:
        put(_record(made))
    else:
        click.echo(f"{made.key} is at version {made.version} now.")
    return DONE


def _record(version: "Version[Any]") -> "JsonObject":
    from datetime import UTC, datetime

    from pydantic import TypeAdapter

    def moment(at: float | None) -> str | None:
        return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()

    return {
        "key": version.key,
        "version": version.version,
        "removed": version.value is None,
        "value": TypeAdapter(object).dump_python(version.value, mode="json"),
        "by": version.by,
        "run": version.run,
        "why": version.why,
        "at": moment(version.at),
        "expires": moment(version.expires),
    }


def _show(found: "Sequence[Version[Any]]", *, whole: bool = False) -> None:
    from pointsman.views.visible import one_line

    for version in found:
        record = _record(version)
        text = json.dumps(record["value"], ensure_ascii=False, indent=2 if whole else None)
        if not whole:
            text = one_line(text if len(text) <= _CHARS else f"{text[:_CHARS]}...")
        run = f" in run {version.run}" if version.run else ""
        why = f": {one_line(version.why)}" if version.why else ""
        until = f", until {record['expires']}" if version.expires is not None else ""
        click.echo(
            f"{one_line(version.key)} {'removed' if version.value is None else text}\n"
            f"  version {version.version} by {one_line(version.by) or 'somebody unnamed'}{run}"
            f" at {record['at']}{until}{why}"
        )
