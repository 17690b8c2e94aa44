"""Looking after a store: bring its tables up to date, check them, prune what is old, back it up."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Protocol

from pointsman.errors import BadInput, StoreBroken
from pointsman.teams.approvals.audit import AuditRow, Check
from pointsman.teams.settings import Settings
from pointsman.teams.store.opening import address_of

BATCH = 200
"""Trees of runs that are pruned in one transaction."""
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Versions:
    """Schemas of a store's tables; 0 where there are none."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows went, or would go."""

    runs: int = 0
    events: int = 0
    steps: int = 0
    parts: int = 0
    """Of what models were asked, for replays."""
    answers: int = 0
    """Of models, in the journal."""
    tickets: int = 0
    redacted: int = 0
    """Values in the vault."""
    published: int = 0
    """Notes of whom a result goes to."""
    checkpoints: int = 0
    keys: int = 0
    """Of messages: what tells that one comes again."""
    payloads: int = 0
    """By reference."""
    letters: int = 0

    def plus(self, other: "Pruned") -> "Pruned":
        """Both together."""
        return Pruned(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


class Upkeep(Protocol):
    """What can be done to a store from outside. Every call blocks. Raises StoreError."""

    @property
    def shown(self) -> str:
        """The store, as a person is told of it: without a password."""
        ...

    def migrate(self) -> Versions:
        """Make the tables, or bring them up to date."""
        ...

    def check(self) -> list[str]:
        """Every fault that is found, a sentence each; changes nothing."""
        ...

    def prune(self, before: float, *, dry_run: bool, seen: Callable[[Pruned], object]) -> Pruned:
        """Delete the runs that ended before that time (seconds since the epoch) with what they gave
        to others, their events, steps, journal, tickets, what was redacted in them, and their
        checkpoints; keys of messages that came before then, and letters that were ended before
        then. `seen` hears of each batch.

        Stay: what is open or waits, a dead letter that nobody dropped, a run with a write of which
        nobody knows whether it happened, the ledger of effects, the logs of threads, the audit log.
        """
        ...

    def backup(self, folder: Path) -> tuple[Path, ...]:
        """Write a copy of all of it into a new folder, while others go on; the files."""
        ...


def upkeep_of(settings: Settings, home: Path) -> Upkeep:
    """That of the store that the settings name. Raises MissingExtra, and Misconfigured."""
    address = address_of(settings)
    if address is None:
        from pointsman.teams.store.sqliteupkeep import SqliteUpkeep

        return SqliteUpkeep(home)
    from pointsman.teams.store.postgres.upkeep import PostgresUpkeep

    return PostgresUpkeep(address)


def audit_faults(page: Callable[[int], Sequence[AuditRow]]) -> Iterable[str]:
    """What is wrong with the chain. `page` gives the rows after a number."""
    check, after = Check(None), -(2**63)
    while True:
        try:
            rows = page(after)
        except StoreBroken as error:
            yield error.message
            after = error.row
            continue
        if not rows:
            break
        for row in rows:
            check.see(row)
        after = rows[-1].seq
    for fault in check.faults():
        yield f"The audit log, row {fault.seq}: {fault.what}."


def threads(run: str, root_thread: str, attempt: int, *, nested: bool) -> set[str]:
    """The LangGraph threads that hold a run's checkpoints here, one an attempt; a nested run's are
    in somebody else's checkpointer."""
    if nested:
        return set()
    return {run, root_thread, *(f"{run}~{n}" for n in range(2, attempt + 1))}


def other_schema(shown: str, found: int, known: int) -> str:
    """What is said of a store whose tables are not this version's."""
    do = "run `pointsman store migrate`" if found < known else "a newer pointsman wrote it"
    return f"The store {shown} has schema {found}, and this pointsman's is {known}: {do}."


def new_folder(folder: Path) -> None:
    """Make it, for its owner only. Raises BadInput where something is there."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise BadInput(
            f"{folder} exists already.", hint="Name a new folder: a backup overwrites nothing."
        ) from None
