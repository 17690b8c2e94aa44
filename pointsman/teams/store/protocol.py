"""What a store must do. Every implementation passes one contract suite."""

from typing import Protocol

from pointsman.teams.store.crossings import Crossings
from pointsman.teams.store.families.approving import Approvals
from pointsman.teams.store.families.boards import Boards
from pointsman.teams.store.families.recording import Recordings
from pointsman.teams.store.families.runs import Runs
from pointsman.teams.store.families.serving import Serving
from pointsman.teams.store.families.threads import Threads


class Store(Runs, Threads, Approvals, Recordings, Boards, Serving, Crossings, Protocol):
    """Durable state. Every method is one transaction; none blocks the event loop.

    All raise StoreFull or StoreBroken when the storage itself fails.
    """

    async def aclose(self) -> None: ...
