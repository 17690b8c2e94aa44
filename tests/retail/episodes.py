"""The published episodes: what the user says, which actions are right, and a model that takes
them.

The model is scripted: it reads the episode's number in the message and calls the gold actions, one
an answer, in order. The team, its graph, its store and the shop's database are real.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.gateway.scripted import (
    Scripted,
    ScriptedTransport,
    choice_reply,
    text_reply,
    tool_reply,
)
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall
from pointsman.nodes.specialist import Specialist
from pointsman.teams.team import Team
from tests.retail.shop import Record, Refused, RetailShop, canonical
from tests.retail.tools import HANDOVER, WRITES, retail_tools

POLICY = ApprovalPolicy(
    rules=(
        # An e-mail address as an argument would make a look-up in our own database a read that
        # leaves the machine.
        PolicyRule("our own database", "allow", tools=("find_*", "get_*"), effect="read"),
        PolicyRule("to people", "allow", tools=(HANDOVER,)),
    )
)


OURS = {"transfer_to_human_agents": HANDOVER}
"""Names that a tool may not have here: `transfer_to_` is how a model hands off to a specialist."""


@dataclass(frozen=True)
class Action:
    """One gold action."""

    tool: str
    args: Record

    @property
    def asks(self) -> bool:
        """Whether it changes the database, and so asks a person."""
        return self.tool in WRITES

    @property
    def written(self) -> bool:
        """Whether the shop's journal gets a row of it."""
        return self.asks or self.tool == HANDOVER

    def __str__(self) -> str:
        return f"{self.tool} {canonical(self.args)}"


@dataclass(frozen=True)
class Episode:
    """One task: what the user wants, and the right actions."""

    id: str
    wants: str
    actions: tuple[Action, ...]

    @property
    def message(self) -> str:
        """What the user writes, with the number that the scripted model goes by."""
        return f"Episode {self.id}. {self.wants}".strip()

    @property
    def writes(self) -> list[Action]:
        """The actions that ask a person, in order."""
        return [action for action in self.actions if action.asks]


def read_episodes(folder: Path) -> tuple[Episode, ...]:
    """All episodes of the published file, in its order."""
    found: list[Episode] = []
    for task in json.loads((folder / "tasks.json").read_text()):
        instructions = task["user_scenario"]["instructions"]
        said = (instructions.get("known_info"), instructions.get("reason_for_call"))
        gold = task["evaluation_criteria"]["actions"]
        actions = tuple(
            Action(OURS.get(action["name"], action["name"]), action["arguments"]) for action in gold
        )
        found.append(Episode(str(task["id"]), " ".join(filter(None, said)), actions))
    return tuple(found)


def read_database(folder: Path) -> dict[str, dict[str, Record]]:
    """The published database."""
    return json.loads((folder / "db.json").read_text())


class GoldModel:
    """A script that carries the gold actions of the episode in the message out, one an answer."""

    def __init__(self, episodes: Sequence[Episode]) -> None:
        self._episodes = {episode.id: episode for episode in episodes}

    def __call__(self, request: ModelRequest) -> Scripted:
        if request.choices:
            return choice_reply(request.choices[0])
        said = max(n for n, turn in enumerate(request.turns) if turn.role == "user")
        number = request.turns[said].content.removeprefix("Episode ").partition(".")[0]
        after = request.turns[said + 1 :]
        at = sum(bool(turn.tool_calls) for turn in after)
        actions = self._episodes[number].actions
        if at < len(actions):
            action = actions[at]
            return tool_reply(ToolCall(id=f"gold_{at}", name=action.tool, args=action.args))
        results = [turn.content for turn in after if turn.role == "tool"]
        refused = sum("Refused: " in result for result in results)
        return text_reply(answer(number, len(results), refused))


def answer(number: str, results: int, refused: int) -> str:
    """What the model says in the end."""
    return f"Episode {number} is done: {results} results, {refused} of them refusals."


def retail_team(
    home: Path,
    shop: RetailShop,
    episodes: Sequence[Episode],
    *,
    reconcile: bool = False,
    model: ScriptedTransport | None = None,
) -> Team:
    """The retail team over a shop: one specialist with all the tools."""
    most = max(len(episode.actions) for episode in episodes) + 1
    transport = model or ScriptedTransport(GoldModel(episodes))
    specialist = Specialist(
        "retail",
        handles="orders, returns, exchanges and addresses of our shop",
        tools=retail_tools(shop, reconcile=reconcile),
        max_steps=most,
    )
    return Team(
        "retail",
        specialists=(specialist,),
        policy=POLICY,
        max_rounds=most,
        home=home,
        models={"fast": ("scripted",), "strong": ("scripted",)},
        transports=Transports({"scripted": lambda: transport}),
    )


def apply_directly(shop: RetailShop, episode: Episode) -> list[str]:
    """Call the tools of an episode's actions, no team in between. What each said, or its error."""
    tools: dict[str, Any] = {tool.name: tool for tool in retail_tools(shop)}
    said: list[str] = []
    for action in episode.actions:
        try:
            said.append(str(tools[action.tool](**action.args)))
        except Refused as no:
            said.append(f"Refused: {no}")
    return said
