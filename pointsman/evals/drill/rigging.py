"""A team as the injector needs it: the same description, with what it calls wrapped."""

from dataclasses import replace
from pathlib import Path

from pointsman.evals.approvers import admitted
from pointsman.evals.drill.injector import Injector
from pointsman.evals.drill.outage import Outage
from pointsman.evals.drill.tools import faulty
from pointsman.evals.drill.transport import FaultyTransports
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.specialist import Specialist
from pointsman.teams.team import Team


def rigged(team: Team, injector: Injector, home: Path) -> Team:
    """The team apart, in `home`, by the injector's clock, with nothing of its own changed. The
    drill's approver is one of its reviewers, and no reviewer is told of a ticket."""
    other = team.apart(home=home, alone=True)
    spec = replace(
        admitted(other.spec, injector.approver.policy),
        specialists=tuple(_rigged(s, injector, home) for s in other.spec.specialists),
    )
    sessions = other.sessions
    sessions.transports = FaultyTransports(sessions.transports or Transports(), injector)
    sessions.clock = injector.clock
    sessions.on_ticket = None
    sessions.spec = spec
    other.spec = spec
    return other


def _rigged(specialist: Specialist, injector: Injector, home: Path) -> Specialist:
    does = specialist.does
    return replace(
        specialist,
        tools=tuple(faulty(tool, injector) for tool in specialist.tools),
        guards=(*specialist.guards, Outage(specialist.name, injector)),
        does=rigged(does, injector, home) if isinstance(does, Team) else does,
    )
