"""The journal in memory."""

from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.transport import ModelReply


async def test_answers_are_found_by_their_whole_key() -> None:
    """Run, step, occurrence and digest each make another place; the first answer of one stays."""
    journal = MemoryJournal()
    await journal.journal_put("r", "s", 0, "d", ModelReply(model="m", text="first"))
    await journal.journal_put("r", "s", 0, "d", ModelReply(model="m", text="second"))
    found = await journal.journal_get("r", "s", 0, "d")
    assert found is not None
    assert found.text == "first"
    for place in (("x", "s", 0, "d"), ("r", "x", 0, "d"), ("r", "s", 1, "d"), ("r", "s", 0, "x")):
        assert await journal.journal_get(*place) is None


async def test_it_is_bounded() -> None:
    """The oldest answers leave first."""
    journal = MemoryJournal(max_answers=2)
    for number in range(3):
        await journal.journal_put("r", "s", number, "d", ModelReply(model="m"))
    kept = [await journal.journal_get("r", "s", number, "d") for number in range(3)]
    assert [answer is not None for answer in kept] == [False, True, True]
