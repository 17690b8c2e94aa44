"""The team on a scripted model and a shop of its own, for a suite that needs no model."""

import atexit
import re
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import date
from functools import cache
from pathlib import Path

from pointsman import Team
from pointsman.evals.trial import Trial
from pointsman.nodes.gateway.scripted import Script, ScriptedTransport, text_reply, tool_reply
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall
from pointsman.nodes.routing.router import NOBODY

from nodes.shop import Shop, reset
from teams.support import support_team

TODAY = date(2026, 11, 21)
NUMBER = re.compile(r"\b(INV|PX|SO|DV)-\d{4}\b")
LOOKUPS = {
    "INV": ("lookup_invoice", "invoice"),
    "PX": ("track_parcel", "parcel"),
    "SO": ("lookup_order", "order"),
    "DV": ("lookup_device", "device"),
}
OWNERS = {"INV": "billing", "PX": "shipping", "SO": "shipping", "DV": "technical"}


@cache
def shop() -> Shop:
    """A shop in a folder that ends with the process."""
    folder = tempfile.TemporaryDirectory(prefix="support-")
    atexit.register(folder.cleanup)
    return Shop(Path(folder.name) / "shop.db", today=lambda: TODAY)


@asynccontextmanager
async def fresh(trial: Trial) -> AsyncGenerator[None]:
    """The shop as it ships, for every sample."""
    reset(shop().path)
    yield


def team() -> Team:
    """The team, on a model that does what a good one would."""
    return _team("scripted/good", scripted)


def worse_team() -> Team:
    """The team, on a model that reads, and leaves undone what is to be changed."""
    return _team("scripted/worse", reading)


def _team(model: str, script: Script) -> Team:
    return support_team(
        shop(),
        models={"fast": (model,), "strong": (model,)},
        transports=Transports({"scripted": lambda: ScriptedTransport(script)}),
    )


def scripted(request: ModelRequest) -> ModelReply | str:
    """Looks up what the message names, proposes what it asks for, and repeats what it read."""
    asked = next(t.content for t in reversed(request.turns) if t.role == "user")
    number = NUMBER.search(asked)
    if request.choices:
        owner = OWNERS[number[1]] if number else NOBODY
        return owner if owner in request.choices else request.choices[-1]
    results = [turn.content for turn in request.turns if turn.role == "tool"]
    if number is None:
        return text_reply(results[-1] if results else "Which number is it about?")
    tool, argument = LOOKUPS[number[1]]
    if not results:
        return tool_reply(ToolCall(id="look", name=tool, args={argument: number[0]}))
    write = _write(asked, number[0], results) if len(results) == 1 else None
    return tool_reply(write) if write else text_reply(results[-1])


def reading(request: ModelRequest) -> ModelReply | str:
    """Looks up what the message names, and says what it read."""
    results = [turn.content for turn in request.turns if turn.role == "tool"]
    return text_reply(results[-1]) if results else scripted(request)


def _write(asked: str, number: str, results: list[str]) -> ToolCall | None:
    """What the message wants changed, once the record was read."""
    days = re.search(r"hold .*?(\d+) days", asked)
    much = re.search(r"\$(\d+\.\d\d) was paid too much", results[-1])
    if days:
        args = {"parcel": number, "days": int(days[1])}
        return ToolCall(id="hold", name="hold_parcel", args=args)
    if much and "refund" in asked.lower():
        args = {"invoice": number, "usd": float(much[1])}
        return ToolCall(id="refund", name="refund", args=args)
    if "repair" in asked.lower():
        args = {"device": number, "problem": "battery"}
        return ToolCall(id="repair", name="open_repair", args=args)
    return None
