"""Work of the project's own: puts readings in order by the first figure with its unit, by rules."""

import re
from dataclasses import dataclass

from pointsman.errors import BadOutput
from pointsman.nodes.message import Answer, Message, Quote, Request
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import PromptLibrary

FIGURE = re.compile(r"(\d[\d,]*)\s*(crowns|MWh|months|dB)\b")


@dataclass(frozen=True)
class Ranking:
    """Orders what the tasks before it found, smallest figure first, one line for each unit."""

    def reaches(self) -> tuple[str, ...]:
        """Nobody: it works alone."""
        return ()

    def node(self, specialist: Specialist, *, team: str, prompts: PromptLibrary) -> Node:
        """The node."""

        async def rank(message: Message, run: Run) -> Message:
            request = message.payload
            quotes = request.handed if isinstance(request, Request) else ()
            return message.reply(_ranked(quotes), sender=specialist.name)

        return rank


def _ranked(quotes: tuple[Quote, ...]) -> Answer:
    by_unit: dict[str, list[tuple[int, str, str]]] = {}
    for quote in quotes:
        found = FIGURE.search(quote.text)
        if found:
            row = (int(found[1].replace(",", "")), found[1], quote.source)
            by_unit.setdefault(found[2], []).append(row)
    lines = [
        f"From least to most {unit}: "
        + ", ".join(f"{shown} [{source}]" for _, shown, source in sorted(rows))
        + "."
        for unit, rows in by_unit.items()
        if len(rows) > 1
    ]
    if not lines:
        raise BadOutput("There are no two figures of one unit to put in order.")
    evidence = tuple(f"[{quote.source}] {quote.text}" for quote in quotes)
    return Answer(text=" ".join(lines), by="rules", evidence=evidence)
