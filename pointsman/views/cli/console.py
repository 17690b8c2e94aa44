"""`pointsman console`: the page where people look and decide."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import click

from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project
from pointsman.views.cli.webserver import Served, Where, need_the_extra, serve_web, where


@click.command()
@where
@click.option("--open/--no-open", "browse", default=False, help="Open it in the browser.")
@click.option("--no-token", is_flag=True, help="Print no token: sign in with stored ones.")
@click.option("--with-api", is_flag=True, help="Serve the HTTP API too, as `pointsman serve` does.")
@as_json
@click.pass_obj
def console(
    project: Project, host: str, port: int | None, tls_cert: Path | None, tls_key: Path | None,
    public: tuple[str, ...], insecure: bool, by: str, browse: bool, no_token: bool,
    with_api: bool, as_json: bool,
) -> int:  # fmt: skip
    """Serve a page that shows what the team does, live, and where its tickets are decided.

    It prints its address with a token that signs you in once opened; the token is gone when the
    server stops. `pointsman token new NAME` makes lasting ones for other people. Beyond this
    machine it listens only with TLS and stored tokens, or with --insecure.

    Runs whose tickets are decided here go on in this process. Ctrl-C ends it.

    \b
    Examples:
      pointsman console
      pointsman console --as ana --port 9000 --open
      pointsman console --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --no-token
    """
    need_the_extra()
    from pointsman.views.logs import log_lines
    from pointsman.views.web.config import WebConfig

    at = Where(host, port, tls_cert, tls_key, public, insecure, by)
    with _browser(browse=browse) as look, log_lines(as_json=project.log_json):

        def say(served: Served) -> Callable[[], None]:
            _say(served, by, as_json=as_json)
            return lambda: look(served.entry)

        drive(
            lambda: serve_web(
                project, at, WebConfig(api=with_api),
                printed="never" if no_token else "always", say=say,
            ),
            kept=lambda: "Stopped. Runs that were under way go on at the next start.",
        )  # fmt: skip
    return DONE


def _say(served: Served, by: str, *, as_json: bool) -> None:
    """Where it is, on stdout."""
    if as_json:
        given = {"url": served.url, "open": served.entry, "token": served.secret, "as": by}
        click.echo(json.dumps(given))
        return
    click.echo(f"Console of team {served.team}: {served.entry}")
    if served.secret:
        click.echo(f"The address signs you in as {by}: keep it to yourself.", err=True)
    else:
        click.echo("Sign in with a token: `pointsman token new NAME` makes one.", err=True)
    if served.issuer:
        click.echo(f"People also sign in through {served.issuer}.", err=True)
    click.echo("Ctrl-C ends it.", err=True)


@contextmanager
def _browser(*, browse: bool) -> Generator[Callable[[str], None]]:
    """Opens an address in the browser, by a file that only its owner reads: what stands on a
    command line can be seen by everybody on the machine."""
    import html
    import os
    import tempfile
    import webbrowser

    if not browse:
        yield lambda _: None
        return
    handle, name = tempfile.mkstemp(suffix=".html", prefix="pointsman-")  # mode 0600
    os.close(handle)

    def look(entry: str) -> None:
        page = f'<meta http-equiv="refresh" content="0;url={html.escape(entry)}">'
        Path(name).write_text(f"<!doctype html><title>pointsman</title>{page}")
        if not webbrowser.open(Path(name).as_uri()):
            click.echo("No browser was found here. Open the address yourself.", err=True)

    try:
        yield look
    finally:
        Path(name).unlink(missing_ok=True)
