"""The team on a scripted model, for a suite that needs no model."""

from pointsman import Team
from pointsman.nodes.gateway.scripted import (
    Script,
    Scripted,
    ScriptedTransport,
    text_reply,
    tool_reply,
)
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall

from nodes.archive import Archive
from nodes.fallbacks import asked_for
from teams.research import research_team


def team() -> Team:
    """The team, on a model that reads what its task names."""
    return _team("scripted/good", reading)


def worse_team() -> Team:
    """The team, on a model that makes its answers up."""
    return _team("scripted/worse", inventing)


def _team(model: str, script: Script) -> Team:
    return research_team(
        Archive(),
        models={"fast": (model,), "strong": (model,)},
        transports=Transports({"scripted": lambda: ScriptedTransport(script)}),
    )


def reading(request: ModelRequest) -> Scripted:
    """Reads the section that the task names, and repeats it."""
    results = [turn.content for turn in request.turns if turn.role == "tool"]
    if results:
        return text_reply(results[-1])
    number, section = asked_for(request.turns[-1].content)
    args = {"document": number, "section": section}
    return tool_reply(ToolCall(id="read", name="read_section", args=args))


def inventing(request: ModelRequest) -> Scripted:
    """Reads nothing, and says what sounds well."""
    return text_reply("It costs next to nothing.")
