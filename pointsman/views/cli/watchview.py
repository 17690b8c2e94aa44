"""The live table's pictures: the list, one ticket, the keys. Each fills the screen exactly."""

from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from pointsman.teams.tickets import Ticket
from pointsman.views.cli.board import Board
from pointsman.views.cli.card import became, call, card, expires_in, votes
from pointsman.views.cli.keys import Editor
from pointsman.views.cli.screen import STYLES
from pointsman.views.cli.wording import KINDS, Tone, money, span
from pointsman.views.visible import one_line, visible

ROW_LINES = 2
_KEYS = (
    ("up down", "move, or scroll (also k j)"),
    ("enter", "show the whole ticket; esc goes back"),
    ("a", "approve: shows the ticket and asks once more"),
    ("e", "edit: other arguments, then approve"),
    ("r", "reject, with a reason that the specialist sees"),
    ("s", "respond: answer yourself instead of the action"),
    ("x", "escalate to another reviewer"),
    ("ctrl-l", "draw the screen anew"),
    ("?", "these keys"),
    ("q", "quit"),
)


@dataclass
class Ask:
    """A question at the foot of the screen. Without an editor one key answers it."""

    label: str
    editor: Editor | None = None


@dataclass
class Scroll:
    """How far a text that is longer than the screen is scrolled. The picture corrects `at`."""

    at: int = 0
    below: int = 0
    """Lines under the last one on the screen."""


@dataclass
class Scene:
    """What is on the screen besides the table."""

    team: str
    by: str
    now: datetime
    showing: str = "list"
    """`list`, `card` or `help`."""
    ticket: Ticket | None = None
    """The one that `card` shows: it stays that one, whatever happens in the table."""
    status: str = ""
    tone: Tone = "dim"
    ask: Ask | None = None
    scroll: Scroll = field(default_factory=Scroll)


@dataclass
class Screenful:
    """Head, body and foot; the body takes what is left of the height."""

    board: Board
    scene: Scene

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Exactly as many lines as the screen has, each exactly as wide."""
        height = options.height or options.size.height
        loose = options.update(height=None)
        head = console.render_lines(_head(self.board, self.scene), loose)[:1]
        body: list[list[Segment]] = []
        foot: list[list[Segment]] = []
        room = 0
        for _ in range(2):  # the foot says how much of the body is below, and takes its room
            foot = console.render_lines(_foot(self.board, self.scene, options.max_width), loose)
            # A long question may take half of the screen, and shows its end: the cursor is there.
            foot = foot[-max(1, height // 2) :]
            room = max(0, height - len(head) - len(foot))
            body = self._body(console, loose, room)
        blank = [Segment(" " * options.max_width)]
        lines = [*head, *body, *[blank] * (room - len(body)), *foot]
        for line in lines[-height:]:
            yield from line
            yield Segment.line()

    def _body(self, console: Console, options: ConsoleOptions, room: int) -> list[list[Segment]]:
        """At most `room` lines; the part that a long text is scrolled to."""
        scene = self.scene
        match scene.showing:
            case "card" if scene.ticket is not None:
                shown = _whole(self.board.by_id.get(scene.ticket.id, scene.ticket))
            case "help":
                shown = _help(scene)
            case _:
                shown = _list(self.board, scene, options.max_width, room)
        lines = console.render_lines(shown, options)
        if scene.showing == "list":
            return lines[:room]
        scene.scroll.at = max(0, min(scene.scroll.at, len(lines) - room))
        scene.scroll.below = max(0, len(lines) - room - scene.scroll.at)
        return lines[scene.scroll.at : scene.scroll.at + room]


def _head(board: Board, scene: Scene) -> Text:
    waits = f"{board.waiting} waiting" if board.waiting else "nothing waiting"
    busy = f", {len(board.busy)} being carried out" if board.busy else ""
    text = f"approvals of {one_line(scene.team)}: {waits}{busy}; you are {one_line(scene.by)}"
    return Text(text, "bold", no_wrap=True, overflow="ellipsis")


def _foot(board: Board, scene: Scene, width: int) -> RenderableType:
    parts: list[Text] = []
    if scene.status:
        parts.append(Text(one_line(scene.status, 2 * width), STYLES[scene.tone]))
    if scene.ask is not None:
        parts.append(_question(scene.ask, scene.scroll.below if scene.showing == "card" else 0))
    else:
        about = {"list": board.current, "card": scene.ticket}.get(scene.showing)
        keys = _hints(about, scene.showing, width)
        parts.append(Text(keys, "dim", no_wrap=True, overflow="ellipsis"))
    grid = Table.grid(expand=True)
    grid.add_column(overflow="fold")
    for part in parts:
        grid.add_row(part)
    return grid


def _question(ask: Ask, below: int) -> Text:
    more = f"({below} more lines: down) " if below else ""
    text = Text(f"{more}{ask.label}", "bold", overflow="fold")
    if ask.editor is None:
        return text.append(" ").append(" ", "reverse")
    at, typed = ask.editor.at, ask.editor.text
    text.append(" ").append(visible(typed[:at]), "not bold")
    text.append(visible(typed[at : at + 1]) or " ", "reverse not bold")
    return text.append(visible(typed[at + 1 :]), "not bold")


def _hints(ticket: Ticket | None, showing: str, width: int) -> str:
    """The keys that do something now; in a narrow terminal fewer, then letters only."""
    keys: list[str] = []
    if ticket is not None and ticket.open:
        words = KINDS[ticket.kind]
        keys += ["a approve", *(["e edit"] if words.edit else []), "r reject"]
        keys += [*(["s respond"] if words.respond else []), "x escalate"]
    keys += ["? keys", "q quit"] if showing == "list" else ["esc back"]
    moving = ["up/down move", "enter details"] if showing == "list" else ["up/down scroll"]
    forms = ("  ".join([*moving, *keys]), "  ".join(keys), " ".join(k.split()[0] for k in keys))
    return next((form for form in forms if len(form) <= width), forms[-1])


def _help(scene: Scene) -> RenderableType:
    grid = Table.grid(padding=(0, 3, 0, 1))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for key, what in _KEYS:
        grid.add_row(key, what)
    grid.add_row("", "")
    grid.add_row("", f"Decisions are recorded as {one_line(scene.by)}'s.")
    grid.add_row("", "A paste never decides. Ctrl-C leaves at once; what is recorded stands.")
    return grid


def _whole(ticket: Ticket) -> RenderableType:
    if ticket.open:
        return card(ticket)
    grid = Table.grid()
    grid.add_column(overflow="fold")
    grid.add_row(card(ticket))
    grid.add_row(Text(became(ticket), "bold"))
    if ticket.outcome:
        grid.add_row(Text(visible(ticket.outcome)))
    return grid


def _list(board: Board, scene: Scene, width: int, room: int) -> RenderableType:
    rows = board.rows()
    if not rows:
        return Text("\nNothing waits for a person. New tickets appear here by themselves.", "dim")
    columns = _columns(width)
    made = Table(box=None, expand=True, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    made.add_column("", width=1, no_wrap=True)
    for name, size, ratio in columns:
        made.add_column(name, width=size, ratio=ratio, no_wrap=True, overflow="ellipsis")
    fit = max(1, (room - 1) // ROW_LINES)
    first = max(0, min(board.index - fit // 2, len(rows) - fit))
    for ticket in rows[first : first + fit]:
        chosen = ticket.id == board.selected
        cells = _cells(ticket, scene.now, busy=ticket.id in board.busy)
        aside = _second(ticket, cells, {name for name, _, _ in columns})
        texts = [cells[name] for name, _, _ in columns]
        place = next(n for n, (name, _, _) in enumerate(columns) if name == "action")
        texts[place] = Text("\n").join([cells["action"], aside])
        style = "reverse" if chosen else "" if ticket.open else "dim"
        made.add_row(">" if chosen else "", *texts, style=style)
    return made


def _columns(width: int) -> list[tuple[str, int | None, int | None]]:
    """Name, width and ratio of each column that there is room for."""
    columns: list[tuple[str, int | None, int | None]] = [("age", 6, None)]
    if width >= 60:
        columns.append(("who asks", min(20, max(10, width // 8)), None))
    columns.append(("action", None, 1))
    if width >= 100:
        columns.append(("cost", 8, None))
    if width >= 80:
        columns.append(("approvals", min(24, width // 7), None))
    if width >= 40:
        columns.append(("expires", 8, None))
    return columns


def _cells(ticket: Ticket, now: datetime, *, busy: bool) -> dict[str, Text]:
    left = (ticket.expires - now).total_seconds() if ticket.expires else None
    soon = "red" if left is not None and left < 60 else "yellow" if left and left < 600 else ""
    approvals = votes(ticket) if ticket.approvals > 1 else ""
    who = visible(", ".join(ticket.reviewers))
    state = "working" if busy else "" if ticket.open else ticket.status
    return {
        "age": Text(span((now - ticket.created).total_seconds())),
        "who asks": Text(one_line(ticket.specialist)),
        "action": Text(call(ticket), "bold" if ticket.open else ""),
        "cost": Text(money(ticket.usd) if ticket.usd is not None else "unknown"),
        "approvals": Text(one_line(state or " ".join(p for p in (approvals, who) if p))),
        "expires": Text(expires_in(ticket, now) if ticket.open else "", soon),
    }


def _second(ticket: Ticket, cells: dict[str, Text], columns: set[str]) -> Text:
    """Under the action: why it asks, and what there is no column for."""
    if not ticket.open:
        return Text(one_line(became(ticket)))
    text = Text()
    written = [p for p in ticket.provenance if p.origin == "document"]
    if written:
        names = ", ".join(p.argument for p in written)
        text.append(one_line(f"{names} from a document! "), "yellow")
    text.append(one_line(ticket.reason if ticket.kind == "action" else KINDS[ticket.kind].waits))
    if ticket.stakes == "high" and "high-stakes" not in text.plain:
        text.append(", high-stakes")
    rest = {"who asks": "by {}", "cost": "cost {}", "approvals": "{}", "expires": "expires in {}"}
    for name, form in rest.items():
        if name not in columns and cells[name].plain:
            text.append("; " + form.format(cells[name].plain))
    return text
