"""The journal: what a run already paid for. A retry, a resume and a crash answer from it."""

from collections import OrderedDict
from typing import Protocol

from pointsman.nodes.gateway.transport import ModelReply


class Journal(Protocol):
    """A run's recorded answers, keyed by run, step, occurrence and request digest."""

    async def journal_get(
        self, run_id: str, step: str, occurrence: int, digest: str
    ) -> ModelReply | None:
        """The recorded answer, or None."""
        ...

    async def journal_put(
        self, run_id: str, step: str, occurrence: int, digest: str, reply: ModelReply
    ) -> None:
        """Record the answer. Raises StoreError when it cannot be kept."""
        ...


class MemoryJournal:
    """A journal that lives as long as the process: for tests, and for nodes run without a team.

    Holds the latest `max_answers`; older ones are forgotten, oldest first.
    """

    def __init__(self, *, max_answers: int = 10_000) -> None:
        self._max_answers = max_answers
        self._answers: OrderedDict[tuple[str, str, int, str], ModelReply] = OrderedDict()

    async def journal_get(
        self, run_id: str, step: str, occurrence: int, digest: str
    ) -> ModelReply | None:
        """The recorded answer, or None."""
        return self._answers.get((run_id, step, occurrence, digest))

    async def journal_put(
        self, run_id: str, step: str, occurrence: int, digest: str, reply: ModelReply
    ) -> None:
        """Record the answer. The first one of a place stays."""
        self._answers.setdefault((run_id, step, occurrence, digest), reply)
        while len(self._answers) > self._max_answers:
            self._answers.popitem(last=False)
