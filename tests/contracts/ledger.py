"""The contract of grants, the audit log and effects."""

import asyncio
from datetime import timedelta
from typing import Literal

import pytest

from pointsman.errors import Conflict, NotFound
from pointsman.teams.approvals.audit import faults
from pointsman.teams.approvals.grant import Grant
from pointsman.teams.approvals.lifecycle import run_move
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import EffectRow
from pointsman.teams.tickets import (
    Approve,
    Escalate,
)
from tests.contracts.rows import NOW, a_grant, a_ticket, claim


class LedgerContract:
    """What every Store promises of what is kept for good."""

    # Grants

    async def test_a_grant_approves_what_it_covers_and_is_used_up(self, store: Store) -> None:
        """A covered ticket is born approved, by the grant, and the use is counted and audited; the
        next one, and one it does not cover, ask."""
        await store.add_grant(a_grant())
        await store.add_grant(a_grant())
        first, dear = await store.freeze(
            [a_ticket("t1"), a_ticket("t2", args={"invoice": "INV-1", "usd": 21.0})]
        )
        (again,) = await store.freeze([a_ticket("t1")])
        (third,) = await store.freeze([a_ticket("t3")])
        (grant,) = await store.grants("shop")
        assert (first.status, first.by, first.grant) == ("approved", f"grant:{grant.id}", grant.id)
        assert first.approved_digest == first.digest
        assert again == first
        assert (dear.status, third.status, grant.uses) == ("pending", "pending", 1)
        actions = [(r.entry.action, r.entry.ticket) for r in await store.audit()]
        assert actions == [
            ("grant", "t0"), ("open", "t1"), ("use", "t1"), ("open", "t2"), ("open", "t3"),
        ]  # fmt: skip

    async def test_a_grant_is_used_as_often_as_it_says_by_many_at_once(self, store: Store) -> None:
        """Twenty tickets frozen at the same time, seven uses: seven are approved."""
        await store.add_grant(a_grant(times=7))
        rows = await asyncio.gather(*(store.freeze([a_ticket(f"t{n}")]) for n in range(1, 21)))
        assert sum(row.status == "approved" for (row,) in rows) == 7
        (grant,) = await store.grants("shop")
        assert (grant.uses, grant.live(NOW)) == (7, False)

    async def test_grants_are_listed_newest_first_and_bounded(self, store: Store) -> None:
        """Ended ones too; no more than the limit; as they were given."""
        made = [a_grant(at=NOW + timedelta(seconds=n), by=f"p{n}") for n in range(3)]
        for grant in made:
            await store.add_grant(grant)
        await store.revoke_grant("shop", made[2].id, by="bo", at=NOW)
        newest, *rest = await store.grants("shop")
        assert (newest.id, newest.revoked_by) == (made[2].id, "bo")
        assert rest == [made[1], made[0]]
        assert len(await store.grants("shop", limit=2)) == 2

    async def test_a_grant_lends_nothing_to_others(self, store: Store) -> None:
        """Another team, a ticket that policy has decided, one that is frozen after its end, and
        one for two people: each stays as it was given, and no use is counted."""
        await store.add_grant(a_grant(times=9))
        asked = (
            a_ticket("t1", team="other"),
            a_ticket("t2", status="rejected", by="policy:never"),
            a_ticket("t3", created=NOW + timedelta(days=1)),
            a_ticket("t4", approvals=2),
        )
        assert await store.freeze(asked) == asked
        (grant,) = await store.grants("shop")
        assert grant.uses == 0

    async def test_the_oldest_grant_is_used_first(self, store: Store) -> None:
        """Two that cover the same: the one given first, until it is used up."""
        first, second = a_grant(), a_grant(at=NOW + timedelta(seconds=1))
        await store.add_grant(second)
        await store.add_grant(first)
        rows = await store.freeze([a_ticket("t1"), a_ticket("t2"), a_ticket("t3")])
        assert [row.grant for row in rows] == [first.id, second.id, ""]

    async def test_a_grant_is_revoked_by_one(self, store: Store) -> None:
        """Of many at once one ends it; the others are told who. One row in the log."""
        grant = a_grant()
        await store.add_grant(grant)
        got = await asyncio.gather(
            *(store.revoke_grant("shop", grant.id, by=f"p{n}", at=NOW) for n in range(10)),
            return_exceptions=True,
        )
        (ended,) = [g for g in got if isinstance(g, Grant)]
        told = [g for g in got if isinstance(g, Conflict)]
        assert len(told) == 9
        assert all(f"revoked by {ended.revoked_by}" in str(error) for error in told)
        assert [r.entry.action for r in await store.audit()] == ["grant", "revoke"]

    async def test_a_revoked_grant_approves_nothing(self, store: Store) -> None:
        """Once; another team's and an unknown one are not found."""
        grant = a_grant()
        await store.add_grant(grant)
        for team, name in (("other", grant.id), ("shop", "g9")):
            with pytest.raises(NotFound):
                await store.revoke_grant(team, name, by="bo", at=NOW)
        ended = await store.revoke_grant("shop", grant.id, by="bo", at=NOW)
        assert (ended.revoked, ended.revoked_by) == (NOW, "bo")
        with pytest.raises(Conflict, match="revoked by bo"):
            await store.revoke_grant("shop", grant.id, by="lea", at=NOW)
        (row,) = await store.freeze([a_ticket()])
        assert row.status == "pending"
        assert await store.grants("other") == ()

    # The audit log

    async def test_every_change_of_a_ticket_is_one_row_of_a_whole_chain(self, store: Store) -> None:
        """Numbered from 1 without a gap, with who and what it led to; read in pages."""
        await store.freeze([a_ticket(), a_ticket("t2", team="other")])
        await claim(store, "t1", Escalate(by="ana", to="bob"))
        await claim(store, "t1", Approve(by="bob"))
        await store.amend("t1", run_move("execute", "executed", NOW, outcome="refunded"))
        rows = await store.audit()
        assert faults(rows) == []
        assert [(r.seq, r.entry.action, r.entry.by, r.entry.status) for r in rows] == [
            (1, "open", "run", "pending"),
            (2, "open", "run", "pending"),
            (3, "escalate", "ana", "pending"),
            (4, "approve", "bob", "approved"),
            (5, "execute", "run", "executed"),
        ]
        assert (rows[2].entry.to, rows[1].entry.team) == ("bob", "other")
        assert [r.seq for r in await store.audit(after=2, limit=2)] == [3, 4]

    async def test_the_audit_log_stays_whole_under_many_writers(self, store: Store) -> None:
        """Forty decisions at once make forty rows of one chain."""
        await store.freeze([a_ticket(f"t{n}") for n in range(40)])
        await asyncio.gather(*(claim(store, f"t{n}", Approve(by="ana")) for n in range(40)))
        rows = await store.audit()
        assert len(rows) == 80
        assert faults(rows) == []

    # Effects

    async def test_a_write_is_intended_once(self, store: Store) -> None:
        """The first intention finds nothing; every later one finds the first."""
        assert await store.intend("k", "t1", "r1", "refund", "d1") is None
        again = await store.intend("k", "t2", "r2", "refund", "d2")
        assert again is not None
        assert (again.state, again.ticket, again.digest) == ("intended", "t1", "d1")
        assert (again.result, again.attempt) == ("", 1)

    async def test_of_many_intentions_at_once_one_is_first(self, store: Store) -> None:
        """Two runs that share a key: one begins, and the others see whose it is."""
        got = await asyncio.gather(
            *(store.intend("k", f"t{n}", "r1", "refund", "d") for n in range(10))
        )
        assert sum(row is None for row in got) == 1
        assert len({row.ticket for row in got if row is not None}) == 1

    async def test_an_effect_comes_back_as_it_was_begun(
        self, store: Store, clock: list[float]
    ) -> None:
        """Every field, with the store's time; the time of the last attempt counts, and the place
        in the order is that of the first."""
        begun = clock[0]
        await store.intend("k1", "t1", "r1", "refund", "d1")
        await store.intend("k2", "t2", "r1", "refund", "d2")
        clock[0] += 60
        await store.effect_ended("k1", "failed", "no")
        assert await store.intend_again("k1", 1)
        assert await store.effects("r1") == (
            EffectRow("k1", "t1", "r1", "refund", "d1", "intended", "", 2, begun + 60),
            EffectRow("k2", "t2", "r1", "refund", "d2", "intended", "", 1, begun),
        )

    async def test_the_end_of_a_write_is_kept(self, store: Store) -> None:
        """Done, failed and undone, each with its text, are what the next look finds."""
        ends: list[tuple[str, Literal["done", "failed", "undone"]]]
        ends = [("k1", "done"), ("k2", "failed"), ("k3", "undone")]
        for key, state in ends:
            await store.intend(key, "t1", "r1", "refund", "d")
            await store.effect_ended(key, state, f"it {state}")
            row = await store.intend(key, "t1", "r1", "refund", "d")
            assert row is not None
            assert (row.state, row.result) == (state, f"it {state}")
        assert [e.key for e in await store.effects("r1")] == ["k1", "k2", "k3"]
        assert await store.effects("r2") == ()

    async def test_a_write_is_begun_again_by_one(self, store: Store) -> None:
        """Of many at once one begins the next attempt; a done write is never begun again."""
        await store.intend("k", "t1", "r1", "refund", "d")
        won = await asyncio.gather(*(store.intend_again("k", 1) for _ in range(10)))
        assert sum(won) == 1
        row = await store.intend("k", "t1", "r1", "refund", "d")
        assert row is not None
        assert (row.state, row.attempt) == ("intended", 2)
        await store.effect_ended("k", "failed", "no")
        assert await store.intend_again("k", 2)
        await store.effect_ended("k", "done", "yes")
        assert not await store.intend_again("k", 3)
        await store.effect_ended("k", "undone", "back")
        assert not await store.intend_again("k", 3)
        assert not await store.intend_again("nobody", 1)
