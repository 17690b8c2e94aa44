"""The approvals inbox in a notebook: live cards where widgets run, a table elsewhere.

inbox = team.inbox(by="ana")     # the last line of a cell shows the cards
await inbox.decide("7d1f", Approve(by="ana"))
"""

import json
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING, Self

from pointsman.errors import BadInput, MissingExtra, NotFound
from pointsman.nodes.digest import JsonObject
from pointsman.teams.tickets import Decision, Ticket
from pointsman.views.visible import visible

if TYPE_CHECKING:
    from langgraph.types import Command

    from pointsman.teams.result import Result
    from pointsman.teams.team import Team
    from pointsman.views.notebook.widget import InboxWidget

_COLUMNS = ("ticket", "who", "action", "arguments", "effect", "why it asks", "run")
_STYLE = (
    "border-collapse:collapse;font-family:sans-serif;font-size:13px",
    "text-align:left;padding:6px 12px;border-bottom:1px solid #cbd5e1;vertical-align:top",
)


LOOK_SECONDS = 3.0
"""How long a cell may wait for the first look, so that its stored output is of now."""


class Inbox:
    """The open tickets of a team, as of the last `refresh` or `decide`."""

    def __init__(self, team: "Team", *, by: str = "") -> None:
        """`by`: the reviewer's name, which the cards begin with."""
        self._team = team
        self._by = by
        self._tickets: tuple[Ticket, ...] | None = None
        self._widget: InboxWidget | None = None

    @property
    def tickets(self) -> tuple[Ticket, ...]:
        """The tickets that were open when last looked."""
        return self._tickets or ()

    @property
    def widget(self) -> "InboxWidget":
        """The live cards themselves, for hosts that show a widget only by its own, as marimo does.

        Raises MissingExtra without the extra `notebook`.
        """
        live = self._live()
        if live is None:
            raise MissingExtra(
                "The live inbox needs anywidget.", hint='pip install "pointsman[notebook]"'
            )
        return live

    async def refresh(self) -> Self:
        """Look again what waits. Gives itself, so that a cell shows it."""
        self._tickets = await self._team.tickets()
        return self

    async def decide(self, ticket: Ticket | str, decision: Decision) -> "Result | Command[str]":
        """Decide a ticket, given itself, its id or a unique beginning of its id; then look again.

        Gives and raises what `Team.decide` does; BadInput when several ids begin so.
        """
        name = ticket if isinstance(ticket, str) else ticket.id
        if self._tickets is None or name not in {t.id for t in self._tickets}:
            await self.refresh()
        outcome = await self._team.decide(self._id(name), decision)
        await self.refresh()
        return outcome

    def close(self) -> None:
        """Take the cards off every page and stop looking."""
        if self._widget is not None:
            self._widget.close()
            self._widget = None

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> dict[str, object]:
        """Live cards, with a table and plain text for where no widgets run.

        Without the extra `notebook` it is the table and the text, of the last `refresh`.
        """
        live = self._live()
        bundle: dict[str, object] = {}
        if live is not None:
            self._tickets = live.open_tickets(within=LOOK_SECONDS)
            bundle = live.bundle()
        return {**bundle, "text/plain": repr(self), "text/html": self._repr_html_()}

    def _live(self) -> "InboxWidget | None":
        if self._widget is None and find_spec("anywidget") is not None:
            from pointsman.views.notebook.widget import InboxWidget

            self._widget = InboxWidget(self._team, self._by)
        return self._widget

    def _id(self, name: str) -> str:
        if not name:
            raise NotFound("The ticket's id is empty.", hint="`await inbox.refresh()` lists them.")
        known = [t.id for t in self.tickets]
        begun = [name] if name in known else [i for i in known if i.startswith(name)]
        if len(begun) > 1:
            raise BadInput(f"Several tickets begin with {name!r}.", hint="Give more of the id.")
        return begun[0] if begun else name

    def __repr__(self) -> str:
        if self._tickets is None:
            return f"Inbox of team {self._team.name!r}: `await inbox.refresh()` shows what waits."
        if not self._tickets:
            return f"Inbox of team {self._team.name!r}: nothing waits for a person."
        lines = [f"Inbox of team {self._team.name!r}: {len(self._tickets)} waiting"]
        lines += [
            f"  {t.id[:8]}  {t.specialist}: {t.tool or t.kind}({_shown(t.runs)})  {_why(t)}"
            for t in self._tickets
        ]
        return "\n".join(visible(line) for line in lines)

    def _repr_html_(self) -> str:
        """The tickets as an HTML table. Everything from messages and models is escaped."""
        if not self._tickets:
            return f"<p>{escape(repr(self))}</p>"
        table, cell = _STYLE
        head = "".join(f'<th style="{cell}">{name}</th>' for name in _COLUMNS)
        rows = "".join(
            "<tr>"
            + "".join(f'<td style="{cell}">{escape(visible(v))}</td>' for v in _row(t))
            + "</tr>"
            for t in self._tickets
        )
        name = escape(self._team.name)
        how = "await inbox.decide(&quot;ID&quot;, Approve(by=&quot;you&quot;))"
        return (
            f"<p><b>{name}</b>: {len(self._tickets)} waiting for a person. <code>{how}</code></p>"
            f'<table style="{table}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        )


def _row(ticket: Ticket) -> tuple[str, ...]:
    return (
        ticket.id[:8],
        ticket.specialist,
        ticket.tool or ticket.kind,
        _shown(ticket.runs),
        ticket.preview,
        _why(ticket),
        ticket.run[:8],
    )


def _why(ticket: Ticket) -> str:
    return ticket.reason or f"rule {ticket.policy_rule}"


def _shown(args: JsonObject) -> str:
    return ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in args.items()
    )
