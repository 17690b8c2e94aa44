"""The gate: rules from the suite, held against a run and its baseline."""

from pathlib import Path
from typing import Any

import pytest

from pointsman.errors import BadInput
from pointsman.evals.gate import Gated, judge
from pointsman.evals.metrics import read
from pointsman.evals.record import Sample
from pointsman.evals.rules import gate_of
from tests.evals.records import many, sample, write


def judged(
    folder: Path, section: Any, now: list[Sample], before: list[Sample] | None = None
) -> Gated:
    """A gate's section against samples."""
    run = read(write(folder / "now.jsonl", now))
    baseline = None if before is None else read(write(folder / "before.jsonl", before))
    return judge(gate_of(section, "support"), run, baseline, name="main")


def test_without_rules_nothing_may_be_shown_to_be_worse(tmp_path: Path) -> None:
    """The default: equal passes, a shown drop does not, and luck does not stop anything."""
    before = many("p" * 40)
    assert judged(tmp_path, None, before, before).passed
    assert judged(tmp_path, None, many("ff" + "p" * 38), before).passed
    worse = judged(tmp_path, None, many("f" * 8 + "p" * 32), before)
    assert [check.metric for check in worse.failed] == ["ok"]


def test_leaving_a_score_out_does_not_pass(tmp_path: Path) -> None:
    """A metric of the baseline that the run lacks fails its check."""
    before = [sample(f"c{n}", ok=True) for n in range(20)]
    now = [sample(f"c{n}", ok=None, close=1.0) for n in range(20)]
    found = judged(tmp_path, None, now, before)
    assert [check.metric for check in found.failed] == ["ok"]


def test_errors_alone_fail_the_default_gate(tmp_path: Path) -> None:
    """`completed` is always held."""
    found = judged(tmp_path, None, many("e" * 8 + "p" * 32), many("p" * 40))
    assert {check.metric for check in found.failed} == {"ok", "completed"}


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        ({"at_least": 0.75}, True),
        ({"at_least": 0.76}, False),
        ({"at_most": 0.75}, True),
        ({"at_most": 0.74}, False),
        ({"at_least": 0.8, "confidence": 0.95}, True),
        ({"at_least": 0.9, "confidence": 0.95}, False),
        ({"at_least": 0.7, "confidence": 0.95, "unsure": "fail"}, False),
        ({"at_least": 0.6, "confidence": 0.95, "unsure": "fail"}, True),
    ],
)
def test_bounds_hold_the_figure_or_what_is_sure(
    tmp_path: Path, rule: dict[str, Any], passes: bool
) -> None:
    """30 of 40 pass. Without confidence the figure decides; with it, its one-sided interval
    (62 % to 84 %): `pass` lets through what may hold, `fail` only what surely does."""
    found = judged(tmp_path, [{"metric": "ok", **rule}], many("p" * 30 + "f" * 10))
    assert found.passed is passes
    assert found.checks[0].value == 0.75


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        ({"no_worse_by": 0.1}, True),
        ({"no_worse_by": 0.09}, False),
        ({"no_worse_by": "10%"}, True),
        ({"no_worse_by": "9.9%"}, False),
        ({"no_worse_by": 0, "confidence": 0.95}, True),
        ({"no_worse_by": 0.05, "confidence": 0.95, "unsure": "fail"}, False),
        ({"no_worse_by": 0.3, "confidence": 0.95, "unsure": "fail"}, True),
    ],
)
def test_no_worse_by_holds_the_change(tmp_path: Path, rule: dict[str, Any], passes: bool) -> None:
    """Four of forty cases are lost: 10 points, p = 0.125."""
    found = judged(tmp_path, [{"metric": "ok", **rule}], many("ffff" + "p" * 36), many("p" * 40))
    assert found.passed is passes


def test_costs_and_latency_are_rules_like_others(tmp_path: Path) -> None:
    """Less is better there: a rise of a fifth breaks `10%` and keeps `25%`."""
    before = [sample(f"c{n}", usd=0.010, seconds=1.0) for n in range(30)]
    now = [sample(f"c{n}", usd=0.012, seconds=0.5) for n in range(30)]
    rules = [{"metric": "usd", "no_worse_by": "10%"}, {"metric": "p95_seconds", "no_worse_by": 0}]
    found = judged(tmp_path, rules, now, before)
    assert [check.passed for check in found.checks] == [False, True]
    assert judged(tmp_path, [{"metric": "usd", "no_worse_by": "25%"}], now, before).passed
    assert judged(tmp_path, [{"metric": "usd", "at_most": 0.012}], now).passed


def test_a_rule_for_a_tag_looks_at_its_cases(tmp_path: Path) -> None:
    """A drop among a few cases shows where they are looked at alone."""

    def run(lost: bool) -> list[Sample]:
        return [
            sample(f"c{n}", ok=not (lost and n < 8), tags=("german",) if n < 10 else ())
            for n in range(400)
        ]

    rules = [
        {"metric": "ok", "no_worse_by": 0.05},
        {"metric": "ok", "tag": "german", "no_worse_by": 0.05},
        {"metric": "ok", "tag": "german", "at_least": 0.1},
    ]
    with pytest.raises(BadInput, match="two rules"):
        judged(tmp_path, rules, run(lost=True), run(lost=False))
    rules[1] = {**rules[1], **rules.pop(2)}
    found = judged(tmp_path, rules, run(lost=True), run(lost=False))
    assert [check.passed for check in found.checks] == [True, True, False]
    assert found.failed[0].name.startswith("ok [german]: no worse")


def test_a_label_can_be_held(tmp_path: Path) -> None:
    """The share of one label."""
    now = [sample(f"c{n}", tone="curt" if n < 3 else "polite") for n in range(10)]
    assert judged(tmp_path, [{"metric": "tone=polite", "at_least": 0.7}], now).passed
    assert not judged(tmp_path, [{"metric": "tone=curt", "at_most": 0.2}], now).passed


def test_a_partial_run_fails_unless_it_may(tmp_path: Path) -> None:
    """Samples that were never asked are not passed over in silence."""
    run = read(write(tmp_path / "now.jsonl", many("p" * 10), due=40))
    rules = {"rules": [{"metric": "ok", "at_least": 0.9}]}
    found = judge(gate_of(rules, "s"), run, None)
    assert (found.checks[0].metric, found.checks[0].passed) == ("samples", False)
    assert not found.passed
    assert judge(gate_of({**rules, "partial": True}, "s"), run, None).passed


def test_what_cannot_be_compared_fails(tmp_path: Path) -> None:
    """Another suite does not pass as 'no evidence'; `cases: common` compares what is shared."""
    run = read(write(tmp_path / "now.jsonl", many("p" * 21), digest="s2"))
    baseline = read(write(tmp_path / "before.jsonl", many("p" * 20)))
    rule = [{"metric": "ok", "no_worse_by": 0, "confidence": 0.95}]
    found = judge(gate_of(rule, "s"), run, baseline)
    assert not found.passed
    assert "suites differ" in found.checks[0].why
    assert judge(gate_of({"rules": rule, "cases": "common"}, "s"), run, baseline).passed


def test_few_cases_are_held_by_their_figure(tmp_path: Path) -> None:
    """Four cases prove nothing; a drop among them fails all the same."""
    assert judged(tmp_path, None, many("pppp"), many("pppp")).passed
    assert not judged(tmp_path, None, many("pppf"), many("pppp")).passed


def test_an_unknown_price_keeps_no_bound(tmp_path: Path) -> None:
    """It is not zero."""
    now = [sample(f"c{n}", usd=None) for n in range(10)]
    found = judged(tmp_path, [{"metric": "usd", "at_most": 1}], now)
    assert not found.passed
    assert "unknown in 10" in found.checks[0].why


def test_scores_of_which_less_is_better_can_be_named(tmp_path: Path) -> None:
    """A distance that grows is worse only where the gate says so."""
    before = [sample(f"c{n}", close=2.0) for n in range(20)]
    now = [sample(f"c{n}", close=3.0) for n in range(20)]
    rule = {"metric": "close", "no_worse_by": 0.5}
    assert judged(tmp_path, [rule], now, before).passed
    gate = {"rules": [rule], "lower_is_better": ["close"]}
    assert not judged(tmp_path, gate, now, before).passed


def test_a_comparing_gate_wants_a_baseline(tmp_path: Path) -> None:
    """It says how to make one."""
    with pytest.raises(BadInput, match="--update-baseline"):
        judged(tmp_path, None, many("pp"))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ([{"metric": "ok"}], "none of at_least"),
        ([{"metric": "ok", "at_least": "x"}], "gate.rules.0.at_least"),
        ([{"metric": "ok", "at_least": 1, "unsure": "fail"}], "needs a confidence"),
        ([{"metric": "ok", "no_worse_by": -1}], "no_worse_by"),
        ([{"metric": "ok", "at_last": 1}], "at_last"),
        ({"rule": []}, "gate.rule"),
        ("strict", "gate"),
    ],
)
def test_a_wrong_gate_says_where(section: Any, said: str) -> None:
    """The error names the suite and the field."""
    with pytest.raises(BadInput, match=said):
        gate_of(section, "support")


def test_a_confidence_of_the_gate_is_each_rules() -> None:
    """Unless the rule has its own."""
    rules = [{"metric": "a", "at_least": 1}, {"metric": "b", "at_least": 1, "confidence": 0.8}]
    gate = gate_of({"confidence": 0.99, "rules": rules}, "s")
    assert [rule.confidence for rule in gate.rules] == [0.99, 0.8]
