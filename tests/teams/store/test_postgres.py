"""The PostgreSQL store: the contract suite, several processes, and servers that go away."""

from collections.abc import AsyncGenerator

import pytest

from pointsman.teams.store.postgres.address import Address
from pointsman.teams.store.postgres.store import PostgresStore
from pointsman.teams.store.protocol import Store
from tests.contracts.store import StoreContract


@pytest.fixture
def clock() -> list[float]:
    """The store's time."""
    return [1_000.0]


@pytest.fixture
async def store(database: str, clock: list[float]) -> AsyncGenerator[Store]:
    """A store on a new database."""
    made = PostgresStore(Address(database), clock=lambda: clock[0])
    yield made
    await made.aclose()


class TestPostgresStore(StoreContract):
    """The contract, on PostgreSQL."""
