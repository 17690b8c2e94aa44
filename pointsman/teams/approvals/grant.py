"""Grants: a person pre-approves a bounded class of one action, from a ticket of it."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime, Field

from pointsman.errors import InvalidDecision
from pointsman.nodes.digest import JsonObject, canonical, digest
from pointsman.nodes.message import Frozen
from pointsman.teams.tickets import Ticket

LONGEST = timedelta(days=90)
"""A grant ends after this long at the latest: a bounded class is bounded in time too."""
MOST_USES = 10_000


class Grant(Frozen):
    """This tool, for this specialist and tenant, with these arguments: approved in advance.

    Every argument of a call must be covered: equal to one of `args`, a number no greater than the
    one in `at_most`, or named in `free`.
    """

    id: str
    team: str
    tenant: str
    specialist: str
    tool: str
    args: JsonObject
    at_most: dict[str, float] = Field(default_factory=dict)
    free: tuple[str, ...] = ()
    until: AwareDatetime
    times: int = Field(ge=1, le=MOST_USES)
    uses: int = 0
    ticket: str
    """The ticket it was given from."""
    by: str = Field(min_length=1, max_length=200)
    reason: str = Field(default="", max_length=4000)
    created: AwareDatetime
    revoked: AwareDatetime | None = None
    revoked_by: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 over what it allows."""
        return digest(
            "grant", self.team, self.tenant, self.specialist, self.tool, self.args,
            {**self.at_most}, list(self.free), self.until.isoformat(), self.times,
        )  # fmt: skip

    def live(self, at: datetime) -> bool:
        """Whether it can still be used."""
        return self.revoked is None and self.uses < self.times and at < self.until

    def covers(self, ticket: Ticket, at: datetime) -> bool:
        """Whether it approves this ticket now. Never one that needs two people or that a guard of
        the tool holds, and never one with an argument that a document wrote, unless the grant names
        that very value."""
        mine = (self.team, self.tenant, self.specialist, self.tool)
        if mine != (ticket.team, ticket.tenant, ticket.specialist, ticket.tool):
            return False
        if ticket.kind != "action" or ticket.approvals > 1 or ticket.held or not self.live(at):
            return False
        written = {p.argument.split(".")[0] for p in ticket.provenance if p.origin == "document"}
        # An argument that is gone, after the tool changed, is not bound any more.
        if not written <= self.args.keys() or not {*self.args, *self.at_most} <= ticket.args.keys():
            return False
        return all(self._allows(name, ticket) for name in ticket.args)

    def _allows(self, name: str, ticket: Ticket) -> bool:
        value = ticket.args[name]
        if name in self.args:
            return canonical(self.args[name]) == canonical(value)
        if name in self.at_most:
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            return 0 <= value <= self.at_most[name]
        return name in self.free


def grant_from(
    ticket: Ticket,
    *,
    by: str,
    until: datetime,
    at: datetime,
    times: int = 1,
    at_most: Mapping[str, float] | None = None,
    free: Sequence[str] = (),
    reason: str = "",
) -> Grant:
    """A grant for the ticket's action. What `at_most` and `free` do not name must be equal.

    Raises InvalidDecision for a ticket that is no action or needs two people, for names that are no
    arguments, and for bounds that are none.
    """
    limits = dict(at_most or {})
    strange = sorted({*limits, *free} - ticket.args.keys())
    problem = ""
    if ticket.kind != "action" or ticket.approvals > 1:
        problem = "only an action that one person may approve can be granted"
    elif strange:
        problem = f"{ticket.tool!r} has no argument {strange[0]!r}"
    elif until.tzinfo is None:
        problem = "its end must have a time zone"
    elif not at < until <= at + LONGEST:
        problem = f"it must end within {LONGEST.days} days from now"
    elif not 1 <= times <= MOST_USES:
        problem = f"it must be for 1 to {MOST_USES:,} times"
    elif ticket.args.keys() == set(free):
        problem = "it must bind at least one argument"
    for name, most in limits.items():
        value = ticket.args.get(name)
        if not problem and not 0 <= most < math.inf:
            problem = f"the bound of argument {name!r} must be a finite number, 0 or more"
        if not problem and (isinstance(value, bool) or not isinstance(value, int | float)):
            problem = f"argument {name!r} is no number that a bound could hold for"
    if problem:
        raise InvalidDecision(f"No grant from ticket {ticket.id}: {problem}.")
    args = {k: v for k, v in ticket.runs.items() if k not in limits and k not in free}
    return Grant(
        id="g" + digest("grant", ticket.id, by, at.isoformat())[:11],
        team=ticket.team,
        tenant=ticket.tenant,
        specialist=ticket.specialist,
        tool=ticket.tool,
        args=args,
        at_most=limits,
        free=tuple(free),
        until=until,
        times=times,
        ticket=ticket.id,
        by=by,
        reason=reason,
        created=at,
    )
