"""What a check can say about a text."""

from typing import Literal

VerdictName = Literal["allow", "redact", "block", "escalate"]
