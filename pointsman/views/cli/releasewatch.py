"""`pointsman release watch`: bands from options, and looking until one is left."""

import asyncio
from collections.abc import Sequence

import click

from pointsman.teams.releases.watch import Band, Metric
from pointsman.teams.team import Team


def bands_of(
    errors: float | None, blocks: float | None, usd: str | None, seconds: str | None, *,
    least: int, alpha: float,
) -> list[Band]:  # fmt: skip
    """The bands that the options say. The chance of a false alarm is shared among them. Raises a
    usage error for one that cannot be read."""
    limited: tuple[tuple[Metric, str | None], ...] = (("usd", usd), ("seconds", seconds))
    plain: tuple[tuple[Metric, float | None], ...] = (("errors", errors), ("blocks", blocks))
    wanted: list[tuple[Metric, float, float | None]] = []
    for metric, share in plain:
        if share is not None:
            wanted.append((metric, share, None))
    for metric, text in limited:
        if text is not None:
            limit, share = _limit(metric, text)
            wanted.append((metric, share, limit))
    each = alpha / max(len(wanted), 1)
    return [
        Band(metric, share, beyond=limit, alpha=each, least=least)
        for metric, share, limit in wanted
    ]


async def watched(team: Team, bands: Sequence[Band], every: float | None) -> bool:
    """Look once, or again and again; whether the release was taken back."""
    while True:
        found, moved = await team.watch(bands)
        if not found:
            click.echo("There is no release on trial and none in production.")
        for one in found:
            unknown = f", {one.unknown} unknown" if one.unknown else ""
            click.echo(f"{one.release}  {one}{unknown}{'  LEFT' if one.left else ''}")
        if moved is not None:
            click.echo(f"Release {moved.release} is withdrawn from {moved.channel}.")
            click.echo(f"In production: {moved.production}.")
            return True
        if every is None:
            return False
        await asyncio.sleep(every)


def _limit(metric: str, text: str) -> tuple[float, float]:
    limit, _, share = text.partition(":")
    try:
        found = float(limit), float(share)
    except ValueError:
        found = 0.0, 0.0
    if not (found[0] > 0 and 0 < found[1] < 1):
        raise click.UsageError(f"--{metric} {text!r}: give LIMIT:SHARE, such as 0.05:0.1.")
    return found
