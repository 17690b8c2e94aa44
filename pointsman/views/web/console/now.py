"""The page Now: how the team does, as its people see it."""

from dataclasses import dataclass

from starlette.responses import Response

from pointsman.teams.overview import Overview
from pointsman.teams.search import RunFilter
from pointsman.teams.search import RunLine as Found
from pointsman.teams.store.rows import Open
from pointsman.teams.team import Team
from pointsman.views.web.console import shapes
from pointsman.views.web.guarded import Asked
from pointsman.views.web.problems import answer

FLIGHT = 20


@dataclass(frozen=True, slots=True)
class Now:
    """`GET /console/overview`."""

    team: Team

    async def overview(self, asked: Asked) -> Response:
        """How it does now."""
        return answer(await overview_page(self.team, asked.session.token.tenant))


async def overview_page(team: Team, tenant: str) -> shapes.OverviewPage:
    """The team now; for `tenant` only what is that tenant's. Raises StoreError."""
    found = await team.overview()
    open_ = RunFilter(states=("running", "waiting"), tenant=tenant)
    flight = tuple(line(one) for one in (await team.search(open_, limit=FLIGHT)).lines)
    return await _of_tenant(team, found, flight, tenant) if tenant else _whole(found, flight)


def line(found: Found) -> shapes.RunLine:
    """A run in a list."""
    return shapes.RunLine(
        run=found.run, team=found.team, thread=found.thread, tenant=found.tenant,
        state=found.state, specialist=found.specialist, text=found.text,
        created=round(found.created * 1000), seconds=found.seconds, usd=found.usd,
        calls=found.calls, error=found.error, release=found.release, parent=found.parent,
    )  # fmt: skip


def _whole(found: Overview, flight: tuple[shapes.RunLine, ...]) -> shapes.OverviewPage:
    unpriced = found.spend.unpriced
    known = found.spend.calls > unpriced or not unpriced
    return shapes.OverviewPage(
        at=round(found.at * 1000),
        runs={
            "running": found.running.count,
            "waiting": found.waiting.count,
            **dict(found.ended),
        },
        waiting=found.tickets.count,
        oldest_wait=_age(found.tickets, found.at),
        queued=found.queued.count,
        oldest_queued=_age(found.queued, found.at),
        dead=found.dead,
        errors=sum(m.failed for m in found.models),
        usd_today=found.spend.usd if known else None,
        unpriced_today=unpriced,
        tenants=tuple(
            shapes.TenantSpend(tenant=name, usd=spend.usd, calls=spend.calls)
            for name, spend in found.tenants
        ),
        latency=tuple(
            shapes.LatencyLine(
                specialist=s.specialist, runs=s.ended, p50=s.p50, p95=s.p95, failed=s.failed
            )
            for s in found.specialists
        ),
        models=tuple(
            shapes.ModelLine(
                model=m.model, calls=m.calls, errors=m.failed, usd=None, p50=m.p50, p95=m.p95,
                classes=dict(m.errors),
            )
            for m in found.models
        ),
        lights=tuple(
            shapes.Light(of=x.of, key=x.key, state=x.state, at=round(x.at * 1000))
            for x in found.lights
        ),
        edges=tuple(shapes.EdgeCount(frm=e.frm, to=e.to, count=e.count) for e in found.edges),
        flight=flight,
    )  # fmt: skip


async def _of_tenant(
    team: Team, found: Overview, flight: tuple[shapes.RunLine, ...], tenant: str
) -> shapes.OverviewPage:
    """What a tenant may know: its own runs, tickets and spend; nothing of how others do."""
    tickets = [t for t in await team.tickets() if t.tenant == tenant]
    spend = next((spend for name, spend in found.tenants if name == tenant), None)
    since = min((t.created.timestamp() for t in tickets), default=None)
    return shapes.OverviewPage(
        at=round(found.at * 1000),
        runs={
            state: sum(1 for one in flight if one.state == state)
            for state in ("running", "waiting")
        },
        waiting=len(tickets),
        oldest_wait=_age(Open(len(tickets), since), found.at),
        queued=0, oldest_queued=None, dead=0, errors=0,
        usd_today=spend.usd if spend else 0.0,
        unpriced_today=spend.unpriced if spend else 0,
        tenants=(
            (shapes.TenantSpend(tenant=tenant, usd=spend.usd, calls=spend.calls),) if spend else ()
        ),
        flight=flight,
    )  # fmt: skip


def _age(open_: Open, at: float) -> float | None:
    return None if open_.since is None else max(0.0, at - open_.since)
