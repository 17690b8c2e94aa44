"""The web server's application: console, HTTP API and metrics, behind one set of gates."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pointsman.teams.mailbox import Mailbox
from pointsman.teams.team import Team
from pointsman.views.web.config import WebConfig
from pointsman.views.web.console.routes import console_routes
from pointsman.views.web.feed import Feed
from pointsman.views.web.gates import AnswerHeaders, BodyGate, HostGate, OriginGate
from pointsman.views.web.guarded import Open
from pointsman.views.web.keyring import Keyring
from pointsman.views.web.metrics import Metrics
from pointsman.views.web.oidc.door import BACK, Door
from pointsman.views.web.oidc.issuer import Issuer
from pointsman.views.web.pages import Pages
from pointsman.views.web.problems import Refusal
from pointsman.views.web.proxy import Proxy
from pointsman.views.web.sessions import SessionBook
from pointsman.views.web.signin import Desk
from pointsman.views.web.tries import Tries

log = logging.getLogger("pointsman.views")


def web_app(team: Team, config: WebConfig) -> Starlette:
    """The application. `team` is open (`async with team:`) for as long as it is served.

    Its lifespan drives what is decided and submitted, and what a server that died left. Raises
    Misconfigured for addresses that are none.
    """
    own = config.own
    keyring = Keyring(team, config.made)
    mailbox = Mailbox(
        team, workers=config.workers, waiting=config.waiting, grace=config.grace_seconds
    )
    book = SessionBook(idle=config.idle_seconds, longest=config.longest_seconds)
    proxy = Proxy(team.name, config.proxy_key) if config.proxy_key else None
    desk = Desk(team, config, keyring, book, Tries(), proxy)
    door = Door(desk, Issuer(config.oidc, team.name)) if config.oidc else None
    feed = Feed(team, look_seconds=config.look_seconds)
    routes: list[BaseRoute] = []
    if config.console:
        routes += [*Pages().routes(), *console_routes(desk, mailbox, feed, door)]
    if config.api:
        routes += _api(team, mailbox, keyring, config)
    if config.metrics:
        routes.append(Route("/metrics", Open(Metrics(team, keyring)), methods=["GET"]))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        del app
        async with mailbox, feed:
            yield
            book.close_all()

    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={HTTPException: _unknown},
        middleware=[
            Middleware(AnswerHeaders, secure=config.secure),
            Middleware(HostGate, own=own),
            Middleware(OriginGate, own=own, led=frozenset({BACK} if door else ())),
            Middleware(BodyGate, most=config.max_body, seconds=config.receive_seconds),
        ],
    )

    def stop() -> None:
        mailbox.stop()
        feed.stop()

    app.state.feed = feed
    app.state.stop = stop  # what `server.serve` calls at a signal: streams would hold it up
    return app


def _api(team: Team, mailbox: Mailbox, keyring: Keyring, config: WebConfig) -> Sequence[BaseRoute]:
    from pointsman.views.web.api.routes import api_routes

    return api_routes(team, mailbox, keyring, rate=config.rate, max_body=config.max_body)


async def _unknown(request: Request, error: Exception) -> Response:
    """A path or a method that is not there."""
    del request
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for it)
    if error.status_code == 405:
        refusal = Refusal(405, "WrongMethod", "This is not asked with that method.")
    elif error.status_code == 404:
        refusal = Refusal(404, "NotFound", "There is nothing at that address.")
    else:
        refusal = Refusal(error.status_code, "Refused", str(error.detail))
    made = refusal.response()
    for name, value in (error.headers or {}).items():
        made.headers[name] = value
    return made
