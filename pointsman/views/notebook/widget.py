"""The live inbox as an anywidget: JupyterLab, Notebook, VS Code, Colab and marimo show it alike."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUntypedBaseClass=false
# traitlets declares its traits without types.

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import anywidget
import traitlets

from pointsman.nodes.digest import JsonObject
from pointsman.teams.team import Team
from pointsman.teams.tickets import Ticket
from pointsman.views.notebook.cards import card
from pointsman.views.notebook.desk import Ack, Desk, Shown

_HERE = Path(__file__).parent

PAGE = 100
"""Open cards that a page shows at once; as they are decided, others take their place."""
ACKS = 50


def _nothing() -> list[object]:
    return []


class InboxWidget(anywidget.AnyWidget):
    """Cards of the open tickets. The page writes `decisions`, `beat` and `by`, Python the rest:
    synced traits, because marimo does not pass custom messages on.

    Both ways are lists: while a kernel is busy, a page's changes of one trait are merged, and all
    but the last value of it are lost.
    """

    _esm = _HERE / "inbox.js"
    _css = _HERE / "inbox.css"
    team = traitlets.Unicode("").tag(sync=True)
    by = traitlets.Unicode("").tag(sync=True)
    cards = traitlets.List(_nothing()).tag(sync=True)
    more = traitlets.Int(0).tag(sync=True)
    """Open tickets beyond those on the page."""
    looked = traitlets.Bool(default_value=False).tag(sync=True)
    trouble = traitlets.Unicode("").tag(sync=True)
    """Why the cards may be old: the store cannot be read."""
    decisions = traitlets.List(_nothing()).tag(sync=True)
    """What the page said and has no word on yet: nonce, ticket, type, by, and what the type takes;
    an edit's arguments are JSON texts in `json`."""
    acks = traitlets.List(_nothing()).tag(sync=True)
    """What Python says to decisions: nonce, ticket, state (taken, done, refused) and a text."""
    beat = traitlets.Int(0).tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)
    """The last `beat` that Python saw."""

    def __init__(self, team: Team, by: str) -> None:
        self._turns = threading.RLock()
        super().__init__(team=team.name, by=by)
        self._heard: set[str] = set()
        self._desk = Desk(team, self._show)
        self.observe(self._decide, names="decisions")
        self.observe(self._beat, names="beat")
        self._desk.beat()

    def close(self) -> None:
        """Take the widget off every page and stop its desk."""
        self._desk.close()
        super().close()

    def set_state(self, sync_data: Mapping[str, object]) -> None:
        """What the page changed. Not while the desk's thread sets a trait: traitlets would lose one
        of the two notifications."""
        with self._turns:
            super().set_state(sync_data)

    def open_tickets(self, *, within: float) -> tuple[Ticket, ...]:
        """What waits now, for a page that cannot be live; waits at most so many seconds."""
        return self._desk.look(within=within)

    def bundle(self) -> dict[str, object]:
        """What a cell shows, by media type; empty where no notebook is running."""
        made = cast("object", self._repr_mimebundle_())
        pair = cast("tuple[object, ...]", made) if isinstance(made, tuple) else (made,)
        return cast("dict[str, object]", pair[0] or {})

    def _show(self, shown: Shown) -> None:
        cards = [card(ticket) for ticket in (*shown.open[:PAGE], *shown.decided)]
        with self._turns:
            self.cards = cards
            self.more = max(0, len(shown.open) - PAGE)
            self.trouble = shown.trouble
            self.looked = True

    def _beat(self, change: Mapping[str, object]) -> None:
        self._desk.beat()
        self.answered = change["new"]

    def _decide(self, change: Mapping[str, object]) -> None:
        for said in cast("list[JsonObject]", change["new"]):
            nonce, ticket = str(said.get("nonce", "")), str(said.get("ticket", ""))
            if nonce and nonce not in self._heard:
                self._heard.add(nonce)
                self._carry_out(nonce, ticket, dict(said))

    def _carry_out(self, nonce: str, ticket: str, said: JsonObject) -> None:
        def told(ack: Ack) -> None:
            word = {"nonce": nonce, "ticket": ticket, "state": ack.state, "text": ack.text}
            with self._turns:
                self.acks = [*self.acks, word][-ACKS:]

        self._desk.decide(said, told)
