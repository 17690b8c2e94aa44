"""The team `repair`, a specialist of `incident`: an operator who does nothing unapproved."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pointsman import GroundingGuard, Specialist, Team
from pointsman.nodes.gateway.transports import Transports

from guardrails.observed import ByTheBook, Observed
from guardrails.policy import fixing
from nodes.fallbacks import operator_fallback
from nodes.fleet import Fleet
from nodes.tools import fixing_tools

PROJECT = Path(__file__).parents[1]


def repair_team(
    fleet: Fleet,
    *,
    models: Mapping[str, Sequence[str]] | None = None,
    transports: Transports | None = None,
) -> Team:
    """The team over a fleet. Inside another team its runs are kept where that one's are."""
    operator = Specialist(
        "operator",
        handles="fixing a service after its diagnosis",
        prompt="incident/operator",
        tools=fixing_tools(fleet),
        fallback=operator_fallback(fleet),
        guards=(GroundingGuard(), Observed(), ByTheBook(fleet)),
        tier="strong",
    )
    return Team(
        "repair",
        specialists=(operator,),
        policy=fixing,
        models=models,
        prompts=PROJECT / "prompts",
        transports=transports,
    )
