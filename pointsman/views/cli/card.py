"""A ticket as a reviewer reads it: who asks, what for, what it changes, why it asks, who decides.

Everything from models, messages and people passes `visible` here.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from pydantic import JsonValue
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pointsman.errors import InvalidDecision
from pointsman.nodes.message import Change
from pointsman.teams.approvals.lifecycle import Groups, permit
from pointsman.teams.tickets import Ticket, tasks_of
from pointsman.views.cli.wording import KINDS, NO_TOOL, ORIGINS, money, short, span
from pointsman.views.visible import one_line, visible

Fact = tuple[str, Text]
"""A label and what it says."""


def card(ticket: Ticket) -> Panel:
    """The ticket's facts in a frame."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", overflow="fold", max_width=24)
    grid.add_column(overflow="fold")
    for label, value in facts(ticket):
        grid.add_row(Text(label), value)
    title = Text(f" ticket {short(ticket.id)} ", "bold cyan")
    return Panel(grid, title=title, title_align="left", border_style="cyan", padding=(0, 1))


def facts(ticket: Ticket, now: datetime | None = None) -> list[Fact]:
    """The lines of a ticket's card. `now`: the time that waits are counted to."""
    at = now or datetime.now(UTC)
    return [*_asked(ticket), *_changed(ticket), *_why(ticket), *_deciding(ticket, at)]


def _asked(ticket: Ticket) -> Iterator[Fact]:
    yield "who asks", Text(visible(ticket.specialist))
    words = KINDS[ticket.kind]
    if ticket.kind in NO_TOOL:
        yield "action", Text(words.waits)
    else:
        risk = f" ({ticket.stakes}-stakes {ticket.effect})"
        style = "bold red" if ticket.stakes == "high" else ""
        yield "action", Text(visible(ticket.tool), "bold").append(risk, style)
    if ticket.kind in ("ambiguous", "compensate"):
        yield "question", Text(words.waits, "yellow")
    if ticket.kind in ("admit", "release"):
        yield "  text", Text(visible(str(ticket.runs.get("text", ""))))
        return
    if ticket.kind == "plan" and "tasks" in ticket.runs:
        yield from _tasks(ticket)
        return
    for name, value in ticket.runs.items():
        before = ticket.args.get(name)
        if name in ticket.args and before != value:
            yield f"  {visible(name)}", _arrow(before, value).append(" (edited)", "yellow")
        else:
            yield f"  {visible(name)}", Text(shown(value))
    for p in ticket.provenance:
        text = f"{visible(p.argument)}: {ORIGINS[p.origin]}"
        source = f" ({visible(p.source)})" if p.source else ""
        yield "origin", Text(text + source, "yellow" if p.origin == "document" else "")


def _tasks(ticket: Ticket) -> Iterator[Fact]:
    """A plan's tasks, one line for each."""
    before = tasks_of(ticket.args)
    for task in tasks_of(ticket.runs):
        after = f" (after {', '.join(task.needs)})" if task.needs else ""
        line = Text(visible(f"{task.to}{after}: {task.text}"))
        if task.data is not None:
            line.append(f" {shown(task.data)}")
        yield (
            f"  {visible(task.id)}",
            line if task in before else line.append(" (edited)", "yellow"),
        )


def _changed(ticket: Ticket) -> Iterator[Fact]:
    for change in ticket.changes:
        what = Text(f"{visible(change.what)}: ", "")
        yield "changes", what.append_text(_arrow(change.before, change.after))
    if ticket.kind == "plan":
        return  # its preview is the tasks in words, as they were asked for
    if ticket.preview and not _only_changes(ticket.preview, ticket.changes):
        label = "about" if ticket.kind == "route" else "effect"
        yield label, Text(visible(ticket.preview))


def _only_changes(preview: str, changes: tuple[Change, ...]) -> bool:
    """Whether the preview says, line by line, what the changes say."""
    lines = preview.split("\n")
    return len(lines) == len(changes) and all(
        line.startswith(f"{change.what}: ") for line, change in zip(lines, changes, strict=True)
    )


def _why(ticket: Ticket) -> Iterator[Fact]:
    why = ticket.reason or "the policy asks for every call of this kind"
    yield "reason", Text(f"{visible(why)} (rule {visible(ticket.policy_rule)})")
    yield "cost", Text(f"{money(ticket.usd)} so far")
    yield "run", Text(f"{short(ticket.run)}, thread {visible(ticket.thread)}")
    if ticket.tenant != "default":
        yield "tenant", Text(visible(ticket.tenant))
    if ticket.about:
        yield "about", Text(f"ticket {short(ticket.about)}")


def _deciding(ticket: Ticket, now: datetime) -> Iterator[Fact]:
    if ticket.approvals > 1:
        yield "approvals", Text(f"{votes(ticket)}; different people must approve")
    if ticket.reviewers:
        yield "reviewers", Text(visible(", ".join(ticket.reviewers)))
    if ticket.assigned:
        yield "assigned", Text(visible(ticket.assigned))
    if not ticket.open:
        return
    yield "waits", Text(f"for {span((now - ticket.created).total_seconds())}")
    if ticket.expires:
        yield "expires", Text(_until(ticket, now))
    if ticket.kind != "action":
        words = KINDS[ticket.kind]
        yield "approve", Text(f"means: {words.approve}", "cyan")
        yield "reject", Text(f"means: {words.reject}", "cyan")
        if words.respond:
            yield "respond", Text(f"means: {words.respond}", "cyan")


def _until(ticket: Ticket, now: datetime) -> str:
    assert ticket.expires is not None  # noqa: S101 (the caller looked)
    then = KINDS[ticket.kind].late
    if ticket.escalate_to:
        then = f"{visible(ticket.escalate_to[0])} is asked"
    at = f"{ticket.expires.astimezone():%Y-%m-%d %H:%M}"
    return f"in {expires_in(ticket, now)} ({at}); then {then}"


def expires_in(ticket: Ticket, now: datetime) -> str:
    """How long until the ticket's time is up; empty for one that waits for ever."""
    if ticket.expires is None:
        return ""
    return span(max(0.0, (ticket.expires - now).total_seconds()))


def votes(ticket: Ticket) -> str:
    """`1 of 2 (ana)`: how many different people have approved, of how many, and who."""
    people = list(dict.fromkeys(vote.by for vote in ticket.votes))
    who = f" ({visible(', '.join(people))})" if people else ""
    return f"{len(people)} of {ticket.approvals}{who}"


def voted(ticket: Ticket) -> str:
    """What an approval came to that left the ticket open."""
    return f"{votes(ticket)} approvals; another person must approve too"


def barred(ticket: Ticket, by: str, groups: Groups) -> str:
    """Why this person cannot decide the ticket; empty when they can."""
    try:
        permit(ticket, by, groups)
    except InvalidDecision as error:
        return error.message
    return ""


def agreed(ticket: Ticket, by: str) -> bool:
    """Whether this person has approved already what the ticket shows."""
    return any(vote.by == by and vote.digest == ticket.shows for vote in ticket.votes)


def became(ticket: Ticket) -> str:
    """What a closed ticket came to: status, who, when and why."""
    who = f", {ticket.decision} by {visible(ticket.by)}" if ticket.by else ""
    when = f" on {ticket.decided.astimezone():%Y-%m-%d %H:%M}" if ticket.decided else ""
    why = f": {one_line(ticket.decision_reason)}" if ticket.decision_reason else ""
    grant = f" (grant {ticket.grant})" if ticket.grant else ""
    return f"{ticket.status}{who}{grant}{when}{why}"


def call(ticket: Ticket) -> str:
    """The action and its arguments on one line: `refund(order=A-1002, usd=20)`."""
    if ticket.kind in ("admit", "release"):
        return f"{ticket.kind}: {one_line(str(ticket.runs.get('text', '')))}"
    if ticket.kind == "route":
        return one_line(f"route: to {ticket.runs.get('to') or 'nobody yet'}")
    if ticket.kind == "plan":
        tasks = tasks_of(ticket.runs)
        return one_line(f"plan: {', '.join(f'{task.id} by {task.to}' for task in tasks)}")
    args = ", ".join(f"{name}={inline(value)}" for name, value in ticket.runs.items())
    return one_line(f"{ticket.tool}({args})")


def inline(value: JsonValue) -> str:
    """An argument among others on one line: text that could be taken for more is in quotes."""
    if isinstance(value, str) and re.fullmatch(r"[\w.:/@+-]+", value):
        return visible(value)
    return visible(json.dumps(value, ensure_ascii=False))


def shown(value: JsonValue) -> str:
    """An argument as JSON; plain text stands without quotes when nothing is lost by it."""
    if isinstance(value, str) and value.strip() == value and value and value.isprintable():
        return visible(value)
    return visible(json.dumps(value, ensure_ascii=False))


def _arrow(before: JsonValue, after: JsonValue) -> Text:
    text = Text().append(_stand(before), "red")
    return text.append(" -> ", "dim").append(_stand(after), "green")


def _stand(value: JsonValue) -> str:
    return "nothing" if value is None else shown(value)
