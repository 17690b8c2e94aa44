"""The cascade: cheap tries first, the strong model only where they do not hold. Opt-in, as a tier.

    models={"fast": Cascade(weak=("openai/gpt-4o-mini", "groq/llama"), strong=("openai/gpt-4o",))}

An answer of a cheap model is accepted when a check passes, or when two tries agree; else the chain
`strong` is asked (FrugalGPT, Chen and others 2023). With a check the tries are made one after
another, without one both at once. Two tries must differ in model, instruction or temperature: a
model that is asked the same twice agrees with itself, right or wrong. A try that fails counts as
not accepted.

Each try, each check by a model and the strong call is a call of its own: with its own place in
journal and cache, its own events and its own cost.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pointsman.errors import (
    BadOutput,
    Misconfigured,
    PointsmanError,
    Retryable,
    is_control_flow,
)
from pointsman.nodes.digest import canonical
from pointsman.nodes.gateway.acceptance import Acceptance
from pointsman.nodes.gateway.hedge import Hedge
from pointsman.nodes.gateway.shape import json_object
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.message import Turn

log = logging.getLogger("pointsman.gateway")

Same = Callable[[ModelReply, ModelReply], bool]
Verdict = Literal["checked", "agreed", "escalated"]
AskPart = Callable[[str, ModelRequest], Awaitable[ModelReply]]
"""Asks one part of the cascade, by its name."""

STRONG = "strong"
CHECK = "check"
MAX_TRIES = 2


@dataclass(frozen=True, slots=True)
class Try:
    """One cheap try: a model, and how it is asked otherwise than the request says."""

    model: str
    instruction: str = ""
    """Added to the system turns, e.g. "Work backwards from what is asked."."""
    temperature: float | None = None
    """None: the request's."""


@dataclass(frozen=True, slots=True)
class Cascade:
    """One or two cheap tries, what accepts them, and the chain that answers where nothing does.

    `accept` is a check of one answer (see `acceptance.py`). `same` says whether two answers agree;
    without it `agree` does. `writes`: it may serve specialists that have tools with effects. On
    recorded data a cheap model did half as well on those.
    """

    weak: tuple[str | Try, ...]
    strong: tuple[str, ...]
    accept: Acceptance | None = None
    same: Same | None = None
    writes: bool = False
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for it, for the team's design page. Changes nothing else."""

    def __post_init__(self) -> None:
        tries = self.tries
        if not 1 <= len(tries) <= MAX_TRIES or not all(one.model for one in tries):
            raise Misconfigured(
                f"A cascade of {len(tries)} cheap tries cannot be.", hint="Give weak= one or two."
            )
        if not self.strong or not all(self.strong):
            raise Misconfigured("A cascade names no strong model.", hint='Try "openai/gpt-4o".')
        if len(tries) == 1 and self.accept is None:
            raise Misconfigured(
                "A cascade with one cheap try has nothing that could accept it.",
                hint="Give accept=, or a second try that differs from the first.",
            )
        if len(set(tries)) < len(tries):
            raise Misconfigured(
                f"A cascade asks {tries[0].model} the same thing twice, and would agree always.",
                hint="Give the second try another model, instruction= or temperature=.",
            )

    @property
    def tries(self) -> tuple[Try, ...]:
        """The cheap tries, in order."""
        return tuple(Try(one) if isinstance(one, str) else one for one in self.weak)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """The chain of each part, by its name."""
        parts: dict[str, tuple[str, ...]] = {
            _named(n): (one.model,) for n, one in enumerate(self.tries)
        }
        if self.accept is not None and self.accept.models:
            parts[CHECK] = self.accept.models
        return parts | {STRONG: self.strong}

    def requests(self, request: ModelRequest) -> list[tuple[str, ModelRequest]]:
        """Every call that one request may take, each with the part it is for: the worst case."""
        made = [(_named(n), self.tried(request, n)) for n in range(len(self.weak))]
        if self.accept is not None and (worst := self.accept.worst(request)) is not None:
            made += [(CHECK, worst)] * len(self.weak)
        return [*made, (STRONG, request)]

    def tried(self, request: ModelRequest, number: int) -> ModelRequest:
        """The request as the try of that number, from 0, is asked."""
        one = self.tries[number]
        turns = request.turns
        if one.instruction:
            head = next((n for n, t in enumerate(turns) if t.role != "system"), len(turns))
            told = Turn(role="system", content=one.instruction)
            turns = (*turns[:head], told, *turns[head:])
        return replace(
            request,
            turns=turns,
            temperature=request.temperature if one.temperature is None else one.temperature,
            # Part of every key, and sent to nobody: two tries never find each other's answer.
            prompt_version=f"{request.prompt_version} {_named(number)}".strip(),
        )

    async def answer(self, request: ModelRequest, ask: AskPart) -> tuple[ModelReply, Verdict]:
        """The answer, and by what. Raises what the strong chain raises, and what ends the run."""
        if self.accept is None:
            made = await _at_once(
                [self._try(request, n, ask) for n in range(len(self.weak))]
            )  # fmt: skip
        else:
            made: list[ModelReply | None] = []
            for number in range(len(self.weak)):
                reply = await self._try(request, number, ask)
                if reply is not None and await self._accepts(request, reply, ask):
                    return reply, "checked"
                made.append(reply)
        given = [reply for reply in made if reply is not None]
        if len(given) == MAX_TRIES and (self.same or agree)(given[0], given[1]):
            return given[0], "agreed"
        return await ask(STRONG, request), "escalated"

    async def _try(self, request: ModelRequest, number: int, ask: AskPart) -> ModelReply | None:
        try:
            return await ask(_named(number), self.tried(request, number))
        except PointsmanError as error:
            if not isinstance(error, Retryable | BadOutput | Misconfigured):
                raise
            return None

    async def _accepts(self, request: ModelRequest, reply: ModelReply, ask: AskPart) -> bool:
        async def verifier(asked: ModelRequest) -> ModelReply:
            return await ask(CHECK, asked)

        try:
            return self.accept is not None and await self.accept.accepts(request, reply, verifier)
        except PointsmanError as error:
            if not isinstance(error, Retryable | BadOutput | Misconfigured):
                raise
            return False
        except Exception as error:
            if is_control_flow(error):
                raise
            # The user's own scorer: its words may quote the answer.
            log.warning("a cascade's check failed: %s; the answer counts as not accepted",
                        type(error).__name__)  # fmt: skip
            return False


def agree(one: ModelReply, other: ModelReply) -> bool:
    """Whether two answers say the same: the same calls with equal arguments, equal JSON, or the
    same words, whatever their case, spaces and last full stop."""
    if one.tool_calls or other.tool_calls:
        return _calls(one) == _calls(other)
    first, second = json_object(one.text), json_object(other.text)
    if first is not None and second is not None:
        return canonical(first) == canonical(second)
    return _words(one.text) == _words(other.text) != ""


Tier = tuple[str, ...] | Cascade | Hedge
"""How a tier is asked: a chain of models, or one of the two in place of it."""


def models_of(tier: Sequence[str] | Cascade | Hedge) -> tuple[str, ...]:
    """Every model that a tier may ask, each once, the first asked first."""
    if isinstance(tier, Hedge):
        return tuple(dict.fromkeys(tier.models))
    if not isinstance(tier, Cascade):
        return tuple(tier)
    return tuple(dict.fromkeys(model for chain in tier.parts().values() for model in chain))


def _named(number: int) -> str:
    return f"try {number + 1}"


def _calls(reply: ModelReply) -> list[tuple[str, bytes]]:
    return sorted((call.name, canonical(call.args)) for call in reply.tool_calls)


def _words(text: str) -> str:
    return " ".join(text.split()).rstrip(".!").casefold()


async def _at_once(
    tries: Sequence[Awaitable[ModelReply | None]],
) -> list[ModelReply | None]:
    """All of them; the first error ends the others and is raised."""
    tasks = [asyncio.ensure_future(one) for one in tries]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
