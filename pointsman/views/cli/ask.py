"""Asking a person about a ticket, in the terminal."""

import json
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from pydantic import JsonValue
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pointsman.nodes.digest import JsonObject
from pointsman.teams.tickets import Approve, Decision, Edit, Reject, Respond, Ticket
from pointsman.views.cli.screen import plain
from pointsman.views.cli.wording import money, short
from pointsman.views.visible import visible

Read = Callable[[str], str]
"""Shows a prompt and gives one line. Raises EOFError when the input ends."""

_HELD = {"admit": "let a held message in", "release": "let a held answer out"}


def can_ask() -> bool:
    """Whether somebody sits at the terminal: both stdin and stderr are one."""
    return sys.stdin.isatty() and sys.stderr.isatty()


@contextmanager
def interruptible() -> Generator[None]:
    """Let Ctrl-C end a blocking read: asyncio's own handler would only note it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def read_line(prompt: str) -> str:
    """Prompt on stderr and read one line of stdin, with line editing where Python has it."""
    import contextlib
    import importlib

    with contextlib.suppress(ImportError):
        importlib.import_module("readline")
    with interruptible(), contextlib.redirect_stdout(sys.stderr):
        return input(prompt)


def card(ticket: Ticket) -> Panel:
    """A ticket as a reviewer reads it: who asks, what for, what it changes, why it asks."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in facts(ticket):
        grid.add_row(label, Text(value))
    title = Text(f" ticket {short(ticket.id)} ", "bold cyan")
    return Panel(grid, title=title, title_align="left", border_style="cyan", padding=(0, 1))


def facts(ticket: Ticket) -> list[tuple[str, str]]:
    """The lines of a ticket's card, label and value, safe to print."""
    rows = [("who asks", ticket.specialist)]
    rows.append(("action", _HELD.get(ticket.kind) or visible(ticket.tool)))
    rows += [(f"  {name}", shown(value)) for name, value in ticket.runs.items()]
    if ticket.preview:
        rows.append(("effect", visible(ticket.preview)))
    why = ticket.reason or "the policy asks for every call of this kind"
    rows.append(("reason", f"{visible(why)} (rule {ticket.policy_rule})"))
    rows.append(("cost", f"{money(ticket.usd)} so far"))
    rows.append(("run", f"{short(ticket.run)}, thread {visible(ticket.thread)}"))
    if ticket.assigned:
        rows.append(("assigned", visible(ticket.assigned)))
    if ticket.expires:
        rows.append(("expires", ticket.expires.astimezone().strftime("%Y-%m-%d %H:%M")))
    return rows


def shown(value: JsonValue) -> str:
    """An argument as JSON; plain text stands without quotes when nothing is lost by it."""
    if isinstance(value, str) and value.strip() == value and value and value.isprintable():
        return visible(value)
    return visible(json.dumps(value, ensure_ascii=False))


def ask(out: Console, ticket: Ticket, by: str, read: Read = read_line) -> Decision | None:
    """Show the ticket and ask until there is a decision. None is `later`.

    The end of the input means later. An empty line decides nothing: consent is always typed.
    """
    out.print(card(ticket))
    edits = "[e]dit, " if ticket.kind == "action" and ticket.args else ""
    prompt = f"[a]pprove, {edits}[r]eject, answer [m]yself, [l]ater? "
    while True:
        try:
            match read(prompt).strip().lower():
                case "a" | "approve":
                    return Approve(by=by)
                case "e" | "edit" if edits:
                    changed = edited(out, ticket, read)
                    if changed:
                        return Edit(by=by, args=changed)
                    plain(out, "Nothing was changed, so nothing is decided.", "dim")
                case "r" | "reject":
                    return Reject(by=by, reason=_needed(read, "reason: "))
                case "m" | "myself" | "respond":
                    return Respond(by=by, text=_needed(read, "your answer: "))
                case "l" | "later":
                    return None
                case _:
                    plain(out, "Type the letter or the word.", "dim")
        except EOFError:
            plain(out, "")
            return None


def edited(out: Console, ticket: Ticket, read: Read) -> JsonObject:
    """Ask for each argument; an empty line keeps what stands there. Gives what changed."""
    plain(out, "Enter keeps the value.", "dim")
    changed: JsonObject = {}
    for name, value in ticket.runs.items():
        typed = read(f"  {visible(name)} [{shown(value)}]: ").strip()
        if typed:
            changed[name] = parsed(typed, value)
    return changed


def parsed(typed: str, like: JsonValue = None) -> JsonValue:
    """A typed value: JSON where it is JSON (a number, true, a list), else text.

    `like` is the value it replaces: text stays text, so an order number is not made a number.
    """
    if isinstance(like, str) and not typed.startswith('"'):
        return typed
    try:
        value: JsonValue = json.loads(typed)
    except ValueError:
        return typed
    return value


def _needed(read: Read, prompt: str) -> str:
    while not (typed := read(prompt).strip()):
        continue
    return typed
