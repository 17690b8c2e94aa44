"""The team `incident`: a commander, a panel of diagnosticians, and a team inside that repairs."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from pointsman import GroundingGuard, Specialist, Team
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.panel import Member, Panel
from pointsman.nodes.plan import Plan
from pointsman.nodes.resolve import ByPerson, Vote
from pointsman.nodes.specialist import AnyTool

from guardrails.observed import Observed
from guardrails.policy import policy
from nodes.fallbacks import commander_fallback, seen_fallback, triage_fallback
from nodes.fleet import Fleet
from nodes.incidents import Incidents, Kind
from nodes.planning import planned, pointed, reported
from nodes.tools import change_tools, log_tools, metric_tools
from teams.repair import repair_team

PROJECT = Path(__file__).parents[1]


def diagnostician(
    incidents: Incidents, kind: Kind, handles: str, tools: tuple[AnyTool, ...]
) -> Specialist:
    """Reads one source, and says which service it points to."""
    return Specialist(
        kind,
        handles=handles,
        prompt=f"incident/{kind}",
        tools=tools,
        fallback=seen_fallback(incidents, kind),
        guards=(GroundingGuard(), Observed()),
    )


def triage(logs: Specialist, metrics: Specialist, changes: Specialist) -> Specialist:
    """Asks all three. More than half of the weight decides; else a person does."""
    return Specialist(
        "triage",
        handles="finding the service at fault",
        does=Panel(
            # What was changed is most often the cause; it cannot outvote the two others.
            (logs, metrics, Member(changes, weight=1.5)),
            resolver=Vote(quorum=0.51),
            otherwise=(ByPerson("the diagnosticians point to different services"),),
            key=pointed,
        ),
        fallback=triage_fallback(),
    )


def incident_team(
    incidents: Incidents,
    fleet: Fleet,
    *,
    home: Path | None = None,
    models: Mapping[str, Sequence[str]] | None = None,
    transports: Transports | None = None,
) -> Team:
    """The team over incidents and a fleet. Nothing is opened until the first message.

    `home` is the folder of state; `models` and `transports` are for tests, as in `Team`.
    """
    members = (
        diagnostician(incidents, "logs", "what the logs say", log_tools(incidents)),
        diagnostician(incidents, "metrics", "what the metrics say", metric_tools(incidents)),
        diagnostician(incidents, "changes", "what was changed", change_tools(incidents)),
    )
    panel = triage(*members)
    repair = Specialist(
        "repair",
        handles="fixing the service that a diagnosis points to",
        does=repair_team(fleet, models=models, transports=transports),
        fallback=commander_fallback(incidents),
    )
    commander = Specialist(
        "commander",
        handles="incidents of the payment service",
        does=Plan((panel, repair), make=partial(planned, incidents), merge=reported, max_rounds=1),
        fallback=commander_fallback(incidents),
        timeout=300.0,
    )
    return Team(
        "incident",
        specialists=(commander, panel, *members, repair),
        # Messages reach the commander only; the others get tasks.
        transitions={
            "route": ("commander",),
            **{s.name: ("end",) for s in (commander, panel, *members, repair)},
        },
        policy=policy,
        models=models,
        home=home,
        prompts=PROJECT / "prompts",
        transports=transports,
    )


team = incident_team(Incidents(), Fleet())
