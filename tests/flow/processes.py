"""Running the driver, and looking at what it left."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from pointsman.teams.store.postgres.address import Address
from pointsman.teams.store.postgres.database import connect

ROOT = Path(__file__).parents[2]


async def order(home: Path, **order: object) -> dict[str, Any]:
    """Carry an order out in a process of its own; what it printed."""
    code, out, err = await _process(home, order)
    assert code == 0, err
    return json.loads(out)


async def killed(home: Path, **order: object) -> None:
    """Carry an order out in a process that kills itself, and let its lease run out."""
    code, out, err = await _process(home, order)
    assert code == -signal.SIGKILL, (code, out, err)
    expire_leases(home)


async def _process(home: Path, order: dict[str, object]) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.flow.driver",
        str(home),
        json.dumps(order),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    return process.returncode or 0, out.decode(), err.decode()


def expire_leases(home: Path) -> None:
    """Half a minute passes: what a killed process held is free again."""
    change(home, "UPDATE leases SET expires = 0")


def change(home: Path, sql: str, *values: object) -> None:
    """Change the store's rows behind everybody's back."""
    if url := os.environ.get("POINTSMAN_STORE"):
        with connect(Address(url)) as db:
            db.execute(sql.replace("?", "%s").encode(), values)
        return
    with sqlite3.connect(home / "pointsman.db", timeout=20) as db:
        db.execute(sql, values)
    db.close()


def ignoring(home: Path, column: str) -> None:
    """From now on changes of that column of a run change nothing."""
    when = f"BEFORE UPDATE OF {column} ON runs"
    if os.environ.get("POINTSMAN_STORE"):
        body = "RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
        change(home, f"CREATE FUNCTION ignored() {body}")
        change(home, f"CREATE TRIGGER stuck {when} FOR EACH ROW EXECUTE FUNCTION ignored()")
    else:
        change(home, f"CREATE TRIGGER stuck {when} BEGIN SELECT RAISE(IGNORE); END")


def rows(home: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of the store."""
    if url := os.environ.get("POINTSMAN_STORE"):
        with connect(Address(url)) as db:
            return db.execute(sql.replace("?", "%s").encode(), values).fetchall()
    with sqlite3.connect(home / "pointsman.db", timeout=20) as db:
        found = db.execute(sql, values).fetchall()
    db.close()
    return found
