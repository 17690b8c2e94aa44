"""What people do with the runs of a team: tickets, decisions, grants, the audit log."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hmac import compare_digest
from typing import TYPE_CHECKING, overload

from pointsman.nodes.run import Budget
from pointsman.teams import access
from pointsman.teams.approvals.audit import AuditEntry, AuditRow
from pointsman.teams.approvals.grant import Grant, grant_from
from pointsman.teams.approvals.lifecycle import permit
from pointsman.teams.claim import known_ticket, team_tickets
from pointsman.teams.dead import drop, redrive
from pointsman.teams.family import members
from pointsman.teams.mailroom import Mailroom
from pointsman.teams.result import Result
from pointsman.teams.store.rows import RunRow
from pointsman.teams.summary import result_of
from pointsman.teams.tickets import Approve, Decision, Ticket, TicketStatus

if TYPE_CHECKING:
    from langgraph.types import Command

    from pointsman.teams.local import Parent


class Desk(Mailroom):
    """The part of a Team where people decide."""

    async def tickets(
        self, *, status: TicketStatus | None = "pending", run: str = "", limit: int = 500
    ) -> tuple[Ticket, ...]:
        """Tickets of this team and of those inside it, oldest first."""
        async with self._sessions.services() as services:
            return await team_tickets(
                self.spec, services.store, status=status, run=run, limit=limit
            )

    async def ticket(self, ticket: str) -> Ticket:
        """One ticket, in whatever state. Raises NotFound."""
        async with self._sessions.services() as services:
            return await known_ticket(self.spec, services.store, ticket)

    @overload
    async def decide(self, ticket: Ticket | str, decision: Decision) -> "Result | Command[str]": ...
    @overload
    async def decide(
        self, ticket: Ticket | str, decision: Decision, *, graph: "Parent"
    ) -> Result: ...
    async def decide(
        self, ticket: Ticket | str, decision: Decision, *, graph: "Parent | None" = None
    ) -> "Result | Command[str]":
        """Record a person's decision and let the run go on.

        Given a Ticket and not its id, an approval counts only if the ticket still shows the same.
        Raises NotFound, TicketClosed (decided, expired or superseded: says by whom) and
        InvalidDecision; then nothing was changed. For a team inside somebody else's graph only that
        graph can go on: give it as `graph`, or the decision is recorded and the `Command` to invoke
        it with is returned.
        """
        ticket_id = ticket if isinstance(ticket, str) else ticket.id
        if isinstance(ticket, Ticket) and isinstance(decision, Approve) and not decision.digest:
            decision = decision.model_copy(update={"digest": ticket.shows})
        async with self._sessions.engine() as engine:
            return await engine.decide(ticket_id, decision, graph)

    async def grant(
        self,
        ticket: Ticket | str,
        *,
        by: str,
        until: datetime,
        times: int = 1,
        at_most: Mapping[str, float] | None = None,
        free: Sequence[str] = (),
        reason: str = "",
    ) -> Grant:
        """Approve in advance what the ticket asks for: this tool with these arguments, but for
        those in `at_most` (numbers up to a bound) and `free` (whatever they are), `times` times
        until then. Decides nothing about the ticket itself.

        Raises NotFound, and InvalidDecision for who may not decide the ticket and for a class that
        is not bounded.
        """
        ticket_id = ticket if isinstance(ticket, str) else ticket.id
        async with self._sessions.services() as services:
            found = await known_ticket(self.spec, services.store, ticket_id)
            permit(found, by, members(self.spec)[found.team].reviewers)
            made = grant_from(
                found, by=by, until=until, at=services.now(), times=times, at_most=at_most,
                free=free, reason=reason,
            )  # fmt: skip
            await services.store.add_grant(made)
            return made

    async def grants(self) -> tuple[Grant, ...]:
        """Every grant of this team, newest first, ended ones too."""
        async with self._sessions.services() as services:
            return await services.store.grants(self.name)

    async def revoke(self, grant: str, *, by: str) -> Grant:
        """End a grant now. Raises NotFound, and Conflict when it was revoked before."""
        async with self._sessions.services() as services:
            return await services.store.revoke_grant(self.name, grant, by=by, at=services.now())

    # What failed

    async def dead(self, *, limit: int = 500) -> tuple[RunRow, ...]:
        """Dead letters: runs that failed for good and that nobody has dropped, oldest first."""
        async with self._sessions.services() as services:
            return await services.store.dead(self.name, limit=limit)

    async def redrive(
        self,
        run: str,
        *,
        by: str,
        reason: str = "",
        deadline: float | None = None,
        budget: Budget | None = None,
    ) -> Result:
        """Begin a failed run anew, with `deadline` seconds (none: as long as it takes) and, where
        given, another budget. The same run: no write that its ledger knows happens twice, and what
        it had cost counts on. Raises NotFound, and Conflict for a run that is no dead letter."""
        async with self._sessions.engine() as engine:
            await redrive(
                engine.services, run, by=by, reason=reason, deadline=deadline, budget=budget
            )
            await engine.drive(run)
            return await result_of(engine.services, run)

    async def drop(self, run: str, *, by: str, reason: str = "") -> None:
        """Give a failed run up: it stays on record and is no dead letter any more. Raises NotFound,
        and Conflict for a run that is no dead letter."""
        async with self._sessions.services() as services:
            await drop(services, run, by=by, reason=reason)

    # Who may use its servers

    async def new_token(
        self, name: str, *, role: access.Role | None = None, scopes: Sequence[access.Scope] = (),
        tenant: str = "", expires: datetime | None = None, by: str = "",
    ) -> tuple[access.Token, str]:  # fmt: skip
        """Make a token for `name` with the scopes of a role, or with these, and give it with its
        secret, which is stored nowhere. `tenant`: of this one only; `by`: who makes it (default:
        `name` itself). Raises BadInput."""
        async with self._sessions.services() as services:
            made = access.issue(
                self.name, name, scopes=access.ROLES[role] if role else scopes, tenant=tenant,
                expires=expires, by=by or name, at=services.now(),
            )  # fmt: skip
            await services.store.add_token(made.token, made.digest)
            return made.token, made.secret

    async def check_token(self, secret: str) -> access.Token | None:
        """The token that the secret opens; None for a wrong, ended or unknown one."""
        async with self._sessions.services() as services:
            found = await services.store.find_token(self.name, access.token_id(secret))
            if found is None or not compare_digest(found[1], access.secret_digest(secret)):
                return None
            return found[0] if found[0].live(services.now()) else None

    async def tokens(self) -> tuple[access.Token, ...]:
        """Every token of this team, newest first, ended ones too."""
        async with self._sessions.services() as services:
            return await services.store.tokens(self.name)

    async def revoke_token(self, token: str, *, by: str) -> access.Token:
        """End a token now. Raises NotFound, and Conflict when it was revoked before."""
        async with self._sessions.services() as services:
            return await services.store.revoke_token(self.name, token, by=by, at=services.now())

    async def note_sign_in(self, by: str, *, token: str, scopes: str, address: str) -> None:
        """Note in the audit log that somebody signed in at a server of the team; without `scopes`,
        that they were turned away."""
        async with self._sessions.services() as services:
            await services.store.note(
                AuditEntry(
                    at=services.now().astimezone(UTC), team=self.name, token=token, by=by,
                    action="sign_in" if scopes else "turn_away", status=scopes, to=address,
                )
            )  # fmt: skip

    async def sweep(self) -> tuple[Ticket, ...]:
        """Apply what time has decided: expiries, escalations, reminders. A team kept open with
        `async with` does so by itself. Gives the tickets that this changed."""
        async with self._sessions.engine(recover=False) as engine:
            return await engine.recover()

    async def audit(self, *, after: int = 0, limit: int = 1000) -> tuple[AuditRow, ...]:
        """Rows of the store's audit log from number `after` + 1 on. `approvals.audit.faults` says
        whether they form one unbroken chain."""
        async with self._sessions.services() as services:
            return await services.store.audit(after=after, limit=limit)
