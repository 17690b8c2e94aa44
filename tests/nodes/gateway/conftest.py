"""What the gateway's tests share: a run that remembers its events, and requests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from hypothesis import settings

from pointsman.nodes.event import Event, ModelCalled, ModelFailed
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import Turn
from pointsman.nodes.run import Budget, Run, Spend
from tests.nodes.gateway.provider import Provider

# On a busy machine a slow example is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@dataclass
class Events:
    """The events of a test, by kind."""

    all: list[Event] = field(default_factory=list[Event])

    @property
    def called(self) -> list[ModelCalled]:
        """The answers."""
        return [event for event in self.all if isinstance(event, ModelCalled)]

    @property
    def failed(self) -> list[ModelFailed]:
        """The failures."""
        return [event for event in self.all if isinstance(event, ModelFailed)]


@pytest.fixture
def events() -> Events:
    """Everything the runs of the test emit."""
    return Events()


@pytest.fixture
def run(events: Events) -> Callable[..., Run]:
    """Makes runs; the same arguments make the same step of the same run, as a re-execution does."""

    def make(
        id: str = "r1",
        *,
        step: str = "1:billing",
        tenant: str = "default",
        budget: Budget | None = None,
        spend: Spend | None = None,
        deadline: float | None = None,
    ) -> Run:
        idle = ModelGateway(
            chains={"fast": ("none",)}, transports=Transports({}), journal=MemoryJournal()
        )
        run = Run(
            id=id,
            team="support",
            thread="t",
            tenant=tenant,
            gateway=idle,
            emit=events.all.append,
            budget=budget or Budget(),
            spend=spend or Spend(),
            deadline=deadline,
            clock=lambda: 0.0,
        )
        return run.at(step, specialist="billing")

    return make


class LoopClock:
    """The test loop's own time: it stands still until the test moves it.

    A time-out of a hundredth of a second then ends a call exactly where the test says, and not
    sooner because the machine was busy.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time()
        self.loop = loop

    def advance(self, seconds: float) -> None:
        """Move time on, and wake the loop so that it looks at its timers."""
        self.now += seconds
        self.loop.call_soon(lambda: None)


@pytest.fixture
async def loop_clock(monkeypatch: pytest.MonkeyPatch) -> LoopClock:
    """The running loop with a clock of the test's."""
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop)
    monkeypatch.setattr(loop, "time", lambda: clock.now)
    return clock


@pytest.fixture
def ask() -> Callable[..., ModelRequest]:
    """Makes requests out of one user turn."""

    def make(text: str = "hello", **options: object) -> ModelRequest:
        return ModelRequest(turns=(Turn(role="user", content=text),), **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
async def provider(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    """The server, with LiteLLM's environment pointing at it."""
    provider = Provider()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", provider.answer)
    app.router.add_post("/v1/embeddings", provider.embed)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://{host}:{port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    yield provider
    provider.released.set()
    await runner.cleanup()
