"""A bank's help desk: six specialists over the 77 intents of the BANKING77 messages.

The messages themselves are not part of this project: `run.py` reads them from a folder you name and
hands the router's examples in.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pointsman import Answer, GroundingGuard, Message, Run, Specialist, Team, Tool, tool
from pointsman.nodes.message import request_of

PROJECT = Path(__file__).parents[1]
ROLES: dict[str, dict[str, object]] = json.loads(
    (PROJECT / "teams/specialists.json").read_text("utf-8")
)
ARTICLES: dict[str, str] = json.loads((PROJECT / "articles.json").read_text("utf-8"))


def intents(role: str) -> list[str]:
    """The intents that a specialist owns."""
    return list(ROLES[role]["intents"])  # type: ignore[call-overload]


def specialist_of(intent: str) -> str:
    """Who owns an intent. Raises KeyError for one that nobody does."""
    for role in ROLES:
        if intent in intents(role):
            return role
    raise KeyError(intent)


def banking_team(examples: Mapping[str, Sequence[str]], home: Path) -> Team:
    """The team, its router shown these messages for each specialist."""
    return Team(
        "banking",
        specialists=[_specialist(role, examples.get(role, ())) for role in ROLES],
        prompts=PROJECT / "prompts",
        home=home,
    )


def _specialist(role: str, examples: Sequence[str]) -> Specialist:
    search = Search(intents(role))

    async def fallback(message: Message, run: Run) -> Message:
        found = search.best(request_of(message).text)
        return message.reply(Answer(text=found, by="fallback"), sender=role)

    return Specialist(
        role,
        handles=str(ROLES[role]["handles"]),
        prompt="bank/help",
        tools=(_find_article(search),),
        examples=tuple(examples),
        guards=(GroundingGuard(),),
        fallback=fallback,
    )


def _find_article(search: "Search") -> Tool[..., object]:
    @tool(effect="read")
    async def find_article(question: str) -> str:
        """Find the help article that answers a question."""
        return search.best(question)

    return find_article


class Search:
    """The article whose words fit a question best, rare words counting more."""

    def __init__(self, topics: Sequence[str]) -> None:
        self._articles = {t: ARTICLES[t] for t in topics}
        self._words = {t: Counter(_words(t.replace("_", " ") * 2 + " " + a)) for t, a in
                       self._articles.items()}  # fmt: skip
        seen = Counter(w for words in self._words.values() for w in words)
        self._weight = {w: math.log(1 + len(topics) / n) for w, n in seen.items()}

    def best(self, question: str) -> str:
        """The best article's text; the first one where nothing fits at all."""
        asked = set(_words(question))

        def score(topic: str) -> float:
            words = self._words[topic]
            total = sum(self._weight[w] for w in asked & words.keys())
            return total / math.sqrt(sum(words.values()))

        return self._articles[max(self._articles, key=score)]


def _words(text: str) -> list[str]:
    return [re.sub(r"(ies|es|s|ed|ing)$", "", w) for w in re.findall(r"[a-z]+", text.lower())]
