"""`pointsman release`: a team's behaviour pinned, compared, promoted and taken back."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from pointsman.views.cli.exits import DONE, FAILED, drive
from pointsman.views.cli.options import as_json, by_whom, program
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from pydantic import JsonValue

    from pointsman.nodes.digest import JsonObject
    from pointsman.teams.releases.channels import Channel, Channels
    from pointsman.teams.releases.diff import Difference
    from pointsman.teams.releases.release import Release
    from pointsman.teams.team import Team

T = TypeVar("T")
UNCHANGED = "Stopped. Nothing was changed."
_STAGES = click.Choice(["staging", "canary", "production"])


@click.group()
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default="releases",
    show_default=True, help="Where the release files lie, in the project's folder.",
)  # fmt: skip
@click.pass_context
def release(ctx: click.Context, folder: Path) -> None:
    """Pin the team's behaviour in a file, and bring it to staging, canary and production.

    \b
    Examples:
      pointsman release create --notes "kinder refusals"
      pointsman release diff production
      pointsman release promote 2026-11-21.3fa2c1d0 --suite evals/support.yaml
      pointsman release rollback --reason "wrong refunds"
    """
    ctx.meta["pointsman.releases"] = folder


@release.command("create")
@by_whom
@click.option("--notes", default="", help="What is new, for whoever reads the file.")
@click.pass_obj
def release_create(project: Project, by: str, notes: str) -> int:
    """Write the team's behaviour as it is now into a file, to be reviewed and committed.

    The same behaviour again is the same release.

    \b
    Example:
      pointsman release create --notes "kinder refusals"
    """
    from pointsman.teams.releases import file

    async def work(team: "Team") -> Path:
        return file.write(await team.new_release(by=by, notes=notes), _folder(project))

    path = _with_team(project, work)
    click.echo(f"Release {path.stem}: {path}")
    click.echo(f"Commit it, then:  {program()} release promote {path.stem}")
    return DONE


@release.command("list")
@as_json
@click.pass_obj
def release_list(project: Project, as_json: bool) -> int:
    """List the releases, newest first, and where each stands.

    \b
    Example:
      pointsman release list
    """
    from pointsman.teams.releases import file

    async def work(team: "Team") -> "tuple[Channels, tuple[Release, ...]]":
        return await team.channels(), file.listed(_folder(project), team.name)

    channels, found = _with_team(project, work)
    if as_json:
        from pointsman.views.cli.record import put

        put([_summary(one, channels) for one in found])
        return DONE
    if not found:
        click.echo(f"No releases yet. Make one:  {program()} release create")
    for one in found:
        where = ", ".join(_where(channels, one.release))
        share = f" ({channels.share:.0%} of threads)" if one.release == channels.canary else ""
        click.echo(f"{one.release}  {where + share or '-':<28}  {one.by}  {_line(one.notes)}")
    for name in (channels.staging, channels.canary, channels.production):
        if name and name not in {one.release for one in found}:
            click.echo(f"{name}  {', '.join(channels.where(name))}  (its file is not here)")
    return DONE


@release.command("show")
@click.argument("name")
@click.pass_obj
def release_show(project: Project, name: str) -> int:
    """Print release NAME, or `staging`, `canary`, `production`, or `now` for the team as it is.

    \b
    Example:
      pointsman release show production
    """
    from pointsman.teams.releases import file
    from pointsman.views.visible import visible

    async def work(team: "Team") -> str:
        return file.text_of(await _named(project, team, name))

    click.echo(visible(_with_team(project, work)), nl=False)
    return DONE


@release.command("diff")
@click.argument("before")
@click.argument("after", default="now")
@as_json
@click.pass_obj
def release_diff(project: Project, before: str, after: str, as_json: bool) -> int:
    """Show what differs from release BEFORE to AFTER (by default the team as it is now).

    Exits 1 when they differ.

    \b
    Examples:
      pointsman release diff production
      pointsman release diff 2026-11-20.91b2aa07 2026-11-21.3fa2c1d0
    """
    from pointsman.teams.releases.diff import differences

    async def work(team: "Team") -> "tuple[Difference, ...]":
        old, new = await _named(project, team, before), await _named(project, team, after)
        return differences(old.parts, new.parts)

    found = _with_team(project, work)
    if as_json:
        from pointsman.views.cli.record import put

        put([{"part": d.part, "name": d.name, "how": d.how, "lines": [*d.lines]} for d in found])
    elif not found:
        click.echo("They behave alike.")
    else:
        _show_differences(found)
    return FAILED if found else DONE


@release.command("promote")
@click.argument("name")
@click.option("--to", type=_STAGES, help="Default: the next one.")
@click.option(
    "--share", type=click.FloatRange(0, 1, min_open=True), default=0.05, show_default=True,
    help="Of new threads that begin with a canary.",
)  # fmt: skip
@click.option(
    "--suite", "suites", multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A suite whose gate it must pass. Default: all in `evals` that have one.",
)  # fmt: skip
@click.option("--baseline", default="main", show_default=True, help="What the gate compares with.")
@click.option("--no-gate", is_flag=True, help="Ask no gate; needs --reason, and is recorded.")
@click.option("--reason", default="", help="Why; its digest is kept in the audit log.")
@by_whom
@click.pass_obj
def release_promote(
    project: Project, name: str, to: "Channel | None", share: float, suites: tuple[Path, ...],
    baseline: str, no_gate: bool, reason: str, by: str,
) -> int:  # fmt: skip
    """Bring release NAME to staging, canary or production, if the gate lets it.

    Threads that began stay with their release. The gate runs before a canary and before
    production, on the release's own prompts and models. Exits 1 where it says no.

    \b
    Examples:
      pointsman release promote 2026-11-21.3fa2c1d0
      pointsman release promote 2026-11-21.3fa2c1d0 --to canary --share 0.1 --suite evals/a.yaml
      pointsman release promote 2026-11-21.3fa2c1d0 --no-gate --reason "the provider is down"
    """
    from pointsman.views.cli.releasegate import gate_before

    if no_gate and not reason:
        raise click.UsageError("--no-gate needs a --reason, which is recorded.")

    async def work(team: "Team") -> "Channels | None":
        from pointsman.teams.releases.moves import next_channel

        given = await _named(project, team, name)
        where = to or next_channel(await team.channels(), given.release)
        said = f"none, by {by}" if no_gate else ""
        if not no_gate and where != "staging":
            gated = await gate_before(project, team, given, suites, baseline)
            if not gated.passed:
                return None
            said = gated.said
        return await team.promote(
            given, by=by, to=where, share=share if where == "canary" else 0.0, reason=reason,
            gate=said,
        )  # fmt: skip

    moved = _with_team(project, work)
    if moved is None:
        click.echo("The gate said no: nothing was promoted.", err=True)
        return FAILED
    of = f", {moved.share:.0%} of new threads" if moved.channel == "canary" else ""
    click.echo(f"Release {moved.release} is in {moved.channel}{of}.")
    return DONE


@release.command("rollback")
@click.option("--reason", required=True, help="Why; its digest is kept in the audit log.")
@click.option("--to", default="", metavar="NAME", help="A release that was promoted before.")
@by_whom
@click.pass_obj
def release_rollback(project: Project, reason: str, to: str, by: str) -> int:
    """Withdraw the canary; without one, bring back what was in production before.

    Runs that began end on their release. Threads of the withdrawn one go on with another.

    \b
    Example:
      pointsman release rollback --reason "wrong refunds"
    """

    async def work(team: "Team") -> "Channels":
        return await team.rollback(by=by, reason=reason, to=to)

    moved = _with_team(project, work)
    click.echo(f"Release {moved.release} is withdrawn from {moved.channel}.")
    click.echo(f"In production: {moved.production or 'the files as they are'}.")
    return DONE


@release.command("history")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most.")
@as_json
@click.pass_obj
def release_history(project: Project, limit: int, as_json: bool) -> int:
    """Show what was promoted and rolled back, by whom and why, newest first.

    \b
    Example:
      pointsman release history
    """

    async def work(team: "Team") -> "tuple[Channels, ...]":
        return await team.channel_history(limit=limit)

    found = _with_team(project, work)
    if as_json:
        from pointsman.views.cli.record import put

        put([one.model_dump(mode="json") for one in found])
        return DONE
    for one in found:
        when = f"{one.at.astimezone():%Y-%m-%d %H:%M}" if one.at else ""
        share = f" {one.share:.0%}" if one.channel == "canary" and one.canary else ""
        gate = f"  gate: {_line(one.gate)}" if one.gate else ""
        what = f"{one.action} {one.release} {one.channel}{share}"
        click.echo(f"{when}  {what}  by {_line(one.by)}  {_line(one.reason)}{gate}".rstrip())
    if not found:
        click.echo("Nothing was ever promoted.")
    return DONE


@release.command("watch")
@click.option("--errors", type=click.FloatRange(0, 1, min_open=True, max_open=True),
              help="Runs that may fail, as a share.")  # fmt: skip
@click.option("--blocks", type=click.FloatRange(0, 1, min_open=True, max_open=True),
              help="Runs that guards may refuse, as a share.")  # fmt: skip
@click.option("--usd", metavar="LIMIT:SHARE", help="Runs that may cost more than LIMIT dollars.")
@click.option("--seconds", metavar="LIMIT:SHARE", help="Runs that may take longer than LIMIT.")
@click.option("--least", type=click.IntRange(1), default=20, show_default=True,
              help="Runs before anything is said.")  # fmt: skip
@click.option("--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.05,
              show_default=True, help="Chance of a false alarm, over all looks.")  # fmt: skip
@click.option("--every", type=click.FloatRange(1), metavar="SECONDS",
              help="Look again and again. Without it: once.")  # fmt: skip
@click.pass_obj
def release_watch(
    project: Project, errors: float | None, blocks: float | None, usd: str | None,
    seconds: str | None, least: int, alpha: float, every: float | None,
) -> int:  # fmt: skip
    """Watch the release on trial (the canary, else production), and take it back when it leaves a
    band.

    A band is a share of runs that may be bad; it is left when more than that is sure, however often
    one looks. Exits 1 after a rollback.

    \b
    Examples:
      pointsman release watch --errors 0.02 --usd 0.05:0.1 --every 60
      pointsman release watch --blocks 0.05
    """
    from pointsman.views.cli.releasewatch import bands_of, watched

    bands = bands_of(errors, blocks, usd, seconds, least=least, alpha=alpha)
    if not bands:
        raise click.UsageError("Give a band: --errors, --blocks, --usd or --seconds.")

    async def work(team: "Team") -> bool:
        return await watched(team, bands, every)

    return FAILED if _with_team(project, work) else DONE


async def _named(project: Project, team: "Team", name: str) -> "Release":
    """A release by its file, by its channel, or as the team is now; else one in the store."""
    from pointsman.errors import NotFound
    from pointsman.teams.releases import file

    if name == "now":
        return await team.new_release(by="-")
    if name in ("staging", "canary", "production"):
        held = await team.channels()
        there = {"staging": held.staging, "canary": held.canary, "production": held.production}
        if not there[name]:
            raise NotFound(
                f"Team {team.name!r} has nothing in {name}.",
                hint="`pointsman release list` shows where its releases stand.",
            )
        return await team.release(there[name])
    try:
        return file.find(_folder(project), team.name, name)
    except NotFound as error:
        try:
            return await team.release(name)
        except NotFound:
            raise error from None


def _with_team(project: Project, work: "Callable[[Team], Coroutine[None, None, T]]") -> T:
    from pointsman.views.cli.session import opened

    async def inside() -> T:
        async with opened(project) as session:
            return await work(session.team)

    return drive(inside, kept=lambda: UNCHANGED)


def _folder(project: Project) -> Path:
    given: Path = click.get_current_context().meta["pointsman.releases"]
    return given if given.is_absolute() else project.root / given


def _summary(one: "Release", channels: "Channels") -> "JsonObject":
    where: list[JsonValue] = [*_where(channels, one.release)]
    said: JsonObject = one.model_dump(mode="json", by_alias=True, exclude={"parts"})
    return {**said, "channels": where}


def _where(channels: "Channels", name: str) -> list[str]:
    withdrawn = ["withdrawn"] if name in channels.withdrawn else []
    return [*channels.where(name), *withdrawn]


def _line(text: str) -> str:
    from pointsman.views.visible import one_line

    return one_line(text)


def _show_differences(found: "Sequence[Difference]") -> None:
    from pointsman.views.visible import visible

    for one in found:
        click.echo(f"{one.part}: {one.name} {one.how}")
        for line in one.lines:
            click.echo(f"    {visible(line)}")
