"""Guards of the team's own: who looks repeats what it saw, and who fixes keeps to the runbook."""

from dataclasses import dataclass

from pointsman.errors import BadOutput
from pointsman.nodes.message import Answer, Message, Outcomes, Proposal, Request
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

from nodes.fallbacks import wanted
from nodes.fleet import Fleet


@dataclass(frozen=True)
class Observed:
    """Raises BadOutput for an answer that is no tool's result, so that the rules answer."""

    name: str = "observed"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def looked(message: Message, run: Run) -> Message:
            reply = await inner(message, run)
            said = reply.payload
            if isinstance(said, Answer) and said.by == "model":
                results = [text for text in said.evidence[1:] if not text.startswith("error:")]
                if not any(said.text in text for text in results):
                    raise BadOutput(f"{run.specialist!r} answered what no tool had told it.")
            return reply

        return looked


@dataclass(frozen=True)
class ByTheBook:
    """Raises BadOutput where the operator proposes anything but the runbook's fix for the service
    of the diagnosis, so that the rules propose it, or say why there is none; and where the model
    words what came of a fix that was not done."""

    fleet: Fleet
    name: str = "by-the-book"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def checked(message: Message, run: Run) -> Message:
            reply = await inner(message, run)
            if isinstance(message.payload, Outcomes):
                undone = any(o.status != "done" for o in message.payload.outcomes)
                if undone and isinstance(reply.payload, Answer) and reply.payload.by == "model":
                    raise BadOutput(f"{run.specialist!r} must say plainly that nothing was done.")
            if not isinstance(message.payload, Request):
                return reply
            fix, calls = wanted(self.fleet, message.payload), ()
            if isinstance(reply.payload, Proposal):
                calls = reply.payload.calls
            if fix is None or [(c.name, c.args) for c in calls] != [(fix.name, fix.args)]:
                raise BadOutput(f"{run.specialist!r} did not propose the runbook's fix.")
            return reply

        return checked
