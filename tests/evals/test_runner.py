"""Suites, the runner's record, and the report's denominators."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BadInput, ModelTimeout
from pointsman.evals import recordfile
from pointsman.evals.record import Sample
from pointsman.evals.report import Mean, Share, as_text, report
from pointsman.evals.runner import Ran, load, run
from pointsman.evals.scorers.called import Called
from pointsman.evals.scoring import rescore
from pointsman.evals.suite import Case, RunOptions, Suite
from pointsman.evals.tally import Tally, pass_all, pass_at, passed
from pointsman.evals.trial import Observed, Target, Trial
from pointsman.teams.result import Result
from tests.evals import trials
from tests.evals.trials import billing, case, result


async def test_every_case_is_scored_and_recorded_in_order(tmp_path: Path) -> None:
    """The samples come in the suite's order, whatever the concurrency."""
    suite = Suite("s", (case("a"), case("b", "shipping"), case("c")))

    async def target(asked: Case) -> Result:
        return result(asked)

    record = tmp_path / "r.jsonl"
    samples = await run(suite, target, version="1", record=record, concurrency=3)
    assert [(s.case, s.scores) for s in samples] == [
        ("a", {"route": True}),
        ("b", {"route": False}),
        ("c", {"route": True}),
    ]
    assert {s.case for s in load(record)} == {"a", "b", "c"}


async def test_a_second_run_asks_only_what_is_not_recorded(tmp_path: Path) -> None:
    """Recorded cases are not asked again; another version of the target is another record's."""
    asked: list[str] = []

    async def target(given: Case) -> Result:
        asked.append(given.id)
        return result(given)

    record = tmp_path / "r.jsonl"
    await run(Suite("s", (case("a"),)), target, version="1", record=record)
    await run(Suite("s", (case("a"), case("b"))), target, version="1", record=record)
    assert asked == ["a", "b"]
    with pytest.raises(BadInput, match="holds sample 'a'"):
        await run(Suite("s", (case("a"),)), target, version="2", record=record)
    assert asked == ["a", "b"]


async def test_a_line_cut_off_by_a_crash_is_run_again(tmp_path: Path) -> None:
    """The half line is dropped, its case asked again, and the record is whole afterwards."""
    record = tmp_path / "r.jsonl"

    async def target(given: Case) -> Result:
        return result(given)

    suite = Suite("s", (case("a"), case("b")))
    await run(suite, target, version="1", record=record)
    data = record.read_bytes()
    lines = data.split(b"\n")
    second = data.index(lines[2])
    for cut in (len(data) - 20, second + len(lines[2]), second + 5, second, len(lines[0]), 3, 0):
        record.write_bytes(data[:cut])
        samples = await run(suite, target, version="1", record=record)
        assert [s.case for s in samples] == ["a", "b"]
        assert [s.case for s in load(record)] == ["a", "b"]


async def test_errors_stay_in_the_denominator(tmp_path: Path) -> None:
    """A case whose target raised counts as failed, and the report says how many were scored."""

    async def target(given: Case) -> Result:
        if given.id == "b":
            raise ModelTimeout("no answer")
        return result(given)

    suite = Suite("s", (case("a"), case("b")))
    found = report(await run(suite, target, version="1", record=tmp_path / "r.jsonl"))
    assert found.errors == 1
    assert found.shares["route"] == Share(passed=1, scored=1, total=2)
    assert "scored 1 of 2" in as_text(found)
    assert found.at_least({"route": 0.5})
    assert not found.at_least({"route": 0.51})
    assert not found.at_least({"unknown": 0.0})


async def test_a_case_that_takes_too_long_is_an_error(tmp_path: Path) -> None:
    """A time-out is recorded as one, and stays in the denominator."""

    async def target(given: Case) -> Result:
        if given.id == "b":
            await asyncio.Event().wait()
        return result(given)

    suite = Suite("s", (case("a"), case("b")))
    record = tmp_path / "r.jsonl"
    samples = await run(suite, target, version="1", record=record, timeout=0.05)
    assert samples[1].error == "TimeoutError: no result in 0.05 s"
    assert report(samples).shares["route"] == Share(passed=1, scored=1, total=2)


async def test_a_scorer_that_fails_spoils_nothing_else(tmp_path: Path) -> None:
    """Its score is missing and counted; the other scorers and cases are as without it."""

    def fussy(given: Case, _: Sample) -> bool:
        if given.id == "b":
            raise ValueError("no b")
        return True

    async def target(given: Case) -> Result:
        return result(given)

    suite = Suite("s", (case("a"), case("b")))
    odd = Called("odd", lambda *_: float("nan"))
    samples = await run(
        suite, target, version="1", record=tmp_path / "r", scorers=(Called("fussy", fussy), odd)
    )
    found = report(samples)
    assert samples[1].unscored == {"fussy": "ValueError: no b", "odd": "nan is no score"}
    assert found.shares["fussy"] == Share(passed=1, scored=1, total=2)
    assert found.shares["odd"] == Share(passed=0, scored=0, total=2)
    assert load(tmp_path / "r") == tuple(samples)


async def test_labels_are_counted(tmp_path: Path) -> None:
    """A scorer of labels gives how often each was given; a case that failed has none."""

    async def target(given: Case) -> Result:
        if given.id == "c":
            raise ModelTimeout("no answer")
        return result(given)

    tone = Called("tone", lambda given, _: "kind" if given.id == "a" else "curt")
    suite = Suite("s", (case("a"), case("b"), case("c")))
    samples = await run(suite, target, version="1", record=tmp_path / "r", scorers=(tone,))
    found = report(samples)
    assert found.labels == {"tone": {"kind": 1, "curt": 1, "(none)": 1}}
    assert "tone: (none) 1, curt 1, kind 1" in as_text(found)


async def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    """A file of something else is neither read as a record nor appended to."""

    async def target(given: Case) -> Result:
        return result(given)

    record = tmp_path / "r.jsonl"
    for content in (b"{}\n\xff\n", b"some notes"):
        record.write_bytes(content)
        with pytest.raises(BadInput, match=r"r\.jsonl:1 is no sample"):
            await run(Suite("s", (case("a"),)), target, version="1", record=record)
        assert record.read_bytes() == content


async def test_no_concurrency_is_refused(tmp_path: Path) -> None:
    """A bound of nothing would wait for ever; it is an error and makes no file."""

    async def target(given: Case) -> Result:
        return result(given)

    with pytest.raises(BadInput, match="concurrency=0"):
        await run(Suite("s", ()), target, version="1", record=tmp_path / "new", concurrency=0)
    assert not (tmp_path / "new").exists()


async def test_cases_of_one_thread_run_in_order(tmp_path: Path) -> None:
    """However many run at once, a thread's messages keep their order."""
    asked: list[str] = []

    async def target(given: Case) -> Result:
        asked.append(given.id)
        return result(given)

    cases = tuple(case(str(n), thread="t") for n in range(10))
    await run(Suite("s", cases), target, version="1", record=tmp_path / "r", concurrency=8)
    assert asked == [str(n) for n in range(10)]


async def test_numbers_are_averaged_over_those_scored(tmp_path: Path) -> None:
    """A scorer of numbers gives a mean, not a share."""

    async def target(given: Case) -> Result:
        return result(given, answer="x" * int(given.text))

    length = Called("length", lambda _, got: float(len(str(got.output))))
    suite = Suite("s", (case("2"), case("4")))
    samples = await run(suite, target, version="1", record=tmp_path / "r", scorers=(length,))
    found = report(samples)
    assert found.means == {"length": Mean(value=3.0, scored=2, total=2)}
    assert found.usd == pytest.approx(0.02)


@given(passed=st.integers(0, 50), more=st.integers(0, 50))
def test_the_interval_holds_the_share(passed: int, more: int) -> None:
    """Wilson's interval lies in 0..1 and around the share, whatever the counts."""
    share = Share(passed=passed, scored=passed + more, total=passed + more)
    low, high = share.interval
    assert 0.0 <= low <= high <= 1.0
    assert passed + more == 0 or (low <= share.value + 1e-12 and share.value <= high + 1e-12)


def test_the_interval_is_wilsons() -> None:
    """Checked against the published example: 8 of 10 gives 0.490 to 0.943."""
    low, high = Share(passed=8, scored=10, total=10).interval
    assert (round(low, 3), round(high, 3)) == (0.49, 0.943)


async def test_epochs_are_samples_of_their_own(tmp_path: Path) -> None:
    """Each case is asked in each epoch, in a thread and under a message of that epoch."""
    asked: list[tuple[str, str, str]] = []

    async def ask(trial: Trial) -> Observed:
        asked.append((trial.case.id, trial.thread, trial.key))
        return Observed(output="x")

    suite = Suite("s", (case("a", thread="t"), case("b", thread="t"), case("c")))
    ran = await run(suite, Target("t", "1", ask), record=tmp_path / "r", epochs=3, concurrency=2)
    assert [(s.epoch, s.case) for s in ran] == [(e, c) for e in (1, 2, 3) for c in "abc"]
    assert len({key for _, _, key in asked}) == 9
    threads = Counter(thread for _, thread, _ in asked)
    assert sorted(threads.values()) == [1, 1, 1, 2, 2, 2]
    again = await run(suite, Target("t", "1", ask), record=tmp_path / "r", epochs=3)
    assert [s.key for s in again] == [s.key for s in ran]
    assert len(asked) == 9


async def test_what_is_spent_stops_the_run(tmp_path: Path) -> None:
    """No sample begins beyond the budget; the run says that it is partial, and can go on."""

    async def ask(_: Trial) -> Observed:
        return Observed(output="x", usd=0.4, eval_usd=0.1)

    suite = Suite("s", tuple(case(str(n)) for n in range(10)))
    target, record = Target("t", "1", ask), tmp_path / "r"
    ran = await run(suite, target, record=record, budget=1.0, concurrency=1)
    assert (ran.end.reason, ran.end.done, ran.end.due, ran.end.partial) == ("budget", 2, 10, True)
    assert [s.case for s in ran] == ["0", "1"]
    ran = await run(suite, target, record=record, budget=2.0, concurrency=1)
    assert (ran.end.reason, ran.end.done) == ("budget", 4)
    ran = await run(suite, target, record=record)
    assert (ran.end.reason, ran.end.done, ran.tally.resumed) == ("complete", 10, 4)
    assert recordfile.ending(record) == ran.end


async def test_a_run_that_is_stopped_says_so(tmp_path: Path) -> None:
    """What ended before is kept, and the record ends as stopped."""
    suite = Suite("s", (case("a"), case("b")))
    began = asyncio.Event()

    async def target(given: Case) -> Result:
        if given.id == "b":
            began.set()
            await asyncio.Event().wait()
        return result(given)

    task = asyncio.create_task(
        run(suite, target, version="1", record=tmp_path / "r", concurrency=1)
    )
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    end = recordfile.ending(tmp_path / "r")
    assert end is not None
    assert (end.reason, end.done, end.due) == ("stopped", 1, 2)


async def test_scores_are_made_anew_without_the_target(tmp_path: Path) -> None:
    """Another scorer's scores stand in the record; everything else is as it was."""
    suite = Suite("s", (case("a"), case("b", "shipping")))
    before = tuple(await run(suite, billing, version="1", record=tmp_path / "r"))
    length = Called("length", lambda _, got: float(len(str(got.output))))
    assert await rescore(tmp_path / "r", suite, (length,)) == 2
    after = load(tmp_path / "r")
    assert [s.scores for s in after] == [{"length": 11.0}] * 2
    kept = [s.model_copy(update={"scores": b.scores}) for s, b in zip(after, before, strict=True)]
    assert kept == [*before]
    head = recordfile.head(tmp_path / "r")
    assert head is not None
    assert head.scorers == ("length",)
    with pytest.raises(BadInput, match="another case than the suite's"):
        await rescore(tmp_path / "r", Suite("s", (case("a", "other"), case("b"))), (length,))
    assert load(tmp_path / "r") == after


async def test_the_world_is_set_up_for_each_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the suite names as set-up is entered around every sample, and left after errors too."""
    now: list[str] = []
    ended: list[str] = []

    @asynccontextmanager
    async def fresh(trial: Trial) -> AsyncGenerator[None]:
        now.append(trial.case.id)
        try:
            yield
        finally:
            ended.append(now.pop())

    async def ask(trial: Trial) -> Observed:
        assert now == [trial.case.id]
        if trial.case.id == "b":
            raise ModelTimeout("no answer")
        return Observed(output="x")

    monkeypatch.setattr(trials, "fresh", fresh, raising=False)
    suite = Suite("s", (case("a"), case("b")), setup="tests.evals.trials:fresh")
    ran = await run(suite, Target("t", "1", ask), record=tmp_path / "r", concurrency=1)
    assert ended == ["a", "b"]
    assert [s.error for s in ran] == ["", "ModelTimeout: no answer"]


async def test_options_come_from_the_suite(tmp_path: Path) -> None:
    """Epochs and seed of its file count where the call gives none."""
    suite = Suite("s", (case("a"),), options=RunOptions(epochs=2, seed=5))
    seeds: list[int] = []

    async def ask(trial: Trial) -> Observed:
        seeds.append(trial.seed)
        return Observed(output="x")

    ran = await run(suite, Target("t", "1", ask), record=tmp_path / "r")
    assert (len(ran), seeds, ran.head.epochs, ran.head.seed) == (2, [5, 5], 2, 5)


async def test_progress_counts_what_happened(tmp_path: Path) -> None:
    """Each sample is told once, with the counts so far; time left follows the pace."""
    told: list[tuple[str, int]] = []
    suite = Suite("s", (case("a"), case("b", "shipping")))
    ran = await run(
        suite, billing, version="1", record=tmp_path / "r", concurrency=1,
        seen=lambda sample, tally: told.append((sample.case, tally.done)),
    )  # fmt: skip
    assert told == [("a", 1), ("b", 2)]
    tally = ran.tally
    assert (tally.passed, tally.judged, tally.rate, tally.cost) == (1, 2, 0.5, pytest.approx(0.02))
    assert Tally(due=10, done=5, resumed=1).eta(8.0) == 10.0
    assert Tally(due=10, done=1, resumed=1).eta(8.0) is None
    assert isinstance(ran, Ran)


def test_an_unknown_price_is_not_free() -> None:
    """One sample without a price makes the sum unknown."""
    tally = Tally(due=2)
    tally.add(Sample(key="a", case="a", usd=0.5))
    assert tally.cost == 0.5
    tally.add(Sample(key="b", case="b", usd=None))
    assert (tally.cost, tally.unpriced) == (None, 1)


@pytest.mark.parametrize(
    ("sample", "verdict"),
    [
        (Sample(key="k", case="c", scores={"a": True, "n": 0.2}), True),
        (Sample(key="k", case="c", scores={"a": True, "b": False}), False),
        (Sample(key="k", case="c", scores={"a": True}, unscored={"b": "broke"}), False),
        (Sample(key="k", case="c", error="TimeoutError: late"), False),
        (Sample(key="k", case="c", scores={"n": 0.2, "l": "kind"}), None),
    ],
)
def test_a_sample_passes_when_all_flags_do(sample: Sample, verdict: bool | None) -> None:
    """Errors and missing scores are no passes; numbers and labels say nothing."""
    assert passed(sample) is verdict


@given(
    counts=st.dictionaries(
        st.text(max_size=2),
        st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
        min_size=1,
    ),
    k=st.integers(1, 6),
)
def test_pass_at_k_and_all_k_agree_with_counting(
    counts: dict[str, tuple[int, int]], k: int
) -> None:
    """Both are what drawing k of the n epochs without putting back gives."""
    from itertools import combinations

    some: list[float] = []
    every: list[float] = []
    for n, c in counts.values():
        draws = list(combinations([True] * c + [False] * (n - c), k))
        if draws:
            some.append(sum(map(any, draws)) / len(draws))
            every.append(sum(map(all, draws)) / len(draws))
    mean = None if not some else pytest.approx(sum(some) / len(some))
    assert pass_at(counts, k) == mean
    assert pass_all(counts, k) == (None if not every else pytest.approx(sum(every) / len(every)))
