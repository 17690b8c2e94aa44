"""A shop of its own for every test."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pointsman.nodes.event import Event
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.message import Message, Request
from pointsman.nodes.run import Run

from nodes.shop import Shop, reset


class NoModel:
    """A gateway for what must not ask a model."""

    async def complete(self, request: ModelRequest, run: Run) -> ModelReply:
        """Refuse."""
        raise AssertionError("a rule asked a model")

    async def settle(self, run: Run, *, keep: bool) -> None:
        """Nothing was kept."""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop in its shipped state, on 2026-11-21."""
    path = tmp_path / "shop.db"
    reset(path)
    return Shop(path, today=lambda: date(2026, 11, 21))


@pytest.fixture
def events() -> list[Event]:
    """What the run recorded."""
    return []


@pytest.fixture
def run(events: list[Event]) -> Run:
    """A step of a run that has no model."""
    return Run(
        id="r1",
        team="support",
        thread="customer-17",
        tenant="default",
        gateway=NoModel(),
        emit=events.append,
        step="1:billing",
        specialist="billing",
    )


@pytest.fixture
def asked() -> Callable[[str], Message]:
    """A customer's message in its envelope."""

    def make(text: str) -> Message:
        return Message(sender="user", receiver="billing", payload=Request(text=text))

    return make
