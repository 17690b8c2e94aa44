"""Many threads of one process that decide the same tickets, each in an order of its own.

    python -m tests.flow.deciders HOME PROCESS PROCESSES THREADS TICKETS_EACH

Prints what this process won, as JSON: ticket -> [decision, by].
"""

import asyncio
import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from pointsman.errors import TicketClosed
from pointsman.teams.claim import claim
from pointsman.teams.settings import Settings
from pointsman.teams.store.opening import open_store
from pointsman.teams.store.protocol import Store
from pointsman.teams.tickets import Approve, Reject
from tests.flow.shop import shop_team


async def _decide(
    home: Path, store: Store, process: int, thread: int, each: int
) -> dict[str, list[str]]:
    """One thread's decisions, in its own event loop; those that counted."""
    team = shop_team(home)
    by = f"p{process}t{thread}"
    order = random.Random(by)
    tickets = [t.id for t in await store.tickets(team.name, limit=1000)]
    order.shuffle(tickets)
    won: dict[str, list[str]] = {}
    for ticket in tickets[:each]:
        yes = order.random() < 0.5
        decision = Approve(by=by) if yes else Reject(by=by, reason="no")
        try:
            await claim(team.spec, store, ticket, decision, datetime.now(UTC))
        except TicketClosed:
            continue
        won[ticket] = [decision.type, by]
    return won


def _together(home: Path, process: int, processes: int) -> None:
    """Wait until every process is here: else the first one would have decided all by then."""
    (home / f"here{process}").touch()
    while len([*home.glob("here*")]) < processes:
        time.sleep(0.002)


def main(home: Path, process: int, processes: int, threads: int, each: int) -> None:
    """Decide with every thread at once, then take on what the decided runs have to do."""
    store = open_store(Settings.read(), home)
    shop_team(home)  # which loads all that deciding needs
    _together(home, process, processes)
    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(
            lambda thread: asyncio.run(_decide(home, store, process, thread, each)), range(threads)
        )
    won = {ticket: said for part in parts for ticket, said in part.items()}
    asyncio.run(store.aclose())
    asyncio.run(shop_team(home).sweep())
    sys.stdout.write(json.dumps(won))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(text) for text in sys.argv[2:]))
