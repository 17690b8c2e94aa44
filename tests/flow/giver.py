"""A specialist that gives its work to others by a fixed plan, and says what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pointsman.nodes.message import Answer, Delegation, Delivered, Message, Payload, Request, Task
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.team import Team
from tests.flow.shop import Shop, shop_team


def task(name: str, text: str, *needs: str, to: str = "billing") -> Task:
    """A task of the shop's."""
    return Task(id=name, to=to, text=text, needs=needs)


@dataclass(frozen=True)
class Gives:
    """Gives these tasks, then answers with each one's status and text. `again`: tasks of a second
    round after the first."""

    tasks: tuple[Task, ...]
    again: tuple[Task, ...] = ()
    may: tuple[str, ...] = ("billing", "tech")
    approve: str = ""

    def reaches(self) -> tuple[str, ...]:
        """Whom it may give tasks to."""
        return self.may

    def node(self, specialist: Specialist, *, team: str, prompts: PromptLibrary) -> Node:
        """The node."""

        async def give(message: Message, run: Run) -> Message:
            return message.reply(self._reply(message), sender=specialist.name)

        return give

    def _reply(self, message: Message) -> Payload:
        match message.payload:
            case Delivered(delegation=before, results=results) if before.round == 1 and self.again:
                return Delegation(
                    of="plan", request=before.request, tasks=self.again, round=2, earlier=results
                )
            case Delivered(results=results):
                told = (f"{r.task} {r.status}: {r.text or r.error}" for r in results)
                return Answer(text=" | ".join(told))
            case Request() as request:
                return Delegation(
                    of="plan", request=request, tasks=self.tasks, approve=self.approve
                )
            case _:
                raise TypeError(message.type)


def giving_team(
    home: Path,
    *tasks: Task,
    does: Gives | None = None,
    more: Callable[[Shop], tuple[Specialist, ...]] = lambda _: (),
    **options: object,
) -> Team:
    """The shop with `boss`, who gives the tasks to billing and tech. Send `boss: …`."""

    def specialists(shop: Shop) -> tuple[Specialist, ...]:
        return (
            Specialist("boss", handles="everything", does=does or Gives(tasks)),
            Specialist("billing", handles="money", tools=shop.tools()),
            Specialist("tech", handles="devices", tools=shop.tools()),
            *more(shop),
        )

    return shop_team(home, specialists=specialists, **options)  # pyright: ignore[reportArgumentType]
