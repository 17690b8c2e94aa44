"""Simulated approvers: who decides the tickets of a suite that nobody sits before.

What one decides is recorded like any decision, by `approver:<policy>`.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pointsman.evals.matching import fits
from pointsman.evals.suite import ApproverSpec, Case
from pointsman.evals.trial import Trial
from pointsman.teams.spec import TeamSpec
from pointsman.teams.tickets import Approve, Decision, Edit, Reject, Ticket

MOST_VOTES = 5
"""Different people that a ticket may want (see `Terms.approvals`)."""


@dataclass(frozen=True)
class Approver:
    """Decides tickets by a policy; see `ApproverSpec`."""

    spec: ApproverSpec

    @property
    def decides(self) -> bool:
        """Whether it decides anything."""
        return self.spec.policy != "never_decide"

    def decide(self, trial: Trial, ticket: Ticket) -> Decision | None:
        """The decision; None to leave the ticket open. The same for the same trial and ticket."""
        voice = len({vote.by for vote in ticket.votes})
        by = name(self.spec.policy, voice)
        match self.spec.policy:
            case "never_decide":
                return None
            case "always":
                return _approval(ticket, by)
            case "never":
                return Reject(by=by, reason="The suite's approver approves nothing.")
            case "random":
                # The place is the ticket, not its random id.
                draw = random.Random(f"{trial.draw}:{ticket.shows}:{ticket.run_attempt}")  # noqa: S311 (repeatable on purpose)
                if draw.random() < self.spec.rate:
                    return _approval(ticket, by)
                return Reject(by=by, reason="The suite's approver drew a no.")
            case "oracle":
                return _oracle(trial.case, ticket, by)


def name(policy: str, voice: int = 0) -> str:
    """As whom a policy decides; a ticket that wants several people gets several voices."""
    return f"approver:{policy}" if not voice else f"approver:{policy}-{voice + 1}"


def admitted(spec: TeamSpec, policy: str) -> TeamSpec:
    """The team with the approver among the people of every group of reviewers, and of every single
    reviewer that a rule names."""
    voices = tuple(name(policy, voice) for voice in range(MOST_VOTES))
    named = {r for rule in spec.policy.rules for r in rule.terms.reviewers}
    named |= {r for rule in spec.policy.rules for r in rule.terms.escalate_to}
    groups: Mapping[str, tuple[str, ...]] = {
        **{one: (one, *voices) for one in named},
        **{group: (*people, *voices) for group, people in spec.reviewers.items()},
    }
    return replace(spec, reviewers=groups)


def _approval(ticket: Ticket, by: str) -> Decision:
    if ticket.kind == "route" and not ticket.runs.get("to"):
        return Reject(by=by, reason="Nobody is proposed.")
    return Approve(by=by, digest=ticket.shows)


def _oracle(case: Case, ticket: Ticket, by: str) -> Decision:
    expected = case.expected
    if ticket.kind == "route" and expected.route:
        if ticket.runs.get("to") == expected.route:
            return Approve(by=by, digest=ticket.shows)
        return Edit(by=by, args={"to": expected.route}, reason="The case expects this route.")
    if ticket.kind in ("admit", "release"):
        wanted = expected.status != "blocked" and expected.verdict != "block"
    elif ticket.kind == "action":
        wanted = any(
            fits(one.tool, one.args, ticket.tool, ticket.runs) for one in expected.effects or ()
        )
    else:
        wanted = ticket.kind in ("plan", "compensate")
    if wanted:
        return _approval(ticket, by)
    return Reject(by=by, reason="The case does not expect this.")
