"""The page Runs: search, one run in full, two runs side by side, and what is done with a run."""

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import QueryParams
from starlette.responses import Response

from pointsman.errors import BadInput
from pointsman.nodes.message import request_of
from pointsman.teams.dead import redrive
from pointsman.teams.mailbox import Mailbox
from pointsman.teams.result import Result
from pointsman.teams.search import RunFilter
from pointsman.teams.store.rows import RunRow, RunState
from pointsman.teams.team import Team
from pointsman.views.notebook.cards import card
from pointsman.views.web.console import runshapes, shapes
from pointsman.views.web.console.now import line
from pointsman.views.web.console.runmessages import messages
from pointsman.views.web.console.runparts import calls, effect, tools, verdicts
from pointsman.views.web.console.runpath import path_of
from pointsman.views.web.console.sidebyside import compared
from pointsman.views.web.guarded import Asked
from pointsman.views.web.problems import answer

MOST_LINES = 200
_STATES: TypeAdapter[tuple[RunState, ...]] = TypeAdapter(tuple[RunState, ...])
Can = Literal["cancel", "redrive", "drop", "fork"]


@dataclass(frozen=True, slots=True)
class Runs:
    """`/console/runs` and `/console/compare`."""

    team: Team
    mailbox: Mailbox

    async def search(self, asked: Asked) -> Response:
        """`GET /console/runs`."""
        query = asked.request.query_params
        wanted = wanted_of(query, asked.session.token.tenant)
        said = _number(query, "limit")
        limit = 50 if said is None else int(said)
        if not 1 <= limit <= MOST_LINES:
            raise BadInput(f"A page has 1 to {MOST_LINES} runs, and not {limit}.")
        found = await self.team.search(wanted, query.get("after", ""), limit)
        return answer(
            shapes.RunsPage(
                lines=tuple(line(one) for one in found.lines),
                next=found.next,
                specialists=tuple(s.name for s in self.team.spec.specialists),
            )
        )

    async def show(self, asked: Asked) -> Response:
        """`GET /console/runs/{run}`."""
        row = await self._row(asked, asked.part("run"))
        return answer(await self._page(row, _can(row, asked)))

    async def compare(self, asked: Asked) -> Response:
        """`GET /console/compare`."""
        query = asked.request.query_params
        pages = [
            await self._page(await self._row(asked, query.get(side, "")), ()) for side in ("a", "b")
        ]
        return answer(compared(pages[0], pages[1]))

    async def cancel(self, asked: Asked) -> Response:
        """`POST /console/runs/{run}/cancel`."""
        row = await self._row(asked, asked.part("run"))
        act = await asked.body(runshapes.RunAct)
        after = await self.mailbox.cancel(row.run, by=asked.by, reason=act.reason)
        words = "Cancelled." if after.state == "cancelled" else "It stops at its next step."
        return answer(runshapes.RunDone(run=after.run, state=after.state, words=words))

    async def redrive(self, asked: Asked) -> Response:
        """`POST /console/runs/{run}/redrive`."""
        row = await self._row(asked, asked.part("run"))
        act = await asked.body(runshapes.RunAct)
        async with self.team.sessions.services() as services:
            await redrive(
                services, row.run, by=asked.by, reason=act.reason, deadline=None, budget=None
            )
        after = await self.mailbox.resume(row.run)
        return answer(
            runshapes.RunDone(run=after.run, state=after.state, words="It begins anew."), 202
        )

    async def drop(self, asked: Asked) -> Response:
        """`POST /console/runs/{run}/drop`."""
        row = await self._row(asked, asked.part("run"))
        act = await asked.body(runshapes.RunAct)
        await self.team.drop(row.run, by=asked.by, reason=act.reason)
        return answer(runshapes.RunDone(run=row.run, state=row.state, words="Given up."))

    async def _row(self, asked: Asked, run: str) -> RunRow:
        """A run that the session may see. Raises NotFound."""
        row = await self.team.run_row(run)
        asked.sees(row.tenant, f"run {run}")
        return row

    async def _page(self, row: RunRow, can: tuple[Can, ...]) -> runshapes.RunPage:
        result = await self.team.result(row.run)
        events = await self.team.events(row.run)
        record = await self.team.record(row.run)
        async with self.team.sessions.services() as services:
            below = await services.store.children(row.run)
        said = messages(record, events)
        path = path_of(events, tuple(one.run for one in below))
        return runshapes.RunPage(
            line=_line(row, result), text=request_of(row.request).text, answer=result.answer,
            by=result.by or "", route=result.route, route_tier=result.route_tier,
            route_confidence=result.route_confidence, cache_hits=result.cache_hits,
            input_tokens=result.input_tokens, output_tokens=result.output_tokens,
            saved_usd=result.saved_usd, attempt=row.attempt, cancelled_by=row.cancelled_by,
            dropped=row.dropped, nodes=path.nodes, edges=path.edges, steps=path.steps,
            messages=said.shown, messages_left=said.left, calls=calls(events, record),
            fork_of=row.fork_of, simulated=row.simulated,
            verdicts=verdicts(events), tools=tools(events, record),
            tickets=tuple(card(ticket) for ticket in record.tickets),
            effects=tuple(effect(one) for one in await self.team.effects(row.run)),
            children=tuple([_line(one, one.result) for one in below]),
            can=can,
        )  # fmt: skip


def wanted_of(query: QueryParams, tenant: str) -> RunFilter:
    """What a query asks for. `tenant`: the only one it may see; empty: all. Raises BadInput."""
    try:
        states = _STATES.validate_python(tuple(query.getlist("state")))
    except ValidationError:
        raise BadInput(
            f"{', '.join(query.getlist('state'))[:80]!r} is no state of a run."
        ) from None
    since, until = _number(query, "since"), _number(query, "until")
    return RunFilter(
        text=query.get("text", "")[:500], thread=query.get("thread", ""),
        specialist=query.get("specialist", ""), states=states,
        tenant=tenant or query.get("tenant", ""), release=query.get("release", ""),
        since=None if since is None else since / 1000,
        until=None if until is None else until / 1000,
        usd_at_least=_number(query, "usd_at_least"), usd_at_most=_number(query, "usd_at_most"),
        seconds_at_least=_number(query, "seconds_at_least"),
        seconds_at_most=_number(query, "seconds_at_most"),
        children=query.get("children", "") == "1",
    )  # fmt: skip


def _number(query: QueryParams, name: str) -> float | None:
    """A number of the query. Raises BadInput."""
    text = query.get(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e15:
        raise BadInput(f"{name}={text[:40]!r} is no number, or below 0.", hint="Mend the filter.")
    return value


def _can(row: RunRow, asked: Asked) -> tuple[Can, ...]:
    token = asked.session.token
    can: list[Can] = []
    if row.state in ("running", "waiting") and token.may("submit"):
        can.append("cancel")
    failed = row.state in ("failed", "partial") and row.result is not None and row.result.error
    if failed and not row.dropped and not row.parent and token.may("admin"):
        can.append("redrive")
        can.append("drop")
    if token.may("submit") and not row.parent and not row.nested:
        can.append("fork")
    return tuple(can)


def _line(row: RunRow, result: Result | None) -> shapes.RunLine:
    return shapes.RunLine(
        run=row.run, team=row.team, thread=row.thread, tenant=row.tenant,
        state=row.state, specialist=result.specialist if result else "",
        text=request_of(row.request).text[:200],
        created=round(row.request.time.timestamp() * 1000), seconds=row.seconds,
        usd=result.usd if result else None, calls=result.model_calls if result else 0,
        error=result.error if result and row.state != "running" else "", release=row.release,
        parent=row.parent,
    )  # fmt: skip
