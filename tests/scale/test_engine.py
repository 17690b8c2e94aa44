"""The engine of many machines keeps the contract of engines, on a real server."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import pytest

from pointsman.teams.team import Team
from pointsman.teams.temporal.duty import Duty, on_duty
from tests.contracts.engine import EngineContract, Serve
from tests.scale.conftest import told


class TestTemporalEngine(EngineContract):
    """`TemporalEngine`, with workers of all pools in this process."""

    @pytest.fixture
    async def serve(self, address: str) -> AsyncGenerator[Serve]:
        """A namespace of its own, and workers for each team."""
        async with AsyncExitStack() as stack:

            async def serve(team: Team) -> Team:
                workers = told(team.apart(), address)
                await stack.enter_async_context(on_duty(workers.sessions, Duty(drain=5.0)))
                return told(team, address)

            yield serve
