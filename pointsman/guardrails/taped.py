"""Guards that bound visits by what others did meanwhile (breakers, bulkheads, rates), on tape: that
they said no is kept, and a replay says no where they did."""

from contextvars import ContextVar
from dataclasses import dataclass, replace

from pointsman.errors import is_control_flow
from pointsman.guardrails.guard import Guard
from pointsman.nodes.digest import digest
from pointsman.nodes.event import Event
from pointsman.nodes.message import Message
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.tape import Met, packed, unpacked

_reached: ContextVar[list[bool]] = ContextVar("pointsman_reached")


@dataclass(frozen=True)
class TapedGuard:
    """Stands for `guard`, which is asked live and never in a replay."""

    guard: Guard

    @property
    def name(self) -> str:
        """The guard's own."""
        return self.guard.name

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def reached(message: Message, run: Run) -> Message:
            went = _reached.get(None)
            if went is not None:
                went.append(True)
            return await inner(message, run)

        behind = self.guard.wrap(reached)

        async def taped(message: Message, run: Run) -> Message:
            met = self._met(run)
            then = run.tape.played(met)
            if then is not None:
                return _again(then, run)
            if run.tape.plays:
                return await inner(message, run)
            if not run.tape.keeps:
                return await behind(message, run)
            return await _kept(behind, met, message, run)

        return taped

    def _met(self, run: Run) -> Met:
        key = digest("bound", self.name, run.specialist)
        met = Met(kind="bound", step=run.step, name=self.name, digest=key, n=run.occurrences[key])
        run.occurrences[key] += 1
        return met


async def _kept(behind: Node, met: Met, message: Message, run: Run) -> Message:
    """Ask the guard, and keep what it says where it does not let the message through."""
    told: list[Event] = []

    def both(event: Event) -> None:
        if not went:
            told.append(event)
        run.emit(event)

    went: list[bool] = []
    token = _reached.set(went)
    try:
        reply = await behind(message, replace(run, emit=both))
        if not went:
            text = reply.model_dump_json()
            run.tape.keep(met.model_copy(update={"text": text, "events": tuple(told)}))
    except Exception as error:
        if is_control_flow(error):
            raise
        if not went:
            update = {"outcome": "error", "error": packed(error), "events": tuple(told)}
            run.tape.keep(met.model_copy(update=update))
        raise
    finally:
        _reached.reset(token)
    return reply


def _again(then: Met, run: Run) -> Message:
    run.tape.keep(then)
    for event in then.events:
        run.emit(event)
    if then.outcome == "error":
        raise unpacked(then.error)
    return Message.model_validate_json(then.text)
