"""A guard of the team's own: the reader quotes. What does not stand in the document is refused."""

from dataclasses import dataclass

from pointsman.errors import BadOutput
from pointsman.nodes.event import Judged
from pointsman.nodes.message import Answer, Message, Request
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

from nodes.archive import Archive
from nodes.fallbacks import asked_for


@dataclass(frozen=True)
class Verbatim:
    """Raises BadOutput for an answer with a sentence that is not in the document of the task, so
    that the fallback reads it by rules."""

    archive: Archive
    name: str = "verbatim"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def quoted(message: Message, run: Run) -> Message:
            reply = await inner(message, run)
            asked = message.payload.text if isinstance(message.payload, Request) else ""
            number, _ = asked_for(asked)
            if not isinstance(reply.payload, Answer):
                return reply
            if self.archive.says(number, reply.payload.text):
                return reply
            run.emit(
                Judged(
                    guard=self.name,
                    specialist=run.specialist,
                    stage="output",
                    verdict="block",
                    rule="not-in-document",
                    count=1,
                )
            )
            raise BadOutput(
                f"The answer of {run.specialist!r} does not stand in {number or 'any document'}."
            )

        return quoted
