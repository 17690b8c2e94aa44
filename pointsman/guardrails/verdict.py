"""What a check can say about a text."""

from dataclasses import dataclass
from typing import Literal

VerdictName = Literal["allow", "redact", "block", "escalate"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's finding. `text` is the text to go on with (changed only by `redact`)."""

    name: VerdictName
    text: str
    rule: str = ""
    reason: str = ""
    """For the user (block) or the reviewer (escalate). Never holds what was found."""
    count: int = 0
    """How many spans were found."""
