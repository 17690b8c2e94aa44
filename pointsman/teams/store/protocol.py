"""What a store must do. Every implementation passes one contract suite."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

from pointsman.guardrails.sealing import VaultRow
from pointsman.nodes.event import Recorded
from pointsman.nodes.gateway.transport import ModelReply
from pointsman.nodes.message import Message
from pointsman.teams import access
from pointsman.teams.approvals.audit import AuditEntry, AuditRow
from pointsman.teams.approvals.grant import Grant
from pointsman.teams.approvals.lifecycle import Move
from pointsman.teams.releases.channels import Channels
from pointsman.teams.releases.release import Release
from pointsman.teams.result import Result
from pointsman.teams.search import Found, RunFilter
from pointsman.teams.store.crossings import Crossings
from pointsman.teams.store.entries import BoardScope, EntryRow, EntryWrite, Put, Token
from pointsman.teams.store.rows import (
    BEGINNING,
    EffectRow,
    EventPage,
    Logged,
    Place,
    RunRow,
    RunState,
    Standing,
    Submitted,
    Summary,
    Tail,
    TicketPage,
    Wanted,
)
from pointsman.teams.tape import StepRow, StepTape
from pointsman.teams.tickets import Ticket, TicketStatus
from pointsman.teams.usage import Tally, UsageWanted


class Store(Crossings, Protocol):
    """Durable state. Every method is one transaction; none blocks the event loop.

    All raise StoreFull or StoreBroken when the storage itself fails.
    """

    async def add_run(self, row: RunRow) -> bool:
        """Insert the run. False, and no change, when a run of that id exists. A child of a run
        that is to be cancelled is to be cancelled too."""
        ...

    async def find_run(self, run: str) -> RunRow | None: ...

    async def runs(
        self, team: str, *, states: Sequence[RunState] = (), thread: str = "", limit: int = 100,
        forks: bool = False,
    ) -> tuple[RunRow, ...]:  # fmt: skip
        """Runs of a team, newest first; only those in `states` where given. Forks too where
        `forks`."""
        ...

    async def move_run(
        self, run: str, to: RunState, *, frm: Sequence[RunState], result: Result | None = None
    ) -> bool:
        """Compare-and-set of the state, with the result. False when it was in none of `frm`."""
        ...

    async def decided_runs(self, team: str) -> tuple[str, ...]:
        """Runs with a ticket that is decided and not settled: somebody may have decided and died
        before the run went on. Waiting runs of the team's own graph, and ended runs of any graph
        whose compensation was decided."""
        ...

    async def ask_cancel(self, run: str, by: str) -> None:
        """Note that somebody wants the run cancelled, with all that it gave to others; each stops
        at its next step."""
        ...

    async def dead(self, team: str, *, limit: int = 500) -> tuple[RunRow, ...]:
        """Runs that failed, wholly or after a part was done, that a message began, and that nobody
        has dropped; oldest first. Forks are none."""
        ...

    async def redrive(self, row: RunRow, entry: AuditEntry) -> bool:
        """Let a failed run begin anew: compare-and-set from where it failed, and the attempt of
        `row`, to `running` and the next one, on a LangGraph thread of its own, with the time, money
        and calls that `row` gives. With its audit row. False, and no change, when it stands
        otherwise."""
        ...

    async def drop(self, run: str, entry: AuditEntry) -> bool:
        """Give a failed run up: note `entry.by`, with its audit row. False, and no change, when it
        has not failed or was dropped before."""
        ...

    async def children(self, run: str) -> tuple[RunRow, ...]:
        """The runs to which a run gave work, oldest first."""
        ...

    async def offspring(self, run: str) -> tuple[RunRow, ...]:
        """The same, and theirs, down to the last: parents before their children."""
        ...

    async def log(self, row: RunRow, message: Message) -> None:
        """Append to the log of the run's thread. The same message id again changes nothing."""
        ...

    async def line(self, row: RunRow, *, limit: int = 100) -> tuple[RunRow, ...]:
        """The runs of the run's thread that are to be worked on, who is first first: one that was
        begun, then by priority, then as they came. Only such as a message of the thread began, and
        that are not in somebody else's graph."""
        ...

    async def logged(self, row: RunRow, *, after: int, limit: int) -> tuple[Logged, ...]:
        """Messages of earlier runs in the run's thread with a place after that, oldest first: the
        last `limit` of them. A thread is its tenant's own: the same name under another tenant is
        another thread."""
        ...

    async def summary(self, row: RunRow) -> Summary | None:
        """The newest summary of what earlier runs left in the run's thread."""
        ...

    async def add_summary(self, row: RunRow, summary: Summary) -> None:
        """Add it to the run's thread. One up to the same message replaces it."""
        ...

    async def last_specialist(self, row: RunRow) -> str:
        """Who last answered in the run's thread; empty for a new one."""
        ...

    async def freeze(self, tickets: Sequence[Ticket]) -> tuple[Ticket, ...]:
        """Insert the tickets, and give the rows as they stand. One that exists stays as it is.

        A new pending one that a live grant covers is inserted approved by it, and the grant's use
        counted and audited, in the same transaction."""
        ...

    async def find_ticket(self, ticket: str) -> Ticket | None: ...

    async def tickets(
        self, team: str, *, status: TicketStatus | None = None, run: str = "", limit: int = 500
    ) -> tuple[Ticket, ...]:
        """Tickets of a team, oldest first."""
        ...

    async def amend(self, ticket: str, move: Move) -> Ticket:
        """Make a move on a ticket: read, change and write in one transaction with its audit row, so
        that of two moves at once the second sees the first. The row is the decision.

        Raises NotFound, TicketClosed and InvalidDecision (see `lifecycle.moved`); then nothing was
        changed."""
        ...

    async def due_tickets(self, team: str, at: datetime, *, limit: int = 500) -> tuple[Ticket, ...]:
        """Open tickets whose time is up or whose reminder is due, the longest due first."""
        ...

    async def add_grant(self, grant: Grant) -> None:
        """Insert it with its audit row. Again: no change."""
        ...

    async def grants(self, team: str, *, limit: int = 500) -> tuple[Grant, ...]:
        """Grants of a team, newest first, ended ones too."""
        ...

    async def revoke_grant(self, team: str, grant: str, *, by: str, at: datetime) -> Grant:
        """End a grant now. Raises NotFound, and Conflict when it was revoked before."""
        ...

    async def audit(self, *, after: int = 0, limit: int = 1000) -> tuple[AuditRow, ...]:
        """Rows of the audit log with a greater number than `after`, in their order. One log a
        store, whatever the team. Raises StoreBroken for a row that cannot be read."""
        ...

    async def intend(
        self, key: str, ticket: str, run: str, tool: str, digest: str
    ) -> EffectRow | None:
        """Write the row `intended`. Gives the row that was there before, if one was; else None."""
        ...

    async def intend_again(self, key: str, attempt: int) -> bool:
        """Begin an effect that is known not to have happened once more: compare-and-set of an
        `intended` or `failed` row from `attempt` to the next. False when another was faster."""
        ...

    async def effect_ended(
        self, key: str, state: Literal["done", "failed", "undone"], result: str
    ) -> None: ...

    async def effects(self, run: str) -> tuple[EffectRow, ...]:
        """A run's effects, in the order in which they were begun first."""
        ...

    async def journal_get(
        self, run_id: str, step: str, occurrence: int, digest: str
    ) -> ModelReply | None: ...

    async def journal_put(
        self, run_id: str, step: str, occurrence: int, digest: str, reply: ModelReply
    ) -> None: ...

    async def record(
        self,
        run: str,
        events: Sequence[Recorded],
        *,
        seconds: float,
        steps: Sequence[StepTape] = (),
    ) -> None:
        """Append events, and the steps that they belong to with what these met, and count `seconds`
        of work off the time to the run's deadline."""
        ...

    async def steps(self, run: str) -> tuple[StepRow, ...]:
        """Every execution of a step of the run, in their order."""
        ...

    async def all_parts(self, run: str) -> Mapping[str, str]:
        """All of them, by digest."""
        ...

    async def parts(self, run: str, digests: Sequence[str]) -> Mapping[str, str]:
        """Parts of what the run's models were asked, by digest; those that are there."""
        ...

    async def effect(self, key: str) -> EffectRow | None:
        """The effect with this key, of whatever run."""
        ...

    async def adopt(self, ticket: Ticket) -> None:
        """Put a ticket in the place of the one of its id, without a decision: a replay's, whose
        people decided on the recorded one. Raises NotFound."""
        ...

    async def events(self, run: str) -> tuple[Recorded, ...]: ...

    async def page(
        self, team: str, wanted: Wanted, *, after: Place = BEGINNING, limit: int = 1000
    ) -> EventPage:
        """Events of a team's runs after a place: run by run, each run's in their order, each event
        on one page. `limit` bounds the events that are looked at, wanted or not."""
        ...

    async def tail(self, team: str, *, after: int, limit: int = 1000) -> Tail:
        """Events of all runs of a team in the order in which they were stored, after a place: what
        a page that is live reads. `limit` bounds the events that are looked at, of any team.

        A reader that goes on where `Tail.next` says sees every event exactly once, whatever other
        processes store meanwhile: once a place was given, no event ever appears at or before it. A
        database whose writers commit in another order than they took their places keeps events
        back until no writer that began before them is still under way."""
        ...

    async def tail_end(self) -> int:
        """The place after which only what is stored from now on comes; 0 in an empty store."""
        ...

    async def search(self, team: str, wanted: RunFilter, *, before: int, limit: int) -> Found:
        """Runs of a team with a place before that one, newest first. Goes through a bounded number
        of runs from an index that fits; where that is used up, fewer than `limit` may come although
        `Found.next` says that there is more to look through."""
        ...

    async def usage(self, team: str, wanted: UsageWanted) -> tuple[Tally, ...]:
        """What a team's events come to, in order of time and then of the groups. Every event that
        `record` inserted counts once, one that it was given again does not."""
        ...

    async def standing(self, team: str) -> Standing:
        """What is open now, and where the circuit breakers stood last."""
        ...

    async def vault_add(self, run: str, rows: Sequence[VaultRow]) -> bool:
        """Insert all of these redacted values of a run, or none: False when a number or a value of
        the run has a row."""
        ...

    async def vault(self, run: str) -> tuple[VaultRow, ...]:
        """What was redacted in a run, sealed, in the order in which it was added."""
        ...

    async def vault_erase(self, run: str) -> int:
        """Delete what was redacted in a run, for good: how many values. Its placeholders stay, and
        stand for nothing then."""
        ...

    async def lease(self, name: str, owner: str, ttl: float) -> int | None:
        """Take or renew the lease for `ttl` seconds. Its epoch, which grows with each new owner;
        None while somebody else holds it."""
        ...

    async def seize(self, name: str, owner: str, ttl: float) -> int:
        """Take the lease from whoever holds it: for those whom somebody else tells whose turn it
        is. Its new epoch; writes with the old one are refused."""
        ...

    async def renew(self, token: Token, ttl: float) -> bool:
        """Hold the lease for `ttl` seconds from now. False, and no change, when somebody else took
        it meanwhile or it was released; never takes it anew."""
        ...

    async def release(self, name: str, owner: str) -> None: ...

    async def holder(self, name: str) -> Token | None:
        """Who holds the lease now; None for nobody."""
        ...

    async def board_put(
        self, scope: BoardScope, write: EntryWrite, *, expect: int, token: Token | None = None
    ) -> Put:
        """Write the next version of an entry if `expect` is the one that stands (0: none does); in
        one transaction with the check of the token and of the entry's lease.

        Not written: the row that stands. The same `once` again: the row it made then. Raises Fenced
        for a token that is not valid now, InvalidEntry when the scope is full."""
        ...

    async def board_get(self, scope: BoardScope, key: str) -> EntryRow | None:
        """The newest version. None where there is none, and for a removed or expired one."""
        ...

    async def board_list(
        self, scope: BoardScope, *, after: str = "", limit: int = 100
    ) -> tuple[EntryRow, ...]:
        """What can be read in a scope, by key, beginning after the key `after`."""
        ...

    async def board_history(
        self, scope: BoardScope, key: str, *, after: int = 0, limit: int = 100, back: bool = False
    ) -> tuple[EntryRow, ...]:
        """The versions after `after` that are kept, oldest first, or newest first (`back`); removed
        and expired ones too."""
        ...

    async def board_written(self, scope: BoardScope, key: str, once: str) -> EntryRow | None:
        """The version that the write with this mark made, while it is kept."""
        ...

    async def board_scopes(
        self, team: str, tenant: str, *, limit: int = 1000
    ) -> tuple[BoardScope, ...]:
        """The scopes of a tenant in which something was written, by thread."""
        ...

    async def board_erase(self, scope: BoardScope) -> int:
        """Delete all entries of a scope with their history, for good: how many rows. Versions go
        on where they stood."""
        ...

    async def channels(self, team: str) -> Channels:
        """Where a team's releases stand now; version 0 for a team that has none."""
        ...

    async def channel_history(self, team: str, *, limit: int = 100) -> tuple[Channels, ...]:
        """How they stood after each change, newest first."""
        ...

    async def move_channels(
        self, after: Channels, release: Release | None, entry: AuditEntry
    ) -> bool:
        """Add the next version, with the release it speaks of and its audit row: one transaction.
        False, and no change, when that version is there already."""
        ...

    async def find_release(self, team: str, release: str) -> Release | None:
        """A release that was ever promoted. Raises InvalidRelease when it was changed since."""
        ...

    async def keep_release(self, release: Release) -> None:
        """Store a release that no channel serves: what a fork runs on. Again: no change."""
        ...

    async def thread_release(self, row: RunRow) -> str:
        """The release that the run's thread began with; empty where none was noted."""
        ...

    async def pin_thread(self, row: RunRow, release: str, *, over: Sequence[str] = ()) -> str:
        """Note the release that the run's thread begins with, unless one is noted that is none of
        `over`. Gives the one that is noted then."""
        ...

    async def release_runs(
        self, team: str, release: str, *, since: float = 0.0, limit: int = 1000
    ) -> tuple[RunRow, ...]:
        """Ended runs on a release that a message began from `since` on (seconds since the epoch),
        newest first."""
        ...

    async def note(self, entry: AuditEntry) -> None:
        """Add a row to the audit log that belongs to no other change."""
        ...

    async def add_token(self, token: access.Token, digest: str) -> None:
        """Insert an access token and the digest of its secret, with its audit row."""
        ...

    async def find_token(self, team: str, token: str) -> tuple[access.Token, str] | None:
        """A team's access token by its id, and the digest of its secret."""
        ...

    async def tokens(self, team: str, *, limit: int = 1000) -> tuple[access.Token, ...]:
        """Access tokens of a team, newest first, ended ones too."""
        ...

    async def revoke_token(self, team: str, token: str, *, by: str, at: datetime) -> access.Token:
        """End an access token now, with its audit row. Raises NotFound, and Conflict when it was
        revoked before."""
        ...

    async def submitted(
        self, team: str, tenant: str, key: str, *, digest: str, thread: str
    ) -> Submitted:
        """Note what came with an idempotency key of a tenant: the digest of all that was asked, and
        the thread that it goes to. Gives what was noted first."""
        ...

    async def unfinished(
        self, team: str, *, after: int = 0, limit: int = 100
    ) -> tuple[tuple[int, str], ...]:
        """Places and ids of runs that stand at `running` and that a message began, oldest first,
        from after a place on: under way somewhere, in line, or left by a process that died."""
        ...

    async def ticket_page(
        self, team: str, *, inside: Sequence[str] = (), status: TicketStatus | None = None,
        tenant: str = "", run: str = "", after: int = 0, limit: int = 100,
    ) -> TicketPage:  # fmt: skip
        """Tickets of a team, and of those `inside` it where they work for it, oldest first. `run`
        stands for all that works for it too."""
        ...

    async def aclose(self) -> None: ...
