"""Which database keeps a team's state: files in its folder, or PostgreSQL, as the settings say."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pointsman.errors import MissingExtra
from pointsman.guardrails.books import Books
from pointsman.teams.settings import Settings
from pointsman.teams.store.budgetbooks import BudgetBooks
from pointsman.teams.store.budgets import SqliteBudgets
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from pointsman.teams.store.postgres.address import Address


def address_of(settings: Settings) -> "Address | None":
    """The PostgreSQL database that keeps state; None for files. Raises MissingExtra."""
    if settings.store == "sqlite":
        return None
    try:
        import psycopg  # noqa: F401  # pyright: ignore[reportUnusedImport] (asks whether it is there)
    except ImportError as error:
        raise MissingExtra(
            "A store in PostgreSQL needs packages that are not installed.",
            hint='pip install "pointsman[scale]"',
        ) from error
    from pointsman.teams.store.postgres.address import Address

    return Address(settings.store, settings.store_connections)


def open_store(settings: Settings, home: Path, *, clock: Callable[[], float] = time.time) -> Store:
    """The store. Opens nothing yet. Raises MissingExtra, and Misconfigured for a bad address."""
    address = address_of(settings)
    if address is None:
        return SqliteStore(home / "pointsman.db", clock=clock)
    from pointsman.teams.store.postgres.store import PostgresStore

    return PostgresStore(address, clock=clock)


def open_budgets(
    settings: Settings, home: Path, *, clock: Callable[[], float] = time.time
) -> BudgetBooks:
    """The books of shared budgets, where the store is. Likewise."""
    address = address_of(settings)
    if address is None:
        return SqliteBudgets(home / "budgets.db", clock=clock)
    from pointsman.teams.store.postgres.budgets import PostgresBudgets

    return PostgresBudgets(address, clock=clock)


def open_limits(settings: Settings, home: Path, *, clock: Callable[[], float] = time.time) -> Books:
    """The books of rate limits, where the store is. Likewise."""
    address = address_of(settings)
    if address is None:
        from pointsman.teams.store.limits import SqliteBooks

        return SqliteBooks(home / "limits.db", clock=clock)
    from pointsman.teams.store.postgres.limits import PostgresBooks

    return PostgresBooks(address, clock=clock)
