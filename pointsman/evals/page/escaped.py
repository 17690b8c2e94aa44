"""Text of users and models as HTML that is text and nothing else."""

import re
from html import escape

_ODD = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
"""Control characters, halves of pairs, and what turns the direction of the text around it."""


def safe(text: str) -> str:
    """The text for an element or a quoted attribute. Characters that could hide or reorder what is
    read are written out as `\\u202e`."""
    return escape(_ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", text), quote=True)
