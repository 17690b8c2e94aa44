"""Access tokens in PostgreSQL: what is known of each, and the digest of its secret."""

from datetime import datetime

from pointsman.errors import NotFound
from pointsman.teams.access import Token
from pointsman.teams.approvals.audit import AuditEntry
from pointsman.teams.store.accessrows import entry_of, withdrawn
from pointsman.teams.store.postgres import auditrows
from pointsman.teams.store.postgres.database import Database, Db


class AccessRows(Database):
    """The part of the store that knows who may use the servers."""

    async def add_token(self, token: Token, digest: str) -> None:
        entry = entry_of(token, "issue", token.by, token.created)
        values = (
            token.id, token.team, digest, token.created.timestamp(), token.model_dump_json(),
        )  # fmt: skip

        def add(db: Db) -> None:
            auditrows.lock(db)
            db.execute("INSERT INTO access_tokens VALUES (%s, %s, %s, %s, %s)", values)
            auditrows.append(db, entry)

        await self._do(add)

    async def find_token(self, team: str, token: str) -> tuple[Token, str] | None:
        sql = "SELECT body, digest FROM access_tokens WHERE id = %s AND team = %s"
        row = await self._read(lambda db: db.execute(sql, (token, team)).fetchone())
        return None if row is None else (Token.model_validate_json(row[0]), str(row[1]))

    async def tokens(self, team: str, *, limit: int = 1000) -> tuple[Token, ...]:
        sql = "SELECT body FROM access_tokens WHERE team = %s ORDER BY created DESC, id LIMIT %s"
        rows = await self._read(lambda db: db.execute(sql, (team, limit)).fetchall())
        return tuple(Token.model_validate_json(body) for (body,) in rows)

    async def revoke_token(self, team: str, token: str, *, by: str, at: datetime) -> Token:
        def revoke(db: Db) -> Token:
            auditrows.lock(db)
            sql = "SELECT body FROM access_tokens WHERE id = %s AND team = %s"
            row = db.execute(sql, (token, team)).fetchone()
            if row is None:
                raise NotFound(
                    f"Team {team!r} has no token {token!r}.",
                    hint="`pointsman token list` shows them.",
                )
            after = withdrawn(Token.model_validate_json(row[0]), by, at)
            sql = "UPDATE access_tokens SET body = %s WHERE id = %s"
            db.execute(sql, (after.model_dump_json(), token))
            auditrows.append(db, entry_of(after, "withdraw", by, at))
            return after

        return await self._do(revoke)

    async def note(self, entry: AuditEntry) -> None:
        def note(db: Db) -> None:
            auditrows.lock(db)
            auditrows.append(db, entry)

        await self._do(note)
