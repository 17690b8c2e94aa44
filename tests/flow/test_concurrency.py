"""Four processes with many threads decide the same tickets with different answers."""

import asyncio
import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from pointsman.teams.approvals.audit import faults
from tests.flow.shop import Shop, shop_team

ROOT = Path(__file__).parents[2]
PROCESSES = 4
A_RUN = 10


async def opened(home: Path, tickets: int) -> None:
    """So many open tickets, ten a run."""
    async with shop_team(home) as team:
        for n in range(tickets // A_RUN):
            program = " + ".join(f"refund INV-{n * A_RUN + k} 5" for k in range(A_RUN))
            assert (await team.run(program, thread=f"c{n}")).status == "waiting"


async def deciding(home: Path, process: int, threads: int, each: int) -> dict[str, list[str]]:
    """What one process won."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.flow.deciders",
        str(home), str(process), str(PROCESSES), str(threads), str(each),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = await child.communicate()
    except asyncio.CancelledError:
        child.kill()
        raise
    assert child.returncode == 0, err.decode()[-2000:]
    return json.loads(out)


async def fought(home: Path, shop: Shop, *, threads: int, of: int) -> None:
    """Every promise, after the fight about `of` tickets."""
    await opened(home, of)
    parts = await asyncio.gather(
        *(deciding(home, process, threads, of) for process in range(PROCESSES))
    )
    won = Counter(ticket for part in parts for ticket in part)
    assert max(won.values()) == 1
    assert len(won) == of
    fighting = sum(bool(part) for part in parts)
    assert fighting > 1, "one process decided everything: there was no contention"
    team = shop_team(home)
    await team.sweep()
    said = {ticket: said for part in parts for ticket, said in part.items()}
    tickets = await team.tickets(status=None, limit=1000)
    assert {t.id: [t.decision, t.by] for t in tickets} == said
    executed = [t for t in tickets if t.status == "executed"]
    assert {t.status for t in tickets} == {"executed", "rejected"}
    assert all((t.decision == "approve") == (t.status == "executed") for t in tickets)
    lines = sorted(f"refunded 5 on {t.runs['invoice']}" for t in executed)
    assert sorted(shop.wrote()) == lines
    rows = await team.audit(limit=10_000)
    assert faults(rows) == []
    decisions = Counter(r.entry.ticket for r in rows if r.entry.action in ("approve", "reject"))
    assert set(decisions.values()) == {1}
    assert len(decisions) == of
    assert {r.state for r in await team.runs()} == {"done"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("of", [60, pytest.param(200, marks=pytest.mark.slow)])
async def test_each_ticket_is_decided_once(home: Path, shop: Shop, of: int) -> None:
    """Fifty threads a process (eight on PostgreSQL), each at every ticket: one decision each, and
    an execution or a rejection, never both."""
    threads = 8 if "POINTSMAN_STORE" in os.environ else 50
    await fought(home, shop, threads=threads, of=of)
