"""The one error tree. Each branch is cut by what the caller does about it.

PointsmanError
├── Misconfigured            the team, a prompt file or a setting is wrong: mend it, start again
│   ├── InvalidTeam          the static check found faults in a team's definition
│   ├── PromptError          a prompt file is missing, unreadable or lacks a variable
│   ├── InvalidRelease       a release's file or row is unreadable or was changed by hand
│   ├── ReleaseDrift         a release was made of other code than this
│   ├── MissingExtra         an optional package is not installed
│   ├── ModelAuth            the provider refused the key, or there is none
│   └── UnknownModel         no provider serves a model of that name
├── BadInput                 what the caller gave cannot be used; nothing was changed
│   ├── InvalidMessage       empty, too large, not text
│   ├── NotFound             no such run, thread, ticket or team
│   ├── UnknownSchema        a message's schema or its version is not known here
│   ├── Forged               an envelope that its sender did not sign as it stands
│   ├── InvalidDecision      the decision does not fit the ticket
│   └── InvalidEntry         a blackboard entry is not declared, does not fit or is too large
├── Conflict                 somebody else was first; nothing was changed
│   ├── TicketClosed         decided, expired or superseded before
│   ├── RunBusy              another process is running it now
│   ├── VersionConflict      a blackboard entry changed since it was read; carries both sides
│   ├── LeaseBusy            somebody else holds the lease
│   ├── LeaseLost            the lease ended while its holder worked
│   └── Fenced               a write without a valid token of its lease
├── Retryable                may work later as it stands
│   ├── ModelOverloaded      429, 503 and their kin
│   ├── ModelTimeout         no answer in time
│   ├── ModelUnreachable     no connection to the host
│   ├── RateLimited          one of our own limits; carries `retry_after`
│   ├── Busy                 a server's queue is full; carries `retry_after`
│   ├── CircuitOpen          a breaker is open after failures; carries `retry_after`
│   └── NoModel              every model of a chain failed; carries the attempts
├── BadOutput                a model or a tool answered something that breaks its contract
│   ├── Ungrounded           an answer shows a fact that no tool result or request holds
│   └── ModelRejected        the provider calls the request itself invalid
│       ├── ContextOverflow  the request is longer than the model reads
│       └── ContentRefused   the provider's own content policy refused it
├── Exhausted                a bound of the run was reached
│   ├── HopLimit             too many hand-offs, or the same work came round again
│   ├── BudgetExceeded       money, tokens, calls or seconds; carries the budget
│   └── DeadlineExceeded     time
├── Blocked                  a guard said no; carries the rule and the text for the user
├── Diverged                 a replay asks for what the run's record does not hold
├── ToolFailed               a tool raised
│   └── ToolTimeout          a tool gave no result in time: whether it acted is not known
└── StoreError               the folder of state cannot be used
    ├── StoreFull            no space left
    ├── StoreUnreachable     a database server is away or too busy; later it may work as it stands
    └── StoreBroken          damaged, or written by another version
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


class PointsmanError(Exception):
    """Root of every error pointsman raises on purpose.

    The message says what happened and to whom; `hint` says what to do next.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class Misconfigured(PointsmanError):
    """The team, a prompt file or a setting is wrong: mend it and start again."""


class InvalidTeam(Misconfigured):
    """The static check found faults in a team's definition; `findings` lists each."""

    def __init__(self, message: str, *, findings: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.findings = tuple(findings)


class PromptError(Misconfigured):
    """A prompt file is missing, unreadable, or its variables do not match.

    `rule` is the id of what is wrong (docs/prompts.md lists them), `line` the file's line, 0 where
    there is none.
    """

    def __init__(self, message: str, *, hint: str = "", rule: str = "prompt", line: int = 0):
        super().__init__(message, hint=hint)
        self.rule = rule
        self.line = line


class InvalidRelease(Misconfigured):
    """A release's file or row cannot be read, or was changed after it was made."""


class ReleaseDrift(Misconfigured):
    """A release was made of other code than this; `parts` are those that differ."""

    def __init__(self, message: str, *, parts: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.parts = tuple(parts)


class MissingExtra(Misconfigured):
    """An optional package is not installed; the hint is the install line."""


class ModelAuth(Misconfigured):
    """The provider refused the key, or no key is set."""


class UnknownModel(Misconfigured):
    """No provider serves a model of that name."""


class BadInput(PointsmanError):
    """What the caller gave cannot be used; nothing was changed."""


class InvalidMessage(BadInput):
    """The message is empty, too large or not text."""


class UnknownSchema(BadInput):
    """A message's schema, or its version, is not known here. The message is kept."""


class Forged(BadInput):
    """An envelope that its sender did not sign as it stands. It is kept, and nothing was done."""


class NotFound(BadInput):
    """There is no such run, thread, ticket or team."""


class InvalidDecision(BadInput):
    """The decision does not fit the ticket, or its edited arguments do not validate."""


class InvalidEntry(BadInput):
    """The blackboard entry is not declared, does not fit its type, or is too large."""


class Conflict(PointsmanError):
    """Somebody else was first; nothing was changed."""


class TicketClosed(Conflict):
    """The ticket was decided, expired or superseded before."""


class RunBusy(Conflict):
    """Another process holds the run's lease."""


class VersionConflict(Conflict):
    """A blackboard entry changed since its writer read it, and no resolver settled it.

    `expected` and `found` are versions, 0 for an absent entry; `conflict` is the
    `teams.conflicts.WriteConflict` with what both sides wrote, and why.
    """

    def __init__(
        self, message: str, *, expected: int, found: int, conflict: Any, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.expected = expected
        self.found = found
        self.conflict = conflict


class LeaseBusy(Conflict):
    """Somebody else holds the lease, and went on holding it for as long as was waited."""


class LeaseLost(Conflict):
    """The lease ended while its holder worked, or somebody else took it. The work was stopped."""


class Fenced(Conflict):
    """The write carries no valid token of its lease: its writer may act no more."""


class Retryable(PointsmanError):
    """May work later exactly as it stands."""

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        """Seconds to wait, where the other side said so."""


class ModelOverloaded(Retryable):
    """The provider answered 429, 503 or the like."""


class ModelTimeout(Retryable):
    """The model gave no answer in time."""


class ModelUnreachable(Retryable):
    """There is no connection to the model's host."""


class RateLimited(Retryable):
    """One of our own rate limits; `retry_after` is in seconds."""


class Busy(Retryable):
    """As many messages wait as a server takes, or it is about to stop. Carries `retry_after`."""


class CircuitOpen(Retryable):
    """A circuit breaker is open: what is behind it failed too often. Carries `retry_after`."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One model of a chain that failed: its name, the error's class and its sentence."""

    model: str
    error: str
    message: str


class NoModel(Retryable):
    """Every model of a chain failed. `transient` is true when each was overload or time-out."""

    def __init__(self, message: str, *, attempts: Sequence[Attempt], transient: bool) -> None:
        super().__init__(message)
        self.attempts = tuple(attempts)
        self.transient = transient


class BadOutput(PointsmanError):
    """A model or a tool answered something that breaks its contract."""


class Ungrounded(BadOutput):
    """The answer shows a fact that no tool result and no request holds."""


class ModelRejected(BadOutput):
    """The provider calls the request itself invalid (400, context too long, content policy)."""


class ContextOverflow(ModelRejected):
    """The request is longer than the model reads."""


class ContentRefused(ModelRejected):
    """The provider's own content policy refused the request, or withheld the answer."""


class Exhausted(PointsmanError):
    """A bound of the run was reached."""


class HopLimit(Exhausted):
    """Too many hand-offs, or the same work came round again."""


class BudgetExceeded(Exhausted):
    """A budget is spent: money, tokens, calls or seconds. `budget` names it, `run` for the run's
    own; `period` is the day of a budget for each day, else empty."""

    def __init__(
        self, message: str, *, hint: str = "", budget: str = "run", period: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.budget = budget
        self.period = period


class DeadlineExceeded(Exhausted):
    """The run's or the specialist's time is over; `whose` says which."""

    def __init__(
        self, message: str, *, hint: str = "", whose: Literal["run", "specialist"] = "run"
    ) -> None:
        super().__init__(message, hint=hint)
        self.whose = whose


class Blocked(PointsmanError):
    """A guard said no. `rule` names the rule; the message is fit for the user."""

    def __init__(self, message: str, *, rule: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.rule = rule


class Diverged(PointsmanError):
    """A replay asks for what the record of its run does not hold: code or prompts have changed."""


class ToolFailed(PointsmanError):
    """A tool raised; the message holds the tool's name and the error's class."""


class ToolTimeout(ToolFailed):
    """A tool gave no result in time. Whether it acted is not known."""


class StoreError(PointsmanError):
    """The folder of state cannot be used."""


class StoreFull(StoreError):
    """No space is left for the store."""


class StoreUnreachable(StoreError):
    """The store's server took no connection, or did nothing, for as long as was waited. What was
    stored stands; the same call may work later."""


class StoreBroken(StoreError):
    """A file of the store is damaged or was written by another version.

    `row` is the number of the one row it is about; 0 for the file.
    """

    def __init__(self, message: str, *, hint: str = "", row: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.row = row


def is_control_flow(error: BaseException) -> bool:
    """Whether this is LangGraph's own control flow (an interrupt, a drain), not an error.

    Every broad `except Exception` in pointsman asks this first and re-raises: LangGraph's pause is
    an ordinary Exception, and swallowing it makes an approval silently never happen. Looked up in
    `sys.modules`, so that this module imports nothing.
    """
    module = sys.modules.get("langgraph.errors")
    return module is not None and isinstance(error, module.GraphBubbleUp)
