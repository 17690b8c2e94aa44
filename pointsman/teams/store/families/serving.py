"""Releases, access tokens and idempotency keys. A part of `Store`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pointsman.teams import access
from pointsman.teams.approvals.audit import AuditEntry
from pointsman.teams.releases.channels import Channels
from pointsman.teams.releases.release import Release
from pointsman.teams.store.rows import RunRow, Submitted


class Serving(Protocol):
    """Releases, and who may ask for what."""

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
