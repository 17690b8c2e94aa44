"""What a batch came to: counts by status and source, calls, tokens, time, and what was saved."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from pointsman.teams.result import Result
from pointsman.teams.tickets import Ticket
from pointsman.views.cli.options import program
from pointsman.views.cli.screen import STYLES, plain, table
from pointsman.views.cli.wording import STATUS_TONE, STATUS_WORDS, money, seconds, short


@dataclass
class Tally:
    """Counts of one batch. `unread` are the lines that could not be run at all,
    `repeated` those that had run before."""

    statuses: Counter[str] = field(default_factory=Counter[str])
    routes: Counter[str] = field(default_factory=Counter[str])
    answers: Counter[str] = field(default_factory=Counter[str])
    open_tickets: list[Ticket] = field(default_factory=list[Ticket])
    unread: int = 0
    repeated: int = 0
    model_calls: int = 0
    cache_hits: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0
    saved_usd: float = 0.0
    seconds: float = 0.0
    saved_seconds: float = 0.0

    @property
    def total(self) -> int:
        """Messages that have a status."""
        return sum(self.statuses.values())

    def add(self, result: Result, *, repeated: bool = False) -> None:
        """Count one run. One that was `repeated` is on record from before: it cost nothing now."""
        self.statuses[result.status] += 1
        self.routes[result.route_tier or "none"] += 1
        self.answers[result.by or "nobody yet"] += 1
        self.open_tickets += [t for t in result.tickets if t.status == "pending"]
        if repeated:
            self.repeated += 1
            return
        self.model_calls += result.model_calls
        self.cache_hits += result.cache_hits
        self.input_tokens += result.input_tokens
        self.output_tokens += result.output_tokens
        self.usd += result.usd or 0.0
        self.unpriced += result.usd is None
        self.saved_usd += result.saved_usd
        self.seconds += result.seconds
        self.saved_seconds += result.saved_seconds

    def add_fault(self) -> None:
        """Count one line that could not be run: its status is failed."""
        self.statuses["failed"] += 1
        self.unread += 1


def summary(out: Console, tally: Tally, wall: float) -> None:
    """Print the batch's summary. `wall` is the time it took, in seconds."""
    rows = table("", "", title=f"{tally.total} messages in {seconds(wall)}")
    rows.show_header = False
    statuses = Text(", ").join(
        Text(f"{count} {STATUS_WORDS[status]}", STYLES[STATUS_TONE[status]])
        for status in STATUS_WORDS
        if (count := tally.statuses[status])
    )
    rows.add_row("statuses", statuses)
    if tally.unread:
        rows.add_row("", f"{tally.unread} of the failed could not be run: see the errors above")
    if tally.repeated:
        rows.add_row("", f"{tally.repeated} had run before: their first result stands, at no cost")
    rows.add_row("routes by", _counts(tally.routes, _ROUTES))
    rows.add_row("answers by", _counts(tally.answers, _ANSWERS))
    rows.add_row("model calls", f"{tally.model_calls}")
    rows.add_row("cache hits", f"{tally.cache_hits}")
    rows.add_row("tokens", f"{tally.input_tokens:,} in, {tally.output_tokens:,} out")
    cost = money(tally.usd)
    if tally.unpriced:
        cost += f" and {tally.unpriced} runs whose price is unknown"
    rows.add_row("cost", cost)
    rows.add_row(
        "saved by the cache", f"{seconds(tally.saved_seconds)} and {money(tally.saved_usd)}"
    )
    out.print()
    out.print(rows)
    how_to_go_on(out, tally.open_tickets)


_ROUTES = {
    "model": "model",
    "rules": "rules",
    "sticky": "sticky",
    "classifier": "classifier",
    "handoff": "hand-off",
    "person": "person",
    "none": "none",
}
_ANSWERS = {
    "model": "model",
    "rules": "rules",
    "fallback": "fallback",
    "person": "person",
    "guard": "guard",
    "nobody yet": "nobody yet",
}


def _counts(counts: Counter[str], names: dict[str, str]) -> str:
    always = ("model", "rules", "fallback", "person") if names is _ANSWERS else ("model", "rules")
    shown = [(key, name) for key, name in names.items() if counts[key] or key in always]
    return ", ".join(f"{name} {counts[key]}" for key, name in shown)


def how_to_go_on(out: Console, tickets: Iterable[Ticket]) -> None:
    """Say what waits for a person and which commands continue it."""
    waiting = list(tickets)
    if not waiting:
        return
    plain(out, "")
    plain(out, "Waiting for a person (nothing runs meanwhile, and it keeps until decided):")
    for ticket in waiting:
        what = ticket.tool or ticket.kind
        plain(out, f"  {short(ticket.id)}  {ticket.specialist}: {what}  {ticket.reason}".rstrip())
    first, again = short(waiting[0].id), program()
    plain(out, f"See them:  {again} approvals")
    plain(out, f"Go on:     {again} approve {first}")
    plain(out, f"Or:        {again} reject {first} --reason TEXT")
    plain(out, f"           {again} edit {first} --set NAME=VALUE")
