"""Accounts: sums over a team's record."""

from collections.abc import AsyncGenerator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.nodes.event import (
    Event,
    FellBack,
    Hedged,
    ModelCalled,
    ModelFailed,
    Recorded,
    Routed,
    RunEnded,
    RunStarted,
)
from pointsman.teams.accounts import (
    DIMENSIONS,
    FIGURES,
    Account,
    Accounts,
    account,
    day_of,
)
from pointsman.teams.store.rows import Wanted
from pointsman.teams.store.sqlite import SqliteStore
from tests.contracts.rows import a_run

DAY = 86_400.0


def call(usd: float | None = 0.25, *, model: str = "m", specialist: str = "billing") -> ModelCalled:
    """A call that a model answered."""
    return ModelCalled(
        purpose="act", specialist=specialist, model=model, source="model", usd=usd,
        input_tokens=100, cached_tokens=60, output_tokens=10, seconds=0.5,
    )  # fmt: skip


def hit(usd: float | None = 0.25) -> ModelCalled:
    """A call that the cache answered."""
    return ModelCalled(
        purpose="act", specialist="billing", model="m", source="cache", saved_usd=usd,
        saved_seconds=0.5,
    )  # fmt: skip


def added(*events: Event, run: str = "r1", by: tuple[str, ...] = ()) -> Accounts:
    """The accounts of one run with these events."""
    accounts = Accounts([d for d in DIMENSIONS if d in by])
    for seq, event in enumerate(events):
        accounts.add("acme", Recorded(run=run, seq=seq, at=0.0, event=event))
    return accounts


def test_every_source_of_an_answer_counts_as_what_it_is() -> None:
    """Paid calls cost, the cache and a shared flight save, the journal does neither."""
    flight = hit().model_copy(update={"source": "flight"})
    replay = ModelCalled(purpose="act", model="m", source="journal")
    total = added(call(), hit(), flight, replay).total
    assert (total.calls, total.cache_hits, total.replayed) == (1, 2, 1)
    assert (total.usd, total.saved_usd) == (Decimal("0.25"), Decimal("0.50"))
    assert (total.input_tokens, total.cached_tokens, total.output_tokens) == (100, 60, 10)
    assert (total.seconds, total.saved_seconds) == (Decimal("0.5"), Decimal("1.0"))


def test_a_call_that_was_cut_off_is_of_unknown_price() -> None:
    """It stands under its own model; a hedge that lost nothing stands nowhere."""
    lost = Hedged(tier="fast", models=("m", "n"), after=2.0, model="n", lost="m", lost_usd=0.1)
    none = Hedged(tier="fast", models=("m", "n"), after=2.0, model="m")
    accounts = added(call(0.5, model="n"), lost, none, by=("model",))
    assert (accounts.total.calls, accounts.total.unknown_calls) == (2, 1)
    assert accounts.total.known_usd == Decimal("0.5")
    by_model = {group.key: group.account for group in accounts.groups()}
    assert by_model["m",].known_usd is None
    assert by_model["n",].unknown_calls == 0


def test_an_unknown_price_is_never_nothing() -> None:
    """It is counted as unknown; where no price is known the sum is None, not 0."""
    assert added(call(None), call(0.5)).total.known_usd == Decimal("0.5")
    unknown = added(call(None), hit(None)).total
    assert (unknown.known_usd, unknown.unknown_calls) == (None, 1)
    assert (unknown.known_saved_usd, unknown.saved_unknown) == (None, 1)
    nothing = added(Routed(to="x", tier="rules"), RunStarted(run="r1", thread="t")).total
    assert (nothing.known_usd, nothing.runs) == (Decimal(0), 1)


def test_a_fallback_is_another_model_or_a_rule_not_another_try() -> None:
    """The same model again is a failed call; the end of a chain is no fallback either."""
    told = [ModelFailed(model="m", error="E", message="", next=after) for after in ("n", "m", "")]
    fell = FellBack(specialist="billing", error="E", message="")
    total = added(*told, fell).total
    assert (total.failed_calls, total.fallbacks) == (3, 2)


def test_a_run_is_counted_once_however_often_it_waited() -> None:
    """Waiting, going on and ending are one run; without a call it has no specialist's group."""
    ends = [RunEnded(run="r1", status=status) for status in ("waiting", "waiting", "done")]
    started = RunStarted(run="r1", thread="t")
    accounts = added(started, call(), ends[0], call(), ends[1], call(), ends[2], by=("tenant",))
    assert accounts.total.runs == 1
    assert [(g.key, g.account.runs) for g in accounts.groups()] == [(("acme",), 1)]
    assert added(started, by=("specialist",)).groups() == []
    assert [g.key for g in added(started, by=("run", "day")).groups()] == [("r1", "1970-01-01")]


def test_sums_of_money_are_exact() -> None:
    """Ten cents ten times is a dollar, and a tiny price beside a huge one is kept."""
    assert added(*[call(0.1)] * 10).total.usd == Decimal(1)
    assert added(call(1e15), call(1e-15)).total.usd == Decimal("1000000000000000.000000000000001")


def test_a_day_is_a_day_in_utc() -> None:
    """Midnight belongs to the day that begins."""
    assert (day_of(DAY - 0.001), day_of(DAY)) == ("1970-01-01", "1970-01-02")


def test_groups_come_the_dearest_first_and_days_in_time() -> None:
    """What is looked for stands on top."""
    accounts = added(call(0.1, model="a"), call(0.3, model="b"), call(None, model="c"),
                     by=("model",))  # fmt: skip
    assert [g.key for g in accounts.groups()] == [("b",), ("a",), ("c",)]
    days = Accounts(("model", "day"))
    for seq, (at, usd) in enumerate(((DAY, 5.0), (0.0, 0.1))):
        days.add("acme", Recorded(run="r1", seq=seq, at=at, event=call(usd)))
    assert [g.key for g in days.groups()] == [("m", "1970-01-01"), ("m", "1970-01-02")]


_USD = st.none() | st.floats(0, 1e9, allow_subnormal=True)
_NAMES = st.sampled_from(["", "a", "b"])
_EVENTS = st.one_of(
    st.builds(
        ModelCalled,
        purpose=st.just("act"), specialist=_NAMES, model=_NAMES,
        source=st.sampled_from(["model", "cache", "journal", "flight"]), usd=_USD, saved_usd=_USD,
        input_tokens=st.integers(0, 99), seconds=st.floats(0, 1e6), saved_seconds=st.floats(0, 9),
    ),
    st.builds(
        ModelFailed, specialist=_NAMES, model=_NAMES, error=st.just("E"), message=st.just(""),
        next=_NAMES,
    ),
    st.builds(FellBack, specialist=_NAMES, error=st.just("E"), message=st.just("")),
    st.just(RunStarted(run="r", thread="t")),
)  # fmt: skip
_RECORDS = st.lists(st.tuples(_NAMES, st.lists(st.tuples(st.floats(0, 5 * DAY), _EVENTS))))


@given(_RECORDS, st.lists(st.sampled_from(DIMENSIONS), unique=True))
def test_the_total_is_the_sum_of_the_groups(
    runs: list[tuple[str, list[tuple[float, Event]]]], by: list[str]
) -> None:
    """In whatever grouping, for every figure, to the last digit; runs too, grouped by run."""
    accounts = Accounts([d for d in DIMENSIONS if d in by])
    for number, (tenant, events) in enumerate(runs):
        for seq, (at, event) in enumerate(events):
            accounts.add(tenant, Recorded(run=f"r{number}", seq=seq, at=at, event=event))
    merged = Account()
    for group in accounts.groups():
        merged.merge(group.account)
    summed = [name for name in FIGURES if name != "runs"]
    assert [getattr(merged, n) for n in summed] == [getattr(accounts.total, n) for n in summed]
    assert accounts.total.runs == sum(1 for _, events in runs if events)
    if by in (["run"], ["tenant", "run"]):
        assert merged.runs == accounts.total.runs


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """A store with two tenants' runs, one of them waiting, and another team's."""
    made = SqliteStore(tmp_path / "pointsman.db")
    for run, team, tenant in (("r1", "shop", "acme"), ("r2", "shop", "bolt"), ("r3", "x", "acme")):
        await made.add_run(a_run(run, team=team, tenant=tenant))
        events = [RunStarted(run=run, thread="c1"), call(), RunEnded(run=run, status="waiting")]
        told = [Recorded(run=run, seq=n, at=n * DAY, event=e) for n, e in enumerate(events)]
        await made.record(run, told, seconds=0)
    yield made
    await made.aclose()


async def test_accounts_are_of_one_team_and_of_what_was_asked(store: SqliteStore) -> None:
    """Each run of the team once, whatever its state; each filter leaves the others out."""
    every = await account(store, "shop", by=("tenant",))
    assert (every.total.runs, every.total.usd) == (2, Decimal("0.5"))
    assert [g.key for g in every.groups()] == [("acme",), ("bolt",)]
    for wanted in (Wanted(run="r2"), Wanted(tenant="bolt")):
        found = await account(store, "shop", wanted=wanted)
        assert (found.total.runs, found.total.calls) == (1, 1)
    assert (await account(store, "shop", wanted=Wanted(since=DAY))).total.calls == 2
    assert (await account(store, "shop", wanted=Wanted(until=DAY))).total.calls == 0
    assert (await account(store, "nobody")).total == Account()
