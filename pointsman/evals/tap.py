"""Listening at the door to models: what a team asked in a trial, and what it was answered.

A team's copy is given `Tapped` transports. Which trial a call belongs to is known by the context it
is made in, so trials may run side by side.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from pointsman.evals.trial import Trial
from pointsman.nodes.gateway.providers import Lookup
from pointsman.nodes.gateway.transport import Embeds, ModelReply, ModelRequest, Read, Transport
from pointsman.nodes.gateway.transports import Transports
from pointsman.teams.settings import Settings
from pointsman.teams.team import Team

if TYPE_CHECKING:
    from pointsman.evals.cassette import Take


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call to a model that was answered."""

    model: str
    request: ModelRequest
    reply: ModelReply


@dataclass
class Heard:
    """What was asked in one trial so far."""

    trial: Trial
    exchanges: list[Exchange] = field(default_factory=list[Exchange])
    ends: list[int] = field(default_factory=list[int])
    """How many exchanges there were at the end of each of the user's turns."""
    drifts: list[str] = field(default_factory=list[str])
    """Requests that a cassette does not hold, in words."""
    calls: int = 0
    """Calls that a cassette answered."""
    takes: "list[Take] | None" = None
    """What a cassette holds of the trial and was not asked for yet; None before the first call."""
    eval_usd: float | None = 0.0
    """What a simulated user cost; None where a price is unknown."""


Forward = Callable[[], Awaitable[ModelReply]]


class Deck(Protocol):
    """What stands between a team and its models: a cassette that records or replays."""

    async def answer(
        self, heard: Heard, model: str, request: ModelRequest, forward: Forward
    ) -> ModelReply:
        """The answer, by `forward` where the model is to be asked. Raises what a transport does."""
        ...


class Through:
    """No cassette: every call goes to its model."""

    async def answer(
        self, heard: Heard, model: str, request: ModelRequest, forward: Forward
    ) -> ModelReply:
        """Ask the model."""
        return await forward()


class Listening:
    """The trial that the current context works on."""

    def __init__(self) -> None:
        self._heard: ContextVar[Heard | None] = ContextVar("heard", default=None)

    def begin(self, trial: Trial) -> Heard:
        """Listen for this trial in the current context and those that it starts."""
        heard = Heard(trial)
        self._heard.set(heard)
        return heard

    @property
    def heard(self) -> Heard | None:
        """Of the trial that is under way here; None outside one."""
        return self._heard.get()


class Tapped(Transports):
    """Transports that are listened to. The others stay their owner's: nothing here closes them
    before it does."""

    def __init__(self, inner: Transports, deck: Deck, listening: Listening) -> None:
        super().__init__()
        self._inner = inner
        self._deck = deck
        self._listening = listening

    def read_with(self, lookup: Lookup) -> None:
        """Pass it on."""
        self._inner.read_with(lookup)

    def of(self, model: str) -> Transport:
        """The model's transport, made when the deck first asks it: a replay makes none."""
        return _TappedTransport(lambda: self._inner.of(model).send, self._deck, self._listening)

    def embedder(self, model: str) -> Embeds:
        """What embeds with the model, listened to likewise."""
        return _TappedTransport(
            lambda: self._inner.embedder(model).embed, self._deck, self._listening
        )

    async def aclose(self) -> None:
        """Close the transports."""
        await self._inner.aclose()


class _Send(Protocol):
    async def __call__(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply: ...


@dataclass(frozen=True)
class _TappedTransport:
    made: Callable[[], _Send]
    deck: Deck
    listening: Listening

    async def send(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        heard = self.listening.heard
        if heard is None:
            return await self.made()(model, request, timeout, read)
        asked: list[bool] = []

        async def forward() -> ModelReply:
            asked.append(True)
            return await self.made()(model, request, timeout, read)

        reply = await self.deck.answer(heard, model, request, forward)
        if not asked and read is not None and reply.text:
            read(reply.text)
        heard.exchanges.append(Exchange(model, request, reply))
        return reply

    async def embed(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        return await self.send(model, request, timeout, read)

    async def aclose(self) -> None:
        """Nothing is its own."""


def tapped(team: Team, deck: Deck, listening: Listening) -> Team:
    """A copy of the team, with nothing open, that is listened to; the teams inside it as well."""
    made = team.apart()
    made.spec = replace(
        made.spec,
        specialists=tuple(
            replace(s, does=tapped(s.does, deck, listening)) if isinstance(s.does, Team) else s
            for s in made.spec.specialists
        ),
    )
    sessions = made.sessions
    sessions.spec = made.spec
    sessions.settings = uncached
    sessions.transports = Tapped(sessions.transports or Transports(), deck, listening)
    return made


def uncached() -> Settings:
    """As the environment says, and no sample is answered with what another one was answered."""
    return replace(Settings.read(), cache="off", flights=False)
