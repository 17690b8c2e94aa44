"""Reading runs, and asking that they stop or go on."""

from datetime import datetime

from starlette.responses import Response

from pointsman.teams.search import RunFilter
from pointsman.teams.store.rows import RunRow
from pointsman.views.web.api.call import NO_STORE, Call
from pointsman.views.web.api.models import ReasonIn, RunPage, RunQuery
from pointsman.views.web.api.shown import run_line, run_view


async def list_runs(call: Call) -> Response:
    """Runs, newest first."""
    asked = call.query(RunQuery)
    page = await call.api.team.search(_filter(call, asked), after=asked.after, limit=asked.limit)
    shown = RunPage(runs=tuple(run_line(line) for line in page.lines), next=page.next)
    return Response(shown.model_dump_json(), headers=NO_STORE, media_type="application/json")


async def read_run(call: Call) -> Response:
    """One run."""
    return await _shown(call, await _row(call), 200)


async def cancel_run(call: Call) -> Response:
    """Cancel a run: at once when it waits, at its next step when it runs. One that has ended stays
    as it is."""
    row = await _row(call)
    reason = (await call.body(ReasonIn, empty=b"{}")).reason
    if row.state in ("running", "waiting"):
        row = await call.api.mailbox.cancel(row.run, by=call.token.name, reason=reason)
    return await _shown(call, row, 202 if row.state == "running" else 200)


async def resume_run(call: Call) -> Response:
    """Have a run that stands still looked at now; it is by itself before long."""
    row = await _row(call)
    await call.body(ReasonIn, empty=b"{}")
    row = await call.api.mailbox.resume(row.run)
    return await _shown(call, row, 202 if row.state == "running" else 200)


async def _row(call: Call) -> RunRow:
    return call.seen(await call.api.team.run_row(call.part("run")))


async def _shown(call: Call, row: RunRow, status: int) -> Response:
    view = await run_view(call.api.team, row)
    return Response(view.model_dump_json(), status, NO_STORE, media_type="application/json")


def _filter(call: Call, asked: RunQuery) -> RunFilter:
    return RunFilter(
        text=asked.text, thread=asked.thread, specialist=asked.specialist, states=asked.state,
        tenant=call.tenant(asked.tenant), release=asked.release, since=_seconds(asked.since),
        until=_seconds(asked.until), usd_at_least=asked.usd_at_least,
        usd_at_most=asked.usd_at_most, seconds_at_least=asked.seconds_at_least,
        seconds_at_most=asked.seconds_at_most, children=asked.children,
    )  # fmt: skip


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
