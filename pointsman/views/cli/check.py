"""`pointsman check`: the static check, for people and for CI."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from pydantic import JsonValue

from pointsman.errors import InvalidTeam, MissingExtra
from pointsman.nodes.digest import JsonObject
from pointsman.views.cli.exits import DONE, FAILED
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.teams.check.finding import Finding
    from pointsman.teams.check.overlaps import Overlaps
    from pointsman.teams.team import Team


@click.command()
@as_json
@click.option("--strict", is_flag=True, help="Exit 1 on a warning too.")
@click.option(
    "--overlap/--no-overlap",
    default=True,
    help="Measure whose examples are taken for whose. Needs the extra `classifier`.",
)
@click.pass_obj
def check(
    project: Project,
    as_json: bool,
    strict: bool,
    overlap: bool,
) -> int:
    """Check the team: who may do what, who may follow whom, every fault, and how well the
    specialists' examples tell them apart.

    Exits 0 without an error, 1 with one (with --strict: with any finding), 2 on wrong usage. The
    rules are in docs/check.md.

    \b
    Examples:
      pointsman --project examples/support check
      pointsman check --json --strict
    """
    from pointsman.views.cli.matrix import as_record, show_overlaps, show_team
    from pointsman.views.cli.record import put

    try:
        team = project.load()
    except InvalidTeam as error:
        if not as_json:
            raise
        put(_unbuilt(error))
        return FAILED
    found = team.check()
    measured, note = _measured(team) if overlap else (None, "")
    if measured is not None:
        from pointsman.teams.check.overlaps import overlapping

        found = (*found, *overlapping(team.spec, measured))
    if as_json:
        put({**as_record(team, found), "overlap": _matrix(measured)})
    else:
        show_team(team, found)
        show_overlaps(measured, note)
    return FAILED if fails(found, strict=strict) else DONE


def fails(found: "Sequence[Finding]", *, strict: bool) -> bool:
    """Whether the check fails: on an error; on any finding where it is strict."""
    return any(strict or finding.severity == "error" for finding in found)


def _measured(team: "Team") -> "tuple[Overlaps | None, str]":
    """The matrix, or why there is none; both empty where there is nothing to tell apart."""
    from pointsman.teams.check.overlaps import FEWEST, overlaps

    if len(team.spec.specialists) < 2:
        return None, ""
    try:
        measured = overlaps(team.spec)
    except MissingExtra as error:
        return None, f"Whose examples are taken for whose was not measured: {error.message}"
    if measured is None:
        return None, f"Fewer than two specialists have {FEWEST} examples to be told apart by."
    return measured, ""


def _matrix(measured: "Overlaps | None") -> JsonValue:
    if measured is None:
        return None
    return {
        "names": list(measured.names),
        "counts": [list(row) for row in measured.counts],
        "left_out": list(measured.left_out),
        "accuracy": measured.accuracy,
    }


def _unbuilt(error: InvalidTeam) -> JsonObject:
    """The findings of a team that could not be built, by their texts: `place: … [rule]`."""
    faults: list[JsonValue] = []
    for text in error.findings:
        place, _, rest = text.partition(": ")
        message, _, rule = rest.rpartition(" [")
        faults.append(
            {
                "severity": "error",
                "rule": rule.rstrip("]"),
                "place": place,
                "message": message,
                "fix": "",
            }
        )
    return {"team": None, "specialists": [], "transitions": {}, "findings": faults, "overlap": None}
