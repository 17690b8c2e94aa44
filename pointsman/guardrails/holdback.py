"""Hold-back: a text that streams is filtered before any of it leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.check import Check, Place, look
from pointsman.guardrails.reading import Cut, apart, cut_out
from pointsman.guardrails.rules import Found
from pointsman.nodes.vault import Hidden, Name, Numbers, names_in

LIMIT = 512
TOO_LONG = "holdback-limit"
"""The rule of a finding that goes on for more than the limit."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """A stretch of a stream that may leave once its cuts are made."""

    text: str = ""
    cuts: tuple[Cut, ...] = ()

    @property
    def hidden(self) -> list[Hidden]:
        """The values to be numbered: what `Vault.hide` takes."""
        return [Hidden(c.label, c.key, self.text[c.start : c.end]) for c in self.cuts]

    @property
    def taken(self) -> set[Name]:
        """The placeholders that stand in it already."""
        return names_in(self.text)

    def redacted(self, numbers: Mapping[tuple[str, str], int]) -> str:
        """The stretch with placeholders in place of the cuts."""
        return cut_out(self.text, self.cuts, numbers)


@dataclass
class Holdback:
    """Takes a text in chunks and gives back what may leave. Bound to no run; made for one text.

    The last `limit` characters are kept back. With `limit=None` everything is, until the end: for
    guards that judge the whole text. What a check would block or escalate stops the stream:
    nothing from there on leaves, and `stopped` says what it was. Recorded findings and checks on
    trial are left to the filter that reads the whole text.

    What is promised, for any text and any way of cutting it into chunks:

    - The output depends on the text alone, never on the cuts.
    - No more than `limit`, and half as much again, is kept back, unless something found goes on.
    - Where each finding is decided by at most `limit` characters in a row (the finding, and what a
      rule looks at around it), the output is the whole text redacted, up to where it is stopped.
    - A finding that shows from its beginning and goes on for more than `limit` characters, such as
      a private key, stops the stream, and none of it leaves.

    Not promised: a finding of more than `limit` characters that shows only at its end. Its
    beginning has left by then; the stream stops as soon as it is seen. Linear: each character is
    looked at about five times. Raises Misconfigured for a limit under 2.
    """

    checks: Sequence[Check]
    limit: int | None = LIMIT
    place: Place = "answer"
    numbers: Numbers = field(default_factory=Numbers)
    """Placeholders for `feed` and `finish`; given out in the order of the text."""
    stopped: Found | None = None
    """Why the rest is withheld; None while nothing is. Its indices are of no use."""
    _held: str = ""
    """The text from `_from` on: what has left and still is context, and what has not."""
    _left: int = 0
    """How much of `_held` has left."""
    _new: int = 0
    """Characters since it was looked at last."""

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 2:
            raise Misconfigured(
                f"Holdback(limit={self.limit}): that holds nothing back.",
                hint=f"Leave it out for {LIMIT}, or None to hold everything.",
            )

    def feed(self, chunk: str) -> str:
        """Take a chunk, and give what may leave now, redacted."""
        return self._numbered(self.take(chunk))

    def finish(self) -> str:
        """The rest, redacted; nothing where the stream was stopped."""
        return self._numbered(self.end())

    def take(self, chunk: str) -> Leaving:
        """As `feed`, for a caller that numbers the values itself."""
        parts: list[Leaving] = []
        if self.limit is None:
            self._held += "" if self.stopped else chunk
            return Leaving()
        block, at = max(1, self.limit // 2), 0
        while at < len(chunk) and self.stopped is None:
            piece = chunk[at : at + block - self._new]
            at += len(piece)
            self._held += piece
            self._new += len(piece)
            if self._new == block:
                self._new = 0
                parts.append(self._look(len(self._held) - self.limit, self.limit))
        return _joined(parts)

    def end(self) -> Leaving:
        """As `finish`, for a caller that numbers the values itself. Safe to call again."""
        if self.stopped is not None:
            return Leaving()
        leaving = self._look(len(self._held), None)
        self._held, self._left, self._new = "", 0, 0
        return leaving

    def _look(self, until: int, limit: int | None) -> Leaving:
        """What leaves of the text that is held, up to `until`. A cut may be `limit` long."""
        if until <= self._left:
            return Leaving()
        cuts, stop = self._found()
        end = until
        if stop is not None and stop[0] < until:
            end, self.stopped = max(stop[0], self._left), stop[1]
        kept: list[Cut] = []
        for cut in (c for c in cuts if c.end > self._left and c.start < end):
            if cut.start < self._left or (limit is not None and cut.end - cut.start > limit):
                end = max(cut.start, self._left)
                self.stopped = self.stopped or Found(TOO_LONG, cut.label, cut.start, cut.end, "")
                break
            if cut.end > end:
                end = cut.start
                break
            kept.append(Cut(cut.start - self._left, cut.end - self._left, cut.label, cut.key))
        leaving = Leaving(self._held[self._left : end], tuple(kept))
        context = max(0, end - (self.limit or 0))
        self._held, self._left = self._held[context:], end - context
        if self.stopped is not None:
            self._held = ""
        return leaving

    def _found(self) -> tuple[list[Cut], tuple[int, Found] | None]:
        """What is to be cut, and the first finding that stops the stream, with its beginning."""
        text = canonical(self._held)
        spans: list[tuple[int, int, Found]] = []
        stops: list[tuple[int, Found]] = []
        for check in self.checks:
            acts = check.action in {"redact", "block", "escalate"}
            if not acts or check.shadow or self.place not in check.places:
                continue
            for found in look(check, text):
                start, end = text.span(found.start, found.end)
                if check.action == "redact":
                    spans.append((start, end, found))
                elif end > self._left:
                    stops.append((start, found))
        return apart(spans), min(stops, key=lambda stop: stop[0], default=None)

    def _numbered(self, leaving: Leaving) -> str:
        self.numbers.take(leaving.taken)
        for one in leaving.hidden:
            self.numbers.number(one.label, one.key)
        return leaving.redacted(self.numbers.given)


def _joined(parts: Sequence[Leaving]) -> Leaving:
    text, cuts = "", list[Cut]()
    for part in parts:
        at = len(text)
        cuts += [Cut(c.start + at, c.end + at, c.label, c.key) for c in part.cuts]
        text += part.text
    return Leaving(text, tuple(cuts))
