"""`pointsman serve`: the HTTP API, and with `--console` the console beside it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.options import program, user_name
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.teams.team import Team
    from pointsman.views.web.binding import Binding, Tls


_HELP = """Serve the team's HTTP API: messages, runs, events, tickets. See docs/api.md.

Every request needs a token (`pointsman token new`). Where none is stored, one is made for this
process and printed. A message is stored before it is taken: what a server that was killed left
goes on here. SIGTERM and Ctrl-C end it in order.

\b
Examples:
  pointsman serve
  pointsman serve --console --port 8080 --workers 8
"""


@click.command(help=_HELP)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Default: 8321, or a free one. 0: a free one."
)
@click.option("--console", is_flag=True, help="Serve the console too.")
@click.option("--workers", type=click.IntRange(1, 256), default=4, show_default=True,
              help="Runs at once.")  # fmt: skip
@click.option("--waiting", type=click.IntRange(1, 100_000), default=200, show_default=True,
              help="Messages that may wait; then 503.")  # fmt: skip
@click.option("--rate", type=click.IntRange(1), default=600, show_default=True,
              help="Requests a minute of each token.")  # fmt: skip
@click.option("--grace", type=click.FloatRange(0), default=20.0, show_default=True,
              help="Seconds that runs have to end when the server stops.")  # fmt: skip
@click.option("--public-url", "public_urls", multiple=True, metavar="URL",
              help="Address of a proxy in front. May be given several times.")  # fmt: skip
@click.option("--tls-cert", type=click.Path(path_type=Path), help="PEM file.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="PEM file.")
@click.option("--insecure", is_flag=True, help="Listen beyond loopback without TLS or tokens.")
@click.option("--as", "name", metavar="NAME", default=user_name,
              help="Whose the token of this process is. Default: your user name.")  # fmt: skip
@click.pass_obj
def serve(  # noqa: D103 - click passes every option by name; help= below
    project: Project, host: str, port: int | None, console: bool, workers: int,  # noqa: FBT001
    waiting: int, rate: int, grace: float, public_urls: tuple[str, ...], tls_cert: Path | None,
    tls_key: Path | None, insecure: bool, name: str,  # noqa: FBT001
) -> int:  # fmt: skip
    from pointsman.views.web.binding import Tls
    from pointsman.views.web.serving import need_the_extra

    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together.")
    need_the_extra()
    tls = Tls(tls_cert, tls_key) if tls_cert and tls_key else None

    async def work() -> None:
        await _serve(
            project, host, port, tls, name, insecure=insecure, console=console, workers=workers,
            waiting=waiting, rate=rate, grace=grace, public_urls=public_urls,
        )  # fmt: skip

    drive(work, kept=lambda: "Stopped. What was taken is kept; it goes on at the next start.")
    return DONE


async def _serve(
    project: Project, host: str, port: int | None, tls: "Tls | None", name: str, *,
    insecure: bool, console: bool, workers: int, waiting: int, rate: int, grace: float,
    public_urls: tuple[str, ...],
) -> None:  # fmt: skip
    from pointsman.views.cli.session import opened
    from pointsman.views.web.app import web_app
    from pointsman.views.web.binding import checked_binding
    from pointsman.views.web.config import WebConfig
    from pointsman.views.web.keyring import made_for_now
    from pointsman.views.web.metrics import collect
    from pointsman.views.web.serving import serve as run

    collect()
    async with opened(project) as session:
        stored = await _has_tokens(session.team)
        binding = checked_binding(host, port, tls=tls, insecure=insecure, tokens=stored)
        made = () if stored else (made_for_now(session.team, name),)
        with binding.listen() as listening:
            url = binding.url(listening)
            config = WebConfig(
                url, console=console, api=True, made=made, workers=workers, waiting=waiting,
                rate=rate, grace_seconds=grace, public_urls=public_urls,
            )  # fmt: skip
            app = web_app(session.team, config)
            _say(binding, url, made[0].secret if made else "", console=console)
            await run(app, binding, listening)


async def _has_tokens(team: "Team") -> bool:
    from datetime import UTC, datetime

    return any(token.live(datetime.now(UTC)) for token in await team.tokens())


def _say(binding: "Binding", url: str, secret: str, *, console: bool) -> None:
    click.echo(f"serving on {url}" + (" with the console" if console else ""), err=True)
    if secret:
        click.echo("token of this process (no token is stored):", err=True)
        click.echo(secret)
    else:
        click.echo(f"tokens: {program()} token list", err=True)
    if not binding.loopback:
        click.echo(f"others can reach it: it listens on {binding.host}", err=True)
