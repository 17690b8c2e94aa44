"""Guards on tape: that they said no is kept and said again; that they said yes is not."""

from dataclasses import dataclass, field, replace

import pytest
from langgraph.errors import GraphInterrupt

from pointsman.errors import CircuitOpen, is_control_flow
from pointsman.guardrails.taped import TapedGuard
from pointsman.nodes.event import Event, FellBack
from pointsman.nodes.message import Answer, Message
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from tests.guardrails.bench import Bench, Inner, ask
from tests.nodes.taped import Keeping, Playing

TOLD: Event = FellBack(specialist="billing", error="E", message="m")


@dataclass
class Door:
    """A guard that lets through, answers itself, or raises."""

    says: str = "yes"
    name: str = "door"
    asked: list[str] = field(default_factory=list[str])

    def wrap(self, inner: Node) -> Node:
        """The node behind the door."""

        async def guarded(message: Message, run: Run) -> Message:
            self.asked.append(self.says)
            run.emit(TOLD)
            if self.says == "raise":
                raise CircuitOpen("open", retry_after=3.0)
            if self.says == "reply":
                return message.reply(Answer(text="Closed."), sender=self.name)
            return await inner(message, run)

        return guarded


async def test_a_no_is_kept_and_said_again_unasked() -> None:
    """The error, with what was told before it; neither guard nor node is asked in a replay."""
    tape, inner, bench = Keeping(), Inner(), Bench()
    with pytest.raises(CircuitOpen):
        await TapedGuard(Door("raise")).wrap(inner)(ask(), replace(bench.run(), tape=tape))
    assert [(m.kind, m.name, m.outcome, m.events) for m in tape.met] == [
        ("bound", "door", "error", (TOLD,))
    ]
    open_, again = Door("yes"), Bench()
    playing = Playing(tape.met)
    with pytest.raises(CircuitOpen) as raised:
        await TapedGuard(open_).wrap(inner)(ask(), replace(again.run(), tape=playing))
    assert raised.value.retry_after == 3.0
    assert (open_.asked, inner.got, again.events, playing.met) == ([], [], [TOLD], tape.met)


async def test_a_guards_own_reply_is_given_again() -> None:
    """As it was, word for word."""
    tape, inner = Keeping(), Inner()
    message = ask()
    run = replace(Bench().run(), tape=tape)
    reply = await TapedGuard(Door("reply")).wrap(inner)(message, run)
    again = replace(Bench().run(), tape=Playing(tape.met))
    assert await TapedGuard(Door("raise")).wrap(inner)(message, again) == reply
    assert inner.got == []


async def test_a_yes_is_not_kept_and_a_replay_does_not_ask() -> None:
    """What the world allowed then is not looked up now: the node runs, whatever the guard says."""
    tape, inner = Keeping(), Inner()
    await TapedGuard(Door("yes")).wrap(inner)(ask(), replace(Bench().run(), tape=tape))
    assert (tape.met, len(inner.got)) == ([], 1)
    shut = Door("raise")
    again = replace(Bench().run(), tape=Playing(()))
    await TapedGuard(shut).wrap(inner)(ask(), again)
    assert (shut.asked, len(inner.got)) == ([], 2)


@pytest.mark.parametrize("error", [ValueError("its own"), GraphInterrupt(())])
async def test_what_the_node_raises_is_not_the_guards(error: Exception) -> None:
    """It passes through unchanged and is not on tape: the node itself runs again."""
    tape = Keeping()
    with pytest.raises(type(error)) as raised:
        await TapedGuard(Door()).wrap(Inner(error))(ask(), replace(Bench().run(), tape=tape))
    assert raised.value is error
    assert tape.met == []
    assert is_control_flow(error) is isinstance(error, GraphInterrupt)


async def test_a_guard_inside_another_is_on_tape_for_itself() -> None:
    """The inner one's no is kept once, as its own; the outer one let it through."""
    tape = Keeping()
    outer, inner = TapedGuard(Door("yes", "outer")), TapedGuard(Door("raise", "inner"))
    node = outer.wrap(inner.wrap(Inner()))
    with pytest.raises(CircuitOpen):
        await node(ask(), replace(Bench().run(), tape=tape))
    assert [met.name for met in tape.met] == ["inner"]


async def test_without_a_tape_the_guard_is_asked_as_ever() -> None:
    """And has the inner guard's name."""
    door = Door("reply")
    reply = await TapedGuard(door).wrap(Inner())(ask(), Bench().run())
    assert (reply.sender, door.asked, TapedGuard(door).name) == ("door", ["reply"], "door")
