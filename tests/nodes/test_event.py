"""Events: a run's steps as data."""

from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from pointsman.nodes.event import (
    Abstention,
    AnswerPiece,
    BoundHit,
    BreakerMoved,
    Cascaded,
    Event,
    FellBack,
    Hedged,
    Judged,
    ModelCalled,
    ModelFailed,
    Recorded,
    Resolved,
    Routed,
    RunEnded,
    RunStarted,
    Summarised,
    TicketDecided,
    TicketOpened,
    TicketReminded,
    ToolCalled,
)

ONE_OF_EACH: list[Event] = [
    RunStarted(run="r1", thread="c1"),
    Routed(
        to="billing",
        tier="model",
        confidence=0.75,
        reason="chosen",
        runner_up="tech",
        probabilities=(("billing", 0.75), ("tech", 0.25)),
        usd=None,
        calls=1,
        abstained=(Abstention(tier="rules", reason="no rule matches"),),
        parts=("billing", "tech"),
    ),
    AnswerPiece(specialist="billing", text="Hello"),
    Judged(guard="pii", stage="input", verdict="redact", rule="email", count=2),
    ModelCalled(purpose="act", model="m", source="model", usd=None, seconds=1.5),
    ModelFailed(model="m", error="ModelTimeout", message="too slow", next="n"),
    Hedged(tier="fast", models=("a", "b"), after=2.5, model="b", lost="a", lost_usd=None),
    Summarised(messages=6, upto=41),
    Resolved(
        specialist="triage",
        members=3,
        answered=2,
        distinct=2,
        agreement=0.5,
        resolver="vote",
        winner="tech",
        abstained=("rule",),
    ),
    Cascaded(tier="fast", specialist="billing", verdict="agreed", model="m"),
    ToolCalled(tool="lookup", specialist="billing", effect="read", args_digest="d"),
    TicketOpened(ticket="t1", specialist="billing", tool="refund", reason="money"),
    TicketDecided(ticket="t1", decision="approve", by="ana", specialist="billing"),
    TicketReminded(ticket="t1", reviewers=("finance",), waited=60.0),
    FellBack(specialist="billing", error="BadOutput", message="nonsense"),
    BoundHit(bound="hops", reason="handed on more than 6 times", then="fallback", to="desk"),
    BreakerMoved(of="model", key="openai/x", state="half_open"),
    RunEnded(run="r1", status="done", specialist="billing", by="model", text="Done."),
]


def test_one_of_each_is_all_of_them() -> None:
    """A kind of event that is added must be added here too."""
    kinds = {kind for union in get_args(Event)[:1] for kind in get_args(union)}
    assert {type(event) for event in ONE_OF_EACH} == kinds


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: event.kind)
def test_an_event_survives_the_store(event: Event) -> None:
    """Each kind comes back as itself from JSON, alone and as recorded."""
    adapter: TypeAdapter[Event] = TypeAdapter(Event)
    assert adapter.validate_json(event.model_dump_json()) == event
    recorded = Recorded(run="r1", seq=3, at=1.25, event=event)
    assert Recorded.model_validate_json(recorded.model_dump_json()) == recorded


def test_an_event_of_no_known_kind_is_refused() -> None:
    """A record written by another version is not half understood."""
    with pytest.raises(ValidationError, match="kind"):
        Recorded.model_validate(
            {"run": "r1", "seq": 0, "at": 0.0, "event": {"kind": "teleported", "to": "mars"}}
        )
