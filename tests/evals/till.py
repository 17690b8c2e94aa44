"""A team with one write that asks a person, on a scripted model, for tests of suites."""

from pathlib import Path

from pydantic import BaseModel

from pointsman import Specialist, Team, tool
from pointsman.guardrails.content import ContentFilter
from pointsman.nodes.gateway.scripted import ScriptedTransport, text_reply, tool_reply
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Usage
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall
from pointsman.nodes.routing.router import Router, Rule


class Pay(BaseModel):
    """How much, to whom."""

    usd: float
    to: str = "ana"


def scripted(request: ModelRequest) -> ModelReply | str:
    """Pays the number in the message, if there is one; else repeats the message."""
    if request.purpose == "user":
        return text_reply("pay 7" if len(request.turns) < 5 else "[DONE]", usd=0.02)
    asked = next(t.content for t in reversed(request.turns) if t.role == "user")
    results = [turn.content for turn in request.turns if turn.role == "tool"]
    digits = "".join(c for c in asked if c.isdigit())
    if results or not digits:
        said = results[-1] if results else f"You said: {asked}"
        return text_reply(said, usd=0.01, usage=Usage(input_tokens=3, output_tokens=2))
    call = ToolCall(id="c1", name="pay", args={"usd": float(digits)})
    return tool_reply(call, usd=0.01)


def till(
    home: Path, paid: list[float], *, model: ScriptedTransport | None = None, prompt: str = ""
) -> Team:
    """The team; `paid` is told of each payment."""

    @tool(effect="write", stakes="high")
    def pay(call: Pay) -> str:
        """Pay."""
        paid.append(call.usd)
        return f"paid {call.usd:g}"

    transport = model or ScriptedTransport(scripted)
    return Team(
        "till",
        specialists=[Specialist("cash", handles=prompt or "payments", tools=(pay,))],
        router=Router(rules=(Rule("all", to="cash", pattern=".*"),)),
        guards=(ContentFilter(),),
        models={"fast": ("scripted",), "strong": ("scripted",)},
        transports=Transports({"scripted": lambda: transport}),
        home=home,
    )
