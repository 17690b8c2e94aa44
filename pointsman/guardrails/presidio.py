"""Presidio as a check: names, addresses and other entities that have no shape of their own."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import Canonical
from pointsman.guardrails.check import Action, Place
from pointsman.guardrails.rules import Found
from pointsman.nodes.digest import digest
from pointsman.nodes.vault import SHAPE

LABELS = {
    "CREDIT_CARD": "CARD",
    "CRYPTO": "CRYPTO",
    "DATE_TIME": "DATE",
    "EMAIL_ADDRESS": "EMAIL",
    "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP",
    "LOCATION": "LOCATION",
    "ORGANIZATION": "ORGANIZATION",
    "PERSON": "PERSON",
    "PHONE_NUMBER": "PHONE",
    "URL": "URL",
    "US_SSN": "SSN",
}
"""Presidio's names of entities and the labels of placeholders. A country's own (`US_PASSPORT`,
`ES_NIF`) have the label `ID`; any other is its own label."""

_COUNTRY = 2
_LONGEST = 48
"""Characters of a placeholder, and more."""
_PLACES: frozenset[Place] = frozenset({"request", "history", "result", "document", "answer"})


class Entity(Protocol):
    """One finding: Presidio's RecognizerResult. `start` and `end` count characters of the text."""

    @property
    def entity_type(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def score(self) -> float: ...


class Analyzer(Protocol):
    """What is needed of Presidio's AnalyzerEngine."""

    def analyze(
        self, text: str, language: str, entities: list[str] | None = None
    ) -> Sequence[Entity]:
        """The entities in a text; `entities` None: every kind that it knows."""
        ...


@dataclass(frozen=True)
class PresidioCheck:
    """Finds what a Presidio analyzer finds with at least `min_score`. For a ContentFilter:

        ContentFilter(checks=(*injection_checks(), Links(), PresidioCheck(AnalyzerEngine())))

    Make the analyzer yourself (extra `presidio`, and a language model for it); pointsman loads and
    downloads nothing. `entities` names what to look for, in Presidio's words; none: the names of
    persons and places. E-mail, cards and the like are left to `pii`, which is faster.

    The rule is `presidio-<entity>`, in small letters. Read is the canonical text, and the original
    too where it is written otherwise. Arguments of tools are not read unless `places` says so.
    Runs on the event loop: tens of milliseconds for a long text with a small language model. What
    the analyzer raises stops the message (`guard-error`). `revision`: a text of your own that
    stands for the analyzer's setup in the version. Raises Misconfigured for settings that cannot be
    used.
    """

    analyzer: Analyzer = field(repr=False)
    entities: tuple[str, ...] = ("PERSON", "LOCATION")
    language: str = "en"
    action: Action = "redact"
    min_score: float = 0.5
    name: str = "presidio"
    shadow: bool = False
    places: frozenset[Place] = _PLACES
    revision: str = ""

    def __post_init__(self) -> None:
        if not self.entities or not all(self.entities) or not 0 <= self.min_score <= 1:
            raise Misconfigured(
                f"PresidioCheck {self.name!r}: entities={self.entities}, min_score={self.min_score}"
                " cannot be used.",
                hint='Name at least one entity, e.g. "PERSON"; a score is 0 to 1.',
            )

    @property
    def version(self) -> str:
        """12 hex digits over the settings, `revision` and Presidio's version."""
        return self._version

    @cached_property
    def _version(self) -> str:
        try:
            package = version("presidio-analyzer")
        except PackageNotFoundError:
            package = ""
        kind = type(self.analyzer).__qualname__
        own = (kind, package, self.revision, self.language, self.min_score)
        return digest("presidio", *own, *sorted(self.entities))[:12]

    def find(self, text: Canonical) -> list[Found]:
        """What the analyzer finds, in the indices of the canonical text."""
        found = self._found(text.text, text.text, range(len(text.text) + 1))
        if text.original != text.text:
            # A lone surrogate cannot be encoded, and tokenizers encode.
            written = text.original.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            if len(written) == len(text.original):
                found += self._found(written, text.text, text.origin)
        return list(dict.fromkeys(found))

    def _found(self, read: str, text: str, origin: Sequence[int]) -> list[Found]:
        """What is found in `read`, which is `text` or the original behind it."""
        if not read.strip():
            return []
        found: list[Found] = []
        entities = list(self.entities)
        for one in self.analyzer.analyze(text=read, entities=entities, language=self.language):
            start, end = bisect_left(origin, one.start), bisect_left(origin, one.end)
            if one.score >= self.min_score and start < end <= len(text):
                rule = f"presidio-{one.entity_type.lower()}"
                score = min(max(float(one.score), 0.0), 1.0)
                label = label_of(one.entity_type)
                found += [
                    Found(rule, label, first, last, text[first:last], score)
                    for first, last in _beside(text, start, end)
                ]
        return found


def _beside(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The parts of a span that are no placeholder: `[PERSON_1]` itself looks like a name."""
    parts: list[tuple[int, int]] = []
    for name in SHAPE.finditer(text, max(0, start - _LONGEST), end + _LONGEST):
        if name.start() < end and name.end() > start:
            parts.append((start, name.start()))
            start = name.end()
    parts.append((start, end))
    return [(a, b) for a, b in parts if any(map(str.isalnum, text[a:b]))]


def label_of(entity: str) -> str:
    """The label of a placeholder for an entity of Presidio's."""
    if entity in LABELS:
        return LABELS[entity]
    return "ID" if entity.find("_") == _COUNTRY else entity
