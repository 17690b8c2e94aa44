"""What a run's record says of a model call, and what a replay adds to it.

An answer is kept in the journal before its event is stored: a process may die between the two. A
replay then records the answer as it was paid for, and once: each call has a name in the record
(`ModelCalled.call`), the same whenever its step is run.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from pydantic import TypeAdapter, ValidationError

from pointsman.errors import is_control_flow
from pointsman.nodes.digest import digest
from pointsman.nodes.event import Cascaded, Hedged, ModelCalled
from pointsman.nodes.gateway.asked import Asked
from pointsman.nodes.gateway.journal import Journal
from pointsman.nodes.gateway.transport import ModelReply
from pointsman.nodes.run import Run
from pointsman.nodes.tape import packed

Aside = ModelCalled | Hedged | Cascaded
"""What may be recorded beside an answer: calls of a cascade or of an embedding, calls cut off."""

_ASIDE = TypeAdapter(list[Aside])


def called(reply: ModelReply, asked: Asked) -> ModelCalled:
    """The event of an answer."""
    new = reply.source == "model"
    shared = reply.source in ("cache", "flight")
    return ModelCalled(
        call=asked.call,
        purpose=asked.request.purpose,
        specialist=asked.run.specialist,
        model=reply.model,
        source=reply.source,
        input_tokens=reply.usage.input_tokens if new else 0,
        output_tokens=reply.usage.output_tokens if new else 0,
        cached_tokens=reply.usage.cached_tokens if new else 0,
        usd=reply.usd if new else 0.0,
        saved_usd=reply.usd if shared else 0.0,
        seconds=reply.seconds if new else 0.0,
        saved_seconds=reply.seconds if shared else 0.0,
        similarity=reply.similarity if shared else None,
    )


@contextmanager
def met(asked: Asked) -> Generator[None]:
    """Keep on the step's tape what is asked in the block, and how it ended. The answer itself is in
    the journal."""
    tape, came = asked.run.tape, dict[str, object](outcome="cut")
    if not tape.keeps:
        yield
        return
    try:
        yield
        came = {"outcome": "text"}
    except Exception as error:
        if is_control_flow(error):
            raise
        came = {"outcome": "error", "error": packed(error)}
        raise
    finally:
        one, parts = asked.met
        tape.keep(one.model_copy(update=came), parts)


async def keep(journal: Journal, asked: Asked, reply: ModelReply) -> None:
    """Write the answer to the journal, after what stands beside it. Raises StoreError."""
    run = asked.run
    aside = [event for event in asked.aside if isinstance(event, Aside) and not _replay(event)]
    if aside:
        text = _ASIDE.dump_json(aside).decode()
        told = ModelReply(model=reply.model, text=text)
        await journal.journal_put(run.id, run.step, asked.occurrence, _beside(asked), told)
    await journal.journal_put(run.id, run.step, asked.occurrence, asked.digest, reply)


async def replayed(journal: Journal, asked: Asked, *, event: bool = True) -> ModelReply | None:
    """The journal's answer, marked as such, and recorded; None where it has none.

    Where the record lacks the call it is recorded as it was made, with all that stands beside it,
    and counted in the run's spending. `event` False: the answer has no event of its own.
    """
    run = asked.run
    reply = await journal.journal_get(run.id, run.step, asked.occurrence, asked.digest)
    if reply is None:
        return None
    again = reply.served_from("journal")
    if run.recorded(asked.call):
        run.emit(called(again, asked))
        return again
    for one in await _aside(journal, asked):
        if not isinstance(one, ModelCalled) or not run.recorded(one.call):
            _count(run, one)
            run.emit(one)
    made = called(reply if event else again, asked)
    _count(run, made)
    run.emit(made)
    return again


async def _aside(journal: Journal, asked: Asked) -> Sequence[Aside]:
    run = asked.run
    found = await journal.journal_get(run.id, run.step, asked.occurrence, _beside(asked))
    try:
        return [] if found is None else _ASIDE.validate_json(found.text)
    except ValidationError:
        return []


def _beside(asked: Asked) -> str:
    return digest(asked.digest, "beside")


def _replay(event: Aside) -> bool:
    return isinstance(event, ModelCalled) and event.source == "journal"


def _count(run: Run, event: Aside) -> None:
    """Add what was paid before the crash to what the run has spent."""
    for spend in run.spend.all():
        match event:
            case ModelCalled(source="model"):
                spend.calls += 1
                spend.usd += event.usd or 0.0
                spend.unpriced += event.usd is None
            case Hedged(lost=lost) if lost:
                spend.unpriced += 1
                spend.lost_usd += event.lost_usd or 0.0
            case _:
                return
