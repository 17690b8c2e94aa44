"""The contract of the vault's rows."""

import asyncio
from dataclasses import replace

from pointsman.guardrails.sealing import VaultRow
from pointsman.teams.store.protocol import Store

ROW = VaultRow("EMAIL", 1, "a" * 64, "k" * 16, b"\x00sealed\xff")


class VaultContract:
    """What every Store promises of what was redacted."""

    async def test_rows_are_kept_by_run_in_their_order(self, store: Store) -> None:
        """As they were added; another run has none of them."""
        rows = (ROW, replace(ROW, number=2, mac="b" * 64), replace(ROW, label="CARD"))
        assert await store.vault_add("r1", rows)
        assert await store.vault("r1") == rows
        assert await store.vault("r2") == ()

    async def test_rows_are_added_all_or_none(self, store: Store) -> None:
        """A number or a value that the run has already keeps the whole batch out."""
        assert await store.vault_add("r1", (ROW,))
        fresh = replace(ROW, number=2, mac="b" * 64)
        for taken in (replace(ROW, number=3), replace(ROW, mac="c" * 64)):
            assert not await store.vault_add("r1", (fresh, taken))
        assert await store.vault("r1") == (ROW,)
        assert await store.vault_add("r2", (fresh, ROW))

    async def test_of_many_at_once_one_gets_a_number(self, store: Store) -> None:
        """Twenty values want number 1 at the same time: one has it."""
        rows = [replace(ROW, mac=f"{n:064}") for n in range(20)]
        added = await asyncio.gather(*(store.vault_add("r1", (row,)) for row in rows))
        assert sum(added) == 1
        assert await store.vault("r1") == (rows[added.index(True)],)

    async def test_a_runs_rows_can_be_erased(self, store: Store) -> None:
        """All of them, and of no other run; again there is nothing to erase."""
        for run in ("r1", "r2"):
            assert await store.vault_add(run, (ROW, replace(ROW, label="CARD")))
        assert await store.vault_erase("r1") == 2
        assert await store.vault_erase("r1") == 0
        assert await store.vault("r1") == ()
        assert len(await store.vault("r2")) == 2
