"""Signs of life of what workers do."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from temporalio.testing import ActivityEnvironment

from pointsman.teams.temporal.activities import _alive


async def beats(work: Callable[[list[object]], Awaitable[None]], timeout: float) -> int:
    """How often an attempt with this time-out says that it lives while it does its work, which is
    given what was said until then."""
    env, said = ActivityEnvironment(), list[object]()
    env.info = replace(env.info, heartbeat_timeout=timedelta(seconds=timeout))
    env.on_heartbeat = lambda *details: said.append(details)

    async def attempt() -> None:
        async with _alive():
            await work(said)

    await env.run(attempt)
    return len(said)


async def test_a_short_attempt_says_nothing() -> None:
    """The engine counts from its start: a sign would be a call to the engine for nothing."""
    assert await beats(lambda _: asyncio.sleep(0.05), 60.0) == 0


async def test_a_long_attempt_says_that_it_lives() -> None:
    """Again and again, for as long as it takes."""

    async def until_three(said: list[object]) -> None:
        async with asyncio.timeout(20):
            while len(said) < 3:  # noqa: ASYNC110 (the beating is what is waited for)
                await asyncio.sleep(0.01)

    assert await beats(until_three, 0.1) >= 3
