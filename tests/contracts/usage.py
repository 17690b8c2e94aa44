"""The contract of what events come to, of what is open, and of the tail of the record."""

import asyncio
from collections import Counter
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsman.nodes.event import (
    BreakerMoved,
    Event,
    FellBack,
    Hedged,
    Judged,
    ModelCalled,
    ModelFailed,
    Recorded,
    Routed,
    RunEnded,
    RunStarted,
    ToolCalled,
)
from pointsman.teams.accounts import account
from pointsman.teams.overview import Edge, Spend, overview
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import Light, Open, Tail, Wanted
from pointsman.teams.tickets import Approve
from pointsman.teams.usage import DAY, UsageWanted, plotted
from tests.contracts.rows import NOW, a_result, a_run, a_ticket, claim

# One method is every store's test, and a worker may run those of two stores.
SHARED = (HealthCheck.function_scoped_fixture, HealthCheck.differing_executors)

_SECONDS = st.floats(0.001, 500.0)
_USD = st.none() | st.floats(0.0, 3.0)
_WHO = st.sampled_from(("billing", "tech"))
_MODEL = st.sampled_from(("big", "small"))
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        ModelCalled, purpose=st.just("x"), specialist=_WHO, model=_MODEL,
        source=st.sampled_from(("model", "cache", "journal", "flight")),
        input_tokens=st.integers(0, 9_000), output_tokens=st.integers(0, 900),
        cached_tokens=st.integers(0, 50), usd=_USD, saved_usd=_USD, seconds=_SECONDS,
    ),
    st.builds(
        ModelFailed, specialist=_WHO, model=_MODEL, message=st.just("m"),
        error=st.sampled_from(("ModelTimeout", "RateLimited")),
    ),
    st.builds(
        Hedged, tier=st.just("small"), specialist=_WHO, models=st.just(("big", "small")),
        after=st.just(1.0), lost=st.sampled_from(("", "big")),
    ),
    st.builds(
        ToolCalled, tool=st.just("refund"), specialist=_WHO, effect=st.just("write"),
        args_digest=st.just("d"), ok=st.booleans(), error=st.just("E"), seconds=_SECONDS,
    ),
    st.builds(Routed, to=_WHO, tier=st.sampled_from(("rules", "model", "handoff"))),
    st.builds(FellBack, specialist=_WHO, error=st.just("E"), message=st.just("m")),
)  # fmt: skip


def _recorded(run: str, events: list[Event], at: float = 0.0) -> list[Recorded]:
    return [
        Recorded(run=run, seq=n, at=at + 100.0 * n, event=event) for n, event in enumerate(events)
    ]


_TEAMS = count()
"""Each example has a team of its own, since all are in one store."""
EVER = UsageWanted(0, 10 * DAY, 0)


class UsageContract:
    """What every Store promises of figures over time."""

    @settings(max_examples=40, deadline=None, suppress_health_check=SHARED)
    @given(runs=st.lists(st.lists(EVENTS, max_size=8), min_size=1, max_size=3), data=st.data())
    async def test_figures_are_the_sums_over_the_events(
        self, store: Store, runs: list[list[Event]], data: st.DataObject
    ) -> None:
        """However the events were cut into pieces, and given again: each one counts once."""
        team = f"shop{next(_TEAMS)}"
        for n, events in enumerate(runs):
            name = f"{team}-{n}"
            await store.add_run(a_run(name, team=team, tenant=("acme", "bolt")[n % 2]))
            recorded = _recorded(name, events)
            for cut in (*sorted(data.draw(st.lists(st.integers(0, 8), max_size=3))), 99):
                await store.record(name, recorded[max(0, cut - 3) : cut], seconds=0.0)
            await store.record(name, recorded, seconds=0.0)
        truth = (await account(store, team, by=())).total
        every = [event for events in runs for event in events]
        kinds = Counter(event.kind for event in every if event.kind != "hedged" or event.lost)
        for daily in (False, True):
            tallies = await store.usage(team, replace(EVER, daily=daily))
            counts = {t.of[0]: t.count for t in tallies}
            assert counts == kinds
            asked = replace(EVER, daily=daily, by=("kind", "outcome"))
            found = {t.of: t for t in await store.usage(team, asked)}
            paid = found.get(("model_called", "model"))
            assert (paid.input_tokens if paid else 0) == truth.input_tokens
            assert (paid.output_tokens if paid else 0) == truth.output_tokens
            assert (paid.cached_tokens if paid else 0) == truth.cached_tokens
            assert (paid.usd if paid else 0.0) == pytest.approx(float(truth.usd))
            assert (paid.seconds if paid else 0.0) == pytest.approx(float(truth.seconds))
            hits = [found[k] for k in found if k[1] in ("cache", "flight")]
            assert sum(t.count for t in hits) == truth.cache_hits
            assert sum(t.saved_usd for t in hits) == pytest.approx(float(truth.saved_usd))
            lost = [found[k] for k in found if k[0] == "hedged"]
            calls = (paid.count if paid else 0) + sum(t.count for t in lost)
            unknown = (paid.unpriced if paid else 0) + sum(t.unpriced for t in lost)
            assert (calls, unknown) == (truth.calls, truth.unknown_calls)

    async def test_figures_come_by_time_and_group(self, store: Store) -> None:
        """Stretch by stretch, group by group, one tenant's alone where it is asked for."""
        for run, tenant, at in (("r1", "acme", 0.0), ("r2", "bolt", 650.0), ("r3", "acme", 650.0)):
            await store.add_run(a_run(run, tenant=tenant))
            event = ToolCalled(tool="refund", specialist="billing", effect="write", args_digest="d")
            await store.record(run, [Recorded(run=run, seq=0, at=at, event=event)], seconds=0.0)
        wanted = plotted("shop", 0.0, 900.0, 300, ("tenant",), ("tool_called",))
        tallies = await store.usage("shop", wanted)
        assert [(t.start, t.of, t.count) for t in tallies] == [
            (0, ("acme",), 1), (600, ("acme",), 1), (600, ("bolt",), 1),
        ]  # fmt: skip
        acme = await store.usage("shop", replace(wanted, tenant="acme", by=()))
        assert [(t.start, t.of, t.count) for t in acme] == [(0, (), 1), (600, (), 1)]
        assert await store.usage("shop", replace(wanted, until=600, kinds=("judged",))) == ()
        assert await store.usage("other", wanted) == ()

    async def test_durations_are_told_within_five_percent(self, store: Store) -> None:
        """Half of them and the most of them, over all groups that were added up."""
        await store.add_run(a_run())
        took = [0.01 * 1.5**n for n in range(21)]
        events: list[Event] = [
            ModelCalled(purpose="x", model=f"m{n % 2}", source="model", seconds=t)
            for n, t in enumerate(took)
        ]
        await store.record("r1", _recorded("r1", events), seconds=0.0)
        (tally,) = await store.usage("shop", replace(EVER, by=(), kinds=("model_called",)))
        assert tally.percentile(0.5) == pytest.approx(took[10], rel=0.048)
        assert tally.percentile(0.95) == pytest.approx(took[19], rel=0.048)

    async def test_the_overview_says_how_the_team_does(
        self, store: Store, clock: list[float]
    ) -> None:
        """Open runs and tickets with the age of the oldest, today's spend, the last hour's pace."""
        begun, at = clock[0], clock[0]
        for n, state in enumerate(("running", "running", "waiting", "done", "failed")):
            await store.add_run(a_run(f"r{n}", tenant="bolt" if n == 4 else "acme"))
            clock[0] += 1
            if n != 1:
                await store.record(f"r{n}", [], seconds=2.0)
            if state != "running":
                await store.move_run(f"r{n}", state, frm=("running",), result=a_result(f"r{n}"))  # pyright: ignore[reportArgumentType]
        await store.freeze([a_ticket("t1", run="r2"), a_ticket("t2", run="r2")])
        await store.freeze([a_ticket("t3", run="r2")])
        await claim(store, "t3", Approve(by="ana"))
        done: list[Event] = [
            RunStarted(run="r3", thread="c1"),
            Routed(to="billing", tier="model"),
            Routed(to="tech", tier="handoff"),
            ModelCalled(purpose="x", model="big", source="model", usd=0.5, seconds=3.0),
            ModelCalled(purpose="x", model="big", source="cache", saved_usd=0.5),
            ModelFailed(model="big", error="RateLimited", message="m"),
            Judged(guard="g", stage="input", verdict="block", rule="pii"),
            BreakerMoved(of="model", key="big", state="open"),
            RunEnded(run="r3", status="done", specialist="tech"),
        ]
        await store.record("r3", _recorded("r3", done, at), seconds=0.0)
        failed: list[Event] = [
            Routed(to="billing", tier="model"),
            ModelCalled(purpose="x", model="big", source="model", usd=None, seconds=3.0),
            RunEnded(run="r4", status="failed"),
        ]
        await store.record("r4", _recorded("r4", failed, at), seconds=0.0)
        seen = await overview(store, "shop", at + 900.0)
        assert (seen.running, seen.queued) == (Open(1, begun), Open(1, begun + 1))
        assert (seen.waiting, seen.dead) == (Open(1, begun + 2), 1)
        assert seen.tickets == Open(2, NOW.timestamp())
        assert seen.lights == (Light("model", "big", "open", at + 700.0),)
        assert seen.spend == Spend(0.5, 2, 1)
        assert seen.tenants == (("acme", Spend(0.5, 1, 0)), ("bolt", Spend(0.0, 1, 1)))
        assert dict(seen.ended) == {"done": 1, "failed": 1}
        assert seen.edges == (
            Edge("router", "billing", 2), Edge("billing", "tech", 1), Edge("router", "end", 1),
            Edge("tech", "end", 1),
        )  # fmt: skip
        assert [(p.specialist, p.ended, p.failed) for p in seen.specialists] == [
            ("", 1, 1), ("tech", 1, 0),
        ]  # fmt: skip
        assert seen.specialists[1].p95 == pytest.approx(2.0, rel=0.048)
        (load,) = seen.models
        assert (load.model, load.calls, load.failed) == ("big", 2, 1)
        assert load.errors == (("RateLimited", 1),)
        assert load.p50 == pytest.approx(3.0, rel=0.048)
        other = await overview(store, "other", at + 900.0)
        assert (other.running, other.spend, other.lights) == (Open(0, None), Spend(0, 0, 0), ())

    async def test_a_fork_counts_for_what_it_asked_of_models_alone(
        self, store: Store, clock: list[float]
    ) -> None:
        """Real calls cost money. Nothing else of it is a figure: it is no run, open, dead or ended,
        and moves no breaker."""
        at = clock[0]
        for n, state in enumerate(("running", "running", "waiting", "failed")):
            name = f"f{n}"
            await store.add_run(replace(a_run(name), fork_of="r1", fork_at="1:route"))
            await store.record(name, [], seconds=float(n))
            if state != "running":
                await store.move_run(name, state, frm=("running",), result=a_result(name))  # pyright: ignore[reportArgumentType]
        events: list[Event] = [
            RunStarted(run="f3", thread="fork:f3"),
            Routed(to="billing", tier="model"),
            ModelCalled(purpose="x", model="big", source="journal"),
            ModelCalled(purpose="x", model="big", source="cache", saved_usd=0.5),
            ModelCalled(purpose="x", model="big", source="model", usd=0.25, input_tokens=7),
            ModelFailed(model="big", error="RateLimited", message="m"),
            Hedged(tier="s", specialist="a", models=("a", "big"), after=1.0, lost="big"),
            BreakerMoved(of="model", key="big", state="open"),
            FellBack(specialist="a", error="E", message="m"),
            RunEnded(run="f3", status="failed"),
        ]
        await store.record("f3", _recorded("f3", events, at), seconds=0.0)
        seen = await overview(store, "shop", at + 950.0)
        nothing = Open(0, None)
        assert (seen.running, seen.queued, seen.waiting) == (nothing, nothing, nothing)
        assert (seen.dead, seen.ended, seen.edges, seen.lights) == (0, (), (), ())
        assert await store.dead("shop") == ()
        assert seen.spend == Spend(0.25, 2, 1)
        assert [(m.model, m.calls, m.failed) for m in seen.models] == [("big", 1, 1)]
        found = {t.of: t.count for t in await store.usage("shop", replace(EVER, by=("kind",)))}
        assert found == {("model_called",): 1, ("model_failed",): 1, ("hedged",): 1}
        costs = (await account(store, "shop")).total
        assert (costs.runs, costs.calls, float(costs.usd), costs.unknown_calls) == (1, 2, 0.25, 1)
        assert (costs.replayed, costs.cache_hits, costs.failed_calls, costs.fallbacks) == (
            0, 0, 1, 0,
        )  # fmt: skip
        own = (await account(store, "shop", wanted=Wanted(run="f3"))).total
        assert (own.replayed, own.cache_hits, own.usd) == (1, 1, costs.usd)

    async def test_an_edge_begins_at_who_had_the_work(self, store: Store) -> None:
        """The router, who handed it on, or for a task who gave it to others."""
        await store.add_run(a_run())
        await store.add_run(replace(a_run("r2"), parent="r1", root="r1"))
        own: tuple[Event, ...] = (
            Routed(to="", tier="model", parts=("billing", "tech")),
            Routed(to="plan", tier="bound"),
        )
        await store.record("r1", _recorded("r1", list(own)), seconds=0.0)
        await store.record("r1", [], seconds=0.0)
        task = [Routed(to="tech", tier="handoff"), Routed(to="billing", tier="handoff")]
        await store.record("r2", _recorded("r2", list(task)), seconds=0.0)
        wanted = replace(EVER, kinds=("routed",), by=("specialist", "key"))
        assert {t.of: t.count for t in await store.usage("shop", wanted)} == {
            ("router", "billing"): 1, ("router", "tech"): 1, ("router", "plan"): 1,
            ("plan", "tech"): 1, ("tech", "billing"): 1,
        }  # fmt: skip

    async def test_a_breaker_is_where_it_was_moved_last(self, store: Store) -> None:
        """By the time of the move, not by when it was stored."""
        await store.add_run(a_run())
        for seq, at, state in ((0, 5.0, "open"), (1, 9.0, "closed"), (2, 7.0, "half_open")):
            event = BreakerMoved(of="tool", key="refund", state=state)  # pyright: ignore[reportArgumentType]
            await store.record("r1", [Recorded(run="r1", seq=seq, at=at, event=event)], seconds=0)
        assert (await store.standing("shop")).lights == (Light("tool", "refund", "closed", 9.0),)

    # The tail

    @pytest.mark.parametrize("limit", [1, 2, 100])
    async def test_the_tail_holds_each_event_once_as_it_was_stored(
        self, store: Store, limit: int
    ) -> None:
        """Of all runs of the team, with the tenant; what is given again is not there again."""
        expected: list[tuple[str, Recorded]] = []
        rows = (("r2", "shop", "bolt"), ("r1", "shop", "acme"), ("rx", "other", "acme"))
        for run, team, tenant in rows:
            await store.add_run(a_run(run, team=team, tenant=tenant))
        for n in range(3):
            for run, team, tenant in rows:
                event = Routed(to=f"s{n}", tier="model")
                recorded = Recorded(run=run, seq=n, at=1.0, event=event)
                await store.record(run, [recorded], seconds=0.0)
                await store.record(run, [recorded], seconds=0.0)
                expected += [(tenant, recorded)] if team == "shop" else []
        found: list[tuple[str, Recorded]] = []
        place, more = 0, True
        while more:
            tail = await store.tail("shop", after=place, limit=limit)
            found += tail.events
            place, more = tail.next, tail.more
        assert found == expected
        assert place == await store.tail_end()
        assert await store.tail("shop", after=place, limit=limit) == Tail((), place, more=False)

    async def test_a_reader_of_the_tail_misses_nothing(self, store: Store) -> None:
        """While many write, each event comes once, and each run's in their order."""
        runs = [f"r{n}" for n in range(5)]
        for run in runs:
            await store.add_run(a_run(run))

        async def write(run: str) -> None:
            for n in range(10):
                event = Routed(to="tech", tier="model")
                await store.record(run, [Recorded(run=run, seq=n, at=1.0, event=event)], seconds=0)

        writing = asyncio.gather(*(write(run) for run in runs))
        seen: list[tuple[str, int]] = []
        place = 0
        while len(seen) < 50:
            tail = await store.tail("shop", after=place, limit=7)
            seen += [(e.run, e.seq) for _, e in tail.events]
            place = tail.next
        await writing
        assert (await store.tail("shop", after=place, limit=7)).events == ()
        assert sorted(seen) == [(run, n) for run in runs for n in range(10)]
        for run in runs:
            assert [n for name, n in seen if name == run] == list(range(10))

    async def test_an_empty_store_has_no_tail(self, store: Store) -> None:
        """Its end is 0, and what comes then is after it."""
        assert await store.tail_end() == 0
        tail = await store.tail("shop", after=0)
        assert (tail.events, tail.next, tail.more) == ((), 0, False)
