"""What answers without a model: the reader by rules, and the desk when there is nothing to plan."""

import re

from pointsman.errors import BadOutput
from pointsman.nodes.message import Answer, Message, Request
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

from nodes.archive import SECTIONS, Archive, Missing

ASKED = re.compile(r"\b(DOC-\d{2})\b.*?\b(" + "|".join(SECTIONS) + r")\b", re.DOTALL)


def asked_for(text: str) -> tuple[str, str]:
    """Number and section that a task names; empty where it names none."""
    found = ASKED.search(text)
    return (found[1], found[2]) if found else ("", "")


def reader_fallback(archive: Archive) -> Node:
    """Reads the section that the task names. What the archive lacks is an error, so that the plan
    hears of it; it is never made up."""

    async def answer(message: Message, run: Run) -> Message:
        request = message.payload
        number, section = asked_for(request.text if isinstance(request, Request) else "")
        try:
            text = archive.read(number, section)
        except Missing as missing:
            raise BadOutput(str(missing)) from missing
        return message.reply(Answer(text=text, by="fallback"), sender="reader")

    return answer


def ranking_fallback() -> Node:
    """What is said where there are no two figures of one unit."""

    async def answer(message: Message, run: Run) -> Message:
        text = "There are no figures of one unit to put in order."
        return message.reply(Answer(text=text, by="fallback"), sender="ranking")

    return answer


def desk_fallback(archive: Archive) -> Node:
    """Says what the archive is about, and what of it is not there."""

    async def answer(message: Message, run: Run) -> Message:
        names = ", ".join(entry.name for entry in archive.index)
        if isinstance(message.payload, Request):
            text = f"The archive has nothing about that. It has reports on: {names}."
        else:
            text = "The reports that this needs are not in the archive."
        return message.reply(Answer(text=text, by="fallback"), sender="desk")

    return answer
