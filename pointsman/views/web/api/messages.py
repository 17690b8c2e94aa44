"""Taking messages: stored before they are answered for, and run once whatever is sent twice."""

import re
from typing import cast

from starlette.responses import Response

from pointsman.nodes import telemetry
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.message import Attachment, new_id, request_of
from pointsman.nodes.run import Budget
from pointsman.teams.request import new_run
from pointsman.teams.store.rows import RunRow
from pointsman.views.web.api.call import NO_STORE, Call
from pointsman.views.web.api.models import MessageIn
from pointsman.views.web.api.problems import ApiError
from pointsman.views.web.api.shown import run_view

KEY = r"^[!-~]{1,200}$"
LONGEST_WAIT = 60
"""Seconds that a client may wait for a run in one request."""
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})\"?(?:$|[,;\s])", re.IGNORECASE)
_DEFAULT = "default"


async def submit(call: Call) -> Response:
    """Take a message. 202 while its run goes on; 200 when it has ended or waits for a person."""
    key = call.header("idempotency-key")
    if key is not None and not re.fullmatch(KEY, key):
        raise ApiError(400, "Idempotency-Key is 1 to 200 printable characters without spaces.")
    seconds = _wait(call)
    given = await call.body(MessageIn)
    tenant = call.tenant(given.tenant) or _DEFAULT
    with telemetry.within(call.header("traceparent") or ""):
        row = await _row(call, given, tenant, key)
    stored = await call.api.mailbox.submit(row)
    if request_of(stored.request).text != given.text:
        raise _other(key)
    if seconds and stored.state == "running":
        stored = await call.api.mailbox.ended(stored.run, seconds)
    headers = {**NO_STORE, "Location": f"/v1/runs/{stored.run}"}
    if seconds:
        headers["Preference-Applied"] = f"wait={seconds}"
    view = await run_view(call.api.team, stored)
    status = 202 if stored.state == "running" else 200
    return Response(view.model_dump_json(), status, headers, media_type="application/json")


async def _row(call: Call, given: MessageIn, tenant: str, key: str | None) -> RunRow:
    thread = given.thread
    if key is not None:
        thread = await _noted(call, given, tenant, key)
    budget = given.budget
    return new_run(
        call.api.team.spec, given.text, thread=thread, tenant=tenant, message_id=key,
        priority=given.priority, deadline=given.deadline,
        budget=Budget(usd=budget.usd, calls=budget.calls) if budget else None,
        attachments=[
            Attachment(uri=a.uri, media_type=a.media_type, name=a.name) for a in given.attachments
        ],
    )  # fmt: skip


async def _noted(call: Call, given: MessageIn, tenant: str, key: str) -> str:
    """The thread that the key's message goes to: the same however often it is sent."""
    said = cast("JsonObject", given.model_dump(mode="json"))
    told = digest("submission", {**said, "tenant": tenant})
    async with call.api.team.sessions.services() as services:
        noted = await services.store.submitted(
            services.spec.name, tenant, key, digest=told, thread=given.thread or new_id()[:12]
        )
    if noted.digest != told:
        raise _other(key)
    return noted.thread


def _other(key: str | None) -> ApiError:
    return ApiError(
        422, f"The Idempotency-Key {key!r} came with another message before. Take a new key.",
        kind="key-reused",
    )  # fmt: skip


def _wait(call: Call) -> int:
    """Seconds of `Prefer: wait=N`; 0 for none. Other preferences are not looked at."""
    for line in call.request.headers.getlist("prefer"):
        found = _WAIT.search(line)
        if found:
            return min(int(found[1]), LONGEST_WAIT)
    return 0
