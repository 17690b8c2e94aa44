"""Calibration: what is fitted on recorded answers, and what is refused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from pointsman.errors import BadInput, Misconfigured
from pointsman.evals.calibration.fit import scores, texts
from pointsman.evals.calibration.measure import Measured, fit, measure
from pointsman.evals.calibration.rows import Row, read_rows
from pointsman.nodes.gateway.selector import Selector
from tests.evals.calibration_rows import learnable, noise, row, written


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Rows that can be learned from."""
    return learnable()


@pytest.fixture(scope="module")
def measured(rows: list[Row]) -> Measured:
    """What was measured on them."""
    return measure(rows, kind="cascade", targets=(0.95, 1.0))


def test_a_check_of_the_answer_saves_most_of_the_cost(measured: Measured) -> None:
    """Arithmetic that does not hold sends a third to the strong model; a random mix needs more."""
    mine = measured.of("selector", 0.95)
    assert mine.quality >= 0.94
    assert mine.strong_calls < 0.45
    assert measured.beats_random(0.95)
    assert mine.cost < measured.random_mix(mine.quality)
    assert measured.of("oracle", 0.95).cost <= mine.cost


def test_what_is_written_serves_as_it_was_fitted(
    rows: list[Row], measured: Measured, tmp_path: Path
) -> None:
    """The file is plain JSON; what it scores without NumPy is what was fitted, to 1e-9."""
    selector = fit(rows, measured, 0.95)
    path = tmp_path / "selector.json"
    path.write_text(selector.model_dump_json())
    served = Selector.load(path)
    assert served == selector
    all_ = texts(rows, "cascade")
    found = scores(served.parts, all_, np.arange(len(rows)))
    wanted = (found - np.asarray(served.centre)) @ np.asarray(served.mix) + served.base
    got = [served.gain(r.prompt, r.weak.answer or "", group=r.group) for r in rows]
    assert got == pytest.approx(wanted.tolist(), abs=1e-9)
    asked = [served.asks_strong(r.prompt, r.weak.answer or "", group=r.group) for r in rows]
    right = [r.strong.correct if s else r.weak.correct for r, s in zip(rows, asked, strict=True)]
    assert sum(right) >= 0.95 * sum(r.strong.correct for r in rows)


def test_the_same_rows_give_the_same_selector(rows: list[Row], measured: Measured) -> None:
    """Nothing depends on chance."""
    assert measure(rows, kind="cascade", targets=(0.95, 1.0)) == measured
    assert fit(rows, measured, 0.95) == fit(rows, measured, 0.95)


@pytest.mark.parametrize("kind", ["route", "cascade"])
def test_a_selector_from_noise_is_refused(kind: str) -> None:
    """It costs what a random mix costs, and is not written."""
    rows = noise()
    measured = measure(rows, kind=kind, targets=(0.95,))  # type: ignore[arg-type]
    line = next(one for one in measured.lines if one.name == "selector")
    worse = dataclasses.replace(line, point=dataclasses.replace(line.point, cost=1.0))
    certain = dataclasses.replace(measured, lines=(worse,))
    with pytest.raises(BadInput, match="does not beat a random mix"):
        fit(rows, certain, 0.95)
    mine = measured.of("selector", 0.95)
    assert abs(mine.cost - measured.random_mix(mine.quality)) < 0.15, "nothing was to be learned"


def test_a_weak_model_that_is_as_good_needs_no_selector() -> None:
    """Which single model is best comes first."""
    rows = [
        row(n, weak=True, strong=n % 9 > 0, prompt=f"Question {n}?", answer="x") for n in range(120)
    ]
    measured = measure(rows, kind="route", targets=(0.95,))
    assert measured.best_single == "weak"
    with pytest.raises(BadInput, match="weak model alone"):
        fit(rows, measured, 0.95)


def test_a_route_reads_prompts_only() -> None:
    """Rows without answers can be routed, and not cascaded."""
    rows = [
        row(n, weak=n % 3 > 0, strong=True, answer=None,
            prompt=f"{'Prove' if n % 3 == 0 else 'Name'} number {n}, please.")
        for n in range(240)
    ]  # fmt: skip
    assert measure(rows, kind="route", targets=(0.95,)).of("selector", 0.95).strong_calls < 0.5
    with pytest.raises(BadInput, match=r"no `weak\.answer`"):
        measure(rows, kind="cascade", targets=(0.95,))


STRONG = {"correct": 1, "usd": 1}


def written_row(id_: str, correct: float, usd: float) -> str:
    """One row as it is written."""
    weak = {"correct": correct, "usd": usd}
    return json.dumps({"id": id_, "prompt": "p", "weak": weak, "strong": STRONG})


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 101"),
        ('{"id": "a"}', "line 101: prompt: Field required"),
        (written_row("q0", 1, 1), "the id 'q0' stands twice"),
        (written_row("z", 2, 1), "weak.correct"),
        (written_row("z", 1, -1), "weak.usd"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str, says: str) -> None:
    """With its file and line, and what is wrong with it."""
    path = written(learnable(100), tmp_path / "rows.jsonl")
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(BadInput) as caught:
        read_rows([path])
    assert says in str(caught.value)
    assert "rows.jsonl" in str(caught.value)


def test_few_rows_are_refused(tmp_path: Path) -> None:
    """A calibration on 99 rows would say nothing."""
    with pytest.raises(BadInput, match="99 rows are too few"):
        read_rows([written(learnable(99), tmp_path / "rows.jsonl")])


def test_a_file_that_is_no_selector_is_refused(tmp_path: Path) -> None:
    """Another version's, a damaged one and a missing one say what to do."""
    path = tmp_path / "s.json"
    for text in ("", "[]", '{"schema_version": "pointsman.selector@9"}'):
        path.write_text(text)
        with pytest.raises(Misconfigured, match="pointsman calibrate"):
            Selector.load(path)
    with pytest.raises(Misconfigured):
        Selector.load(tmp_path / "none.json")
