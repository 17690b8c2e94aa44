"""One cell of `benchmarks/scale.py`, in a process of its own: sends messages and waits for answers.

    python -m benchmarks.scale_drive MESSAGES AT_ONCE

Warms up, prints `ready`, waits for a line, and prints a JSON object: seconds that all messages
took, seconds of each, and this process's CPU seconds. Where a Temporal server is named it is a
client; else it does the work itself.
"""

import asyncio
import json
import sys
import time

from benchmarks.scale_team import scale

WARM_UP = 6


async def main(messages: int, at_once: int) -> None:
    """Send them, so many at once, each on a thread of its own."""
    gate, took = asyncio.Semaphore(at_once), list[float]()

    async def send(number: int) -> None:
        async with gate:
            began = time.perf_counter()
            result = await scale.run(f"post t{number} {number}", thread=f"t{number}")
            took.append(time.perf_counter() - began)
        assert result.status == "done", result

    async with scale:
        await asyncio.gather(*(send(-number) for number in range(1, WARM_UP + 1)))
        took.clear()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(send(number) for number in range(messages)))
        told = {
            "seconds": time.perf_counter() - began,
            "cpu": time.process_time() - cpu,
            "took": took,
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
