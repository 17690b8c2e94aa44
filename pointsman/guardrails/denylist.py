"""The deny-list: words and phrases that must not stand in a text, found in one pass."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import Canonical, canonical
from pointsman.guardrails.check import PLACES, Action, Place
from pointsman.guardrails.phrases import Phrases
from pointsman.guardrails.rules import Found
from pointsman.nodes.digest import digest

WORDS_MOST = 200_000
LENGTH_MOST = 200
_SPELLED_OUT = re.compile(r"(?<!\w)\w([.\-_*|/ \u00b7])\w(?:\1\w)*(?!\w)")
"""Single letters with the same separator between them: `b.a.d`, `b a d`."""


@dataclass(frozen=True)
class DenyList:
    """Whole words and phrases, in any case and any spelling that `canonical` undoes.

    `bad*` is any word that begins so. Any white space of a phrase fits any other. A word that is
    spelled out, as in `b.a.d`, is found
    when nothing else is spelled out with it. Raises Misconfigured for an empty list, a word without
    a letter or a digit, one over 200 characters, or more than 200,000 words.
    """

    words: tuple[str, ...]
    action: Action = "block"
    name: str = "denylist"
    shadow: bool = False
    places: frozenset[Place] = PLACES

    def __post_init__(self) -> None:
        if not 0 < len(self.words) <= WORDS_MOST:
            raise Misconfigured(
                f"DenyList {self.name!r} holds {len(self.words)} words.",
                hint=f"Give it between 1 and {WORDS_MOST:,} words.",
            )
        for word in self.words:
            if len(word) > LENGTH_MOST or not any(c.isalnum() for c in canonical(word).text):
                raise Misconfigured(
                    f"DenyList {self.name!r}: {word[:50]!r} is no word to look for.",
                    hint=f"A word has a letter or a digit, and at most {LENGTH_MOST} characters.",
                )

    @classmethod
    def load(cls, path: Path, *, action: Action = "block", name: str = "denylist") -> "DenyList":
        """A list from a UTF-8 file, one word or phrase a line; lines that begin with # are notes.

        Raises Misconfigured where the file cannot be read or is no such list.
        """
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(
                f"The deny-list {path} cannot be read: {error}.",
                hint="It must be a text file in UTF-8.",
            ) from error
        words = (line.strip() for line in lines)
        return cls(tuple(w for w in words if w and not w.startswith("#")), action, name)

    @property
    def version(self) -> str:
        """Over the words."""
        return self._version

    @cached_property
    def _version(self) -> str:
        return digest("denylist", "\n".join(sorted(set(self.words))))[:12]

    def find(self, text: Canonical) -> Sequence[Found]:
        """Every place of every word."""
        found = [
            Found("denied-word", "DENIED", start, end, word)
            for start, end, word in self._phrases.find(text.text)
        ]
        for run in _SPELLED_OUT.finditer(text.text):
            word = run.group()[::2].lower()
            if word in self._phrases.whole:
                found.append(Found("denied-word", "DENIED", *run.span(), word, 0.9))
        return found

    @cached_property
    def _phrases(self) -> Phrases[str]:
        return Phrases((word, word) for word in self.words)
