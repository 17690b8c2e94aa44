"""Asking a team's router alone: nothing runs, nothing is recorded."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from pointsman.guardrails.content import ContentFilter
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.message import Request, Turn, new_id
from pointsman.nodes.routing.router import Route
from pointsman.nodes.run import Run
from pointsman.teams.services import Services, open_services
from pointsman.teams.team import Team

Decide = Callable[[str], Awaitable[Route]]
"""Gives the route of a text. Raises what `RouterNode.decide` does."""


@asynccontextmanager
async def deciding(
    team: Team, *, ask_model: bool = True, after: str = "", tiers_only: bool = False
) -> AsyncGenerator[Decide]:
    """Decides as a run of the team would, past its filters and within its rate limits and shared
    budgets, but makes no run. Answers of models are kept in the team's response cache.

    `after` names the specialist that answered last in the thread. `tiers_only` leaves out what
    follows where no tier decides: `otherwise`, and asking a person. Without `ask_model` it stops
    before the model.
    """
    sessions = team._sessions  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] (the team's own parts)
    services = open_services(
        team.spec, sessions.settings(), on_ticket=None, transports=sessions.transports,
        clock=sessions.clock, journal=MemoryJournal(),
    )  # fmt: skip

    async def decide(text: str) -> Route:
        request = _masked(team, text, after)
        run = _run(services, after)
        if tiers_only or not ask_model:
            route = await services.router.by_tiers(request, run, ask_model=ask_model)
        else:
            route = await services.router.decide(request, run)
        await services.gateway.settle(run, keep=True)
        return route

    try:
        yield decide
    finally:
        await services.aclose()


def _masked(team: Team, text: str, after: str) -> Request:
    history = (Turn(role="assistant", content="Done."),) if after else ()
    request = Request(text=text, history=history)
    for guard in team.spec.guards:
        if isinstance(guard, ContentFilter):
            request = guard.masked(request)
    return request


def _run(services: Services, after: str) -> Run:
    one = new_id()
    return Run(
        id=f"route-{one}",
        team=services.spec.name,
        thread=one,
        tenant="default",
        gateway=services.gateway,
        emit=lambda _event: None,
        step="1:route",
        previous=after,
        budget=services.spec.budget,
        clock=services.clock,
    )
