"""`guarded` nests guards in order; `closed` turns a guard's own fault into a refusal."""

import logging

import pytest
from langgraph.errors import GraphInterrupt

from pointsman.errors import BadOutput
from pointsman.guardrails.guard import closed, guarded
from pointsman.nodes.message import Message, Refusal
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from tests.guardrails.bench import Bench, Inner, ask


class Marks:
    """A guard that notes when it is entered and left."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self._notes = notes

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def marked(message: Message, run: Run) -> Message:
            self._notes.append(f"+{self.name}")
            reply = await inner(message, run)
            self._notes.append(f"-{self.name}")
            return reply

        return marked


async def test_the_first_guard_is_outermost() -> None:
    """It sees the message first and the reply last."""
    notes: list[str] = []
    await guarded(Inner(), [Marks("a", notes), Marks("b", notes)])(ask(), Bench().run())
    assert notes == ["+a", "+b", "-b", "-a"]


def test_a_check_that_works_gives_its_value() -> None:
    """And nothing is recorded."""
    bench = Bench()
    assert closed("g", "input", bench.run(), lambda: 7) == 7
    assert bench.events == []


def test_a_broken_check_is_logged_without_what_it_checked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log names guard, place and class of the error: its text may be the message's."""

    def check() -> int:
        raise ValueError("top secret text")

    with caplog.at_level(logging.DEBUG):
        refusal = closed("g", "output", (bench := Bench()).run(), check)
    assert isinstance(refusal, Refusal)
    assert refusal.rule == "guard-error"
    assert bench.judged == [("block", "guard-error", 1)]
    assert "ValueError" in caplog.text
    assert "top secret text" not in caplog.text + refusal.text


@pytest.mark.parametrize("error", [GraphInterrupt(()), BadOutput("x"), KeyboardInterrupt()])
def test_findings_and_control_flow_pass(error: BaseException) -> None:
    """Errors of the tree are findings; LangGraph's pause and an interrupt are nobody's fault."""

    def check() -> int:
        raise error

    with pytest.raises(type(error)) as caught:
        closed("g", "input", Bench().run(), check)
    assert caught.value is error
