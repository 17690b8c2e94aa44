"""The contract of the record's pages."""

import pytest

from pointsman.nodes.event import Recorded, Routed, RunEnded, RunStarted
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import BEGINNING, EventPage, Wanted
from tests.contracts.rows import a_run


def _events(run: str) -> list[Recorded]:
    told = (
        RunStarted(run=run, thread="c1"),
        Routed(to="billing", tier="model"),
        RunEnded(run=run, status="done"),
    )
    return [Recorded(run=run, seq=n, at=10.0 * n, event=event) for n, event in enumerate(told)]


async def _filled(store: Store) -> list[tuple[str, Recorded]]:
    """Three runs of the team and one of another; the team's events in the order of pages."""
    for run, team, tenant in (
        ("r2", "shop", "bolt"), ("r1", "shop", "acme"), ("r3", "shop", "acme"),
        ("r1b", "other", "acme"),
    ):  # fmt: skip
        await store.add_run(a_run(run, team=team, tenant=tenant))
        await store.record(run, _events(run), seconds=0.0)
    own = (("r1", "acme"), ("r2", "bolt"), ("r3", "acme"))
    return [(tenant, event) for run, tenant in own for event in _events(run)]


async def _pages(store: Store, wanted: Wanted, limit: int) -> list[EventPage]:
    pages = [await store.page("shop", wanted, after=BEGINNING, limit=limit)]
    while (place := pages[-1].next) is not None:
        pages.append(await store.page("shop", wanted, after=place, limit=limit))
        assert len(pages) < 50
    return pages


class EventContract:
    """What every Store promises of its record of all runs."""

    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 12, 13, 100])
    async def test_pages_hold_every_event_of_the_team_once(self, store: Store, limit: int) -> None:
        """Run by run, in order, with the tenant, and no page above the limit; whatever its size."""
        every = await _filled(store)
        pages = await _pages(store, Wanted(), limit)
        assert [found for page in pages for found in page.events] == every
        assert max(len(page.events) for page in pages) <= limit

    @pytest.mark.parametrize("limit", [1, 2, 100])
    async def test_pages_hold_only_what_is_wanted(self, store: Store, limit: int) -> None:
        """Kind, run, tenant and time each leave the others out; together all hold."""
        every = await _filled(store)
        holds: list[tuple[Wanted, set[str]]] = [
            (Wanted(kinds=("routed",)), {"r1 1", "r2 1", "r3 1"}),
            (Wanted(kinds=("run_started", "routed"), run="r3"), {"r3 0", "r3 1"}),
            (Wanted(run="r2"), {"r2 0", "r2 1", "r2 2"}),
            (Wanted(run="r1b"), set()),
            (Wanted(tenant="bolt"), {"r2 0", "r2 1", "r2 2"}),
            (Wanted(since=20.0), {"r1 2", "r2 2", "r3 2"}),
            (Wanted(until=10.0), {"r1 0", "r2 0", "r3 0"}),
            (Wanted(("routed",), "r3", "acme", 10.0, 11.0), {"r3 1"}),
            (Wanted(("routed",), "r3", "acme", 11.0, 12.0), set()),
        ]
        for wanted, names in holds:
            pages = await _pages(store, wanted, limit)
            found = [one for page in pages for one in page.events]
            assert found == [(t, e) for t, e in every if f"{e.run} {e.seq}" in names]

    async def test_an_empty_record_is_one_empty_page(self, store: Store) -> None:
        """Nothing, and nothing more."""
        assert await store.page("shop", Wanted()) == EventPage((), None)

    async def test_what_is_added_behind_a_place_is_on_the_next_page(self, store: Store) -> None:
        """A run that goes on while its record is read is read to its end."""
        await store.add_run(a_run())
        first, second, third = _events("r1")
        await store.record("r1", [first, second], seconds=0.0)
        page = await store.page("shop", Wanted(), limit=2)
        assert page.next is not None
        await store.record("r1", [third], seconds=0.0)
        after = await store.page("shop", Wanted(), after=page.next, limit=2)
        assert [event for _, event in after.events] == [third]
