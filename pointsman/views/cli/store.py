"""`pointsman store`: migrate, check, prune and back up what keeps the state."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.evals.run import home
from pointsman.views.cli.exits import DONE, FAILED
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.nodes.digest import JsonObject
    from pointsman.teams.store.upkeep import Pruned, Upkeep

DAY = 86_400.0


@click.group()
def store() -> None:
    """Look after what keeps the state: files in its folder, or PostgreSQL (POINTSMAN_STORE).

    \b
    Examples:
      pointsman store check
      pointsman store prune --older-than 90 --dry-run
      pointsman store backup /backups/today
    """


@store.command()
@as_json
@click.pass_obj
def migrate(project: Project, as_json: bool) -> int:
    """Make the tables, or bring them up to date. Opening a store does so too.

    \b
    Example:
      pointsman store migrate
    """
    upkeep = _upkeep(project)
    versions = upkeep.migrate()
    if as_json:
        _put({"store": upkeep.shown, "before": versions.before, "after": versions.after})
    elif versions.before == versions.after:
        click.echo(f"{upkeep.shown} has schema {versions.after} already.")
    else:
        click.echo(f"{upkeep.shown}: schema {versions.before or 'none'} -> {versions.after}.")
    return DONE


@store.command()
@as_json
@click.pass_obj
def check(project: Project, as_json: bool) -> int:
    """Check schema, integrity, the audit log's chain, and for rows that belong to nothing.

    Exits 0 when nothing was found, 1 otherwise. Changes nothing.

    \b
    Example:
      pointsman store check --json
    """
    upkeep = _upkeep(project)
    found = upkeep.check()
    if as_json:
        _put({"store": upkeep.shown, "faults": list(found)})
    else:
        for fault in found:
            click.echo(fault)
        if not found:
            click.echo(f"{upkeep.shown} is sound.")
    return FAILED if found else DONE


@store.command()
@click.option(
    "--older-than", "days", type=click.IntRange(1), required=True, metavar="DAYS",
    help="Runs whose last event is so many days ago, and what else is as old.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Count, and delete nothing.")
@as_json
@click.pass_obj
def prune(project: Project, days: int, dry_run: bool, as_json: bool) -> int:
    """Delete ended runs with all that is kept of them, and keys, payloads and ended letters.

    What is open stays, and dead letters that nobody dropped, the ledger of effects, the logs of
    threads, and the audit log. A message that comes again after its run was pruned is a new run.

    \b
    Example:
      pointsman store prune --older-than 90 --dry-run
    """
    upkeep = _upkeep(project)

    def seen(whole: "Pruned") -> None:
        if not as_json:
            click.echo(f"{whole.runs} runs ...", err=True)

    went = upkeep.prune(time.time() - days * DAY, dry_run=dry_run, seen=seen)
    if as_json:
        _put({"store": upkeep.shown, "dry_run": dry_run, **asdict(went)})
    else:
        done = "Would delete" if dry_run else "Deleted"
        click.echo(
            f"{done} {went.runs} runs with {went.events} events, {went.steps} steps,"
            f" {went.parts} parts of prompts, {went.answers} model answers, {went.tickets} tickets,"
            f" {went.redacted} redacted values, {went.published} notes of where results go and"
            f" {went.checkpoints} checkpoints; {went.keys} keys of messages, {went.payloads}"
            f" payloads by reference and {went.letters} ended letters."
        )
    return DONE


@store.command()
@click.argument("folder", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def backup(project: Project, folder: Path, as_json: bool) -> int:
    """Write a copy of the state into the new FOLDER, while others go on working.

    The key of the vault is not in it: keep that somewhere else.

    \b
    Example:
      pointsman store backup /backups/today
    """
    upkeep = _upkeep(project)
    made = upkeep.backup(folder)
    if as_json:
        _put({"store": upkeep.shown, "files": [str(path) for path in made]})
    else:
        for path in made:
            click.echo(str(path))
    return DONE


def _upkeep(project: Project) -> "Upkeep":
    from pointsman.teams.settings import Settings
    from pointsman.teams.store.upkeep import upkeep_of

    return upkeep_of(Settings.read(), home(project))


def _put(record: "JsonObject") -> None:
    from pointsman.views.cli.record import put

    put(record)
