"""The time-out guard: a visit ends in time, by the shorter of its own and the run's."""

import asyncio

import pytest

from pointsman.errors import DeadlineExceeded
from pointsman.guardrails.timeout import TimeoutGuard
from pointsman.nodes.message import Message
from pointsman.nodes.run import Run
from tests.guardrails.bench import Bench, Inner, ask


async def for_ever(message: Message, run: Run) -> Message:
    """Never answers."""
    await asyncio.Event().wait()
    return message


async def test_a_visit_without_an_answer_ends() -> None:
    """DeadlineExceeded names the specialist and its seconds."""
    with pytest.raises(DeadlineExceeded, match=r"'billing'.* 0\.01 s"):
        await TimeoutGuard(0.01).wrap(for_ever)(ask(), Bench().run())


async def test_what_is_left_of_the_run_counts_when_it_is_less() -> None:
    """A run with a hundredth of a second left does not wait a minute."""
    with pytest.raises(DeadlineExceeded):
        await TimeoutGuard(60.0).wrap(for_ever)(ask(), Bench().run(deadline=1000.01))


async def test_past_the_deadline_the_node_is_not_asked() -> None:
    """The run's own error, before anything is spent."""
    inner = Inner()
    with pytest.raises(DeadlineExceeded, match="past its deadline"):
        await TimeoutGuard(60.0).wrap(inner)(ask(), Bench().run(deadline=999.0))
    assert inner.got == []


async def test_what_is_inside_gets_the_visits_deadline() -> None:
    """The earlier of the run's and the visit's own: a call further down never gets more."""
    for given, seen in ((None, 1060.0), (1030.0, 1030.0), (1500.0, 1060.0)):
        deadlines: list[float | None] = []

        async def notes(
            message: Message, run: Run, deadlines: list[float | None] = deadlines
        ) -> Message:
            deadlines.append(run.deadline)
            return message

        await TimeoutGuard(60.0).wrap(notes)(ask(), Bench().run(deadline=given))
        assert deadlines == [seen]


@pytest.mark.parametrize(("deadline", "whose"), [(None, "specialist"), (1000.01, "run")])
async def test_an_error_says_whose_time_is_over(deadline: float | None, whose: str) -> None:
    """The specialist's own, or the run's: only the first counts against the specialist. The same
    where a model call inside saw the end first."""
    seconds = 0.01 if deadline is None else 60.0

    async def sees_it_first(message: Message, run: Run) -> Message:
        await asyncio.sleep(0.005)
        raise DeadlineExceeded("the model's words")

    for node in (for_ever, sees_it_first):
        with pytest.raises(DeadlineExceeded, match="'billing' gave no answer") as caught:
            await TimeoutGuard(seconds).wrap(node)(ask(), Bench().run(deadline=deadline))
        assert caught.value.whose == whose


async def test_a_time_out_of_the_nodes_own_is_not_ours() -> None:
    """TimeoutError from a socket or the like passes as it is."""
    error = TimeoutError("a socket")
    with pytest.raises(TimeoutError) as caught:
        await TimeoutGuard(60.0).wrap(Inner(error))(ask(), Bench().run())
    assert caught.value is error
