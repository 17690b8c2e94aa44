"""What is wrong with a team's definition, found before it runs."""

from pointsman.teams.check.approvals import approvals
from pointsman.teams.check.bounds import bounds
from pointsman.teams.check.contracts import contracts
from pointsman.teams.check.finding import Finding
from pointsman.teams.check.prompts import prompts
from pointsman.teams.check.resources import resources
from pointsman.teams.check.router import router
from pointsman.teams.check.table import names, transitions
from pointsman.teams.check.tools import tools
from pointsman.teams.check.work import work
from pointsman.teams.spec import TeamSpec

__all__ = ["Finding", "findings"]

CHECKS = (
    names, transitions, router, bounds, approvals, tools, resources, contracts, prompts, work,
)  # fmt: skip


def findings(spec: TeamSpec) -> tuple[Finding, ...]:
    """Every fault of the team that can be seen without running it; errors first.

    Fits and asks nothing: what the specialists' examples say is `overlaps.overlaps`.
    """
    found = [finding for check in CHECKS for finding in check(spec)]
    return tuple(sorted(dict.fromkeys(found), key=lambda f: f.severity != "error"))
