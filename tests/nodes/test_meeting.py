"""Meeting the world through a tape."""

from dataclasses import replace

import pytest
from langgraph.errors import GraphInterrupt

from pointsman.errors import Diverged, ToolFailed
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import Event, FellBack
from pointsman.nodes.meeting import through
from pointsman.nodes.run import Run
from pointsman.nodes.tape import Met
from tests.nodes.bench import Bench
from tests.nodes.taped import Keeping, Playing

TOLD: Event = FellBack(specialist="billing", error="E", message="m")
ASKED: JsonObject = {"invoice": "INV-1"}


async def answers(run: Run) -> str:
    """Work that says something on the way."""
    run.emit(TOLD)
    return "20 USD"


async def fails(run: Run) -> str:
    """Work that says something and fails."""
    run.emit(TOLD)
    raise ToolFailed("no", hint="Try later.")


async def never(_run: Run) -> str:
    """Work that may not be done."""
    raise AssertionError("the world was asked")


async def test_what_came_is_kept_and_played_again() -> None:
    """The text and what was told on the way; the world is not asked twice."""
    bench, tape = Bench(), Keeping()
    run = replace(bench.run, tape=tape)
    assert await through("read", "lookup", ASKED, run, answers) == "20 USD"
    (met,) = tape.met
    assert (met.outcome, met.text, met.events, met.asked) == ("text", "20 USD", (TOLD,), ASKED)
    again, playing = Bench(), Playing(tape.met)
    assert (
        await through("read", "lookup", ASKED, replace(again.run, tape=playing), never) == met.text
    )
    assert (again.events, playing.met) == (bench.events, [met])


async def test_an_error_is_kept_and_raised_again() -> None:
    """Of its class, after what was told before it."""
    tape = Keeping()
    with pytest.raises(ToolFailed):
        await through("read", "lookup", ASKED, replace(Bench().run, tape=tape), fails)
    assert [(met.outcome, met.events) for met in tape.met] == [("error", (TOLD,))]
    again = Bench()
    with pytest.raises(ToolFailed, match=r"no"):
        await through("read", "lookup", ASKED, replace(again.run, tape=Playing(tape.met)), never)
    assert again.events == [TOLD]


async def test_what_was_stopped_from_outside_is_cut_off_again() -> None:
    """A cancelled read is kept as cut; a pause of the graph likewise, and passes through."""

    async def pauses(_run: Run) -> str:
        raise GraphInterrupt(())

    tape = Keeping()
    with pytest.raises(GraphInterrupt):
        await through("read", "lookup", ASKED, replace(Bench().run, tape=tape), pauses)
    assert [(met.outcome, met.text) for met in tape.met] == [("cut", "")]
    with pytest.raises(Diverged):
        await through("read", "lookup", ASKED, replace(Bench().run, tape=Playing(tape.met)), never)


async def test_the_same_again_is_another_one() -> None:
    """Each asking of a step has a number of its own; another tool counts for itself."""
    tape = Keeping()
    run = replace(Bench().run, tape=tape)
    for name in ("lookup", "lookup", "search", "lookup"):
        await through("read", name, ASKED, run, answers)
    assert [(met.name, met.n) for met in tape.met] == [
        ("lookup", 0), ("lookup", 1), ("search", 0), ("lookup", 2),
    ]  # fmt: skip
    assert len({met.digest for met in tape.met}) == 2


async def test_without_a_tape_nothing_is_kept() -> None:
    """The run is handed on as it is."""
    given: list[Run] = []

    async def notes(run: Run) -> str:
        given.append(run)
        return "x"

    run = Bench().run
    assert await through("read", "lookup", ASKED, run, notes) == "x"
    assert given[0] is run


def test_a_met_thing_survives_the_store() -> None:
    """As JSON, with the events in it."""
    met = Met(kind="read", step="s", name="n", digest="d", events=(TOLD,), asked=dict(ASKED))
    assert Met.model_validate_json(met.model_dump_json()) == met
