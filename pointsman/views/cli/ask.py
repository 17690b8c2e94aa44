"""Asking a person about a ticket, in the terminal."""

import json
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from pydantic import JsonValue, ValidationError
from rich.console import Console

from pointsman.errors import InvalidDecision
from pointsman.nodes.digest import JsonObject
from pointsman.teams.tickets import Approve, Decision, Edit, Escalate, Reject, Respond, Ticket
from pointsman.views.cli.card import card, shown
from pointsman.views.cli.screen import plain
from pointsman.views.cli.wording import KINDS
from pointsman.views.visible import visible

Read = Callable[[str], str]
"""Shows a prompt and gives one line. Raises EOFError when the input ends."""


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


def ask(out: Console, ticket: Ticket, by: str, read: Read = read_line) -> Decision | None:
    """Show the ticket and ask until there is a decision. None is `later`.

    The end of the input means later. An empty line decides nothing: consent is always typed.
    Raises InvalidDecision for a text that is too long.
    """
    out.print(card(ticket))
    words = KINDS[ticket.kind]
    prompt = _prompt(ticket)
    while True:
        try:
            match read(prompt).strip().lower():
                case "a" | "approve":
                    return Approve(by=by)
                case "e" | "edit" if editable(ticket):
                    changed = edited(out, ticket, read)
                    if changed:
                        # All of them: what was on the screen, and no edit that came since.
                        return Edit(by=by, args={**ticket.runs, **changed})
                    plain(out, "Nothing was changed, so nothing is decided.", "dim")
                case "r" | "reject":
                    with fitting():
                        return Reject(by=by, reason=_needed(read, "reason: "))
                case "m" | "myself" | "respond" if words.respond:
                    with fitting():
                        return Respond(by=by, text=_needed(read, f"{words.asks_respond}: "))
                case "x" | "escalate":
                    with fitting():
                        return Escalate(by=by, to=_needed(read, "who shall decide: "))
                case "l" | "later":
                    return None
                case _:
                    plain(out, "Type the letter or the word.", "dim")
        except EOFError:
            plain(out, "")
            return None


def _prompt(ticket: Ticket) -> str:
    parts = ["[a]pprove"]
    if editable(ticket):
        parts.append("[e]dit")
    parts.append("[r]eject")
    if KINDS[ticket.kind].respond:
        parts.append("answer [m]yself" if ticket.kind != "ambiguous" else "[m] it happened")
    return ", ".join([*parts, "[x] escalate", "[l]ater? "])


def editable(ticket: Ticket) -> bool:
    """Whether the ticket takes an edit: its kind does, and there is something to edit."""
    return bool(KINDS[ticket.kind].edit and ticket.args)


@contextmanager
def fitting() -> Generator[None]:
    """Make decisions in this block: raises InvalidDecision, with what is wrong, where pydantic
    refuses one."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidDecision(f"The decision does not fit: {field}: {first['msg']}.") from error


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
        value: JsonValue = json.loads(typed, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return typed
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"JSON has no {name}.")


def entry(value: JsonValue) -> str:
    """A value as a person edits it: `parsed` gives it back."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    same = value.strip() == value and value.isprintable() and not value.startswith('"')
    return value if value and same else json.dumps(value, ensure_ascii=not value.isprintable())


def _needed(read: Read, prompt: str) -> str:
    while not (typed := read(prompt).strip()):
        continue
    return typed
