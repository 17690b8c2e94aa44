"""What a store keeps of blackboards and leases, as plain rows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BoardScope:
    """Whose blackboard: a team's, for one tenant, of one thread or (empty) of all its threads."""

    team: str
    tenant: str
    thread: str


@dataclass(frozen=True, slots=True)
class Token:
    """A fencing token: who holds the lease of that name, and in which epoch. Of two holders the
    later one has the greater epoch."""

    name: str
    owner: str
    epoch: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One version of an entry."""

    key: str
    version: int
    """1 for the first; grows with every write of the key, also after it was removed."""
    schema: str
    """Name@version of its type."""
    value: str | None
    """Canonical JSON; None for a version that removed the entry."""
    author: str
    run: str
    why: str
    at: float
    """Seconds since the epoch."""
    expires: float | None
    """From then on the entry reads as absent."""
    epoch: int | None
    """Of the lease that the write carried."""

    def live(self, now: float) -> bool:
        """Whether it can be read at that time, being the newest."""
        return self.value is not None and (self.expires is None or self.expires > now)


@dataclass(frozen=True, slots=True)
class EntryWrite:
    """A version to be written, and the bounds that hold for it."""

    key: str
    schema: str
    value: str | None
    author: str
    run: str = ""
    why: str = ""
    ttl: float | None = None
    """Seconds from now by the store's clock."""
    once: str = ""
    """A write of the same key with the same mark is the same write: it happens once."""
    lease: str = ""
    """Name of the lease on this entry. While somebody holds it, no write passes without its token.
    """
    leased: bool = False
    """Whether a write must carry that lease's token even while nobody holds it."""
    keep: int = 50
    """Versions of the key that stay, this one included."""
    most: int = 1000
    """Keys in the scope. Beyond it one that is absent is forgotten, the longest absent first."""


@dataclass(frozen=True, slots=True)
class Put:
    """What came of a write: the version it made, or the one that stands against it."""

    written: bool
    row: EntryRow | None
    """None: nothing stands there, though the writer had expected a version."""
