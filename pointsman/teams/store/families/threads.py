"""What a thread said, and who holds a lease. A part of `Store`."""

from typing import Protocol

from pointsman.nodes.message import Message
from pointsman.teams.store.entries import Token
from pointsman.teams.store.rows import Logged, RunRow, Summary


class Threads(Protocol):
    """Logs of threads, and leases."""

    async def log(self, row: RunRow, message: Message) -> None:
        """Append to the log of the run's thread. The same message id again changes nothing."""
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
