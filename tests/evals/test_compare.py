"""A run against its baseline: verdicts, honest denominators, and what is not compared."""

from pathlib import Path

import pytest

from pointsman.errors import BadInput
from pointsman.evals.change import Change
from pointsman.evals.compare import Comparison, compare
from pointsman.evals.metrics import Metric, read
from pointsman.evals.record import Sample, TicketSeen
from tests.evals.records import many, sample, write


def compared(folder: Path, now: list[Sample], before: list[Sample], **more: object) -> Comparison:
    """Two lists of samples, by way of their files."""
    run, baseline = write(folder / "now.jsonl", now), write(folder / "before.jsonl", before)
    return compare(read(run), read(baseline), **more)  # type: ignore[arg-type]


def change(found: Comparison, metric: str = "ok") -> Change:
    """What became of a metric, which must be there."""
    one = found.change(metric)
    assert one is not None
    return one


def test_a_shown_drop_is_worse_and_named(tmp_path: Path) -> None:
    """Ten of forty cases that no longer pass: worse, by McNemar's exact test, and listed."""
    found = compared(tmp_path, many("f" * 10 + "p" * 30), many("p" * 40))
    ok = change(found)
    assert (ok.verdict, ok.lost, ok.won) == ("worse", 10, 0)
    assert (ok.before, ok.now) == (1.0, 0.75)
    assert ok.p == pytest.approx(2 / 2**10)
    assert ok.low is not None
    assert ok.high is not None
    assert ok.low < -0.25 < ok.high < 0
    assert [m.case for m in found.regressed] == [f"c{n:04}" for n in range(10)]
    assert found.worse == (ok,)


def test_a_gain_is_better(tmp_path: Path) -> None:
    """The same the other way round, and nothing is worse."""
    found = compared(tmp_path, many("p" * 40), many("f" * 10 + "p" * 30))
    assert change(found).verdict == "better"
    assert len(found.improved) == 10
    assert found.worse == ()


def test_a_drop_that_may_be_luck_is_no_evidence(tmp_path: Path) -> None:
    """Three lost and one won of forty prove nothing; what would is told."""
    ok = change(compared(tmp_path, many("ffpf" + "p" * 36), many("ppfp" + "p" * 36)))
    assert ok.verdict == "no_evidence"
    assert ok.smallest is not None
    assert ok.smallest > 0.1


def test_errors_and_missing_scores_are_not_passed(tmp_path: Path) -> None:
    """An error and a scorer that failed count as fails in every metric they might have been
    scored on, and are counted as missing."""
    ok = change(compared(tmp_path, many("e" * 6 + "uu" + "p" * 12), many("p" * 20)))
    assert (ok.pairs, ok.now, ok.missing_now, ok.missing_before) == (20, 0.6, 8, 0)
    assert ok.verdict == "worse"


def test_errors_on_both_sides_stay_in_the_denominator(tmp_path: Path) -> None:
    """A case that is an error in both runs is a fail in both, for a score that every case has."""
    ok = change(compared(tmp_path, many("ee" + "p" * 8), many("ee" + "p" * 8)))
    assert (ok.pairs, ok.before, ok.now) == (10, 0.8, 0.8)


def test_cases_that_expect_nothing_are_not_counted(tmp_path: Path) -> None:
    """A scorer that does not apply to a case leaves it out; an error there does not bring it in."""
    ok = change(compared(tmp_path, many("--e" + "p" * 8), many("--e" + "p" * 8)))
    assert ok.pairs == 8


def test_a_run_that_fails_on_hard_cases_does_not_look_better(tmp_path: Path) -> None:
    """A number that is missing counts as the worst, so leaving out low scores is no gain."""
    before = [sample(f"c{n}", close=0.9 if n < 15 else 0.1) for n in range(20)]
    now = [sample(f"c{n}", close=0.9 if n < 15 else None) for n in range(20)]
    now[15:] = [sample(f"c{n}", error="Bad: no") for n in range(15, 20)]
    close = change(compared(tmp_path, now, before), "close")
    assert close.now is not None
    assert close.before is not None
    assert close.now < close.before


def test_numbers_are_tested_by_whole_cases(tmp_path: Path) -> None:
    """Similarity that falls in nearly all cases is worse; cost that rises is worse too."""
    before = [sample(f"c{n}", close=0.8 + n % 5 / 100, usd=0.01) for n in range(30)]
    now = [sample(f"c{n}", close=0.7 + n % 7 / 100, usd=0.01 + n / 1e4) for n in range(30)]
    found = compared(tmp_path, now, before)
    assert change(found, "close").verdict == "worse"
    assert change(found, "usd").verdict == "worse"
    assert change(found, "tokens").verdict == "no_evidence"
    assert change(found, "tokens").p == 1.0


def test_slow_ends_show_in_p95(tmp_path: Path) -> None:
    """The 95th percentile rises when the slow cases get slower; few cases have none."""
    before = [sample(f"c{n}", seconds=1 + n / 100) for n in range(60)]
    now = [sample(f"c{n}", seconds=(1 + n / 100) * 2) for n in range(60)]
    assert change(compared(tmp_path, now, before), "p95_seconds").verdict == "worse"
    few = change(compared(tmp_path, now[:15], before[:15]), "p95_seconds")
    assert (few.verdict, few.why[:8]) == ("not_comparable", "15 cases")


def test_epochs_of_a_case_are_not_many_cases(tmp_path: Path) -> None:
    """One case lost in all of five epochs is one case: no evidence."""

    def run(lost: int) -> list[Sample]:
        return [sample(f"c{n}", epoch=e, ok=n >= lost) for n in range(12) for e in range(1, 6)]

    ok = change(compared(tmp_path, run(2), run(0)))
    assert (ok.pairs, ok.cases, ok.lost) == (60, 12, 10)
    assert ok.verdict == "no_evidence"
    assert change(compared(tmp_path, run(9), run(0))).verdict == "worse"


def test_approvals_stand_beside_quality(tmp_path: Path) -> None:
    """A person who had to be asked and was not, and one who was asked for nothing, are counted."""
    asked = (TicketSeen(tool="refund"),)
    before = [
        sample(f"c{n}", expected={"asks": n < 10}, tickets=asked if n < 10 else ())
        for n in range(20)
    ]
    now = [sample(f"c{n}", expected={"asks": n < 10}) for n in range(20)]
    missed = change(compared(tmp_path, now, before), "tickets_missed")
    assert (missed.before, missed.now, missed.verdict) == (0.0, 0.5, "worse")
    assert change(compared(tmp_path, now, before), "tickets_needless").verdict == "no_evidence"


def test_an_unknown_price_is_not_compared(tmp_path: Path) -> None:
    """It is not taken for nothing."""
    now = [sample(f"c{n}", usd=None if n == 3 else 0.01) for n in range(20)]
    usd = change(compared(tmp_path, now, [sample(f"c{n}") for n in range(20)]), "usd")
    assert (usd.verdict, usd.unknown) == ("not_comparable", 1)
    assert "price" in usd.why


def test_too_few_cases_are_not_compared(tmp_path: Path) -> None:
    """Five cases that all get worse prove nothing at 5 %."""
    ok = change(compared(tmp_path, many("fffff"), many("ppppp")))
    assert ok.verdict == "not_comparable"
    assert ok.change == -1


def test_suites_that_differ_are_not_compared_unless_asked(tmp_path: Path) -> None:
    """Nothing is compared; with `common` the cases that both have are, and the others listed."""
    run = read(write(tmp_path / "a.jsonl", many("p" * 20), digest="s2"))
    before = many("p" * 19)
    before[0] = before[0].model_copy(update={"case_digest": "other"})
    baseline = read(write(tmp_path / "b.jsonl", before))
    found = compare(run, baseline)
    assert {c.verdict for c in found.changes} == {"not_comparable"}
    assert "suites differ" in change(found).why
    both = compare(run, baseline, common=True)
    assert change(both).pairs == 18
    assert both.new == (("c0019", 1),)
    assert both.changed == (("c0000", 1),)


def test_samples_without_a_pair_are_listed(tmp_path: Path) -> None:
    """Those of one run only are named, and make no pair."""
    run = read(write(tmp_path / "a.jsonl", many("p" * 18), due=20))
    found = compare(run, read(write(tmp_path / "b.jsonl", many("p" * 20))))
    assert found.gone == (("c0018", 1), ("c0019", 1))
    assert found.pairs == 18
    assert "18 of 20" in found.run.partial


def test_other_scorers_are_not_compared(tmp_path: Path) -> None:
    """A new version of a scorer, or a part of one, measures something else; the rest compares."""
    now = [s.model_copy(update={"scores": {**s.scores, "judge.fit": True}}) for s in many("p" * 10)]
    run = read(write(tmp_path / "a.jsonl", now, versions={"ok": "1", "judge": "2"}))
    baseline = read(write(tmp_path / "b.jsonl", now, versions={"ok": "1", "judge": "1"}))
    found = compare(run, baseline)
    assert change(found, "judge.fit").verdict == "not_comparable"
    assert change(found).verdict == "no_evidence"
    alone = compare(run, read(write(tmp_path / "c.jsonl", many("p" * 10), versions={"ok": "1"})))
    assert change(alone, "judge.fit").why == "only the run has it"


def test_a_replay_is_no_measure_of_time(tmp_path: Path) -> None:
    """Against a run that asked models, its latency and cost are not compared."""
    run = read(write(tmp_path / "a.jsonl", many("p" * 30), replayed="tape.jsonl"))
    found = compare(run, read(write(tmp_path / "b.jsonl", many("p" * 30))))
    assert change(found, "seconds").verdict == "not_comparable"
    assert change(found, "usd").verdict == "not_comparable"
    assert change(found).verdict == "no_evidence"


def test_labels_compare_by_a_label(tmp_path: Path) -> None:
    """Labels have no order; the share of one has."""
    now = [sample(f"c{n}", tone="curt" if n < 12 else "polite") for n in range(30)]
    before = [sample(f"c{n}", tone="polite") for n in range(30)]
    found = compared(tmp_path, now, before, more=[Metric("tone=polite", "share")])
    assert change(found, "tone").verdict == "not_comparable"
    polite = change(found, "tone=polite")
    assert (polite.verdict, polite.before, polite.now) == ("worse", 1.0, 0.6)


def test_a_tag_narrows_the_comparison(tmp_path: Path) -> None:
    """Only cases with the tag are pairs."""
    now = [sample(f"c{n}", tags=("a",) if n < 8 else ()) for n in range(20)]
    assert change(compared(tmp_path, now, now, tag="a")).pairs == 8


def test_weights_count(tmp_path: Path) -> None:
    """A heavy case that is lost weighs more in the share."""
    before = [sample(f"c{n}", weight=9 if n == 0 else 1) for n in range(10)]
    now = [s.model_copy(update={"scores": {"ok": s.case != "c0"}}) for s in before]
    assert change(compared(tmp_path, now, before)).now == pytest.approx(0.5)


def test_equal_inputs_give_equal_comparisons(tmp_path: Path) -> None:
    """The whole comparison is decided by the records and the seed."""
    now = [sample(f"c{n}", close=n % 7 / 7) for n in range(30)]
    before = [sample(f"c{n}", close=n % 5 / 5) for n in range(30)]
    first = compared(tmp_path, now, before)
    assert first == compared(tmp_path, now, before)
    assert Comparison.model_validate_json(first.model_dump_json()) == first


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    """So is one that is not there, and one without a sample."""
    (tmp_path / "x.jsonl").write_text("{}\n")
    (tmp_path / "empty.jsonl").write_text("")
    for name in ("x", "empty", "none"):
        with pytest.raises(BadInput):
            read(tmp_path / f"{name}.jsonl")
