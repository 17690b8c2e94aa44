"""What `console` and `serve` share: where they listen, and running the server until a signal."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from pointsman.errors import MissingExtra
from pointsman.views.cli.options import F, user_name
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.teams.team import Team
    from pointsman.views.web.binding import Binding, Tls
    from pointsman.views.web.config import WebConfig

_FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True, slots=True)
class Where:
    """What the options of a server say."""

    host: str
    port: int | None
    tls_cert: Path | None
    tls_key: Path | None
    public: tuple[str, ...]
    insecure: bool
    by: str
    """Whose the printed token is."""

    @property
    def tls(self) -> "Tls | None":
        """The certificate and its key. Raises a usage error for one without the other."""
        from pointsman.views.web.binding import Tls

        if self.tls_cert is None and self.tls_key is None:
            return None
        if self.tls_cert is None or self.tls_key is None:
            raise click.UsageError("--tls-cert and --tls-key go together.")
        return Tls(self.tls_cert, self.tls_key)


@dataclass(frozen=True, slots=True)
class Served:
    """A server that is about to answer."""

    team: str
    url: str
    binding: "Binding"
    secret: str
    """The token of this process; empty where it has none."""
    public: tuple[str, ...]
    issuer: str
    """Host of who else signs people in; empty: nobody does."""

    @property
    def entry(self) -> str:
        """The address that signs its reader in, where there is a token."""
        at = f"{(self.public or (self.url,))[0].rstrip('/')}/"
        return f"{at}#token={self.secret}" if self.secret else at


def where(command: F) -> F:
    """The options of a server, gathered into the argument `where`."""
    options = (
        click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen."),
        click.option(
            "--port", type=click.IntRange(0, 65535),
            help="Default: 8321, or a free one where that is taken. 0: a free one.",
        ),
        click.option("--tls-cert", type=_FILE, help="Certificate chain, PEM."),
        click.option("--tls-key", type=_FILE, help="Its key, PEM."),
        click.option(
            "--public-url", "public", metavar="URL", multiple=True,
            help="Address of a proxy in front of it. May be repeated.",
        ),
        click.option(
            "--insecure", is_flag=True, help="Listen beyond this machine without TLS or tokens."
        ),
        click.option(
            "--as", "by", metavar="NAME", default=user_name,
            help="Whose the printed token is. Default: your user name.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


async def serve_web(
    project: Project,
    at: Where,
    config: "WebConfig",
    *,
    printed: Literal["always", "unless stored", "never"],
    say: Callable[[Served], Callable[[], None]],
) -> None:
    """Serve the project's team until a signal ends it. `config` says what; where, the tokens and
    the folders of records are filled in here. `say` is told of the server, and gives what to call
    once it answers. Raises MissingExtra, Misconfigured."""
    from pointsman.teams.settings import Settings
    from pointsman.views.cli.session import opened
    from pointsman.views.web.app import web_app
    from pointsman.views.web.binding import checked_binding
    from pointsman.views.web.keyring import made_for_now
    from pointsman.views.web.metrics import collect
    from pointsman.views.web.oidc.setup import read_setup
    from pointsman.views.web.server import serve

    settings, tls = Settings.read(), at.tls
    oidc = read_setup(settings.oidc) if settings.oidc and config.console else None
    collect()
    async with opened(project) as session:
        team = session.team
        stored = await _has_tokens(team)
        lasting = stored or bool(settings.proxy_key) or oidc is not None
        binding = checked_binding(at.host, at.port, tls=tls, insecure=at.insecure, tokens=lasting)
        prints = printed == "always" or (printed == "unless stored" and not stored)
        made = (made_for_now(team, at.by),) if prints else ()
        home = team.spec.home or settings.home
        with binding.listen() as listening:
            url = binding.url(listening)
            config = replace(
                config, url=url, made=made, proxy_key=settings.proxy_key, public_urls=at.public,
                oidc=oidc, evals=(home / "evals", project.root / "evals"),
            )  # fmt: skip
            app = web_app(team, config)
            secret = made[0].secret if made else ""
            issuer = oidc.host if oidc else ""
            ready = say(Served(team.name, url, binding, secret, at.public, issuer))
            await serve(app, listening, tls=tls, ready=ready)


def need_the_extra() -> None:
    """Raises MissingExtra where the packages of the server are not installed."""
    try:
        import itsdangerous
        import jwt
        import starlette
        import uvicorn
    except ImportError as error:
        raise MissingExtra(
            "The server needs packages that are not installed.",
            hint='Install them: pip install "pointsman[console]".',
        ) from error
    del itsdangerous, jwt, starlette, uvicorn


async def _has_tokens(team: "Team") -> bool:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    return any(token.live(now) for token in await team.tokens())
