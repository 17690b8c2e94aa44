"""A retail shop's database: users, products and orders in SQLite, and a journal of every write that
was asked of it.

One row of the journal is one call of a write, `refused` when it changed nothing. So a write that
ran twice shows, whatever the second one did to the data.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Record = dict[str, Any]
"""A user, a product or an order, as the published database has it."""
Rule = Callable[["Desk"], str]
"""A write: changes records at the desk and says what it did. Raises Refused."""
TABLES = ("products", "users", "orders")


class Refused(Exception):
    """The shop's policy does not allow this. Nothing was changed."""


@dataclass(frozen=True)
class Called:
    """One call of a write."""

    tool: str
    args: str
    """Canonical JSON."""
    refused: str
    """Why nothing was changed; empty when it was done."""
    said: str


State = tuple[dict[tuple[str, str], str], list[Called]]
"""A whole shop: its rows and its journal."""


class Desk:
    """Records as one transaction sees and changes them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.before: dict[tuple[str, str], Record] = {}
        """Each record that was changed, as it was."""

    def user(self, user_id: str) -> Record:
        """A user. Raises Refused where there is none."""
        return self._get("users", user_id)

    def order(self, order_id: str) -> Record:
        """An order. Raises Refused where there is none."""
        return self._get("orders", order_id)

    def product(self, product_id: str) -> Record:
        """A product. Raises Refused where there is none."""
        return self._get("products", product_id)

    def users_where(self, condition: str, *values: str) -> list[str]:
        """Ids of the users whose record fits a condition in SQL."""
        sql = f"SELECT id FROM users WHERE {condition} ORDER BY id"
        return [str(row[0]) for row in self._db.execute(sql, values)]

    def product_types(self) -> dict[str, str]:
        """Name -> product id."""
        sql = "SELECT body ->> '$.name', id FROM products ORDER BY 1"
        return dict(self._db.execute(sql).fetchall())

    def item(self, item_id: str) -> tuple[str, Record]:
        """A variant, by its item id: the id of its product, and the variant. Raises Refused."""
        row = self._db.execute(
            "SELECT products.id, variant.value FROM products,"
            " json_each(products.body, '$.variants') AS variant WHERE variant.key = ?",
            (item_id,),
        ).fetchone()
        if row is None:
            raise Refused(f"there is no item {item_id}")
        return str(row[0]), json.loads(row[1])

    def put_user(self, user: Record) -> None:
        """Change a user."""
        self._put("users", str(user["user_id"]), user)

    def put_order(self, order: Record) -> None:
        """Change an order."""
        self._put("orders", str(order["order_id"]), order)

    def _get(self, table: str, key: str) -> Record:
        sql = f"SELECT body FROM {table} WHERE id = ?"
        row = self._db.execute(sql, (key,)).fetchone()
        if row is None:
            raise Refused(f"there is no {table.removesuffix('s')} {key}")
        return json.loads(row[0])

    def _put(self, table: str, key: str, record: Record) -> None:
        self.before.setdefault((table, key), self._get(table, key))
        sql = f"UPDATE {table} SET body = ? WHERE id = ?"
        self._db.execute(sql, (canonical(record), key))


class RetailShop:
    """The shop in one file. Every call opens it anew, so any thread and process may use it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @classmethod
    def load(cls, file: Path, data: Mapping[str, Mapping[str, Record]]) -> "RetailShop":
        """Make the shop's file of the published database."""
        shop = cls(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        with shop._open() as db:
            for table in TABLES:
                db.execute(f"CREATE TABLE {table} (id TEXT PRIMARY KEY, body TEXT NOT NULL)")
                rows = [(key, canonical(record)) for key, record in data[table].items()]
                db.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
            db.execute(
                "CREATE TABLE journal (n INTEGER PRIMARY KEY AUTOINCREMENT, tool TEXT NOT NULL,"
                " args TEXT NOT NULL, refused TEXT NOT NULL, said TEXT NOT NULL)"
            )
        return shop

    def look(self, question: Callable[[Desk], Any]) -> Any:
        """Answer a question; changes nothing."""
        with self._open(commit=False) as db:
            return question(Desk(db))

    def write(self, tool: str, args: Mapping[str, object], rule: Rule) -> str:
        """Do a write and note it, both or neither. Raises Refused, which is noted too."""
        refused = said = ""
        with self._open() as db:
            db.execute("SAVEPOINT work")
            try:
                said = rule(Desk(db))
            except Refused as no:
                refused = str(no)
                db.execute("ROLLBACK TO work")
            db.execute(
                "INSERT INTO journal (tool, args, refused, said) VALUES (?, ?, ?, ?)",
                (tool, canonical(args), refused, said),
            )
        if refused:
            raise Refused(refused)
        return said

    def would_change(self, rule: Rule) -> dict[tuple[str, str], tuple[Record, Record]]:
        """Each record a write would change, before and after; changes nothing. Raises Refused."""
        with self._open(commit=False) as db:
            desk = Desk(db)
            rule(desk)
            return {at: (was, desk._get(*at)) for at, was in desk.before.items()}

    def journal(self) -> list[Called]:
        """Every call of a write so far, in order."""
        with self._open(commit=False) as db:
            rows = db.execute("SELECT tool, args, refused, said FROM journal ORDER BY n").fetchall()
        return [Called(*row) for row in rows]

    def rows(self) -> dict[tuple[str, str], str]:
        """The whole database but the journal: canonical JSON by table and id."""
        found: dict[tuple[str, str], str] = {}
        with self._open(commit=False) as db:
            for table in TABLES:
                sql = f"SELECT id, body FROM {table} ORDER BY id"
                found |= {(table, key): body for key, body in db.execute(sql)}
        return found

    def state(self) -> State:
        """All there is, to compare with `first_difference`."""
        return self.rows(), self.journal()

    @contextmanager
    def _open(self, *, commit: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction. It waits for the others' before it reads."""
        db = sqlite3.connect(self.file, timeout=20, isolation_level=None)
        try:
            db.execute("BEGIN IMMEDIATE" if commit else "BEGIN")
            yield db
            db.execute("COMMIT" if commit else "ROLLBACK")
        finally:
            db.close()


def canonical(value: object) -> str:
    """JSON with its keys in order: equal values, equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def first_difference(one: State, other: State) -> str:
    """Where two states differ first, data and journal; empty where nowhere."""
    (mine, calls), (theirs, others) = one, other
    for at in sorted(mine.keys() | theirs.keys()):
        if mine.get(at) != theirs.get(at):
            return f"{at}:\n  {mine.get(at)}\n  {theirs.get(at)}"
    for n, (call, its) in enumerate(zip(calls, others, strict=False), start=1):
        if call != its:
            return f"call {n}:\n  {call}\n  {its}"
    return "" if len(calls) == len(others) else f"{len(calls)} calls, {len(others)} calls"
