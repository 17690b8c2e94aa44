"""The team these tests run: a shop whose writes are lines of a file, and a model that does what
the message says.

A message is a small program: `lookup INV-1 > refund INV-1 5 + refund INV-1 7`. Each part between
`>` is one model answer; `+` joins the calls of one answer; when all are done the model says
`done:` and every tool result. `tech: …` is routed to tech, everything else to billing.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pointsman.nodes.gateway.scripted import (
    Scripted,
    ScriptedTransport,
    choice_reply,
    text_reply,
    tool_reply,
)
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall, Turn
from pointsman.nodes.specialist import AnyTool, Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.team import Team

ARGUMENTS = {
    "lookup": ("invoice",),
    "refund": ("invoice", "usd"),
    "note": ("text",),
    "slow_note": ("text",),
    "fail_note": ("text",),
    "transfer_to_tech": ("reason",),
    "transfer_to_billing": ("reason",),
}


def script(request: ModelRequest) -> Scripted:
    """The model: carries out the program in the last user turn."""
    said = _last_user(request.turns)
    to, _, plan = request.turns[said].content.rpartition(": ")
    if request.choices:
        return choice_reply(to or "billing", probabilities=[(to or "billing", 0.9)])
    after = request.turns[said + 1 :]
    steps = [step.strip() for step in plan.split(">")]
    at = sum(bool(turn.tool_calls) for turn in after)
    if at < len(steps) and steps[at].split(" ")[0] in ARGUMENTS:
        calls = [c.strip() for c in steps[at].split("+")]
        return tool_reply(*(_call(text, f"c{at}_{n}") for n, text in enumerate(calls)))
    results = [turn.content for turn in after if turn.role == "tool"]
    return text_reply("done: " + " | ".join(results))


def _last_user(turns: Sequence[Turn]) -> int:
    return max(n for n, turn in enumerate(turns) if turn.role == "user")


def _call(text: str, call_id: str) -> ToolCall:
    name, *words = text.split(" ")
    args = {
        key: float(word) if key == "usd" else word
        for key, word in zip(ARGUMENTS[name], words, strict=True)
    }
    return ToolCall(id=call_id, name=name, args=args)


class Shop:
    """The system behind the team: reads and writes are lines of `home/effects.log`."""

    def __init__(self, home: Path) -> None:
        self.file = home / "effects.log"

    def wrote(self) -> list[str]:
        """The writes that really happened, in order."""
        return self.file.read_text().splitlines() if self.file.exists() else []

    def write(self, line: str) -> str:
        """One write, on disk before it returns."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        return line

    def look(self, line: str) -> str | None:
        """Whether a write has happened: what a tool's reconcile asks."""
        return line if line in self.wrote() else None

    def tools(self, *, reconcile: bool = False) -> tuple[AnyTool, ...]:
        """A read, a high-stakes write and low-stakes writes; refund and note can `reconcile`."""

        @tool(effect="read")
        async def lookup(invoice: str) -> str:
            """Look an invoice up."""
            return f"{invoice} is 20.00 USD"

        def refunded(invoice: str, usd: float) -> str | None:
            return self.look(f"refunded {usd:g} on {invoice}")

        def noted(text: str) -> str | None:
            return self.look(f"noted {text}")

        @tool(
            effect="write",
            stakes="high",
            preview=lambda invoice, usd: f"{usd:.2f} on {invoice}",
            reconcile=refunded if reconcile else None,
        )
        def refund(invoice: str, usd: float) -> str:
            """Refund an invoice."""
            return self.write(f"refunded {usd:g} on {invoice}")

        @tool(effect="write", reconcile=noted if reconcile else None)
        async def note(text: str) -> str:
            """Write a note."""
            return self.write(f"noted {text}")

        @tool(effect="write")
        def slow_note(text: str) -> str:
            """Write a note after half a second."""
            time.sleep(0.5)  # a sync tool may block: it runs off the loop
            return self.write(f"noted {text} slowly")

        @tool(effect="write")
        async def fail_note(text: str) -> str:
            """Fail."""
            await asyncio.sleep(0)
            raise ValueError(f"no paper for {text}")

        return (lookup, refund, note, slow_note, fail_note)


def shop_team(
    home: Path,
    *,
    model: ScriptedTransport | None = None,
    specialists: Callable[[Shop], Sequence[Specialist]] | None = None,
    provider: str = "scripted",
    **options: object,
) -> Team:
    """The team on `home`. `options` are Team's own."""
    transport = model or ScriptedTransport(script)
    made = (specialists or two_specialists)(Shop(home))
    return Team(
        "shop",
        specialists=made,
        home=home,
        models={"fast": (provider,), "strong": (provider,)},
        transports=Transports({provider: lambda: transport}),
        **options,  # pyright: ignore[reportArgumentType]
    )


def two_specialists(shop: Shop) -> tuple[Specialist, ...]:
    """Billing, which may hand off to tech, and tech, which may hand back."""
    return (
        Specialist(
            "billing",
            handles="money",
            tools=shop.tools(),
            hands_off_to=("tech",),
        ),
        Specialist("tech", handles="devices", tools=shop.tools(), hands_off_to=("billing",)),
    )
