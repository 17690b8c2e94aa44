"""The team that the browser tests look at: a scripted model, real tools, and hostile words in every
place where words can be."""

import asyncio
from pathlib import Path

from pointsman import Router, Specialist, Team, tool
from pointsman.errors import ModelTimeout
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.scripted import (
    Scripted,
    ScriptedTransport,
    choice_reply,
    text_reply,
    tool_reply,
)
from pointsman.nodes.gateway.transport import ModelRequest, Usage
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall
from pointsman.nodes.tool import Tool

ATTACK = (
    '<img src=x onerror="window.broken=1;alert(1)"><script>window.broken=1</script>'
    "<svg onload='window.broken=1'></svg>\"'><a href=\"javascript:window.broken=1\">x</a>"
    "{{7*7}}${7*7}"
)
PROMPT = """---
description: Orders and refunds.
variables:
  name: the specialist's name
  handles: what it is for
---
You are {{ name }}. You handle {{ handles }}. ATTACK
"""


def tools(home: Path) -> tuple[Tool[..., str], ...]:
    """A read whose result is hostile, and a write that a person must approve."""

    @tool(effect="read")
    def find_order(order: str) -> str:
        """Look an order up."""
        return f"Order {order}: {ATTACK}"

    def change(order: str, usd: float, note: str) -> str:
        return f"{order}: ${usd:.2f} goes back; {note}"

    @tool(effect="write", stakes="high", preview=change)
    def refund(order: str, usd: float, note: str = "") -> str:
        """Give money back."""
        with (home / "effects.txt").open("a") as file:
            file.write(f"{order} {usd:g}\n")
        return f"Order {order} was refunded ${usd:g}."

    return find_order, refund


def script(home: Path) -> ScriptedTransport:
    """Answers by what the person wrote: `refund A-1`, `slow`, `broken`, `attack`, or anything."""

    async def answer(request: ModelRequest) -> Scripted:
        text = next(t.content for t in reversed(request.turns) if t.role == "user")
        last = request.turns[-1]
        usage = Usage(input_tokens=210 + len(text), output_tokens=12)
        if request.purpose == "route":
            chosen = "orders" if "A-" in text else "questions"
            other = "questions" if chosen == "orders" else "orders"
            ranked = ((chosen, 0.93), (other, 0.07))
            return choice_reply(chosen, probabilities=ranked, usd=0.0003)
        if text.startswith("broken"):
            return ModelTimeout("Model 'scripted' did not answer within 20 s.")
        if text.startswith("slow"):
            while not (home / "go").exists():  # noqa: ASYNC110 (another process makes it)
                await asyncio.sleep(0.05)
        if last.role == "tool":
            said = "Nothing was changed." if last.content.startswith("rejected") else last.content
            return text_reply(said, usd=0.0009, usage=usage)
        order = next((word.strip(".,") for word in text.split() if word.startswith("A-")), "")
        if not order:
            return text_reply(f"We are open from 9 to 6. You wrote: {text[:60]}", usd=0.0011)
        if "refund" not in text:
            call = ToolCall(id="c1", name="find_order", args={"order": order})
            return tool_reply(call, usd=0.0012)
        if last.role == "user":
            note = ATTACK if "attack" in text else "paid twice"
            args: JsonObject = {"order": order, "usd": 20.0, "note": note}
            return tool_reply(ToolCall(id="c2", name="refund", args=args), usd=0.0014)
        return text_reply("Done.", usd=0.0008)

    return ScriptedTransport(answer)


def make_team(home: Path) -> Team:
    """The team over a folder of state."""
    prompts = home / "prompts"
    (prompts / "shop").mkdir(parents=True, exist_ok=True)
    (prompts / "shop" / "orders.md").write_text(PROMPT.replace("ATTACK", ATTACK.partition("{{")[0]))
    orders = Specialist(
        "orders",
        handles=f"orders and refunds {ATTACK}",
        prompt="shop/orders",
        tools=tools(home),
    )
    return Team(
        "shop",
        specialists=(orders, Specialist("questions", handles="everything else")),
        router=Router(),
        prompts=prompts,
        models={"fast": ("scripted",), "strong": ("scripted",)},
        transports=Transports({"scripted": lambda: script(home)}),
        home=home,
    )
