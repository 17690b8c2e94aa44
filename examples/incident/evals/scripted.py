"""The team on a scripted model and a fleet of its own, for a suite that needs no model."""

import atexit
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from pointsman import Team
from pointsman.evals.trial import Trial
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

from nodes.fleet import Fleet, reset
from nodes.incidents import Incidents, blamed, number_in
from teams.incident import incident_team


@cache
def fleet() -> Fleet:
    """A fleet in a folder that ends with the process."""
    folder = tempfile.TemporaryDirectory(prefix="incident-")
    atexit.register(folder.cleanup)
    return Fleet(Path(folder.name) / "fleet.json")


@asynccontextmanager
async def fresh(trial: Trial) -> AsyncGenerator[None]:
    """The services as they ship, for every sample."""
    reset(fleet().path)
    yield


def team() -> Team:
    """The team, on a model that looks before it speaks."""
    return _team("scripted/good", looking)


def worse_team() -> Team:
    """The team, on a model that blames the mailer for everything."""
    return _team("scripted/worse", blaming)


def _team(model: str, script: Script) -> Team:
    return incident_team(
        Incidents(),
        fleet(),
        models={"fast": (model,), "strong": (model,)},
        transports=Transports({"scripted": lambda: ScriptedTransport(script)}),
    )


def looking(request: ModelRequest) -> Scripted:
    """Looks and repeats what it saw; proposes the runbook's fix for the service at fault."""
    results = [turn.content for turn in request.turns if turn.role == "tool"]
    incident = number_in(next(t.content for t in reversed(request.turns) if t.role == "user"))
    names = [tool.name for tool in request.tools]
    if "restart_service" not in names:
        if results:
            return text_reply(results[-1])
        return tool_reply(ToolCall(id="look", name=names[0], args={"incident": incident}))
    if len(results) > 1:
        return text_reply(results[-1])
    service = blamed(results[0])
    known = fleet().services().get(service)
    if known is None:
        return text_reply("The diagnosis names no one service.")
    args = {"incident": incident, "service": service}
    return tool_reply(ToolCall(id="fix", name=known.remedy, args=args))


def blaming(request: ModelRequest) -> Scripted:
    """Never looks, and always restarts the mailer."""
    if any(tool.name == "restart_service" for tool in request.tools):
        args = {"incident": "INC-204", "service": "mailer"}
        return tool_reply(ToolCall(id="fix", name="restart_service", args=args))
    return text_reply("Everything points to the mailer.")
