"""What a text for others to read carries along: quotes, and what points somewhere."""

import re
from collections.abc import Iterator, Sequence

from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.literal import Text
from pointsman.nodes.vault import SHAPE

RUN = 4
"""Words in a row that make a quote. Fewer are shared by chance."""
_WORD = re.compile(r"\w+")
_SPLIT = re.compile(r"[\s<>()\[\]\"'`|,;]+")
_HOST = re.compile(r"[^\W_][\w-]*(?:\.[\w-]+)*\.[^\W\d_]{2,}(?:[:/?#]|\Z)")
_DIGITS = re.compile(r"\+?\d(?:[ ./-]?\d){4,}")
_LONGEST_WORD = 24
_ENDS = ".:!?"


class Quoting:
    """A text's runs of RUN words, but for those that the person said."""

    def __init__(self, text: str, said: Sequence[Text]) -> None:
        own: set[tuple[str, ...]] = set()
        for one in said:
            own.update(_runs(one.raw))
        self._runs = frozenset(_runs(text)) - own

    def quotes(self, other: Text) -> bool:
        """Whether one of them stands in the other text too, letters that look alike made one."""
        return bool(self._runs) and any(run in self._runs for run in _runs(other.raw))


def pointers(text: str) -> Iterator[str]:
    """Links, hosts, addresses, ids, long numbers and the placeholders of redacted values in a text,
    each as it stands there.

    Words of more than 24 characters too: what is that long is encoded, or may be. Linear.
    """
    for word in _SPLIT.split(text):
        token = word.strip(_ENDS)
        if token and _points(token):
            yield token
    for match in SHAPE.finditer(text):
        yield match.group()
    for match in _DIGITS.finditer(text):
        if " " in match.group():
            yield match.group()


def _points(token: str) -> bool:
    if len(token) > _LONGEST_WORD or "@" in token or "://" in token:
        return True
    digits = sum(map(str.isdigit, token))
    return (
        digits > 4
        or (digits > 1 and any(map(str.isalpha, token)))  # an id
        or token.lower().startswith("www.")
        or _HOST.match(token) is not None
    )


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = _WORD.findall(canonical(text).text.casefold())
    return zip(*(words[n:] for n in range(RUN)), strict=False)
