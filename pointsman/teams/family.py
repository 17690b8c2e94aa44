"""A team that is a specialist of another: whose it is, and the node that gives it its work."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pointsman.errors import Misconfigured
from pointsman.nodes.message import (
    Answer,
    Delegation,
    Delivered,
    Failure,
    Message,
    Payload,
    Refusal,
    Request,
    Task,
    TaskResult,
)
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.spec import TeamSpec

if TYPE_CHECKING:
    from pointsman.nodes.specialist import Specialist
    from pointsman.teams.sessions import Sessions

WHOLE = "team"
"""The id of the one task that a nested team gets."""
PART_FAILED = "PartFailed"
"""Class of error of a run that others did in part."""


class Nestable(ABC):
    """What makes a team `Work` of a specialist. Its runs are then kept where the outer team's are,
    whatever home it was given."""

    spec: TeamSpec

    def node(self, specialist: "Specialist", *, team: str, prompts: PromptLibrary) -> Node:
        """See `nodes.work.Work.node`."""
        return TeamNode(self.spec.name, specialist.name)

    def reaches(self) -> tuple[str, ...]:
        """Nobody of the outer team: its work stays within."""
        return ()

    @property
    @abstractmethod
    def sessions(self) -> "Sessions":
        """How its services are made."""


@dataclass(frozen=True)
class TeamNode:
    """The node of a specialist that is a team: the message as it came, and back what came of it."""

    team: str
    specialist: str

    async def __call__(self, message: Message, run: Run) -> Message:
        match message.payload:
            case Request() as request:
                task = Task(id=WHOLE, to=self.team, text=request.text)
                reply: Payload = Delegation(of="team", request=request, tasks=(task,))
            case Delivered(results=(result,)):
                reply = ended_as(result)
            case _:
                raise TypeError(f"specialist {self.specialist!r} cannot take {message.type!r}")
        return message.reply(reply, sender=self.specialist)


def ended_as(result: TaskResult) -> Payload:
    """What ends a run as the one that did all of its work ended."""
    match result.status:
        case "done":
            return Answer(text=result.text, data=result.data)
        case "blocked":
            return Refusal(guard="team", rule=result.to, text=result.text)
        case "no_route":
            return Failure(error="NoRoute", text=result.text)
        case "partial":
            if result.error == "BudgetExceeded":
                return Failure(error=result.error, text=result.text)
            return Answer(text=result.text, data=result.data, missing=(result.to,))
        case _:
            return Failure(error=result.error or "Interrupted", text=result.text)


def nested(spec: TeamSpec) -> Mapping[str, Nestable]:
    """The teams that are specialists of this one, by the specialist's name."""
    return {s.name: s.does for s in spec.specialists if isinstance(s.does, Nestable)}


def members(spec: TeamSpec) -> Mapping[str, TeamSpec]:
    """The team and all the teams inside it, however deep, by name.

    Raises Misconfigured for two different teams of one name: tickets and runs go by it.
    """
    found = {spec.name: spec}
    for inner in nested(spec).values():
        for name, one in members(inner.spec).items():
            if found.setdefault(name, one) is not one:
                raise Misconfigured(
                    f"Team {spec.name!r} holds two different teams named {name!r}.",
                    hint="Rename one of them: tickets and runs go by the name.",
                )
    return found
