"""The live inbox as an anywidget: JupyterLab, Notebook, VS Code, Colab and marimo show it alike."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUntypedBaseClass=false
# traitlets declares its traits without types.

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import anywidget
import traitlets

from pointsman.nodes.digest import JsonObject
from pointsman.teams.team import Team
from pointsman.teams.tickets import Ticket
from pointsman.views.notebook.cards import card
from pointsman.views.notebook.desk import Desk

_HERE = Path(__file__).parent


class InboxWidget(anywidget.AnyWidget):
    """Cards of the open tickets. The page writes `decision` and `beat`, Python the rest: synced
    traits, because marimo does not pass custom messages on."""

    _esm = _HERE / "inbox.js"
    _css = _HERE / "inbox.css"
    team = traitlets.Unicode("").tag(sync=True)
    by = traitlets.Unicode("").tag(sync=True)
    cards = traitlets.List(cast("list[object]", [])).tag(sync=True)
    looked = traitlets.Bool(default_value=False).tag(sync=True)
    decision = traitlets.Dict(cast("dict[str, object]", {})).tag(sync=True)
    told = traitlets.Dict(cast("dict[str, object]", {})).tag(sync=True)
    """What Python says to a decision: its nonce, its ticket, and an error or nothing."""
    beat = traitlets.Int(0).tag(sync=True)

    def __init__(self, team: Team, by: str) -> None:
        super().__init__(team=team.name, by=by)
        self._desk = Desk(team, self._show)
        self.observe(self._decide, names="decision")
        self.observe(self._beat, names="beat")
        self._desk.beat()

    def close(self) -> None:
        """Take the widget off every page and end its desk."""
        self._desk.close()
        super().close()

    def open_tickets(self, *, within: float) -> tuple[Ticket, ...]:
        """What waits now, for a page that cannot be live; waits at most so many seconds."""
        return self._desk.look(within=within)

    def bundle(self) -> dict[str, object]:
        """What a cell shows, by media type; empty where no notebook is running."""
        made = cast("object", self._repr_mimebundle_())
        pair = cast("tuple[object, ...]", made) if isinstance(made, tuple) else (made,)
        return cast("dict[str, object]", pair[0] or {})

    def _show(self, tickets: tuple[Ticket, ...]) -> None:
        self.cards = [card(ticket) for ticket in tickets]
        self.looked = True

    def _beat(self, change: Mapping[str, object]) -> None:
        self._desk.beat()

    def _decide(self, change: Mapping[str, object]) -> None:
        said = dict(cast("JsonObject", change["new"]))
        nonce = str(said.pop("nonce", ""))
        if not nonce:
            return
        ticket = str(said.get("ticket", ""))

        def told(error: str) -> None:
            self.told = {"nonce": nonce, "ticket": ticket, "error": error}

        self._desk.decide(said, told)
