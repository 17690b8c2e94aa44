"""`pointsman overview`: how the team does now, on one screen."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.options import as_json, program
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pydantic import JsonValue
    from rich.console import Console

    from pointsman.nodes.digest import JsonObject
    from pointsman.teams.overview import Overview
    from pointsman.teams.store.rows import Open
    from pointsman.views.cli.wording import Tone


@click.command()
@as_json
@click.pass_obj
def overview(project: Project, as_json: bool) -> int:
    """Show how the team does: what is open, what broke, today's spend, the last hour's pace.

    Today is the UTC day. Times leave out the wait for people, and are up to 4.8 % off.

    \b
    Example:
      pointsman overview
    """
    from pointsman.views.cli.session import opened

    async def work() -> "Overview":
        async with opened(project) as session:
            return await session.team.overview()

    seen = drive(work, kept=lambda: "Stopped. Nothing was changed.")
    if as_json:
        from pointsman.views.cli.record import put

        put(_record(seen))
    else:
        _show(seen)
    return DONE


def _record(seen: "Overview") -> "JsonObject":
    """Every field; `ended` and each model's errors by their names, moments in ISO 8601 (UTC)."""
    made: JsonObject = asdict(seen)
    made["at"] = _iso(seen.at)
    for name in ("running", "queued", "waiting", "tickets"):
        part: Open = getattr(seen, name)
        made[name] = {"count": part.count, "since": _iso(part.since)}
    made["ended"] = dict(seen.ended)
    made["tenants"] = {tenant: asdict(spend) for tenant, spend in seen.tenants}
    models: list[JsonValue] = [
        {**asdict(load), "errors": dict(load.errors)} for load in seen.models
    ]
    made["models"] = models
    made["lights"] = [asdict(light) | {"at": _iso(light.at)} for light in seen.lights]
    return made


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()


def _show(seen: "Overview") -> None:
    from pointsman.views.cli.costtable import dollars
    from pointsman.views.cli.screen import console, plain, step
    from pointsman.views.cli.wording import Line

    out = console(stderr=False)
    plain(out, f"{seen.team}  {datetime.fromtimestamp(seen.at).astimezone():%Y-%m-%d %H:%M:%S}")

    def line(label: str, text: str, tone: "Tone" = "plain") -> None:
        step(out, Line(label, text, tone))

    line("running", _open(seen.running, seen.at))
    line("queued", _open(seen.queued, seen.at))
    line("waiting", _open(seen.waiting, seen.at))
    line("tickets", _open(seen.tickets, seen.at), "note" if seen.tickets.count else "plain")
    line("dead", f"{seen.dead:,}", "bad" if seen.dead else "plain")
    line("today", ", ".join(f"{count:,} {status}" for status, count in seen.ended) or "none ended")
    spend = f"{dollars(seen.spend.usd)} in {seen.spend.calls:,} calls"
    if seen.spend.unpriced:
        spend += f", {seen.spend.unpriced:,} of them of unknown price"
    line("spend", spend)
    if len(seen.tenants) > 1:
        line("", ", ".join(f"{name} {dollars(part.usd)}" for name, part in seen.tenants[:8]))
    for light in seen.lights:
        if light.state != "closed":
            line("breaker", f"{light.of} {light.key} is {light.state}", "bad")
    _tables(out, seen)
    if seen.tickets.count:
        plain(out, f"\nDecide:  {program()} approvals")
    if seen.dead:
        plain(out, f"\nFailed:  {program()} dead list")


def _open(part: "Open", now: float) -> str:
    from pointsman.views.cli.wording import span

    if part.since is None:
        return f"{part.count:,}"
    return f"{part.count:,}, the oldest for {span(max(0.0, now - part.since))}"


def _tables(out: "Console", seen: "Overview") -> None:
    from pointsman.views.cli.screen import table
    from pointsman.views.cli.wording import seconds
    from pointsman.views.visible import one_line

    def took(value: float | None) -> str:
        return "-" if value is None else seconds(value)

    paces = table("last hour", "ended", "failed", "p50", "p95")
    for pace in seen.specialists:
        name = one_line(pace.specialist, 40) or "nobody"
        paces.add_row(name, f"{pace.ended:,}", f"{pace.failed:,}", took(pace.p50), took(pace.p95))
    loads = table("model", "calls", "failed", "p50", "p95", "errors")
    for load in seen.models:
        errors = ", ".join(f"{count:,} {name}" for name, count in load.errors[:4])
        loads.add_row(
            one_line(load.model, 60), f"{load.calls:,}", f"{load.failed:,}", took(load.p50),
            took(load.p95), errors,
        )  # fmt: skip
    edges = table("today", "to", "times")
    for edge in seen.edges[:12]:
        edges.add_row(one_line(edge.frm, 40), one_line(edge.to, 40), f"{edge.count:,}")
    for made in (paces, loads, edges):
        if made.rows:
            out.print()
            out.print(made)
