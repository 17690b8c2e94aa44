"""What accepts a cheap model's answer in a cascade: a schema, a score, a probability, a fitted
selector, or another model."""

import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ValidationError

from pointsman.errors import Misconfigured
from pointsman.nodes.gateway.selector import Selector
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.message import Turn

Ask = Callable[[ModelRequest], Awaitable[ModelReply]]
"""Asks the models of the check."""
Score = Callable[[ModelRequest, ModelReply], float | Awaitable[float]]

VERDICTS = ("right", "wrong")
VERIFIER = (
    "You check an answer before it is used. Read the conversation and the answer, work out for "
    "yourself what is right, and say whether the answer is right in all that it states."
)
ANSWER_BYTES = 6
"""Bytes of an answer for each token it may have, for the worst case of a check."""


class Acceptance(Protocol):
    """One kind of check."""

    @property
    def models(self) -> tuple[str, ...]:
        """The chain that it asks; empty where it asks no model."""
        ...

    def worst(self, request: ModelRequest) -> ModelRequest | None:
        """The longest request it may send for an answer to `request`; None for none."""
        ...

    async def accepts(self, request: ModelRequest, reply: ModelReply, ask: Ask) -> bool:
        """Whether the answer can stand. What it raises counts as no."""
        ...


class _Plain:
    """A check that asks no model."""

    @property
    def models(self) -> tuple[str, ...]:
        return ()

    def worst(self, request: ModelRequest) -> ModelRequest | None:
        return None


@dataclass(frozen=True)
class BySchema(_Plain):
    """Accepts an answer that is a JSON object of this pydantic model, its validators included."""

    schema: type[BaseModel]

    async def accepts(self, request: ModelRequest, reply: ModelReply, ask: Ask) -> bool:
        """Whether the text is valid."""
        try:
            self.schema.model_validate_json(reply.text)
        except ValidationError:
            return False
        return True


@dataclass(frozen=True)
class ByScore(_Plain):
    """Accepts an answer to which your function gives `at_least`. A plain function runs on the event
    loop and must be quick; one that may take long is async."""

    score: Score
    at_least: float

    async def accepts(self, request: ModelRequest, reply: ModelReply, ask: Ask) -> bool:
        """Whether the score is high enough."""
        score = self.score(request, reply)
        return (await score if inspect.isawaitable(score) else score) >= self.at_least


@dataclass(frozen=True)
class ByProbability(_Plain):
    """Accepts a choice that its model holds for likely enough. An answer without probabilities is
    not accepted."""

    at_least: float

    def __post_init__(self) -> None:
        _share(self.at_least)

    async def accepts(self, request: ModelRequest, reply: ModelReply, ask: Ask) -> bool:
        """Whether the choice's own probability is high enough."""
        return dict(reply.probabilities).get(reply.text, 0.0) >= self.at_least


@dataclass(frozen=True)
class BySelector(_Plain):
    """Accepts what a fitted selector does not send to the strong model. `pointsman calibrate` fits
    one on recorded answers."""

    selector: Selector
    group: str = ""

    @classmethod
    def load(cls, path: Path, *, group: str = "") -> "BySelector":
        """With the selector in a file. Raises Misconfigured."""
        return cls(Selector.load(path), group)

    async def accepts(self, request: ModelRequest, reply: ModelReply, ask: Ask) -> bool:
        """Whether the strong model is not worth its price here."""
        prompt = next((t.content for t in reversed(request.turns) if t.role == "user"), "")
        return not self.selector.asks_strong(prompt, reply.text, group=self.group)


@dataclass(frozen=True)
class ByModel:
    """Accepts an answer that another model calls right. Where that model gives probabilities,
    `right` must have `at_least`; else its word counts."""

    verifier: tuple[str, ...]
    """A chain, like a tier's."""
    at_least: float = 0.5
    instruction: str = VERIFIER

    def __post_init__(self) -> None:
        _share(self.at_least)
        if not self.verifier or not all(self.verifier):
            raise Misconfigured("A check by a model names none.", hint="Give ByModel a chain.")

    @property
    def models(self) -> tuple[str, ...]:
        """The verifier's chain."""
        return self.verifier

    def worst(self, request: ModelRequest) -> ModelRequest | None:
        """With an answer as long as may be."""
        return self._request(request, "x" * (ANSWER_BYTES * request.max_tokens))

    async def accepts(self, request: ModelRequest, reply: ModelReply, ask: Ask) -> bool:
        """Whether the verifier calls it right."""
        verdict = await ask(self._request(request, _said(reply)))
        probabilities = dict(verdict.probabilities)
        if probabilities:
            return probabilities.get(VERDICTS[0], 0.0) >= self.at_least
        return verdict.text == VERDICTS[0]

    def _request(self, request: ModelRequest, answer: str) -> ModelRequest:
        # As JSON, so that no text in it can pass for the end of the conversation.
        said = [[turn.role, turn.content or _calls_of(turn)] for turn in request.turns]
        shown = json.dumps({"conversation": said, "answer": answer}, ensure_ascii=False)
        return replace(
            request,
            turns=(
                Turn(role="system", content=self.instruction),
                Turn(role="user", content=shown),
            ),
            examples=(),
            tools=(),
            choices=VERDICTS,
            output_schema=None,
            max_tokens=16,
            temperature=0.0,
            purpose="judge",
            prompt_version="",
        )


def _said(reply: ModelReply) -> str:
    calls = [{"tool": call.name, "arguments": call.args} for call in reply.tool_calls]
    return reply.text if not calls else json.dumps(calls, ensure_ascii=False)


def _calls_of(turn: Turn) -> str:
    return json.dumps([{"tool": c.name, "arguments": c.args} for c in turn.tool_calls])


def _share(at_least: float) -> None:
    if not 0 <= at_least <= 1:
        raise Misconfigured(f"A probability of {at_least} cannot be.", hint="Give 0 to 1.")
