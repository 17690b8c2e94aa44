"""Looking after a store in SQLite files."""

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from pathlib import Path

from pointsman.errors import BadInput, NotFound
from pointsman.teams.store import auditrows
from pointsman.teams.store.faults import store_error, unusable
from pointsman.teams.store.migrate import SCHEMA_VERSION
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.store.upkeep import (
    BATCH,
    PAGE,
    Pruned,
    Versions,
    audit_faults,
    new_folder,
    other_schema,
    threads,
)

STORE, CHECKPOINTS = "pointsman.db", "checkpoints.db"
BACKED_UP = (CHECKPOINTS, "budgets.db", STORE)
"""In this order: checkpoints that are older than the rows beside them are caught up with, from the
journal and the ledger; newer ones could not be."""
_WAIT_SECONDS = 60.0
_OWNED = ("events", "journal", "tickets", "vault", "steps", "asked")
"""Tables whose rows are nothing without their run."""
_TREE = (
    "WITH RECURSIVE tree (run) AS (VALUES (:run) UNION"
    " SELECT r.run FROM runs r JOIN tree t ON r.parent = t.run WHERE r.parent != '')"
)
# An index finds the roots; what is below each is looked at one by one.
_ENDED = (
    "SELECT run FROM runs WHERE parent = '' AND created < :before AND run > :after"
    " AND state NOT IN ('running', 'waiting') ORDER BY run LIMIT :limit"
)
_KEPT = (
    f"{_TREE} SELECT EXISTS (SELECT 1 FROM runs JOIN tree USING (run)"  # noqa: S608 (constants)
    " WHERE state IN ('running', 'waiting') OR (parent = '' AND dropped = '' AND (state = 'failed'"
    " OR (state = 'partial' AND coalesce(json_extract(result, '$.error'), '') != ''))))"
    " OR EXISTS (SELECT 1 FROM events JOIN tree USING (run) WHERE at >= :before)"
    " OR EXISTS (SELECT 1 FROM tickets JOIN tree USING (run) WHERE status = 'pending'"
    " OR (settled = 0 AND status IN ('approved', 'rejected', 'answered', 'expired')))"
    " OR EXISTS (SELECT 1 FROM effects JOIN tree USING (run) WHERE state = 'intended')"
)


class SqliteUpkeep:
    """Implements `upkeep.Upkeep` for one folder of state."""

    def __init__(self, home: Path) -> None:
        self._home = home

    @property
    def shown(self) -> str:
        return str(self._home)

    def migrate(self) -> Versions:
        path = self._home / STORE
        before = self._version() if path.exists() else 0

        async def opened() -> None:
            store = SqliteStore(path)
            try:
                await store.find_run("")
            finally:
                await store.aclose()

        asyncio.run(opened())
        return Versions(before, SCHEMA_VERSION)

    def check(self) -> list[str]:
        if not (self._home / STORE).exists():
            return []
        files = (CHECKPOINTS, "budgets.db", "limits.db", STORE)
        damaged = [f for name in files if (self._home / name).exists() for f in self._damage(name)]
        if damaged:
            return damaged
        version = self._version()
        if version != SCHEMA_VERSION:
            return [other_schema(self.shown, version, SCHEMA_VERSION)]
        with self._open(STORE) as db:
            return [*audit_faults(lambda after: auditrows.rows(db, after, PAGE)), *self._lost(db)]

    def prune(self, before: float, *, dry_run: bool, seen: Callable[[Pruned], object]) -> Pruned:
        if not (self._home / STORE).exists():
            return Pruned()
        if self._version() != SCHEMA_VERSION:
            raise BadInput(other_schema(self.shown, self._version(), SCHEMA_VERSION))
        whole, after = Pruned(), ""
        while True:
            with self._open(STORE) as db:
                values = {"before": before, "after": after, "limit": BATCH}
                roots = [run for (run,) in db.execute(_ENDED, values)]
                if not roots:
                    return whole.plus(_crossed(db, before, dry_run=dry_run))
                went = self._batch(db, roots, before, dry_run=dry_run)
            whole, after = whole.plus(went), roots[-1]
            seen(whole)

    def backup(self, folder: Path) -> tuple[Path, ...]:
        if not (self._home / STORE).exists():
            raise NotFound(f"There is no store in {self.shown}.", hint="Nothing was backed up.")
        new_folder(folder)
        made: list[Path] = []
        for name in BACKED_UP:
            if (self._home / name).exists():
                path = folder / name
                with self._open(name) as db, closing(sqlite3.connect(path)) as copy:
                    db.backup(copy)
                path.chmod(0o600)
                made.append(path)
        return tuple(made)

    def _batch(
        self, db: sqlite3.Connection, roots: list[str], before: float, *, dry_run: bool
    ) -> Pruned:
        """The trees of some runs. Checkpoints first: without them an ended run can still be read,
        and is found again."""
        db.execute("BEGIN" if dry_run else "BEGIN IMMEDIATE")
        with db:
            ids, kept = list[str](), list[set[str]]()
            for root in roots:
                if db.execute(_KEPT, {"run": root, "before": before}).fetchone()[0]:
                    continue
                sql = f"{_TREE} SELECT run, root_thread, attempt, nested FROM runs JOIN tree USING (run)"  # noqa: S608,E501 (constants)
                for run, root_thread, attempt, nested in db.execute(sql, {"run": root}).fetchall():
                    ids.append(run)
                    kept.append(threads(run, root_thread, attempt, nested=bool(nested)))
            checkpoints = self._forget(sorted(set[str]().union(*kept)), dry_run=dry_run)
            return Pruned(
                checkpoints=checkpoints,
                events=_gone(db, "events", "run", ids, dry_run=dry_run),
                steps=_gone(db, "steps", "run", ids, dry_run=dry_run),
                parts=_gone(db, "asked", "run", ids, dry_run=dry_run),
                answers=_gone(db, "journal", "run", ids, dry_run=dry_run),
                tickets=_gone(db, "tickets", "run", ids, dry_run=dry_run),
                redacted=_gone(db, "vault", "run", ids, dry_run=dry_run),
                published=_gone(db, "outgoing", "run", ids, dry_run=dry_run),
                # Last: a trigger on it takes what is left of a run, uncounted.
                runs=_gone(db, "runs", "run", ids, dry_run=dry_run),
            )

    def _forget(self, named: list[str], *, dry_run: bool) -> int:
        if not (self._home / CHECKPOINTS).exists():
            return 0
        with self._open(CHECKPOINTS) as db, db:
            if not _has(db, "checkpoints"):
                return 0
            _gone(db, "writes", "thread_id", named, dry_run=dry_run)
            return _gone(db, "checkpoints", "thread_id", named, dry_run=dry_run)

    def _version(self) -> int:
        with self._open(STORE) as db:
            return int(db.execute("PRAGMA user_version").fetchone()[0])

    def _damage(self, name: str) -> Iterable[str]:
        with self._open(name) as db:
            for (said,) in db.execute("PRAGMA integrity_check(20)"):
                if said != "ok":
                    yield f"{name} is damaged: {said}."

    def _lost(self, db: sqlite3.Connection) -> Iterable[str]:
        """Rows that belong to nothing."""
        for table in _OWNED:
            sql = f"SELECT count(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.run = t.run)"  # noqa: S608,E501 (constants)
            (count,) = db.execute(sql).fetchone()
            if count:
                yield f"{count} rows of {table} belong to no run."
        sql = (
            "SELECT count(*) FROM runs c WHERE parent != ''"
            " AND NOT EXISTS (SELECT 1 FROM runs p WHERE p.run = c.parent)"
        )
        (count,) = db.execute(sql).fetchone()
        if count:
            yield f"{count} runs were given by a run that is not there."

    @contextmanager
    def _open(self, name: str) -> Generator[sqlite3.Connection]:
        path = self._home / name
        try:
            db = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
            with closing(db):
                yield db
        except sqlite3.Error as error:
            raise store_error(error, path) from error
        except OSError as error:
            raise unusable(error, path) from error


def _crossed(db: sqlite3.Connection, before: float, *, dry_run: bool) -> Pruned:
    """Payloads by reference, keys of messages, and letters that somebody has ended."""

    def gone(rows: str) -> int:
        if not dry_run:
            return db.execute(f"DELETE {rows}", (before,)).rowcount
        (count,) = db.execute(f"SELECT count(*) {rows}", (before,)).fetchone()
        return int(count)

    return Pruned(
        payloads=gone("FROM payloads WHERE at < ?"),
        keys=gone("FROM submissions WHERE at < ?"),
        letters=gone("FROM letters WHERE state != 'open' AND ended < ?"),
    )


def _gone(
    db: sqlite3.Connection, table: str, column: str, names: list[str], *, dry_run: bool
) -> int:
    count = 0
    verb = "SELECT count(*)" if dry_run else "DELETE"
    for name in names:
        found = db.execute(f"{verb} FROM {table} WHERE {column} = ?", (name,))
        count += found.fetchone()[0] if dry_run else found.rowcount
    return count


def _has(db: sqlite3.Connection, table: str) -> bool:
    sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return db.execute(sql, (table,)).fetchone() is not None
