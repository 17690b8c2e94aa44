"""`pointsman serve`: the HTTP API, and with `--console` the console beside it."""

from collections.abc import Callable
from pathlib import Path

import click

from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.options import program
from pointsman.views.cli.project import Project
from pointsman.views.cli.webserver import Served, Where, need_the_extra, serve_web, where


@click.command()
@where
@click.option("--console", is_flag=True, help="Serve the console too.")
@click.option("--workers", type=click.IntRange(1, 256), default=4, show_default=True,
              help="Runs at once.")  # fmt: skip
@click.option("--waiting", type=click.IntRange(1, 100_000), default=200, show_default=True,
              help="Messages that may wait; then 503.")  # fmt: skip
@click.option("--rate", type=click.IntRange(1), default=600, show_default=True,
              help="Requests a minute of each token.")  # fmt: skip
@click.option("--grace", type=click.FloatRange(0), default=20.0, show_default=True,
              help="Seconds that runs have to end when the server stops.")  # fmt: skip
@click.pass_obj
def serve(
    project: Project, host: str, port: int | None, tls_cert: Path | None, tls_key: Path | None,
    public: tuple[str, ...], insecure: bool, by: str, console: bool, workers: int, waiting: int,
    rate: int, grace: float,
) -> int:  # fmt: skip
    """Serve the team's HTTP API: messages, runs, events, tickets. See docs/api.md.

    Every request needs a token (`pointsman token new`). Where none is stored, one is made for this
    process and printed. A message is stored before it is taken: what a server that was killed left
    goes on here. SIGTERM and Ctrl-C end it in order.

    \b
    Examples:
      pointsman serve
      pointsman serve --console --port 8080 --workers 8
    """
    need_the_extra()
    from pointsman.views.logs import log_lines
    from pointsman.views.web.config import WebConfig

    at = Where(host, port, tls_cert, tls_key, public, insecure, by)
    config = WebConfig(
        console=console, api=True, workers=workers, waiting=waiting, rate=rate,
        grace_seconds=grace,
    )  # fmt: skip

    with log_lines(as_json=project.log_json) as tell:

        def say(served: Served) -> Callable[[], None]:
            tell(f"serving on {served.url}" + (" with the console" if console else ""))
            if served.secret:
                tell("token of this process (no token is stored):")
                click.echo(served.secret)
            else:
                tell(f"tokens: {program()} token list")
            if not served.binding.loopback:
                tell(f"others can reach it: it listens on {served.binding.host}")
            return lambda: None

        drive(
            lambda: serve_web(project, at, config, printed="unless stored", say=say),
            kept=lambda: "Stopped. What was taken is kept; it goes on at the next start.",
        )
    return DONE
