"""Reading along: how the pieces of an answer reach a caller through retries, fallbacks and hits."""

from pointsman.nodes.gateway.replay import chunks_of
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Read, Reader


class Reading:
    """One call's reader, or none.

    A choice or a JSON object is read once it is known to have its shape; anything else as it comes.
    """

    def __init__(self, reader: Reader | None, request: ModelRequest) -> None:
        self._reader = reader
        self._shaped = bool(request.choices) or request.output_schema is not None
        self._pieces: list[str] = []

    @property
    def begun(self) -> bool:
        """Whether the reader has pieces of the try under way."""
        return bool(self._pieces)

    @property
    def wanted(self) -> bool:
        """Whether somebody reads the pieces as they come."""
        return self._reader is not None and not self._shaped

    def next_try(self) -> Read | None:
        """What takes the pieces of one call to a model; None where nobody reads them as they come.
        Pieces of an earlier call are taken back."""
        if self._reader is None or self._shaped:
            return None
        self._restart(self._reader)
        return self._take

    def end(self, reply: ModelReply) -> None:
        """The answer is there: give what the reader has not read of it. An answer from the cache,
        the journal or another's call is given in pieces like any other."""
        if self._reader is None or "".join(self._pieces) == reply.text:
            return
        self._restart(self._reader)
        for piece in chunks_of(reply):
            self._take(piece)

    def _restart(self, reader: Reader) -> None:
        if self._pieces:
            self._pieces = []
            reader.restart()

    def _take(self, piece: str) -> None:
        if piece and self._reader is not None:
            self._pieces.append(piece)
            self._reader.text(piece)
