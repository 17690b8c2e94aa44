"""Looking after a store in PostgreSQL."""

# ruff: noqa: S608 (psycopg's types take literal strings only)

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo

from pointsman.errors import BadInput, Misconfigured, StoreError
from pointsman.teams.store.postgres import auditrows
from pointsman.teams.store.postgres.address import SCHEMA, Address
from pointsman.teams.store.postgres.database import Db, connect
from pointsman.teams.store.postgres.faults import store_error
from pointsman.teams.store.postgres.migrate import SCHEMA_VERSION, version_of
from pointsman.teams.store.postgres.saver import checkpoints_ready, prepare_all
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

PAUSE_SECONDS = 0.05
"""Between two batches, so that those who work get their turn."""
_T = TypeVar("_T")
_ENDED: LiteralString = (
    "SELECT run FROM runs WHERE parent = '' AND created < %s AND run > %s"
    " AND state NOT IN ('running', 'waiting') ORDER BY run LIMIT %s"
)
_TREE: LiteralString = (
    'WITH RECURSIVE tree (run) AS (SELECT %(run)s::text COLLATE "C" UNION'
    " SELECT r.run FROM runs r JOIN tree t ON r.parent = t.run WHERE r.parent <> '')"
)
_KEPT: LiteralString = (
    f"{_TREE} SELECT EXISTS (SELECT FROM runs JOIN tree USING (run)"
    " WHERE state IN ('running', 'waiting') OR (parent = '' AND dropped = ''"
    " AND state IN ('failed', 'partial') AND failed))"
    " OR EXISTS (SELECT FROM events JOIN tree USING (run) WHERE at >= %(before)s)"
    " OR EXISTS (SELECT FROM tickets JOIN tree USING (run) WHERE status = 'pending'"
    " OR (NOT settled AND status IN ('approved', 'rejected', 'answered', 'expired')))"
    " OR EXISTS (SELECT FROM effects JOIN tree USING (run) WHERE state = 'intended')"
)
_OWNED: tuple[LiteralString, ...] = (
    "events", "journal", "tickets", "vault", "steps", "asked", "run_texts",
)  # fmt: skip
"""Tables whose rows are nothing without their run."""


class PostgresUpkeep:
    """Implements `upkeep.Upkeep` for one database."""

    def __init__(self, address: Address) -> None:
        self._address = address

    @property
    def shown(self) -> str:
        return self._address.shown

    def migrate(self) -> Versions:
        with self._mapped():
            return Versions(*prepare_all(self._address))

    def check(self) -> list[str]:
        with self._mapped(), connect(self._address) as db:
            version = version_of(db)
            if version != SCHEMA_VERSION:
                return [other_schema(self.shown, version, SCHEMA_VERSION)]
            found = [
                *audit_faults(lambda after: auditrows.rows(db, max(after, 0), PAGE)),
                *_lost(db),
            ]
            if not checkpoints_ready(self._address):
                found.append(
                    f"The tables of checkpoints in {self.shown} are missing or older than this"
                    " LangGraph's: run `pointsman store migrate`."
                )
            return found

    def prune(self, before: float, *, dry_run: bool, seen: Callable[[Pruned], object]) -> Pruned:
        with self._mapped(), connect(self._address) as db:
            version = version_of(db)
            if version != SCHEMA_VERSION:
                raise BadInput(other_schema(self.shown, version, SCHEMA_VERSION))
            whole, after = Pruned(), ""
            while True:
                roots = [run for (run,) in db.execute(_ENDED, (before, after, BATCH)).fetchall()]
                if not roots:
                    return whole.plus(_crossed(db, before, dry_run=dry_run))
                with db.transaction():
                    went = _batch(db, roots, before, dry_run=dry_run)
                whole, after = whole.plus(went), roots[-1]
                seen(whole)
                time.sleep(0 if dry_run else PAUSE_SECONDS)

    def backup(self, folder: Path) -> tuple[Path, ...]:
        program = shutil.which("pg_dump")
        if program is None:
            raise Misconfigured(
                "A backup of PostgreSQL is made with pg_dump, which is not on PATH.",
                hint="Install PostgreSQL's client programs (Debian: postgresql-client), of the"
                " server's version or newer.",
            )
        new_folder(folder)
        path = folder / "pointsman.dump"
        schema = [] if self._address.named_path else ["--schema", SCHEMA]
        with tempfile.TemporaryDirectory() as private:
            target = self._without_password(Path(private) / "pass")
            made = subprocess.run(  # noqa: S603 (found on PATH, and its arguments are ours)
                [program, "--format=custom", "--no-owner", *schema, "--file", path, "-d", target],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        if made.returncode:
            path.unlink(missing_ok=True)
            folder.rmdir()
            raise StoreError(
                f"pg_dump made no backup of {self.shown}:"
                f" {self._address.hide(' '.join(made.stderr.split()))[:500]}",
                hint="It must be of the server's version or newer.",
            )
        path.chmod(0o600)
        return (path,)

    def _without_password(self, file: Path) -> str:
        """libpq's parameters for another program; the password in a file that only we can read."""
        parts = self._address.connect
        password = parts.pop("password", "")
        if password:
            file.touch(mode=0o600)
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            file.write_text(f"*:*:*:*:{escaped}\n", "utf-8")
            parts["passfile"] = str(file)
        return make_conninfo(**parts)

    @contextmanager
    def _mapped(self) -> Generator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise store_error(error, self._address) from error


def _batch(db: Db, roots: list[str], before: float, *, dry_run: bool) -> Pruned:
    ids, kept = list[str](), set[str]()
    tree: LiteralString = (
        f"{_TREE} SELECT run, root_thread, attempt, nested FROM runs JOIN tree USING (run)"
        " ORDER BY run FOR UPDATE OF runs"
    )
    for root in roots:
        # Its rows are locked before it is looked at: nobody drives it again meanwhile.
        rows = db.execute(tree, {"run": root}).fetchall()
        row = db.execute(_KEPT, {"run": root, "before": before}).fetchone()
        if row is None or row[0]:
            continue
        for run, root_thread, attempt, nested in rows:
            ids.append(run)
            kept |= threads(run, root_thread, attempt, nested=nested)
    named = sorted(kept)
    made = Pruned(
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
    if db.execute("SELECT to_regclass('checkpoints')").fetchone() == (None,):
        return made
    _gone(db, "checkpoint_writes", "thread_id", named, dry_run=dry_run)
    _gone(db, "checkpoint_blobs", "thread_id", named, dry_run=dry_run)
    return made.plus(
        Pruned(checkpoints=_gone(db, "checkpoints", "thread_id", named, dry_run=dry_run))
    )


def _gone(
    db: Db, table: LiteralString, column: LiteralString, names: list[str], *, dry_run: bool
) -> int:
    rows: LiteralString = f"FROM {table} WHERE {column} = ANY(%s)"
    if not dry_run:
        return db.execute(f"DELETE {rows}", (names,)).rowcount
    counted = db.execute(f"SELECT count(*) {rows}", (names,)).fetchone()
    return counted[0] if counted else 0


def _crossed(db: Db, before: float, *, dry_run: bool) -> Pruned:
    """Payloads by reference, keys of messages, and letters that somebody has ended."""

    def gone(rows: LiteralString) -> int:
        if not dry_run:
            return db.execute(f"DELETE {rows}", (before,)).rowcount
        counted = db.execute(f"SELECT count(*) {rows}", (before,)).fetchone()
        return counted[0] if counted else 0

    return Pruned(
        payloads=gone("FROM payloads WHERE at < %s"),
        keys=gone("FROM submissions WHERE at < %s"),
        letters=gone("FROM letters WHERE state <> 'open' AND ended < %s"),
    )


def _lost(db: Db) -> Iterable[str]:
    """Rows that belong to nothing."""
    for table in _OWNED:
        sql: LiteralString = (
            f"SELECT count(*) FROM {table} t"
            " WHERE NOT EXISTS (SELECT FROM runs r WHERE r.run = t.run)"
        )
        counted = db.execute(sql).fetchone()
        if counted and counted[0]:
            yield f"{counted[0]} rows of {table} belong to no run."
    counted = db.execute(
        "SELECT count(*) FROM runs c WHERE parent <> ''"
        " AND NOT EXISTS (SELECT FROM runs p WHERE p.run = c.parent)"
    ).fetchone()
    if counted and counted[0]:
        yield f"{counted[0]} runs were given by a run that is not there."
