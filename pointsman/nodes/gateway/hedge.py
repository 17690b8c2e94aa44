"""Hedged requests: a model that takes long is not waited for alone. Opt-in, as a tier.

    models={"fast": Hedge(("openai/gpt-4o-mini", "groq/llama"), after=2.0)}

After `after` seconds without an answer, or with `quantile` after the time that so large a share of
the model's latest answers took, the next model of the chain is asked too (the same one again, where
there is no other). The first good answer is taken and the other call is cut off. Dean and Barroso,
"The Tail at Scale", CACM 2013.

The chain goes on as without it: retries and fallbacks are its own, and a model that the hedge is
asking already is not asked twice. Once pieces of an answer are read, nobody else is asked; where
both have begun, the first piece decides who is read, and the first model's ends the other call.
Each call has its own reservation, breaker and limits: what does not fit is not hedged. A call that
is cut off counts for budgets at its worst case, and in the accounts as one of unknown price.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pointsman.errors import Misconfigured, ModelRejected, PointsmanError
from pointsman.nodes.gateway.chain import Ask, Failed, step_after
from pointsman.nodes.gateway.reading import Reading
from pointsman.nodes.gateway.transport import ModelReply, Read

REMEMBERED = 200
"""Latest calls of a model of which the time is known."""
LEARNT = 20
"""Calls from which on a quantile is learnt."""


@dataclass(frozen=True, slots=True)
class Hedge:
    """A chain of models of which the second is asked too when the first takes long.

    `after`: seconds; with `quantile` (0.95: 19 of 20 answers came sooner) only until 20 answers of
    the first model are known in this process. `writes`: it may serve specialists that have tools
    with effects, although the answer may come from the second model while the first one is well.
    """

    models: tuple[str, ...]
    after: float = 5.0
    quantile: float | None = None
    writes: bool = False
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for it, for the team's design page. Changes nothing else."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", tuple(self.models))
        if len(self.models) < 1 or not all(self.models):
            raise Misconfigured(
                "A hedge names no model.", hint='Try Hedge(("openai/gpt-4o-mini",)).'
            )
        if not 0 < self.after < math.inf or not (self.quantile is None or 0 < self.quantile < 1):
            raise Misconfigured(
                f"A hedge after {self.after} s, or at the quantile {self.quantile}, cannot be.",
                hint="after is above 0, quantile between 0 and 1.",
            )

    @property
    def beside(self) -> str:
        """The model that is asked beside the first one."""
        return self.models[:2][-1]

    @property
    def weakens(self) -> bool:
        """Whether another model may answer although the first one is well."""
        return self.beside != self.models[0]

    def wait(self, times: "Times") -> float:
        """Seconds to wait for the first model."""
        learnt = None if self.quantile is None else times.quantile(self.models[0], self.quantile)
        return self.after if learnt is None else learnt


class Times:
    """How long each model's latest calls took. Of one that was cut off: at least so long."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = {}

    def add(self, model: str, seconds: float) -> None:
        """Remember a call."""
        self._seconds.setdefault(model, deque(maxlen=REMEMBERED)).append(seconds)

    def quantile(self, model: str, share: float) -> float | None:
        """The least time in which that share of the calls had ended; None where fewer than LEARNT
        are known."""
        known = sorted(self._seconds.get(model, ()))
        return known[math.ceil(share * len(known)) - 1] if len(known) >= LEARNT else None


class Lane:
    """The pieces of one of two calls. The first that writes has the reader; the other one's pieces
    are not read, unless the first fails before the other has begun."""

    def __init__(self, reading: Reading, taken: "Taken", told: Callable[[], None]) -> None:
        self._reading = reading
        self._taken = taken
        self._told = told
        self._missed = False
        self._read: Read | None = None

    @property
    def begun(self) -> bool:
        """Whether the model has written."""
        return self._missed or (self._taken.by is self and self._reading.begun)

    def next_try(self) -> Read | None:
        """What takes the pieces of one call to a model."""
        self._missed = False
        if self._taken.by is self:
            self._taken.by = None
        return self._take if self._reading.wanted else None

    def _take(self, piece: str) -> None:
        if not piece:
            return
        if self._taken.by is None and not self._missed:
            self._taken.by = self
            self._read = self._reading.next_try()
            self._told()
        if self._taken.by is not self:
            self._missed = True
        elif self._read is not None:
            self._read(piece)


@dataclass
class Taken:
    """Which lane has the reader."""

    by: Lane | None = None


class Race:
    """One request, asked of a chain and, when that takes long, of one more model beside it.

    `walk` walks the chain, asking its models by what it is given; `ask` asks one model once, its
    pieces in a lane. `failed` is told of the other model's failure.
    """

    def __init__(
        self,
        model: str,
        *,
        ask: Callable[[str, Lane], Awaitable[ModelReply]],
        reading: Reading,
        failed: Failed,
    ) -> None:
        self._model = model
        self._ask = ask
        self._failed = failed
        self._reading = reading
        self._joined = False
        self._second: asyncio.Task[ModelReply] | None = None
        taken = Taken()
        self._lanes = Lane(reading, taken, self._read_first), Lane(reading, taken, lambda: None)

    @property
    def hedged(self) -> bool:
        """Whether a second model was asked."""
        return self._second is not None

    async def run(self, walk: Callable[[Ask], Awaitable[ModelReply]], after: float) -> ModelReply:
        """The first good answer. Raises what the chain raises where there is none."""
        first = asyncio.ensure_future(walk(self._in_chain))
        try:
            done, _ = await asyncio.wait({first}, timeout=after)
            if done or self._reading.begun:
                return await first
            self._second = asyncio.ensure_future(self._ask(self._model, self._lanes[1]))
            return await self._either(first, self._second)
        finally:
            tasks = [task for task in (first, self._second) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _either(
        self, first: "asyncio.Future[ModelReply]", second: "asyncio.Task[ModelReply]"
    ) -> ModelReply:
        waiting = {first, second}
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in (first, second):
                if task not in done or task.cancelled():
                    continue
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, PointsmanError):
                    raise error
                if task is second:
                    self._gave_up(error)
        return await first

    async def _in_chain(self, model: str) -> ModelReply:
        second = self._second
        if second is not None and model == self._model and not second.done():
            # The chain has come to the model that is being asked already.
            self._joined = True
            return await asyncio.shield(second)
        return await self._ask(model, self._lanes[0])

    def _gave_up(self, error: PointsmanError) -> None:
        # A budget that is too small for both is no failure of the model.
        if not self._joined and (step_after(error) != "stop" or isinstance(error, ModelRejected)):
            self._failed(self._model, error, "")

    def _read_first(self) -> None:
        if self._second is not None and not self._joined:
            self._second.cancel()
