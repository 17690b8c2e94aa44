"""The contract suite of every Store: subclass it and give the fixture `store`.

`clock` is a list whose only item is the store's time, in seconds since the epoch.
"""

from pointsman.teams.store.protocol import Store
from tests.contracts.board import BoardContract
from tests.contracts.crossings import CrossingContract
from tests.contracts.events import EventContract
from tests.contracts.lease import LeaseContract
from tests.contracts.ledger import LedgerContract
from tests.contracts.releases import ReleaseContract
from tests.contracts.rows import NOW, a_grant, a_result, a_run, a_ticket, claim
from tests.contracts.runs import RunContract
from tests.contracts.searching import SearchContract
from tests.contracts.serving import ServingContract
from tests.contracts.tickets import TicketContract
from tests.contracts.usage import UsageContract
from tests.contracts.vault import VaultContract

__all__ = ["NOW", "StoreContract", "a_grant", "a_result", "a_run", "a_ticket", "claim"]


class StoreContract(
    RunContract,
    EventContract,
    TicketContract,
    LedgerContract,
    VaultContract,
    BoardContract,
    LeaseContract,
    ReleaseContract,
    SearchContract,
    UsageContract,
    ServingContract,
    CrossingContract,
):
    """What every Store promises."""

    async def test_closing_twice_is_fine(self, store: Store) -> None:
        """aclose may be called again, also before anything was opened."""
        await store.aclose()
        await store.aclose()
