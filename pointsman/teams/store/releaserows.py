"""Releases in SQLite: their bodies, where they stand, and which thread began with which."""

import sqlite3
from collections.abc import Sequence

from pydantic import ValidationError

from pointsman.errors import InvalidRelease
from pointsman.teams.approvals.audit import AuditEntry
from pointsman.teams.releases.channels import Channels
from pointsman.teams.releases.release import Release
from pointsman.teams.store import auditrows
from pointsman.teams.store.database import Database
from pointsman.teams.store.rows import RunRow


class ReleaseRows(Database):
    """The part of the store that knows releases."""

    async def channels(self, team: str) -> Channels:
        found = await self.channel_history(team, limit=1)
        return found[0] if found else Channels(team=team)

    async def channel_history(self, team: str, *, limit: int = 100) -> tuple[Channels, ...]:
        sql = "SELECT body FROM release_channels WHERE team = ? ORDER BY version DESC LIMIT ?"
        rows = await self._read(lambda db: db.execute(sql, (team, limit)).fetchall())
        return tuple(Channels.model_validate_json(body) for (body,) in rows)

    async def move_channels(
        self, after: Channels, release: Release | None, entry: AuditEntry
    ) -> bool:
        def move(db: sqlite3.Connection) -> bool:
            sql = "SELECT coalesce(max(version), 0) FROM release_channels WHERE team = ?"
            (stands,) = db.execute(sql, (after.team,)).fetchone()
            if stands != after.version - 1:
                return False
            if release is not None:
                db.execute(
                    "INSERT OR IGNORE INTO releases VALUES (?, ?, ?)",
                    (after.team, release.release, release.model_dump_json(by_alias=True)),
                )
            db.execute(
                "INSERT INTO release_channels VALUES (?, ?, ?)",
                (after.team, after.version, after.model_dump_json()),
            )
            auditrows.append(db, entry)
            return True

        return await self._do(move)

    async def find_release(self, team: str, release: str) -> Release | None:
        sql = "SELECT body FROM releases WHERE team = ? AND release = ?"
        row = await self._read(lambda db: db.execute(sql, (team, release)).fetchone())
        if row is None:
            return None
        try:
            return Release.model_validate_json(row[0]).checked()
        except ValidationError as error:
            raise InvalidRelease(
                f"Release {release} of team {team!r} in the store cannot be read.",
                hint="A newer pointsman wrote it, or the store was changed by hand.",
            ) from error

    async def keep_release(self, release: Release) -> None:
        values = (release.team, release.release, release.model_dump_json(by_alias=True))
        sql = "INSERT OR IGNORE INTO releases VALUES (?, ?, ?)"
        await self._do(lambda db: db.execute(sql, values))

    async def thread_release(self, row: RunRow) -> str:
        return await self._read(lambda db: _noted(db, row))

    async def pin_thread(self, row: RunRow, release: str, *, over: Sequence[str] = ()) -> str:
        def pin(db: sqlite3.Connection) -> str:
            noted = _noted(db, row)
            if noted and noted not in over:
                return noted
            sql = "INSERT OR REPLACE INTO release_threads VALUES (?, ?, ?, ?)"
            db.execute(sql, (*_thread(row), release))
            return release

        return await self._do(pin)


def _noted(db: sqlite3.Connection, row: RunRow) -> str:
    sql = "SELECT release FROM release_threads WHERE team = ? AND tenant = ? AND thread = ?"
    found = db.execute(sql, _thread(row)).fetchone()
    return found[0] if found else ""


def _thread(row: RunRow) -> tuple[str, str, str]:
    return (row.team, row.tenant, row.thread)
