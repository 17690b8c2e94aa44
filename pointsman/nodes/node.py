"""The one call shape."""

from typing import Protocol

from pointsman.nodes.message import Message
from pointsman.nodes.run import Run


class Node(Protocol):
    """Takes a message and the run, gives a message back. Router, specialist, fallback, team and
    every guarded form of them are Nodes, so anything wraps or nests in anything."""

    async def __call__(self, message: Message, run: Run) -> Message: ...
