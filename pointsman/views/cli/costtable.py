"""Accounts as a table, as CSV and as JSON."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console

from pointsman.nodes.digest import JsonObject
from pointsman.teams.accounts import FIGURES, Account, Accounts, Group
from pointsman.views.cli.screen import plain, table
from pointsman.views.cli.wording import seconds
from pointsman.views.visible import one_line

_FIGURES = (
    "runs", "calls", "cost", "tokens in", "tokens out", "time",
    "cache hits", "saved", "failed", "fallbacks",
)  # fmt: skip
_PLAIN_WIDTH = 240


def dollars(value: float | Decimal) -> str:
    """US dollars with at least two figures: `$0`, `$0.000012`, `$0.0042`, `$1,234.50`."""
    amount = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not amount:
        return "$0"
    if abs(amount) >= 1:
        return f"${amount:,.2f}"
    return f"${amount:.{max(4, 1 - amount.adjusted())}f}"


def show(out: Console, accounts: Accounts, *, top: int) -> None:
    """Print the first `top` groups, the others as one line, and the total."""
    groups = accounts.groups() if accounts.by else []
    made = table(*accounts.by, *_FIGURES)
    for column in made.columns[len(accounts.by) :]:
        column.justify, column.no_wrap = "right", True
    for group in groups[:top]:
        made.add_row(*[one_line(name) or "-" for name in group.key], *_cells(group.account))
    rest = groups[top:]
    if rest:
        others = [f"{len(rest):,} others", *[""] * (len(accounts.by) - 1)]
        # A run may stand in several of them: their sum would count it twice.
        made.add_row(*others, "", *_cells(_sum(rest))[1:])
    if accounts.by:
        made.add_section()
    made.add_row(*["total", *[""] * (len(accounts.by) - 1)][: len(accounts.by)],
                 *_cells(accounts.total))  # fmt: skip
    if not out.is_terminal:
        out.width = _PLAIN_WIDTH
    out.print(made)
    if accounts.total.unknown_calls:
        unknown = accounts.total.unknown_calls
        plain(out, "")
        plain(out, f"{_calls(unknown)} cost what nobody here knows: the sums of money leave them"
              " out. Give the team prices= for those models.")  # fmt: skip


def _sum(groups: Sequence[Group]) -> Account:
    total = Account()
    for group in groups:
        total.merge(group.account)
    return total


def _cells(of: Account) -> list[str]:
    cached = f" ({of.cached_tokens:,} cached)" if of.cached_tokens else ""
    return [
        f"{of.runs:,}",
        f"{of.calls:,}",
        _money(of.known_usd, of.unknown_calls, "call"),
        f"{of.input_tokens:,}{cached}",
        f"{of.output_tokens:,}",
        seconds(float(of.seconds)),
        f"{of.cache_hits:,}",
        _money(of.known_saved_usd, of.saved_unknown, "hit"),
        f"{of.failed_calls:,}",
        f"{of.fallbacks:,}",
    ]


def _money(known: Decimal | None, unknown: int, what: str) -> str:
    if not unknown:
        return dollars(known or Decimal(0))
    counted = f"{unknown:,} unknown {what}{'' if unknown == 1 else 's'}"
    return counted if known is None else f"{dollars(known)} + {counted}"


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number:,} calls"


def as_csv(accounts: Accounts) -> str:
    """One line a group under a line of names, money in full; no money where none is known."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow([*accounts.by, *FIGURES])
    for group in accounts.groups():
        out.writerow([*group.key, *_exact(group.account)])
    return text.getvalue()


def _exact(of: Account) -> list[str]:
    hidden = _hidden(of)
    return ["" if name in hidden else _full(getattr(of, name)) for name in FIGURES]


def _full(value: int | Decimal) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _hidden(of: Account) -> set[str]:
    """Sums of money of which nothing is known: they are not 0."""
    known = {"usd": of.known_usd, "saved_usd": of.known_saved_usd}
    return {name for name, value in known.items() if value is None}


def as_json(accounts: Accounts) -> JsonObject:
    """Total and groups; money is null where none is known."""
    return {
        "by": list(accounts.by),
        "total": _figures(accounts.total),
        "groups": [
            {**dict(zip(accounts.by, group.key, strict=True)), **_figures(group.account)}
            for group in (accounts.groups() if accounts.by else [])
        ],
    }


def _figures(of: Account) -> JsonObject:
    hidden = _hidden(of)
    return {name: None if name in hidden else _number(getattr(of, name)) for name in FIGURES}


def _number(value: int | Decimal) -> int | float:
    return float(value) if isinstance(value, Decimal) else value
