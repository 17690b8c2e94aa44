"""The rows of shared budgets: what was spent, what is set aside, what people have added."""

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

SCHEMA = 1
FOLD_AFTER = 3600.0
"""Seconds for which a hold whose lease has ended keeps its row, so that a call that ends late is
still settled exactly. After that its worst case stays spent."""
UNITS = ("usd", "tokens", "calls", "seconds")
LEAST_MS = 1000
"""A call that the budget leaves less time is not made, unless it asks for no more."""
_HELD = (
    "SELECT coalesce(sum(usd), 0), coalesce(sum(tokens), 0), coalesce(sum(calls), 0),"
    " coalesce(sum(ms), 0), coalesce(sum(usd IS NULL), 0) FROM holds WHERE key = ?"
)

TABLES = """
CREATE TABLE budgets (key TEXT PRIMARY KEY, usd INTEGER NOT NULL DEFAULT 0,
    tokens INTEGER NOT NULL DEFAULT 0, calls INTEGER NOT NULL DEFAULT 0,
    ms INTEGER NOT NULL DEFAULT 0, lost_usd INTEGER NOT NULL DEFAULT 0,
    lost_tokens INTEGER NOT NULL DEFAULT 0, lost_calls INTEGER NOT NULL DEFAULT 0,
    lost_ms INTEGER NOT NULL DEFAULT 0, unpriced INTEGER NOT NULL DEFAULT 0,
    ends REAL) STRICT, WITHOUT ROWID;
CREATE INDEX budgets_ends ON budgets (ends) WHERE ends IS NOT NULL;
CREATE TABLE holds (key TEXT NOT NULL, id TEXT NOT NULL, usd INTEGER, tokens INTEGER NOT NULL,
    calls INTEGER NOT NULL, ms INTEGER NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (key, id)) STRICT, WITHOUT ROWID;
CREATE INDEX holds_id ON holds (id);
CREATE INDEX holds_until ON holds (until);
CREATE TABLE extensions (key TEXT NOT NULL, token TEXT NOT NULL, usd INTEGER NOT NULL,
    tokens INTEGER NOT NULL, calls INTEGER NOT NULL, ms INTEGER NOT NULL,
    PRIMARY KEY (key, token)) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Amount:
    """Whole units: nano-dollars, tokens, calls, milliseconds. None is no bound, or not known."""

    usd: int | None = 0
    tokens: int | None = 0
    calls: int | None = 0
    ms: int | None = 0


@dataclass(frozen=True, slots=True)
class More:
    """An extension, counted once however often it is said."""

    token: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class BudgetAsk:
    """What one budget is asked to set aside."""

    key: str
    bound: Amount
    worst: Amount
    """`usd` None: not known, and then it fits while any is left. `ms` is cut to what is left."""
    more: tuple[More, ...] = ()
    ends: float | None = None
    """When its row may be forgotten, in seconds since the epoch; None: never."""


@dataclass(frozen=True, slots=True)
class Short:
    """Nothing was set aside: `unit` of the ask of that number does not fit."""

    ask: int
    unit: str
    bound: int
    """Extensions included."""
    left: int


@dataclass(frozen=True, slots=True)
class Balance:
    """How one budget stands."""

    spent: Amount = Amount()
    lost: Amount = Amount()
    """At most so much more was spent, by calls of which nobody knows what they cost."""
    held: Amount = Amount()
    more: Amount = Amount()
    unpriced: int = 0
    """Calls of unknown price: no sum of USD holds them."""


def grant(asks: Sequence[BudgetAsk], balances: Sequence[Balance]) -> int | Short | None:
    """The milliseconds that the call may take (None: no bound), or what is short."""
    granted: int | None = None
    for number, (ask, balance) in enumerate(zip(asks, balances, strict=True)):
        for n, bound in enumerate(astuple(ask.bound)):
            if bound is None:
                continue
            worst, left = astuple(ask.worst)[n], bound + _left(balance, n)
            if UNITS[n] == "seconds" and left >= min(worst or LEAST_MS, LEAST_MS):
                granted = min(left if granted is None else granted, left)
            elif UNITS[n] == "seconds" or (left <= 0 and worst != 0) or (worst or 0) > left:
                return Short(number, UNITS[n], bound + (astuple(balance.more)[n] or 0), left)
    return granted


def take(
    db: sqlite3.Connection, asks: Sequence[BudgetAsk], hold: str, now: float, lease: float
) -> int | Short | None:
    """Set all aside, or nothing. Gives the milliseconds that the call may take; None: no bound."""
    for ask in asks:
        _begin(db, ask)
    granted = grant(asks, [balance_of(db, ask.key, now) for ask in asks])
    if isinstance(granted, Short):
        return granted
    for ask in asks:
        worst = ask.worst
        ms = worst.ms if granted is None else min(worst.ms or granted, granted)
        db.execute(
            "INSERT INTO holds VALUES (?, ?, ?, ?, ?, ?, ?)",
            (ask.key, hold, worst.usd, worst.tokens, worst.calls, ms, now + lease),
        )
    return granted


def settle(db: sqlite3.Connection, keys: Sequence[str], hold: str, used: Amount) -> None:
    """The call took so much; of what is not known, its worst case is counted as lost."""
    for key in keys:
        row = db.execute(
            "DELETE FROM holds WHERE key = ? AND id = ? RETURNING usd, tokens, calls, ms",
            (key, hold),
        ).fetchone()
        # Without a row the lease ended long ago: the worst case is spent, and this comes on top.
        worst = Amount(*row) if row else Amount()
        _add(db, key, used, worst)


def release(db: sqlite3.Connection, hold: str) -> None:
    """The call was never made."""
    db.execute("DELETE FROM holds WHERE id = ?", (hold,))


def sweep(db: sqlite3.Connection, now: float) -> int:
    """Count what dead calls held as lost, and forget budgets whose time has ended. Gives the number
    of dead calls."""
    dead = db.execute(
        "DELETE FROM holds WHERE until <= ? RETURNING key, id, usd, tokens, calls, ms",
        (now - FOLD_AFTER,),
    ).fetchall()
    for key, _, *worst in dead:
        _add(db, key, Amount(None, None, None, None), Amount(*worst))
    db.execute("DELETE FROM budgets WHERE ends <= ? AND key NOT IN (SELECT key FROM holds)", (now,))
    db.execute("DELETE FROM extensions WHERE key NOT IN (SELECT key FROM budgets)")
    return len({hold for _, hold, *_ in dead})


def balance_of(db: sqlite3.Connection, key: str, now: float) -> Balance:
    """How the budget stands at that time. A hold whose lease has ended is no longer held: what it
    set aside may have been spent."""
    row = db.execute(
        "SELECT usd, tokens, calls, ms, lost_usd, lost_tokens, lost_calls, lost_ms, unpriced"
        " FROM budgets WHERE key = ?",
        (key,),
    ).fetchone()
    row = row or (0,) * 9
    held = db.execute(f"{_HELD} AND until > ?", (key, now)).fetchone()
    dead = db.execute(f"{_HELD} AND until <= ?", (key, now)).fetchone()
    more = db.execute(
        "SELECT coalesce(sum(usd), 0), coalesce(sum(tokens), 0), coalesce(sum(calls), 0),"
        " coalesce(sum(ms), 0) FROM extensions WHERE key = ?",
        (key,),
    ).fetchone()
    return Balance(
        spent=Amount(*row[:4]),
        lost=Amount(*(a + b for a, b in zip(row[4:8], dead[:4], strict=True))),
        held=Amount(*held[:4]),
        more=Amount(*more),
        unpriced=row[8] + dead[4],
    )


def nano(usd: float) -> int:
    """Dollars in whole nano-dollars, to the nearest; more than nothing is at least one, and more
    than a billion dollars is a billion, so that sums stay integers."""
    return max(round(min(usd, 1e9) * 1e9), 1 if usd > 0 else 0)


def milli(seconds: float) -> int:
    """Seconds in whole milliseconds, rounded up."""
    return math.ceil(seconds * 1000)


def _left(balance: Balance, unit: int) -> int:
    """What is left of one unit, beside the bound itself."""
    more, *gone = (
        astuple(part)[unit] for part in (balance.more, balance.spent, balance.lost, balance.held)
    )
    return more - sum(gone)


def _begin(db: sqlite3.Connection, ask: BudgetAsk) -> None:
    db.execute(
        "INSERT INTO budgets (key, ends) VALUES (?, ?) ON CONFLICT (key) DO UPDATE"
        " SET ends = excluded.ends",
        (ask.key, ask.ends),
    )
    for more in ask.more:
        amount = replace(more.amount, **zeros(more.amount))
        db.execute(
            "INSERT OR IGNORE INTO extensions VALUES (?, ?, ?, ?, ?, ?)",
            (ask.key, more.token, amount.usd, amount.tokens, amount.calls, amount.ms),
        )


def zeros(amount: Amount) -> dict[str, int]:
    """What is not said of an amount, as nothing."""
    names = ("usd", "tokens", "calls", "ms")
    return {name: 0 for name in names if getattr(amount, name) is None}


def _add(db: sqlite3.Connection, key: str, used: Amount, worst: Amount) -> None:
    pairs = list(zip(astuple(used), astuple(worst), strict=True))
    spent = [take or 0 for take, _ in pairs]
    lost = [0 if take is not None else most or 0 for take, most in pairs]
    unpriced = int(used.usd is None and worst.usd is None)
    db.execute(
        "INSERT INTO budgets (key, usd, tokens, calls, ms, lost_usd, lost_tokens, lost_calls,"
        " lost_ms, unpriced) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
        " usd = usd + excluded.usd, tokens = tokens + excluded.tokens,"
        " calls = calls + excluded.calls, ms = ms + excluded.ms,"
        " lost_usd = lost_usd + excluded.lost_usd,"
        " lost_tokens = lost_tokens + excluded.lost_tokens,"
        " lost_calls = lost_calls + excluded.lost_calls, lost_ms = lost_ms + excluded.lost_ms,"
        " unpriced = unpriced + excluded.unpriced",
        (key, *spent, *lost, unpriced),
    )
