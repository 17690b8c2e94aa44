"""Whether the process lives, and whether it takes work: for everybody, and nothing else."""

from starlette.responses import Response

from pointsman.errors import PointsmanError
from pointsman.views.web.api.call import NO_STORE, Call
from pointsman.views.web.api.models import Health


async def live(call: Call) -> Response:
    """200 as long as the process answers."""
    return _health(Health(status="ok"))


async def ready(call: Call) -> Response:
    """200 when messages are taken; 503 when the server stops, is full or has lost its store."""
    mailbox = call.api.mailbox
    if not mailbox.taking:
        return _health(Health(status="stopping"))
    if mailbox.queued >= mailbox.waiting:
        return _health(Health(status="full"))
    try:
        async with call.api.team.sessions.services() as services:
            await services.store.channels(call.api.team.name)
    except PointsmanError:
        return _health(Health(status="broken"))
    return _health(Health(status="ok"))


def _health(health: Health) -> Response:
    status = 200 if health.status == "ok" else 503
    headers = dict(NO_STORE) if status == 200 else {**NO_STORE, "Retry-After": "5"}
    return Response(health.model_dump_json(), status, headers, media_type="application/json")
