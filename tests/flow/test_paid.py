"""What a killed process had paid for counts in the run that goes on."""

from pathlib import Path

import pytest

from tests.flow.processes import killed, order, rows

ORDER = {"run": "lookup INV-1 > lookup INV-2", "thread": "c1", "message_id": "m1"}
"""Routing, two reads and the answer: four calls of a model."""


@pytest.mark.parametrize(
    "kill", ["after-first-answer", pytest.param("after-second-answer", marks=pytest.mark.slow)]
)
async def test_a_call_paid_before_a_kill_is_on_record_once(home: Path, kill: str) -> None:
    """The answer was in the journal, its event was not: four calls in all, none of them free, and
    none twice however often the message comes."""
    await killed(home, **ORDER, kill=kill)
    assert rows(home, "SELECT count(*) FROM journal") == [(1 if "first" in kill else 2,)]
    for _ in range(2):
        result = await order(home, **ORDER)
        assert (result["status"], result["model_calls"]) == ("done", 4)
    paid = rows(
        home,
        "SELECT event ->> '$.call' FROM events WHERE event ->> '$.kind' = 'model_called'"
        " AND event ->> '$.source' = 'model'",
    )
    assert len(paid) == len(set(paid)) == 4
