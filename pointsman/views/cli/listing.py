"""Tickets, runs, teams and models as tables on stdout."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from pointsman.nodes.event import Recorded, RunStarted
from pointsman.teams.replay.record import ReadRecord, RunRecord
from pointsman.teams.result import Result
from pointsman.teams.tickets import Ticket
from pointsman.views.cli.card import became, call, card, facts
from pointsman.views.cli.options import program
from pointsman.views.cli.screen import STYLES, console, plain, row, step
from pointsman.views.cli.wording import KINDS, Line, ended, line_of, money, seconds, short
from pointsman.views.visible import one_line, visible

MOST_SHOWN = 200
"""Characters of a read's result."""


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


def show_record(record: RunRecord, result: Result) -> None:
    """A run step by step with the time since it began, the runs it gave work to, then its answer
    and its figures."""
    out = console(stderr=False)
    plain(out, f"run {record.run}", "bold")
    _facts(out, record)
    _steps(out, record, "")
    closing = ended(result.status, result.specialist, result.by)
    step(out, Line("status", closing.text, closing.tone))
    if result.error:
        step(out, Line("error", result.error, "bad"))
    if result.answer:
        step(out, Line("answer", result.answer))
    calls = f"{result.model_calls} model calls, {result.cache_hits} from the cache"
    tokens = f"{result.input_tokens}+{result.output_tokens} tokens"
    step(out, Line("cost", f"{calls}, {tokens}, {money(result.usd)}, {seconds(result.seconds)}"))
    if result.saved_seconds or result.saved_usd:
        saved = f"{seconds(result.saved_seconds)} and {money(result.saved_usd)} by the cache"
        step(out, Line("saved", saved))
    for one in record.tree():
        _tickets(out, one)


def _facts(out: Console, record: RunRecord) -> None:
    """What the run is, beside its steps."""
    step(out, Line("team", record.team))
    step(out, Line("thread", record.thread))
    if record.release:
        step(out, Line("release", record.release))
    if record.attempt > 1:
        step(out, Line("attempt", str(record.attempt), "note"))
    if record.fork_of:
        how = ", its writes simulated" if record.simulated else ""
        step(out, Line("fork", f"of {record.fork_of} from {record.fork_at} on{how}", "note"))


def _steps(out: Console, record: RunRecord, indent: str) -> None:
    began = record.before[0].at if record.before else None
    for recorded in record.before:
        began = _event(out, recorded, began, indent)
    for one in record.steps:
        began = one.events[0].at - one.at if began is None and one.events else began
        if one.events or one.reads or one.calls:
            title = one.name if not one.seconds else f"{one.name}, {seconds(one.seconds)}"
            _put(out, one.at, indent, Line("step", title, "dim"))
        for recorded in one.events:
            began = _event(out, recorded, began, indent)
        for asked in one.calls:
            if asked.error:
                line = Line("model", f"{asked.purpose}: {one_line(asked.error)}", "bad")
                _put(out, one.at + one.seconds, indent, line)
        for read in one.reads:
            _put(out, one.at + one.seconds, indent, _read(read))
    for child in record.children:
        text = f"{child.task} is run {child.run} ({child.state}, {seconds(child.seconds)})"
        _put(out, None, indent, Line("gives", text, "note"))
        _steps(out, child, f"{indent}  ")


def _read(read: ReadRecord) -> Line:
    args = ", ".join(f"{name}={value!r}" for name, value in read.args.items())
    came = f"error: {read.error}" if read.error else read.text
    if len(came) > MOST_SHOWN:
        came = f"{came[:MOST_SHOWN]}…"
    held = "held: " if read.held else ""
    return Line("read", one_line(f"{read.tool}({args}) = {held}{came}"), "dim")


def _event(out: Console, recorded: Recorded, began: float | None, indent: str) -> float:
    began = recorded.at if began is None else began
    if not isinstance(recorded.event, RunStarted):
        _put(out, recorded.at - began, indent, line_of(recorded.event))
    return began


def _put(out: Console, at: float | None, indent: str, line: Line) -> None:
    since = "" if at is None else f"+{seconds(max(at, 0.0))}"
    text = visible(line.text)
    if out.is_terminal:
        body = row(Text(f"{indent}{line.label}", "dim"), Text(text, STYLES[line.tone]))
        out.print(_stamped(since, body))
    else:
        plain(out, f"  {since:>12}  {indent}{line.label:<10}{text}")


def _tickets(out: Console, record: RunRecord) -> None:
    for ticket in record.tickets:
        step(out, Line("ticket", f"{ticket.id} {ticket.status}: {call(ticket)}", "note"))
        for label, value in facts(ticket):
            step(out, Line("", f"{label.strip()}: {one_line(value.plain)}"))
        if ticket.by:
            why = f": {one_line(ticket.decision_reason)}" if ticket.decision_reason else ""
            step(out, Line("", f"decided: {ticket.decision} by {ticket.by}{why}"))
    for effect in record.effects:
        tries = f", attempt {effect.attempt}" if effect.attempt > 1 else ""
        text = f"{effect.tool} {effect.state}{tries}: {one_line(effect.result)}"
        step(out, Line("effect", text, "bad" if effect.state == "failed" else "plain"))


def _stamped(since: str, body: object) -> object:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=12, justify="right", style="dim", no_wrap=True)
    grid.add_column()
    grid.add_row(since, body)  # pyright: ignore[reportArgumentType]
    return grid
