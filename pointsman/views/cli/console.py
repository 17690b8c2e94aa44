"""`pointsman console`: the page where people look and decide."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.options import as_json, user_name
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.teams.team import Team
    from pointsman.views.web.binding import Binding, Tls

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), help="0: whichever is free. Default: 8321.")
@click.option(
    "--as", "by", metavar="NAME",
    help="Who decides with the printed token. Default: your user name.",
)  # fmt: skip
@click.option("--open/--no-open", "browse", default=False, help="Open it in the browser.")
@click.option("--no-token", is_flag=True, help="Print no token: sign in with stored ones.")
@click.option("--tls-cert", type=_FILE, help="Certificate chain, PEM.")
@click.option("--tls-key", type=_FILE, help="Its key, PEM.")
@click.option(
    "--public-url", "public", metavar="URL", multiple=True,
    help="Address of a proxy in front of it. May be repeated.",
)  # fmt: skip
@click.option("--insecure", is_flag=True, help="Listen beyond this machine without TLS or tokens.")
@click.option("--with-api", is_flag=True, help="Serve the HTTP API too, as `pointsman serve` does.")
@as_json
@click.pass_obj
def console(
    project: Project,
    host: str,
    port: int | None,
    by: str | None,
    browse: bool,  # noqa: FBT001 - click passes options by name
    no_token: bool,  # noqa: FBT001
    tls_cert: Path | None,
    tls_key: Path | None,
    public: tuple[str, ...],
    insecure: bool,  # noqa: FBT001
    with_api: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> int:
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
    from pointsman.views.web.binding import Tls
    from pointsman.views.web.serving import need_the_extra

    need_the_extra()

    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together.")
    tls = Tls(tls_cert, tls_key) if tls_cert and tls_key else None
    start = _Start(
        host, port, by or user_name(), tls, public,
        token=not no_token, insecure=insecure, api=with_api, browse=browse, as_json=as_json,
    )  # fmt: skip
    drive(
        lambda: _serve(project, start),
        kept=lambda: "Stopped. Runs that were under way go on at the next start.",
    )
    return DONE


class _Start:
    """What the options say."""

    def __init__(
        self, host: str, port: int | None, by: str, tls: "Tls | None", public: tuple[str, ...],
        *, token: bool, insecure: bool, api: bool, browse: bool, as_json: bool,
    ) -> None:  # fmt: skip
        self.host, self.port, self.by, self.tls, self.public = host, port, by, tls, public
        self.token, self.insecure, self.api = token, insecure, api
        self.browse, self.as_json = browse, as_json


async def _serve(project: Project, start: _Start) -> None:
    from pointsman.teams.settings import Settings
    from pointsman.views.cli.session import opened
    from pointsman.views.web.app import web_app
    from pointsman.views.web.config import WebConfig
    from pointsman.views.web.keyring import made_for_now
    from pointsman.views.web.metrics import collect
    from pointsman.views.web.server import serve

    key = Settings.read().proxy_key
    collect()
    async with opened(project) as session:
        team = session.team
        binding = await _binding(team, start, proxied=bool(key))
        made = made_for_now(team, start.by) if start.token else None
        home = team.spec.home or Settings.read().home
        with binding.listen() as listening:
            url = binding.url(listening)
            app = web_app(
                team,
                WebConfig(
                    url=url, api=start.api, made=(made,) if made else (), proxy_key=key,
                    public_urls=start.public, evals=(home / "evals", project.root / "evals"),
                ),
            )  # fmt: skip
            entry = f"{(start.public or (url,))[0].rstrip('/')}/"
            if made:
                entry += f"#token={made.secret}"
            with _browser(entry if start.browse else "") as look:

                def ready() -> None:
                    _say(team.name, url, entry, start)
                    look()

                await serve(app, listening, tls=start.tls, ready=ready)


async def _binding(team: "Team", start: _Start, *, proxied: bool) -> "Binding":
    """Where it may listen. Raises Misconfigured."""
    from datetime import UTC, datetime

    from pointsman.views.web.binding import checked_binding

    at = datetime.now(UTC)
    stored = any(token.live(at) for token in await team.tokens())
    return checked_binding(
        start.host, start.port, tls=start.tls, insecure=start.insecure, tokens=stored or proxied
    )


def _say(team: str, url: str, entry: str, start: _Start) -> None:
    """Where it is, on stdout."""
    if start.as_json:
        import json

        token = entry.partition("#token=")[2]
        click.echo(json.dumps({"url": url, "open": entry, "token": token, "as": start.by}))
        return
    click.echo(f"Console of team {team}: {entry}")
    if start.token:
        click.echo(f"The address signs you in as {start.by}: keep it to yourself.", err=True)
    else:
        click.echo("Sign in with a token: `pointsman token new NAME` makes one.", err=True)
    click.echo("Ctrl-C ends it.", err=True)


@contextmanager
def _browser(entry: str) -> Generator[Callable[[], None]]:
    """Opens the address in the browser, by a file that only its owner reads: what stands on a
    command line can be seen by everybody on the machine."""
    import html
    import os
    import tempfile
    import webbrowser

    if not entry:
        yield lambda: None
        return
    handle, name = tempfile.mkstemp(suffix=".html", prefix="pointsman-")  # mode 0600
    page = f'<meta http-equiv="refresh" content="0;url={html.escape(entry)}">'
    with os.fdopen(handle, "w") as file:
        file.write(f"<!doctype html><title>pointsman</title>{page}")

    def look() -> None:
        if not webbrowser.open(Path(name).as_uri()):
            click.echo("No browser was found here. Open the address yourself.", err=True)

    try:
        yield look
    finally:
        Path(name).unlink(missing_ok=True)
