"""Whether the process lives, and whether it takes work: for everybody, and nothing else."""

from starlette.responses import Response

from pointsman.errors import PointsmanError
from pointsman.views.health import Standing, Status
from pointsman.views.web.api.call import Call


async def live(call: Call) -> Response:
    """200 as long as the process answers."""
    return _answer("ok")


async def ready(call: Call) -> Response:
    """200 when messages are taken; 503 when the server stops, is full or has lost its store."""
    mailbox = call.api.mailbox
    if not mailbox.taking:
        return _answer("stopping")
    if mailbox.queued >= mailbox.waiting:
        return _answer("full")
    try:
        async with call.api.team.sessions.services() as services:
            await services.store.channels(call.api.team.name)
    except PointsmanError:
        return _answer("broken")
    return _answer("ok")


def _answer(status: Status) -> Response:
    stands = Standing(status)
    return Response(stands.body, stands.code, stands.headers, media_type="application/json")
