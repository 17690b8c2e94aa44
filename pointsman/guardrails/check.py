"""Check: looks at one text and says what it found. The content filter does the rest."""

from collections.abc import Callable, Sequence
from dataclasses import replace
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


def look(check: Check, text: Canonical) -> list[Found]:
    """What a check finds in a text and in what its encoded parts say. Spans may overlap."""
    return look_with(check.find, text)


def look_with(find: Callable[[Canonical], Sequence[Found]], text: Canonical) -> list[Found]:
    """As `look`, by a function. Indices are those of the canonical text.

    What is found in a decoded part covers the whole encoded part, and its key is what stands there
    encoded, so that putting the value back gives the text again.
    """
    found = list(find(text))
    seen = {(one.rule, one.start, one.end) for one in found}
    for inner in text.unwrapped:
        for one in find(inner.text):
            start, end = inner.span(one.start, one.end)
            if (one.rule, start, end) not in seen:
                seen.add((one.rule, start, end))
                written = text.text[start:end]
                # What is plain in the text as well keeps its key; only a decoded value loses it.
                key = one.key if written == inner.text.text[one.start : one.end] else written
                found.append(replace(one, start=start, end=end, key=key))
    return found
