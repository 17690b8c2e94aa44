"""How a team remembers a thread. The messages themselves are always kept whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Found(Protocol):
    """One thing that a fact store found."""

    @property
    def key(self) -> str:
        """Its name."""
        ...

    @property
    def value(self) -> dict[str, object]:
        """What it says."""
        ...


class Facts(Protocol):
    """Where facts are looked up: LangGraph's `BaseStore` is one."""

    async def asearch(
        self, namespace_prefix: tuple[str, ...], /, *, query: str | None = None, limit: int = 10
    ) -> Sequence[Found]:
        """What is known in a namespace, the most fitting first."""
        ...


@dataclass(frozen=True, kw_only=True)
class Memory:
    """How a team remembers a thread, beside its `window`.

    `facts` is asked for what fits the request, in the namespace `(team, tenant)`; pointsman never
    writes there.
    """

    tokens: int = 4_000
    """The most that the messages of the window may have together, by the estimate that budgets
    use (3 bytes a token). The newest stay."""
    summary: bool = False
    """Sum up what does not fit, with one cheap model call each time that half a window has come
    together. Without it older messages are not seen."""
    tier: str = "fast"
    words: int = 150
    """The longest summary that is asked for."""
    facts: Facts | None = None
    most_facts: int = 4
