"""The shop's database: made from shop.sql, read and written in short transactions.

`python -m nodes.shop reset [PATH]` puts it back to its shipped state.
"""

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

PROJECT = Path(__file__).parents[1]
DATABASE = PROJECT / ".pointsman" / "shop.db"
"""Where the shop lives unless told otherwise; ignored by git."""
SCRIPT = PROJECT / "shop.sql"

CAN_CHANGE = ("packed", "on its way", "delayed")
"""The states in which the carrier still takes instructions."""


_PARCEL = "SELECT id, order_id, state, place, seen, expected, hold_until, address FROM parcels "


class RefusedError(Exception):
    """The shop does not do this; nothing was changed. The message is fit for a customer."""


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice, in US cents. `paid` and `refunded` hold one (ISO date, cents) a payment."""

    id: str
    due: str
    cents: int
    paid: tuple[tuple[str, int], ...]
    refunded: tuple[tuple[str, int], ...]

    @property
    def refundable(self) -> int:
        """Cents that were paid and not given back."""
        return sum(cents for _, cents in self.paid) - sum(cents for _, cents in self.refunded)

    @property
    def overpaid(self) -> int:
        """Cents paid beyond the invoice's amount and not refunded: a charge too many."""
        return max(0, self.refundable - self.cents)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel. Dates are ISO 8601; `place`, `seen`, `expected` and `hold_until` may be unknown."""

    id: str
    order: str
    state: str
    place: str | None
    seen: str | None
    expected: str | None
    hold_until: str | None
    address: str


@dataclass(frozen=True, slots=True)
class Device:
    """A device that was sold. `name` is the product's; `warranty_until` an ISO date."""

    id: str
    name: str
    warranty_until: str
    repair_opened: str | None


@dataclass(frozen=True, slots=True)
class Shop:
    """The shop at a path. Holds no connection; each call opens one and makes a missing database."""

    path: Path = DATABASE
    today: Callable[[], date] = date.today

    def invoice(self, number: str) -> Invoice | None:
        """The invoice of that number, e.g. `INV-1042`."""
        with self._open() as db:
            return _invoice(db, number)

    def parcel(self, number: str) -> Parcel | None:
        """The parcel of that number, e.g. `PX-2240`."""
        return self._parcel("WHERE id = ?", number)

    def parcel_of(self, order: str) -> Parcel | None:
        """The parcel in which that order goes out, e.g. `SO-3040`."""
        return self._parcel("WHERE order_id = ?", order)

    def device(self, number: str) -> Device | None:
        """The device of that number, e.g. `DV-7004`, with its newest repair."""
        with self._open() as db:
            row = db.execute(
                "SELECT d.id, p.name, d.warranty_until,"
                " (SELECT max(r.opened) FROM repairs r WHERE r.device_id = d.id)"
                " FROM devices d JOIN products p ON p.kind = d.product WHERE d.id = ?",
                (number,),
            ).fetchone()
        return Device(*row) if row else None

    def advice(self, device: str, problem: str) -> str | None:
        """What the manual says about a kind of device and a kind of problem."""
        with self._open() as db:
            row = db.execute(
                "SELECT advice FROM articles WHERE device = ? AND problem = ?", (device, problem)
            ).fetchone()
        return row[0] if row else None

    def problems(self, device: str) -> tuple[str, ...]:
        """The kinds of problem that the manual knows for a kind of device."""
        with self._open() as db:
            rows = db.execute("SELECT problem FROM articles WHERE device = ?", (device,)).fetchall()
        return tuple(problem for (problem,) in rows)

    def refund(self, number: str, cents: int) -> Invoice:
        """Give `cents` of an invoice back.

        Raises RefusedError beyond what was paid and not refunded.
        """
        with self._open(write=True) as db:
            invoice = _invoice(db, number)
            if invoice is None:
                raise RefusedError(f"There is no invoice {number}.")
            if cents > invoice.refundable:
                raise RefusedError(
                    f"At most {usd(invoice.refundable)} of invoice {number} can be refunded."
                )
            db.execute(
                "INSERT INTO refunds (invoice_id, made, cents, reason)"
                " VALUES (?, ?, ?, 'asked for by the customer')",
                (number, self.today().isoformat(), cents),
            )
            after = _invoice(db, number)
        assert after is not None
        return after

    def change_address(self, number: str, address: str) -> None:
        """Send a parcel elsewhere.

        Raises RefusedError once the carrier takes no more instructions.
        """
        with self._open(write=True) as db:
            self._changeable(db, number)
            db.execute("UPDATE parcels SET address = ? WHERE id = ?", (address, number))

    def hold(self, number: str, days: int) -> str:
        """Have the carrier keep a parcel for so many days after the expected one: the ISO date.

        Raises RefusedError once the carrier takes no more instructions.
        """
        with self._open(write=True) as db:
            expected = date.fromisoformat(self._changeable(db, number))
            until = (expected + timedelta(days=days)).isoformat()
            db.execute("UPDATE parcels SET hold_until = ? WHERE id = ?", (until, number))
        return until

    def open_repair(self, number: str, problem: str) -> None:
        """Open a repair.

        Raises RefusedError for an unknown device and for one that has a repair.
        """
        with self._open(write=True) as db:
            if not db.execute("SELECT 1 FROM devices WHERE id = ?", (number,)).fetchone():
                raise RefusedError(f"There is no device {number}.")
            if db.execute("SELECT 1 FROM repairs WHERE device_id = ?", (number,)).fetchone():
                raise RefusedError(f"A repair of device {number} is already open.")
            db.execute(
                "INSERT INTO repairs (device_id, opened, problem) VALUES (?, ?, ?)",
                (number, self.today().isoformat(), problem),
            )

    def _changeable(self, db: sqlite3.Connection, number: str) -> str:
        """The expected day of a parcel that can still be changed."""
        row = db.execute("SELECT state, expected FROM parcels WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise RefusedError(f"There is no parcel {number}.")
        if row[0] not in CAN_CHANGE:
            raise RefusedError(f"Parcel {number} cannot be changed any more: it is {row[0]}.")
        return row[1]

    def _parcel(self, where: str, value: str) -> Parcel | None:
        with self._open() as db:
            row = db.execute(_PARCEL + where, (value,)).fetchone()
        return Parcel(*row) if row else None

    @contextmanager
    def _open(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        with connected(self.path) as db:
            if not db.execute("PRAGMA user_version").fetchone()[0]:
                build(db, anew=False)
            # IMMEDIATE takes the write lock before the first read, so that what a refund checks
            # is still true when it writes.
            db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            with db:
                yield db


def usd(cents: int) -> str:
    """Cents as a customer reads them, e.g. `$89.00`."""
    return f"${cents / 100:,.2f}"


def reset(path: Path | str = DATABASE, *, script: Path = SCRIPT) -> None:
    """Put the shop back to its shipped state, in one transaction that others see whole or not.

    A file that is no database any more is replaced.
    """
    path = Path(path)
    try:
        with connected(path) as db:
            build(db, anew=True, script=script)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        path.unlink()
        path.with_name(path.name + "-journal").unlink(missing_ok=True)
        with connected(path) as db:
            build(db, anew=True, script=script)


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection without implicit transactions, closed at the end; makes the folder."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        yield db


def build(db: sqlite3.Connection, *, anew: bool, script: Path = SCRIPT) -> None:
    """Make every table in one transaction; with `anew`, drop what is there first."""
    db.execute("BEGIN IMMEDIATE")
    with db:
        # tables are dropped and filled in any order: the keys are checked at the end
        db.execute("PRAGMA defer_foreign_keys = ON")
        if not anew and db.execute("PRAGMA user_version").fetchone()[0]:
            return  # another process was first
        names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            db.execute(f'DROP TABLE "{name}"')
        for statement in statements(script.read_text(encoding="utf-8")):
            db.execute(statement)
        if db.execute("PRAGMA foreign_key_check").fetchone():
            raise ValueError(f"{script.name} names a row that does not exist.")
        db.execute("PRAGMA user_version = 1")


def statements(script: str) -> Iterator[str]:
    """The statements of an SQL script, in order. (`executescript` would commit on its own.)"""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def _invoice(db: sqlite3.Connection, number: str) -> Invoice | None:
    row = db.execute("SELECT id, due, cents FROM invoices WHERE id = ?", (number,)).fetchone()
    if row is None:
        return None
    paid = db.execute(
        "SELECT paid, cents FROM payments WHERE invoice_id = ? ORDER BY paid, id", (number,)
    ).fetchall()
    refunded = db.execute(
        "SELECT made, cents FROM refunds WHERE invoice_id = ? ORDER BY made, id", (number,)
    ).fetchall()
    return Invoice(*row, paid=tuple(paid), refunded=tuple(refunded))


def main(args: list[str]) -> int:
    """`reset [PATH]`; gives the exit code."""
    if not args or args[0] != "reset" or len(args) > 2:
        print("Usage: python -m nodes.shop reset [PATH]", file=sys.stderr)
        return 2
    path = Path(args[1]) if len(args) == 2 else DATABASE
    reset(path)
    print(f"The shop is back to its shipped state: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
