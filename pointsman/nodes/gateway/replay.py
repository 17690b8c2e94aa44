"""A whole answer as a stream again: a cached answer is shown as a model's would be."""

import re
from collections.abc import Iterator

from pointsman.nodes.gateway.transport import ModelReply

MAX_CHUNK = 48
"""Characters of one piece at most."""

_PIECE = re.compile(rf"\S{{1,{MAX_CHUNK - 1}}}\s?|\s{{1,{MAX_CHUNK}}}")


def chunks_of(reply: ModelReply) -> Iterator[str]:
    """The answer's text in pieces, about a word each, none empty and none above MAX_CHUNK.

    Together they are the text, character for character. An answer without text has no piece.
    """
    return pieces_of(reply.text)


def pieces_of(text: str) -> Iterator[str]:
    """As `chunks_of`, of any text."""
    return (found[0] for found in _PIECE.finditer(text))
