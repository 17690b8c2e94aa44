"""An answer that streams through a filter: what leaves was filtered, and ends as the answer."""

from collections.abc import Sequence

from pointsman.guardrails.check import Check
from pointsman.guardrails.holdback import Holdback
from pointsman.nodes.gateway.replay import pieces_of
from pointsman.nodes.gateway.transport import Reader


class Given:
    """A reader that remembers what it passed on, so that it can be made to end in a given text."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._given: list[str] = []

    def text(self, piece: str) -> None:
        """Pass a piece on."""
        if piece:
            self._given.append(piece)
            self._reader.text(piece)

    def restart(self) -> None:
        """Take back what was passed on; nothing where nothing was."""
        if self._given:
            self._given = []
            self._reader.restart()

    def end(self, final: str) -> None:
        """The answer is this: pass on what is missing, or begin again where it became another."""
        given = "".join(self._given)
        if not final.startswith(given):
            self.restart()
            given = ""
        for piece in pieces_of(final[len(given) :]):
            self.text(piece)


class Filtered:
    """A reader in front of another one: pieces pass through a hold-back of the checks.

    What a check would stop does not leave; `end` brings what the filter made of the whole.
    """

    def __init__(self, checks: Sequence[Check], reader: Reader) -> None:
        self._checks = checks
        self._held = Holdback(checks)
        self._given = Given(reader)

    def text(self, piece: str) -> None:
        """Take a piece; pass on what may leave."""
        self._given.text(self._held.feed(piece))

    def restart(self) -> None:
        """Another attempt begins."""
        self._held = Holdback(self._checks)
        self._given.restart()

    def end(self, final: str) -> None:
        """The filter's own verdict on the whole: this text leaves."""
        self._given.end(final)
