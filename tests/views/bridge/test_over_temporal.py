"""The bridge of a team whose runs are driven by workers, over Temporal's dev server and NATS."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator

import pytest

from pointsman.nodes.digest import JsonObject
from tests.scale.server import Server as Temporal
from tests.views.bridge.harness import PATHS, ROOT, Site, a_request
from tests.views.bridge.site import a_team

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("server", ["nats"], indirect=True),
]


@pytest.fixture
async def temporal(site: Site) -> AsyncGenerator[Temporal]:
    """A server that may be killed."""
    made = Temporal(site.home)
    await made.start()
    yield made
    made.kill()


@pytest.fixture
async def worker(site: Site, temporal: Temporal) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The only process that drives runs."""
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.scale.worker", str(site.home), temporal.address,
        "router,billing,tech", cwd=ROOT, env={**os.environ, "PYTHONPATH": PATHS},
    )  # fmt: skip
    yield made
    made.send_signal(signal.SIGKILL)
    await made.wait()


async def stored(site: Site, count: int) -> None:
    """Wait until so many runs are stored."""
    team = a_team(site.home)
    async with asyncio.timeout(60):
        while len(await team.runs()) < count:  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.1)


def answers(results: list[JsonObject]) -> list[object]:
    """What the results say."""
    return [one["data"]["answer"] for one in results if isinstance(one["data"], dict)]


@pytest.mark.usefixtures("worker")
async def test_a_worker_drives_what_the_bridge_took(site: Site, temporal: Temporal) -> None:
    """The result has the request's correlation, and the request is acknowledged."""
    await site.bridge(POINTSMAN_TEMPORAL=temporal.address)
    await site.send(a_request())
    (result,) = await site.gets("shop.out", 1)
    assert (result["correlationid"], result["causationid"]) == ("case-7", "e1")
    assert answers([result]) == ["done: INV-1 is 20.00 USD"]
    await site.none_left()


async def test_without_a_worker_it_is_acknowledged_and_waits(
    site: Site, temporal: Temporal
) -> None:
    """Temporal has it: the bridge itself drives nothing."""
    await site.bridge(POINTSMAN_TEMPORAL=temporal.address)
    await site.send(a_request())
    await stored(site, 1)
    await site.none_left()
    await asyncio.sleep(2)
    (row,) = await a_team(site.home).runs()
    assert row.state == "running"


@pytest.mark.usefixtures("worker")
async def test_while_temporal_is_away_nothing_is_acknowledged(
    site: Site, temporal: Temporal
) -> None:
    """The request stays in the broker; once Temporal is back it is taken, as one run."""
    await site.bridge(POINTSMAN_TEMPORAL=temporal.address)
    await site.send(a_request(name="e1", thread="c1"))
    await site.gets("shop.out", 1)
    await site.none_left()
    temporal.kill()
    await site.send(a_request(name="e2", thread="c2"))
    await stored(site, 2)
    await asyncio.sleep(3)  # it is asked again meanwhile
    assert await site.server.left() == 1
    await temporal.start()
    results = await site.gets("shop.out", 2, seconds=120)
    assert answers(results) == ["done: INV-1 is 20.00 USD"] * 2
    assert {one["causationid"] for one in results} == {"e1", "e2"}
    await site.none_left()
    assert len(await a_team(site.home).runs()) == 2
