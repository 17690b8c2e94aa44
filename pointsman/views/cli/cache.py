"""`pointsman cache`: what the response cache holds and saves; clear it; write it out."""

import json
import os
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pointsman.views.cli.cachesimilar import similar
from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.options import as_json, program
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.nodes.digest import JsonObject
    from pointsman.nodes.gateway.cache import CacheStats, ResponseCache
    from pointsman.nodes.gateway.kept import Kept, Match

F = TypeVar("F", bound=Callable[..., Any])

UNCHANGED = "Stopped. Nothing was changed."
EXPORT_SCHEMA = "pointsman.cache-export@1"
TAGS = ("team", "specialist", "model", "tenant", "prompt_version")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_GROUPS = ("team", "specialist", "model")


class Age(click.ParamType[float]):
    """A span: `90s`, `30m`, `12h`, `7d`."""

    name = "span"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds."""
        text = str(value).strip()
        number, unit = text[:-1], text[-1:]
        if unit not in _UNITS or not (number.isascii() and number.isdigit() and len(number) <= 6):
            self.fail(f"{text!r} is not 90s, 30m, 12h or 7d.", param, ctx)
        return float(int(number) * _UNITS[unit])


def _tags(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE`, each name once."""
    tags: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if name not in TAGS or not equals:
            raise click.BadParameter(f"{one!r} is not NAME=VALUE with one of {', '.join(TAGS)}.")
        if name in tags:
            raise click.BadParameter(f"{name!r} is given twice.")
        tags[name] = value
    return tags


def _which(command: F) -> F:
    """Options that choose answers; several must all hold."""
    for option in (
        click.option("--older-than", type=Age(), metavar="SPAN", help="Older than 30m, 12h, 7d."),
        click.option("--specialist", metavar="NAME", help="Of this specialist."),
        click.option("--model", metavar="NAME", help="By this model."),
        click.option(
            "--tag", "tags", multiple=True, metavar="NAME=VALUE", callback=_tags,
            help=f"With this tag: {', '.join(TAGS)}. May be repeated.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group()
def cache() -> None:
    """Look at the response cache, clear it, write it out.

    \b
    Examples:
      pointsman cache stats
      pointsman cache clear --older-than 7d
    """


cache.add_command(similar)


@cache.command()
@as_json
@click.pass_obj
def stats(project: Project, as_json: bool) -> int:
    """Show what the cache holds and what it saved.

    Hits and misses are of all processes that use this cache since it was made; a process that
    crashed may have taken its latest 64 with it. Money is saved only by answers whose price is
    known.

    \b
    Examples:
      pointsman cache stats
      pointsman cache stats --json
    """

    async def work() -> "tuple[CacheStats, list[Kept]]":
        async with _opened(project) as responses:
            return await responses.stats(), [kept async for kept in responses.entries()]

    found, entries = drive(work, kept=lambda: UNCHANGED)
    if as_json:
        click.echo(json.dumps(_of_stats(found, entries)))
        return DONE
    _show(found, entries)
    return DONE


@cache.command()
@_which
@click.option("--all", "everything", is_flag=True, help="Every answer.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_obj
def clear(
    project: Project,
    older_than: float | None,
    specialist: str | None,
    model: str | None,
    tags: dict[str, str],
    everything: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Forget answers: those that every option given names. They are asked for again.

    It says how many there are and asks first, unless --yes is given.

    \b
    Examples:
      pointsman cache clear --older-than 7d
      pointsman cache clear --specialist billing --tag tenant=acme
      pointsman cache clear --all --yes
    """
    match = _match(older_than, specialist, model, tags)
    if everything and match is not None:
        raise click.UsageError("Give --all or what to forget, not both.")
    if not everything and match is None:
        raise click.UsageError("Say which: --older-than, --specialist, --model, --tag or --all.")

    async def count() -> int:
        async with _opened(project) as responses:
            return sum([1 async for _ in responses.entries(match)])

    async def forget() -> int:
        async with _opened(project) as responses:
            return await responses.clear(match)

    if not yes:
        number = drive(count, kept=lambda: UNCHANGED)
        click.confirm(f"Forget {_answers(number)}?", abort=True, err=True)
    gone = drive(forget, kept=lambda: "Stopped. Some answers may be gone.")
    click.echo(json.dumps({"cleared": gone}) if as_json else f"Forgot {_answers(gone)}.")
    return DONE


@cache.command()
@_which
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
    help="A new file, which only you can read. Default: stdout.",
)  # fmt: skip
@click.pass_obj
def export(
    project: Project,
    older_than: float | None,
    specialist: str | None,
    model: str | None,
    tags: dict[str, str],
    output: Path | None,
) -> int:
    """Write the answers as JSON lines: key, times, tags and the answer as stored.

    The requests are not in the cache, only their digests (key). Answers in which a secret was found
    are never stored, and so not exported. All else is as the models said it: personal data that no
    filter redacted is in it. Treat the file as you treat the cache.

    \b
    Examples:
      pointsman cache export -o answers.jsonl
      pointsman cache export --specialist billing | jq .reply.text
    """
    match = _match(older_than, specialist, model, tags)

    async def work() -> int:
        written = 0
        async with _opened(project) as responses:
            out = sys.stdout if output is None else _created(output)
            try:
                async for kept in responses.entries(match):
                    out.write(json.dumps(_of_kept(kept), ensure_ascii=False) + "\n")
                    written += 1
            finally:
                if output is not None:
                    out.close()
        return written

    written = drive(work, kept=lambda: "Stopped. The file is not whole.")
    if output is not None:
        click.echo(f"Wrote {_answers(written)} to {output}.", err=True)
    return DONE


@asynccontextmanager
async def _opened(project: Project) -> "AsyncGenerator[ResponseCache]":
    from pointsman.errors import Misconfigured
    from pointsman.teams.responses import open_responses
    from pointsman.teams.settings import Settings

    settings = Settings.read()
    home = project.load().spec.home or settings.home
    choice = settings.cache
    responses = open_responses(home, choice, vault_key=settings.vault_key)
    if responses is None:
        raise Misconfigured("The response cache is off.", hint="POINTSMAN_CACHE says so.")
    if choice == "memory":
        raise Misconfigured(
            "The response cache is in the memory of each process: this one's is empty.",
            hint="Set POINTSMAN_CACHE to disk, or to the address of a Redis.",
        )
    try:
        yield responses
    finally:
        await responses.aclose()


def _match(
    older_than: float | None, specialist: str | None, model: str | None, tags: dict[str, str]
) -> "Match | None":
    from pointsman.nodes.gateway.kept import Match

    named = {name: v for name, v in (("specialist", specialist), ("model", model)) if v is not None}
    twice = named.keys() & tags.keys()
    if twice:
        raise click.UsageError(f"Give --{min(twice)} or --tag {min(twice)}=…, not both.")
    both = {**tags, **named}
    return Match(older_than, both) if both or older_than is not None else None


def _created(path: Path) -> Any:
    """A new file for its owner only. One that is there is left alone."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(handle, "w", encoding="utf-8")


def _of_kept(kept: "Kept") -> "JsonObject":
    from pointsman.nodes.gateway.codec import encode_reply

    return {
        "schema_version": EXPORT_SCHEMA,
        "key": kept.key.partition(":")[2],
        "stored": kept.stored,
        "expires": kept.expires,
        "tags": asdict(kept.tags),
        "reply": json.loads(encode_reply(kept.reply)),
    }


def _groups(entries: "list[Kept]") -> dict[str, dict[str, tuple[int, int]]]:
    """By team, specialist and model: answers and bytes, most first."""
    made: dict[str, dict[str, tuple[int, int]]] = {}
    for group in _GROUPS:
        number: Counter[str] = Counter()
        size: Counter[str] = Counter()
        for kept in entries:
            name = getattr(kept.tags, group) or "(not known)"
            number[name] += 1
            size[name] += kept.size
        made[group] = {name: (n, size[name]) for name, n in number.most_common()}
    return made


def _of_stats(found: "CacheStats", entries: "list[Kept]") -> "JsonObject":
    asked = found.hits + found.misses
    by: JsonObject = {
        group: {name: {"answers": n, "bytes": size} for name, (n, size) in rows.items()}
        for group, rows in _groups(entries).items()
    }
    return {
        **asdict(found),
        "answers": len(entries),
        "hit_share": found.hits / asked if asked else None,
        "oldest": min((kept.stored for kept in entries), default=None),
        "newest": max((kept.stored for kept in entries), default=None),
        "by": by,
    }


def _show(found: "CacheStats", entries: "list[Kept]") -> None:
    from pointsman.views.visible import one_line

    asked = found.hits + found.misses
    share = f", {100 * found.hits / asked:.1f} % of {asked}" if asked else ""
    unpriced = f" and {found.saved_unpriced} of unknown price" if found.saved_unpriced else ""
    click.echo(f"{_answers(len(entries))}, {_size(found.bytes)} of {_size(found.max_bytes)}")
    if entries:
        times = [datetime.fromtimestamp(kept.stored, UTC).astimezone() for kept in entries]
        click.echo(f"from {min(times):%Y-%m-%d %H:%M} to {max(times):%Y-%m-%d %H:%M}")
    click.echo(f"hits    {found.hits}{share}")
    if found.similar:
        click.echo(f"similar {found.similar} (answers of similar requests, after a miss)")
    click.echo(f"misses  {found.misses}")
    if found.stale:
        click.echo(f"stale   {found.stale} (expired, served when every model failed)")
    click.echo(f"stored  {found.puts}, refused {found.refused}")
    click.echo(f"saved   {found.saved_usd:.4f} USD{unpriced}, {found.saved_seconds:.1f} s")
    for group, rows in _groups(entries).items():
        if rows:
            click.echo(f"\nby {group}")
        for name, (number, size) in list(rows.items())[:20]:
            click.echo(f"  {one_line(name):<40} {number:>8} {_size(size):>12}")
    if entries:
        click.echo(f"\nForget some:  {program()} cache clear --older-than 7d")


def _answers(number: int) -> str:
    return "1 answer" if number == 1 else f"{number:,} answers"


def _size(size: int) -> str:
    return f"{size / 1024:,.1f} KiB" if size < 1 << 20 else f"{size / (1 << 20):,.1f} MiB"
