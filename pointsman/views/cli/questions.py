"""The questions at the foot of the live table: what a decision needs, typed where it is asked.

Each question waits for its keys, so the code reads from top to bottom.
"""

import asyncio
from collections.abc import Callable

from pydantic import JsonValue

from pointsman.nodes.digest import JsonObject, canonical
from pointsman.teams.tickets import Approve, Decision, Edit, Escalate, Reject, Respond, Ticket
from pointsman.views.cli.ask import entry, fitting, parsed
from pointsman.views.cli.card import shown
from pointsman.views.cli.keys import Editor, Key
from pointsman.views.cli.watchview import Ask, Scene
from pointsman.views.cli.wording import KINDS
from pointsman.views.visible import visible

STEPS = {"up": -1, "k": -1, "down": 1, "j": 1, "pageup": -10, "pagedown": 10,
         "home": -1_000_000, "end": 1_000_000}  # fmt: skip
"""Key -> how far it moves or scrolls."""
LETTERS = {"a": "approve", "e": "edit", "r": "reject", "s": "respond", "x": "escalate"}


class Questions:
    """Asks the person at the table. `draw` shows the scene, `scroll` moves what it shows."""

    def __init__(
        self,
        scene: Scene,
        keys: "asyncio.Queue[Key]",
        *,
        draw: Callable[[], None],
        redraw: Callable[[], None],
        scroll: Callable[[int], None],
    ) -> None:
        self._scene = scene
        self._keys = keys
        self._draw = draw
        self._redraw = redraw
        self._scroll = scroll

    async def decision(self, ticket: Ticket, letter: str) -> Decision | None:
        """The decision that the letter stands for, about the ticket as it is shown now; None when
        the person thought better of it. Raises InvalidDecision for a text that does not fit."""
        try:
            return await self._decision(ticket, letter)
        finally:
            self._scene.ask = None

    async def _decision(self, ticket: Ticket, letter: str) -> Decision | None:
        by, words = self._scene.by, KINDS[ticket.kind]
        match letter:
            case "a":
                sure = await self.yes(f"Approve: {words.approve}?")
                return Approve(by=by, digest=ticket.shows) if sure else None
            case "e":
                return await self._edit(ticket)
            case "r":
                text = await self._line("Reject. Reason:")
                with fitting():
                    return Reject(by=by, reason=text) if text else None
            case "s":
                text = await self._line(f"Respond: {words.respond}. Text:")
                with fitting():
                    return Respond(by=by, text=text) if text else None
            case _:
                to = await self._line("Escalate to:")
                why = await self._line("Reason (may be empty):", needed=False) if to else None
                with fitting():
                    return Escalate(by=by, to=to, reason=why) if to and why is not None else None

    async def _edit(self, ticket: Ticket) -> Decision | None:
        changed: JsonObject = {}
        for name, value in ticket.runs.items():
            begun = entry(value)
            typed = await self._line(f"{visible(name)}:", Editor(begun, len(begun)), needed=False)
            if typed is None:
                return None
            new = parsed(typed, value)
            if not _same(new, value):
                changed[name] = new
        if not changed:
            return None
        parts = [f"{visible(n)} {shown(ticket.runs[n])} -> {shown(v)}" for n, v in changed.items()]
        if not await self.yes(f"Approve with {', '.join(parts)}?"):
            return None
        # All of them: what was on the screen, and no edit that came since.
        return Edit(by=self._scene.by, args={**ticket.runs, **changed})

    async def yes(self, question: str) -> bool:
        """Ask for `y`. The arrows scroll; every other key means no."""
        self._scene.ask = Ask(f"{question} y: yes, any other key: no")
        self._draw()
        try:
            while True:
                key = await self._keys.get()
                if key.name in STEPS:
                    self._scroll(STEPS[key.name])
                elif key.name == "redraw":
                    self._redraw()
                else:
                    return key == Key(text="y")
        finally:
            self._scene.ask = None
            self._draw()

    async def _line(
        self, label: str, editor: Editor | None = None, *, needed: bool = True
    ) -> str | None:
        """Ask for a line; None after Esc. With `needed` an empty one is asked for again."""
        typing = editor or Editor()
        self._scene.ask = Ask(label, typing)
        while True:
            self._draw()
            key = await self._keys.get()
            match key.name:
                case "enter" if not needed or typing.text.strip():
                    return typing.text.strip() if needed else typing.text
                case "esc" | "end of input":
                    return None
                case "up" | "down" | "pageup" | "pagedown":
                    self._scroll(STEPS[key.name])
                case "redraw":
                    self._redraw()
                case _:
                    typing.press(key)


def _same(one: JsonValue, other: JsonValue) -> bool:
    """Whether two arguments are the same for a tool: 20 and 20.0 are, 1 and true are not."""
    numbers = [isinstance(v, int | float) and not isinstance(v, bool) for v in (one, other)]
    return one == other if all(numbers) else canonical(one) == canonical(other)
