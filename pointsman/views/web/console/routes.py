"""The console's addresses: each with the scope that it takes."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pointsman.teams.access import Scope
from pointsman.teams.mailbox import Mailbox
from pointsman.views.web.console.costs import Costs
from pointsman.views.web.console.evalpages import Evals
from pointsman.views.web.console.inbox import Inbox
from pointsman.views.web.console.live import Live
from pointsman.views.web.console.now import Now
from pointsman.views.web.console.recorded import Recordings
from pointsman.views.web.console.runs import Runs
from pointsman.views.web.console.shapes import Ways
from pointsman.views.web.console.teampage import TeamPages
from pointsman.views.web.feed import Feed
from pointsman.views.web.guarded import Asked, Guarded, Handler, Open
from pointsman.views.web.oidc.door import BACK, THERE, Door
from pointsman.views.web.problems import answer
from pointsman.views.web.signin import Desk


def console_routes(desk: Desk, mailbox: Mailbox, feed: Feed, door: Door | None) -> Sequence[Route]:
    """All of them. Open to everybody are only the look whether there is a session, and signing
    in."""
    team = desk.team
    runs, inbox = Runs(team, mailbox), Inbox(team, mailbox, feed)
    recordings = Recordings(team)
    evals, live = Evals(desk.config.evals), Live(desk, feed)

    def reads(path: str, handler: Handler, *, streams: bool = False) -> Route:
        guarded = Guarded(desk, "read", handler, streams=streams)
        return Route(f"/console{path}", guarded, methods=["GET"])

    def does(path: str, right: Scope, handler: Handler) -> Route:
        return Route(f"/console{path}", Guarded(desk, right, handler), methods=["POST"])

    async def look(request: Request) -> Response:
        return await desk.look(request)

    async def sign_in(request: Request) -> Response:
        return await desk.sign_in(request)

    async def ways(request: Request) -> Response:
        del request
        return answer(Ways(issuer=door.host if door else ""))

    async def sign_out(asked: Asked) -> Response:
        return await desk.sign_out(asked.request, asked.session)

    through = [
        Route(THERE, Open(door.leave), methods=["GET"]),
        Route(BACK, Open(door.back), methods=["GET"]),
    ] if door else []  # fmt: skip
    return [
        *through,
        Route("/console/signin", Open(ways), methods=["GET"]),
        Route("/console/session", Open(look), methods=["GET"]),
        Route("/console/signin", Open(sign_in), methods=["POST"]),
        does("/signout", "read", sign_out),
        reads("/overview", Now(team).overview),
        reads("/feed", live.open, streams=True),
        reads("/runs", runs.search),
        reads("/runs/{run}", runs.show),
        does("/runs/{run}/cancel", "submit", runs.cancel),
        does("/runs/{run}/redrive", "admin", runs.redrive),
        does("/runs/{run}/drop", "admin", runs.drop),
        does("/runs/{run}/fork", "submit", recordings.fork),
        reads("/runs/{run}/prompts/{call}", recordings.prompt),
        reads("/runs/{run}/export", recordings.export),
        reads("/compare", runs.compare),
        reads("/tickets", inbox.tickets),
        does("/tickets/{ticket}/decide", "decide", inbox.decide),
        reads("/team", TeamPages(team).show),
        reads("/costs", Costs(team).show),
        reads("/evals", evals.show),
        reads("/evals/compare", evals.compare),
    ]
