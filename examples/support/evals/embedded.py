"""The team as it ships, on the embedded model, over a shop of the suite's own."""

from pointsman import Team

from evals.scripted import shop
from teams.support import support_team


def team() -> Team:
    """The team. Its models are those of the settings: without any, the embedded one."""
    return support_team(shop())
