"""The contract of leases."""

from pointsman.teams.store.entries import Token
from pointsman.teams.store.protocol import Store


class LeaseContract:
    """What every Store promises of leases and their tokens."""

    async def test_a_lease_is_renewed_by_its_token_only(self, store: Store) -> None:
        """Not with another epoch, another owner's name or another lease's."""
        epoch = await store.lease("a", "ana:1", 5.0)
        assert epoch is not None
        mine = Token("a", "ana:1", epoch)
        assert await store.renew(mine, 5.0)
        assert not await store.renew(Token("a", "ana:1", epoch + 1), 5.0)
        assert not await store.renew(Token("a", "bo:1", epoch), 5.0)
        assert not await store.renew(Token("b", "ana:1", epoch), 5.0)

    async def test_a_renewal_never_takes_a_lease(self, store: Store, clock: list[float]) -> None:
        """One that was taken over and given back meanwhile is lost: the token is of an old epoch.
        One that ran out and that nobody took is still its holder's."""
        epoch = await store.lease("a", "ana:1", 5.0)
        assert epoch is not None
        mine = Token("a", "ana:1", epoch)
        clock[0] += 6.0
        assert await store.renew(mine, 5.0)
        clock[0] += 6.0
        assert await store.lease("a", "bo:1", 5.0) is not None
        await store.release("a", "bo:1")
        assert not await store.renew(mine, 5.0)
        assert await store.holder("a") is None

    async def test_a_released_lease_is_not_renewed(self, store: Store) -> None:
        """A renewal that comes late does not bring it back."""
        epoch = await store.lease("a", "ana:1", 5.0)
        assert epoch is not None
        await store.release("a", "ana:1")
        assert not await store.renew(Token("a", "ana:1", epoch), 5.0)
        assert await store.holder("a") is None

    async def test_the_holder_is_who_holds_it_now(self, store: Store, clock: list[float]) -> None:
        """With its epoch; nobody before, and nobody once the time is over."""
        assert await store.holder("a") is None
        first = await store.lease("a", "ana:1", 5.0)
        assert await store.holder("a") == Token("a", "ana:1", first or 0)
        clock[0] += 5.0
        assert await store.holder("a") is None
        second = await store.lease("a", "bo:1", 5.0)
        assert first is not None
        assert second is not None
        assert second > first
        assert await store.holder("a") == Token("a", "bo:1", second)
