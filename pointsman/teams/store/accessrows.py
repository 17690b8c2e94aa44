"""Access tokens in SQLite: what is known of each, and the digest of its secret."""

import sqlite3
from datetime import UTC, datetime

from pointsman.errors import Conflict, NotFound
from pointsman.teams.access import Token
from pointsman.teams.approvals.audit import AuditEntry
from pointsman.teams.store import auditrows
from pointsman.teams.store.database import Database


class AccessRows(Database):
    """The part of the store that knows who may use the servers."""

    async def add_token(self, token: Token, digest: str) -> None:
        entry = entry_of(token, "issue", token.by, token.created)

        def add(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO access_tokens VALUES (?, ?, ?, ?, ?)",
                (
                    token.id, token.team, digest, token.created.timestamp(),
                    token.model_dump_json(),
                ),
            )  # fmt: skip
            auditrows.append(db, entry)

        await self._do(add)

    async def find_token(self, team: str, token: str) -> tuple[Token, str] | None:
        sql = "SELECT body, digest FROM access_tokens WHERE id = ? AND team = ?"
        row = await self._read(lambda db: db.execute(sql, (token, team)).fetchone())
        return None if row is None else (Token.model_validate_json(row[0]), str(row[1]))

    async def tokens(self, team: str, *, limit: int = 1000) -> tuple[Token, ...]:
        sql = "SELECT body FROM access_tokens WHERE team = ? ORDER BY created DESC, id LIMIT ?"
        rows = await self._read(lambda db: db.execute(sql, (team, limit)).fetchall())
        return tuple(Token.model_validate_json(body) for (body,) in rows)

    async def revoke_token(self, team: str, token: str, *, by: str, at: datetime) -> Token:
        def revoke(db: sqlite3.Connection) -> Token:
            sql = "SELECT body FROM access_tokens WHERE id = ? AND team = ?"
            row = db.execute(sql, (token, team)).fetchone()
            if row is None:
                raise NotFound(
                    f"Team {team!r} has no token {token!r}.",
                    hint="`pointsman token list` shows them.",
                )
            after = withdrawn(Token.model_validate_json(row[0]), by, at)
            db.execute(
                "UPDATE access_tokens SET body = ? WHERE id = ?", (after.model_dump_json(), token)
            )
            auditrows.append(db, entry_of(after, "withdraw", by, at))
            return after

        return await self._do(revoke)

    async def note(self, entry: AuditEntry) -> None:
        await self._do(lambda db: auditrows.append(db, entry))


def withdrawn(there: Token, by: str, at: datetime) -> Token:
    """The token, ended. Raises Conflict when it was before."""
    if there.revoked is not None:
        raise Conflict(
            f"Token {there.id} of {there.name!r} was revoked before, by"
            f" {there.revoked_by or 'somebody'} at {there.revoked:%Y-%m-%d %H:%M} UTC.",
            hint="Nothing was changed.",
        )
    return there.model_copy(update={"revoked": at.astimezone(UTC), "revoked_by": by})


def entry_of(token: Token, action: str, by: str, at: datetime) -> AuditEntry:
    """The audit row of a change to a token."""
    return AuditEntry(
        at=at.astimezone(UTC), team=token.team, token=token.id, by=by, to=token.name,
        action="issue" if action == "issue" else "withdraw", status=" ".join(token.scopes),
    )  # fmt: skip
