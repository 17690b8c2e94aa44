"""The engine of one machine keeps the contract of engines."""

from pathlib import Path

import pytest

from pointsman.errors import Misconfigured
from pointsman.teams.team import Team
from tests.contracts.engine import EngineContract, Serve
from tests.flow.shop import shop_team


class TestLocalEngine(EngineContract):
    """`LocalEngine`."""

    @pytest.fixture
    def serve(self) -> Serve:
        """A team needs nothing but itself."""

        async def serve(team: Team) -> Team:
            return team

        return serve


async def test_nobody_would_take_a_posted_message_on(tmp_path: Path) -> None:
    """One machine has no workers: storing a message and going away would leave it there."""

    with pytest.raises(Misconfigured, match="POINTSMAN_TEMPORAL"):
        await shop_team(tmp_path).post("lookup INV-1")
