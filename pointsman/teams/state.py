"""The state of one run as the graph keeps it: plain JSON, reset by intake."""

from typing import cast

from pydantic import BaseModel
from typing_extensions import TypedDict

from pointsman.nodes.digest import JsonObject


class RunState(TypedDict, total=False):
    """One run. `next` names the step that follows; `carried` is the Message under way."""

    run: str
    durable: bool
    """Whether a checkpointer keeps this graph; without one nothing may wait for a person."""
    next: str
    hops: int
    rounds: int
    carried: JsonObject
    trail: list[str]
    """Digests of (specialist, request) seen: the loop guard."""
    way: JsonObject
    """How often each edge was taken and what passed through whom: `trajectory.Way`. Absent in a run
    that began before there was one; so are the two below."""
    said: list[JsonObject]
    """The thread before this run, with who wrote what: `sees.Said`."""
    bound: str
    """The bound that was hit; empty for none. After it the run may not be handed on again."""
    admitted: list[str]
    open: list[str]
    """Tickets of the present proposal that the run has not acted on."""
    asks: list[JsonObject]
    """What the gate shows of the pending ones."""
    waits: list[str]
    """Child runs that wait for people, while this one waits for them."""
    outcomes: list[JsonObject]
    done: list[str]
    """Results of the writes done so far in this run, for a partial answer."""
    wake: JsonObject
    """What the gate was answered with: a `hitl.Wake`."""
    root: bool
    """Whether the gate stands in the root graph."""


def as_json(value: BaseModel) -> JsonObject:
    """A model as the plain JSON that checkpoints hold."""
    return cast("JsonObject", value.model_dump(mode="json"))
