"""Topics by their words: what a specialist must not talk about, and what it is there for.

Words only, no meaning: a paraphrase passes, and a word that is used in another sense is found.
Where meaning must decide, ask a model (the judge guard) as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import JsonValue

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import Canonical, canonical
from pointsman.guardrails.check import Action, Place
from pointsman.guardrails.phrases import Phrases
from pointsman.guardrails.rules import Found
from pointsman.nodes.digest import digest

PHRASES_MOST = 50_000


@dataclass(frozen=True)
class Topics:
    """Topics by name, each with words and phrases that belong to it; `lawsuit*` is a word's begin.

    `forbidden`: found as `topic-<name>` where at least `least` of its phrases stand in the text.
    `allowed`: where given, a text of `words` words or more in which no allowed phrase stands is
    found whole as `topic-other`; shorter ones (a greeting, thanks) pass. The confidence is
    1 - 0.5 ** phrases for a forbidden topic and 0.5 for `topic-other`. Raises Misconfigured for no
    topics, a topic without phrases, or a phrase without a letter.
    """

    forbidden: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    allowed: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    action: Action = "block"
    name: str = "topic"
    shadow: bool = False
    places: frozenset[Place] = frozenset({"request"})
    least: int = 1
    words: int = 5

    def __post_init__(self) -> None:
        fault = self._fault()
        if fault:
            raise Misconfigured(
                f"Topics {self.name!r}: {fault}.",
                hint="Give each topic words or phrases, e.g. forbidden={'legal': ('lawsuit*',)}.",
            )

    def _fault(self) -> str:
        topics = [*self.forbidden.items(), *self.allowed.items()]
        if not topics:
            return "there is no topic"
        if self.least < 1 or self.words < 1:
            return "least and words are 1 or more"
        if sum(len(phrases) for _, phrases in topics) > PHRASES_MOST:
            return f"there are more than {PHRASES_MOST:,} phrases"
        for topic, phrases in topics:
            if isinstance(phrases, str) or not phrases:
                return f"topic {topic!r} has no tuple of phrases"
            for phrase in phrases:
                if not any(c.isalnum() for c in canonical(phrase).text):
                    return f"topic {topic!r} has a phrase without a letter, {phrase!r}"
        return ""

    def __hash__(self) -> int:
        return hash((self.name, self.version))

    @property
    def version(self) -> str:
        """Over the topics, their phrases and the two bounds."""
        return self._version

    @cached_property
    def _version(self) -> str:
        parts: list[JsonValue] = [
            {topic: "\n".join(sorted(phrases)) for topic, phrases in part.items()}
            for part in (self.forbidden, self.allowed)
        ]
        return digest("topic", *parts, self.least, self.words)[:12]

    def find(self, text: Canonical) -> Sequence[Found]:
        """Every phrase of a forbidden topic; the whole text where no allowed topic stands in it."""
        return [*self._forbidden(text.text), *self._other(text.text)]

    def _forbidden(self, text: str) -> Iterator[Found]:
        hits = list(self._phrases[0].find(text))
        said: dict[str, set[str]] = {}
        for start, end, topic in hits:
            said.setdefault(topic, set()).add(text[start:end].lower())
        for start, end, topic in hits:
            many = len(said[topic])
            if many >= self.least:
                sure = 1 - 0.5 ** min(many, 20)
                yield Found(f"topic-{topic}", "TOPIC", start, end, text[start:end], sure)

    def _other(self, text: str) -> Iterator[Found]:
        if not self.allowed or len(text.split(None, self.words)) < self.words:
            return
        if next(self._phrases[1].find(text), None) is None:
            yield Found("topic-other", "TOPIC", 0, len(text), text, 0.5)

    @cached_property
    def _phrases(self) -> tuple[Phrases[str], Phrases[str]]:
        return _phrases(self.forbidden), _phrases(self.allowed)


def _phrases(topics: Mapping[str, Sequence[str]]) -> Phrases[str]:
    return Phrases((phrase, topic) for topic, phrases in topics.items() for phrase in phrases)
