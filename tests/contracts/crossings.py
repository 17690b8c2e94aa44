"""The contract of what crosses a store's border: letters, payloads, results that are awaited."""

from dataclasses import replace

from pointsman.nodes.run import Budget
from pointsman.teams.approvals.audit import AuditEntry
from pointsman.teams.store.crossings import LetterRow, Outgoing
from pointsman.teams.store.protocol import Store
from tests.contracts.rows import NOW, a_result, a_run


def a_letter(name: str = "l1", **change: object) -> LetterRow:
    """A letter that was forged."""
    made = LetterRow(name, "shop", "requests", "Forged", "It is refused.", '{"id": "1"}', 5.0)
    return replace(made, **change)  # pyright: ignore[reportArgumentType]


class CrossingContract:
    """What every Store promises of what crosses its border."""

    async def test_letters_are_kept_until_somebody_ends_them(
        self, store: Store, clock: list[float]
    ) -> None:
        """Oldest first, a team's own; ended once, with who, why and when."""
        for name, at in (("l2", 6.0), ("l1", 5.0)):
            assert await store.add_letter(a_letter(name, at=at, body="a\x01b"))
        assert await store.add_letter(a_letter("l3", team="bank"))
        assert [x.id for x in await store.letters("shop")] == ["l1", "l2"]
        assert [x.id for x in await store.letters("shop", limit=1)] == ["l1"]
        assert await store.end_letter("l1", "dropped", by="ana", reason="spam")
        assert not await store.end_letter("l1", "redriven", by="bo", reason="")
        assert not await store.end_letter("l9", "dropped", by="bo", reason="")
        (ended,) = await store.letters("shop", state="dropped")
        assert ended == a_letter(
            body="a\x01b", state="dropped", by="ana", reason="spam", ended=clock[0]
        )
        assert len(await store.letters("shop", state=None)) == 2

    async def test_the_same_letter_again_is_one(self, store: Store) -> None:
        """While it is open nothing changes; one that was ended is open again."""
        await store.add_letter(a_letter())
        await store.add_letter(a_letter(text="other"))
        assert await store.letters("shop") == (a_letter(),)
        await store.end_letter("l1", "dropped", by="ana", reason="spam")
        await store.add_letter(a_letter())
        assert [x.id for x in await store.letters("shop")] == ["l1"]

    async def test_open_letters_are_bounded(self, store: Store) -> None:
        """Of each team; one that is known already is no further one."""
        assert await store.add_letter(a_letter(), most=1)
        assert await store.add_letter(a_letter(), most=1)
        assert not await store.add_letter(a_letter("l2"), most=1)
        assert await store.add_letter(a_letter("l3", team="bank"), most=1)
        await store.end_letter("l1", "dropped", by="ana", reason="")
        assert await store.add_letter(a_letter("l2"), most=1)

    async def test_a_payload_is_found_by_its_reference(self, store: Store) -> None:
        """As it was put first."""
        assert await store.payload("digest:1") is None
        await store.put_payload("digest:1", '"ä"')
        await store.put_payload("digest:1", "other")
        assert await store.payload("digest:1") == '"ä"'

    async def test_a_result_is_awaited_until_it_is_published(self, store: Store) -> None:
        """It counts as ended with its run; published it is awaited no more."""
        row = Outgoing("r1", "shop", "crm", "e1")
        await store.add_run(a_run("r1"))
        for _ in range(2):
            await store.add_outgoing(row)
        assert await store.outgoing("shop", "running") == (row,)
        assert await store.outgoing("shop", "ended") == ()
        assert await store.outgoing("bank", "running") == ()
        await store.move_run("r1", "waiting", frm=["running"])
        assert await store.outgoing("shop", "waiting") == (row,)
        assert await store.outgoing("shop", "running") == ()
        await store.published("r1", told=4)
        await store.published("r1", told=2)
        await store.move_run("r1", "failed", frm=["waiting"], result=a_result())
        assert await store.outgoing("shop", "waiting") == ()
        assert await store.outgoing("shop", "ended") == (replace(row, told=4),)
        await store.published("r1", sent=1)
        assert await store.outgoing("shop", "ended") == ()

    async def test_a_run_that_is_driven_again_is_awaited_again(self, store: Store) -> None:
        """Its next attempt has a result of its own."""
        await store.add_run(a_run("r1"))
        await store.add_outgoing(Outgoing("r1", "shop", "crm", "e1"))
        await store.move_run("r1", "failed", frm=["running"], result=a_result())
        await store.published("r1", sent=1)
        entry = AuditEntry(at=NOW, team="shop", run="r1", action="redrive", by="ana")
        budget = Budget()
        again = replace(a_run("r1"), budget_usd=budget.usd, budget_calls=budget.calls)
        assert await store.redrive(again, entry)
        assert [one.run for one in await store.outgoing("shop", "running")] == ["r1"]
        await store.move_run("r1", "done", frm=["running"], result=a_result())
        assert [one.sent for one in await store.outgoing("shop", "ended")] == [1]
