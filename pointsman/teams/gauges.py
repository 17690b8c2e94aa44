"""What the gauges of metrics show of a team: read from its store now and then, never when somebody
asks for metrics."""

import logging

from pointsman.errors import PointsmanError
from pointsman.nodes import conventions as names
from pointsman.nodes import metrics
from pointsman.teams.services import Services

log = logging.getLogger("pointsman.teams")

_STATES = {"closed": 0, "half_open": 1, "open": 2}


async def refresh(services: Services) -> None:
    """Read the figures of the team and of those inside it; nothing where nobody collects metrics.
    Never raises for a store that cannot be read: the last figures stay."""
    if not metrics.collected():
        return
    for one in (services, *services.kin.values()):
        team = one.spec.name
        try:
            now = await one.store.standing(team)
        except PointsmanError as error:
            log.warning("the gauges of team %s are not up to date: %s", team, error)
            continue
        figures = metrics.Figures(
            queued=now.queued.count,
            queued_since=now.queued.since,
            waiting=now.tickets.count,
            waiting_since=now.tickets.since,
            dead=now.dead,
        )
        metrics.stands(team, figures)
        for light in now.lights:
            of: metrics.Labels = {
                names.TEAM: team, names.BREAKER_OF: light.of, names.BREAKER: light.key,
            }  # fmt: skip
            metrics.add("pointsman.breaker.state", _STATES[light.state], of)


def forget(services: Services) -> None:
    """Show nothing of the team any more."""
    if metrics.collected():
        for one in (services, *services.kin.values()):
            metrics.stands(one.spec.name, None)
