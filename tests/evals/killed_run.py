"""Runs a suite of so many trivial cases into a record, until somebody kills it."""

import asyncio
import sys
from pathlib import Path

from pointsman.evals.runner import run
from pointsman.evals.suite import Case, Suite


async def echo(case: Case) -> str:
    """A target that lets others work."""
    await asyncio.sleep(0)
    return case.text


if __name__ == "__main__":
    count, epochs, record = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    suite = Suite("s", tuple(Case(id=str(n), text=f"text {n}") for n in range(count)))
    asyncio.run(run(suite, echo, version="1", record=record, epochs=epochs, concurrency=8))
