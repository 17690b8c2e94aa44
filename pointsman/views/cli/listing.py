"""Tickets, runs, teams and models as tables on stdout."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from pointsman.nodes.event import Recorded, RunStarted
from pointsman.teams.result import Result
from pointsman.teams.tickets import Ticket
from pointsman.views.cli.card import became, call, card, facts
from pointsman.views.cli.options import program
from pointsman.views.cli.screen import STYLES, console, plain, row, step
from pointsman.views.cli.wording import KINDS, Line, ended, line_of, money, seconds, short
from pointsman.views.visible import one_line, visible


def show_tickets(tickets: Sequence[Ticket]) -> None:
    """Every ticket as a card in a terminal, as plain lines elsewhere; then how to decide."""
    out = console(stderr=False)
    if not tickets:
        plain(out, "Nothing waits for a person.")
        return
    for ticket in tickets:
        if out.is_terminal:
            out.print(card(ticket))
        else:
            plain(out, f"ticket {ticket.id}")
            for label, value in facts(ticket):
                plain(out, f"  {label:<10} {one_line(value.plain)}")
        if ticket.status != "pending":
            plain(out, f"  {became(ticket)}", "dim")
    waiting = [ticket for ticket in tickets if ticket.status == "pending"]
    if waiting:
        _how(out, waiting[0])


def _how(out: Console, ticket: Ticket) -> None:
    """The commands that decide the ticket."""
    first, again, words = short(ticket.id), program(), KINDS[ticket.kind]
    plain(out, f"Decide:  {again} approve {first}")
    if words.edit:
        name = next(iter(ticket.args), "NAME")
        plain(out, f"         {again} edit {first} --set {visible(name)}=VALUE")
    plain(out, f"         {again} reject {first} --reason TEXT")
    if words.respond:
        plain(out, f"         {again} respond {first} TEXT")
    plain(out, f"Live:    {again} approvals --watch")


def show_timeline(result: Result, events: Sequence[Recorded]) -> None:
    """A run's steps with the time since it began, then its answer and its figures."""
    out = console(stderr=False)
    plain(out, f"run {result.run}", "bold")
    for label, value in (("team", result.team), ("thread", result.thread)):
        step(out, Line(label, value))
    began = events[0].at if events else 0.0
    for recorded in events:
        line = line_of(recorded.event)
        if isinstance(recorded.event, RunStarted):
            continue
        since = f"+{seconds(recorded.at - began)}"
        text = visible(line.text)
        if out.is_terminal:
            body = row(Text(line.label, "dim"), Text(text, STYLES[line.tone]))
            out.print(_stamped(since, body))
        else:
            plain(out, f"  {since:>12}  {line.label:<10}{text}")
    closing = ended(result.status, result.specialist, result.by)
    step(out, Line("status", closing.text, closing.tone))
    if result.answer:
        step(out, Line("answer", result.answer))
    calls = f"{result.model_calls} model calls, {result.cache_hits} from the cache"
    tokens = f"{result.input_tokens}+{result.output_tokens} tokens"
    step(out, Line("cost", f"{calls}, {tokens}, {money(result.usd)}, {seconds(result.seconds)}"))
    if result.saved_seconds or result.saved_usd:
        saved = f"{seconds(result.saved_seconds)} and {money(result.saved_usd)} by the cache"
        step(out, Line("saved", saved))
    for ticket in result.tickets:
        step(out, Line("ticket", f"{ticket.id} {ticket.status}: {call(ticket)}", "note"))
        for label, value in facts(ticket):
            step(out, Line("", f"{label.strip()}: {one_line(value.plain)}"))


def _stamped(since: str, body: object) -> object:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=12, justify="right", style="dim", no_wrap=True)
    grid.add_column()
    grid.add_row(since, body)  # pyright: ignore[reportArgumentType]
    return grid
