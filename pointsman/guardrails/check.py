"""Check: looks at one text and says what it found. The content filter does the rest."""

from collections.abc import Sequence
from typing import Literal, Protocol

from pointsman.guardrails.canonical import Canonical
from pointsman.guardrails.rules import Found

Action = Literal["redact", "block", "escalate", "record", "off"]
"""What comes of a finding. `record`: nothing but a signal, which approval rules can read."""

Place = Literal["request", "history", "result", "document", "argument", "answer"]
"""Where a text stands: what the person writes now; earlier turns; a tool's result; the result of a
tool that returns documents; an argument of a tool call; what leaves for the user."""

PLACES: frozenset[Place] = frozenset(
    {"request", "history", "result", "document", "argument", "answer"}
)


class Check(Protocol):
    """Pure, total and linear: any text is taken, none raises, time grows with the text's length.

    Frozen values; two that are equal find the same. Made cheaply: what is heavy is loaded at the
    first `find`.
    """

    @property
    def name(self) -> str:
        """Short; unique in a filter. Stands before the rule's name in nothing but errors."""
        ...

    @property
    def version(self) -> str:
        """12 hex digits over all that decides what is found: stands on every verdict."""
        ...

    @property
    def action(self) -> Action:
        """What comes of a finding."""
        ...

    @property
    def shadow(self) -> bool:
        """On trial: verdicts are recorded, and nothing comes of them."""
        ...

    @property
    def places(self) -> frozenset[Place]:
        """Which texts it reads."""
        ...

    def find(self, text: Canonical) -> Sequence[Found]:
        """What it finds, in the indices of the canonical text. Spans may overlap."""
        ...
