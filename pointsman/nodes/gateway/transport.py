"""What crosses the door to models: the request, the reply, and the Transport protocol."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from pointsman.errors import Attempt
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.embedding import Similar
from pointsman.nodes.message import ToolCall, Turn


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it: name, one-line description, JSON Schema of its arguments."""

    name: str
    description: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call to a model, in terms no provider owns.

    At most one of `tools`, `choices` and `output_schema` shapes the answer:

    - `tools`: the model may call one or more of them, or answer in text;
    - `choices`: the answer is exactly one of these words;
    - `output_schema`: the answer is a JSON object of this JSON Schema.
    """

    turns: tuple[Turn, ...]
    examples: tuple[tuple[Turn, ...], ...] = ()
    """Worked examples, each a short transcript that begins with a user turn. Transports send them
    between the system turn and the rest; a small model may use only those most like the request."""
    tools: tuple[ToolSpec, ...] = ()
    choices: tuple[str, ...] = ()
    output_schema: JsonObject | None = None
    max_tokens: int = 512
    temperature: float = 0.0
    purpose: str = "chat"
    """route | act | repair | judge: for the record; not part of the key."""
    prompt_version: str = ""
    tier: str = "fast"
    cacheable: bool = True
    similar: Similar | None = None
    """Whether the cached answer of a similar request may serve; not part of the key."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the provider states them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Those of `input_tokens` that the provider read from its own prompt cache."""


@dataclass(frozen=True, slots=True)
class ModelReply:
    """A model's answer. `text` holds the choice or the JSON where one was asked for."""

    model: str
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    usd: float | None = None
    """What this call cost; None where the price is not known. Never guessed."""
    seconds: float = 0.0
    probabilities: tuple[tuple[str, float], ...] = ()
    """For `choices`: each choice and its probability, highest first; empty where unknown."""
    source: Literal["model", "cache", "journal", "flight"] = "model"
    similarity: float | None = None
    """Of the request that this answered to the one that was asked, where that was another one:
    the cosine of their embeddings."""
    finish: str = field(default="", compare=False)
    """Why it ended, in the provider's word; empty where that is not known, or it is not new."""
    fallbacks: tuple[Attempt, ...] = ()
    """Models of the chain that were asked before `model` and failed: why it was this one."""

    def served_from(self, source: Literal["cache", "journal", "flight"]) -> "ModelReply":
        """The same answer, marked as not paid for again."""
        return replace(self, source=source)


Read = Callable[[str], None]
"""Takes the pieces of an answer's text, in order."""


class Reader(Protocol):
    """Reads an answer while it is written. Neither method may block."""

    def text(self, piece: str) -> None:
        """The next piece. All pieces since the last `restart`, joined, are the answer's text."""
        ...

    def restart(self) -> None:
        """What came so far is no part of the answer: the model failed and another one begins."""
        ...


class Embeds(Protocol):
    """One way to reach models that embed texts."""

    async def embed(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """Embed the text of the request's last turn, once, within `timeout` seconds. The reply's
        text is the vector, as `embedding.packed` writes it. Raises what `Transport.send` does."""
        ...


class Transport(Protocol):
    """One way to reach models. Implementations are cheap to make and load what they need lazily."""

    async def send(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """Ask `model` (the full name, e.g. `openai/gpt-4o-mini`), once, within `timeout` seconds.

        With `read` the answer is streamed where the transport can: `read` gets its text piece by
        piece, else once as a whole. What `read` raises ends the call and comes out as it is.

        Raises ModelAuth, UnknownModel, ModelOverloaded, ModelTimeout, ModelUnreachable,
        ModelRejected or BadOutput; never a vendor's own exception. Never retries.
        """
        ...

    async def aclose(self) -> None:
        """Close what was opened. Safe to call twice."""
        ...
