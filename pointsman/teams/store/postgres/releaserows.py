"""Releases in PostgreSQL: their bodies, where they stand, and which thread began with which."""

from collections.abc import Sequence

from pydantic import ValidationError

from pointsman.errors import InvalidRelease
from pointsman.teams.approvals.audit import AuditEntry
from pointsman.teams.releases.channels import Channels
from pointsman.teams.releases.release import Release
from pointsman.teams.store.postgres import auditrows
from pointsman.teams.store.postgres.database import Database, Db
from pointsman.teams.store.rows import RunRow


class ReleaseRows(Database):
    """The part of the store that knows releases."""

    async def channels(self, team: str) -> Channels:
        found = await self.channel_history(team, limit=1)
        return found[0] if found else Channels(team=team)

    async def channel_history(self, team: str, *, limit: int = 100) -> tuple[Channels, ...]:
        sql = "SELECT body FROM release_channels WHERE team = %s ORDER BY version DESC LIMIT %s"
        rows = await self._read(lambda db: db.execute(sql, (team, limit)).fetchall())
        return tuple(Channels.model_validate_json(body) for (body,) in rows)

    async def move_channels(
        self, after: Channels, release: Release | None, entry: AuditEntry
    ) -> bool:
        def move(db: Db) -> bool:
            auditrows.lock(db)
            sql = "SELECT coalesce(max(version), 0) FROM release_channels WHERE team = %s"
            stands = db.execute(sql, (after.team,)).fetchone()
            if stands is None or stands[0] != after.version - 1:
                return False
            if release is not None:
                db.execute(
                    "INSERT INTO releases VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                    (after.team, release.release, release.model_dump_json(by_alias=True)),
                )
            db.execute(
                "INSERT INTO release_channels VALUES (%s, %s, %s)",
                (after.team, after.version, after.model_dump_json()),
            )
            auditrows.append(db, entry)
            return True

        return await self._do(move)

    async def find_release(self, team: str, release: str) -> Release | None:
        sql = "SELECT body FROM releases WHERE team = %s AND release = %s"
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
        sql = "INSERT INTO releases VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
        await self._do(lambda db: db.execute(sql, values))

    async def thread_release(self, row: RunRow) -> str:
        return await self._read(lambda db: _noted(db, row))

    async def pin_thread(self, row: RunRow, release: str, *, over: Sequence[str] = ()) -> str:
        values = (*_thread(row), release, list(over))

        def pin(db: Db) -> str:
            db.execute(
                "INSERT INTO release_threads AS t VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (team, tenant, thread) DO UPDATE SET release = excluded.release"
                " WHERE t.release = '' OR t.release = ANY(%s)",
                values,
            )
            return _noted(db, row)

        return await self._do(pin)


def _noted(db: Db, row: RunRow) -> str:
    sql = "SELECT release FROM release_threads WHERE team = %s AND tenant = %s AND thread = %s"
    found = db.execute(sql, _thread(row)).fetchone()
    return found[0] if found else ""


def _thread(row: RunRow) -> tuple[str, str, str]:
    return (row.team, row.tenant, row.thread)
