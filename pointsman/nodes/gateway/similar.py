"""Answers of similar requests: the embedding of a text, and the nearest that was answered.

Only the last text may differ, and only where it is the last turn and the user's: what a tool or a
model said since belongs to the text that was asked. Words with a digit, an `@` or a `://` must be
the same, since one order is spelled like another. An answer that calls tools is never served: the
calls hold what the other text said.
"""

import asyncio
import inspect
import logging
import re
from dataclasses import dataclass, replace

from pointsman.errors import (
    BadOutput,
    BudgetExceeded,
    DeadlineExceeded,
    PointsmanError,
    is_control_flow,
)
from pointsman.nodes.digest import digest
from pointsman.nodes.event import ModelFailed
from pointsman.nodes.gateway import key, recorded
from pointsman.nodes.gateway.asked import Asked
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.calling import Caller
from pointsman.nodes.gateway.embedding import LocalEmbedding, Similar, Vector, unpacked
from pointsman.nodes.gateway.journal import Journal
from pointsman.nodes.gateway.reading import Reading
from pointsman.nodes.gateway.similarrow import Alike
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import Turn

log = logging.getLogger("pointsman.gateway")

MAX_TEXT = 20_000
"""Characters; a longer text is like no other."""
_NAMES_SOMETHING = re.compile(r"[^\s]*(?:\d|@|://)[^\s]*")


@dataclass(frozen=True)
class Near:
    """Where a request lies among those that were answered; `reply` is the answer of the nearest."""

    groups: dict[str, str]
    """By model."""
    vector: Vector
    entries: int
    reply: ModelReply | None = None

    def place(self, reply: ModelReply) -> Alike | None:
        """Where its own answer is to be found; None for one that is no answer to another text."""
        if reply.tool_calls or reply.model not in self.groups:
            return None
        return Alike(self.groups[reply.model], self.vector, self.entries)


class SimilarAnswers:
    """Finds them. An embedding is a call like any other: in the journal, in the record, inside the
    budgets; one that fails is a miss."""

    def __init__(
        self, *, transports: Transports, caller: Caller, journal: Journal, guards: str = ""
    ) -> None:
        self._transports = transports
        self._caller = caller
        self._journal = journal
        self._guards = guards

    async def near(
        self, asked: Asked, models: tuple[str, ...], cache: ResponseCache
    ) -> Near | None:
        """The request's place; None where it may have no similar one. Raises DeadlineExceeded and
        StoreError."""
        similar, text = asked.request.similar, last_text(asked.request)
        if similar is None or not text:
            return None
        vector = await self._vector(similar, text, asked)
        if vector is None:
            return None
        groups = {model: self._group(similar, text, asked, model) for model in models}
        near = Near(groups, vector, similar.entries)
        wanted = [Alike(group, vector, similar.entries) for group in groups.values()]
        found = await cache.similar(wanted, similar.threshold)
        return near if found is None else replace(near, reply=found)

    def _group(self, similar: Similar, text: str, asked: Asked, model: str) -> str:
        turns = (*asked.request.turns[:-1], Turn(role="user", content=""))
        content = key.content_digest(replace(asked.request, turns=turns))
        run = asked.run
        exact = key.cache_key(content, model, run.tenant, asked.occurrence, guards=self._guards)
        return digest("similar", exact, similar.name, [*fixed(text)])

    async def _vector(self, similar: Similar, text: str, asked: Asked) -> Vector | None:
        try:
            if isinstance(similar.embed, LocalEmbedding):
                return await embedded(similar.embed, text)
            return await self._asked(similar.embed, text, asked)
        except DeadlineExceeded:
            raise
        except (PointsmanError, NotImplementedError) as error:
            self._failed(similar, error, asked)
            return None

    async def _asked(self, model: str, text: str, asked: Asked) -> Vector:
        """Of a model, through all that stands before one."""
        turns = (Turn(role="user", content=text),)
        request = ModelRequest(turns=turns, max_tokens=0, purpose="embed", tier=f"embed {model}")
        one = Asked.of(request, asked.run, asked.budgets)
        reply = await recorded.replayed(self._journal, one)
        if reply is None:
            embed = self._transports.embedder(model)
            reply = await self._caller.call(
                embed.embed, model, request, asked.run, Reading(None, request),
                budgets=asked.budgets,
            )  # fmt: skip
            asked.run.emit(recorded.called(reply, one))
            await recorded.keep(self._journal, one, reply)
        return unpacked(reply.text)

    def _failed(self, similar: Similar, error: Exception, asked: Asked) -> None:
        """The request itself goes on."""
        if isinstance(error, BudgetExceeded):
            return
        asked.run.emit(
            ModelFailed(
                specialist=asked.run.specialist,
                model=similar.name,
                error=type(error).__name__,
                message=str(error),
            )
        )


def last_text(request: ModelRequest) -> str:
    """The text that may differ; empty where none may."""
    last = request.turns[-1] if request.turns else None
    if last is None or last.role != "user" or len(last.content) > MAX_TEXT:
        return ""
    return last.content.strip()


def fixed(text: str) -> list[str]:
    """What of a text must be the same: its words with a digit, an `@` or a `://`, in order."""
    return [word.strip(".,;:!?()\"'") for word in _NAMES_SOMETHING.findall(text.casefold())]


async def embedded(local: LocalEmbedding, text: str) -> Vector:
    """A text's vector by a function. Raises BadOutput for one that fails, without its words, which
    may quote the text."""
    try:
        if inspect.iscoroutinefunction(local.embed):
            made = local.embed(text)
        else:
            made = await asyncio.to_thread(local.embed, text)
        numbers = await made if inspect.isawaitable(made) else made
        return Vector.of(list(numbers))
    except PointsmanError:
        raise
    except Exception as error:
        if is_control_flow(error):
            raise
        raise BadOutput(f"Embedding {local.name!r} failed: {type(error).__name__}.") from None
