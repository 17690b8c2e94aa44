"""A server for each test that wants one."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.views.web.served import Served, served


@pytest.fixture
async def web(tmp_path: Path) -> AsyncGenerator[Served]:
    """A team that is served on a free port."""
    async with served(tmp_path / "state") as running:
        yield running
