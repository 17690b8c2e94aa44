"""One thread for a long time: it costs the same at each turn."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pointsman.teams.team import Team
from pointsman.teams.temporal.server import connect
from tests.contracts.engine import FREE
from tests.scale.conftest import Site
from tests.scale.test_faults import inside
from tests.scale.worker import LIMITS


async def turns(team: Team, count: int) -> None:
    """So many messages of one thread, one after another."""
    for number in range(count):
        came = await team.run(f"note {number}", thread="t", message_id=f"m{number}")
        assert came.status == "done"


@pytest.mark.slow
async def test_a_long_thread_is_one_thread(site: Site) -> None:
    """Twelve turns over several workflows: every write once, in order."""
    await long_thread(site, 12, history=150)


@pytest.mark.slow
@pytest.mark.timeout(1500)
async def test_a_thread_of_400_turns(site: Site) -> None:
    """Over several workflows, as the server suggests."""
    await long_thread(site, 400, history=0)


async def long_thread(site: Site, count: int, *, history: int) -> None:
    """Run it, and report what it weighs in Temporal. What a turn leaves does not grow."""
    limits = replace(LIMITS, history=history, idle=30.0)
    async with inside(site, policy=FREE):
        team = site.team(limits=limits, policy=FREE)
        async with team:
            await turns(team, count)
        assert site.wrote == [f"noted {n}" for n in range(count)]
        client = await connect(site.address)
        events = size = 0
        async for one in client.list_workflows("WorkflowType = 'pointsman.thread'"):
            told_of = await client.get_workflow_handle(one.id, run_id=one.run_id).describe()
            events += told_of.raw_description.workflow_execution_info.history_length
            size += told_of.raw_description.workflow_execution_info.history_size_bytes
        print(f"{count} turns: {events / count:.1f} events, {size / count:.0f} bytes a turn")  # noqa: T201 (a figure to read)
        assert 20 < events / count < 60
        sizes = kept(site.home)
        assert len(sizes) == count
        full = 8  # turns, after which what a specialist is told of earlier ones is cut
        assert sum(sizes[-3:]) < 1.2 * sum(sizes[full : full + 3])


def kept(home: Path) -> list[int]:
    """The bytes of each run's checkpoints and of what was written between them, in order."""
    with closing(sqlite3.connect(home / "checkpoints.db")) as db:
        found = dict(
            db.execute(
                "SELECT thread_id, sum(size) FROM (SELECT thread_id, length(checkpoint) +"
                " length(metadata) AS size FROM checkpoints UNION ALL SELECT thread_id,"
                " length(value) FROM writes) GROUP BY thread_id"
            )
        )
    with closing(sqlite3.connect(home / "pointsman.db")) as db:
        order = db.execute("SELECT run FROM runs ORDER BY rowid").fetchall()
    return [found[run] for (run,) in order]
