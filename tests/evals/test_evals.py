"""Suites, the runner's record, and the report's denominators."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BadInput, ModelTimeout
from pointsman.evals.report import Share, as_text, report
from pointsman.evals.runner import load, run
from pointsman.evals.scorers import Scorer
from pointsman.evals.suite import Case, Expected, Suite
from pointsman.teams.result import Result


def result(case: Case, *, route: str = "billing", answer: str = "It is 20.00") -> Result:
    """A result as a team gives it."""
    return Result(
        run="r1", thread=case.thread, team="t", status="done", route=route, route_tier="model",
        specialist=route, answer=answer, by="model", model_calls=2, usd=0.01, seconds=0.5,
    )  # fmt: skip


def case(name: str, route: str = "billing", thread: str = "") -> Case:
    """A case that expects a route."""
    return Case(id=name, text=name, thread=thread, expected=Expected(route=route))


def write(path: Path, *rows: object) -> Path:
    """A JSONL file of these rows."""
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return path


def test_a_suite_is_read_line_by_line(tmp_path: Path) -> None:
    """Each line is a case; an empty line is none."""
    path = write(tmp_path / "s.jsonl", {"id": "a", "text": "hi"}, {"id": "b", "text": "ho"})
    suite = Suite.load(path)
    assert suite.name == "s"
    assert [c.id for c in suite.cases] == ["a", "b"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": "a"}], "1 is no case: text"),
        ([{"id": "a", "text": "x", "wrong": 1}], "wrong"),
        ([{"id": "a", "text": "x"}, {"id": "a", "text": "y"}], "two cases with the id 'a'"),
        ([], "has no case"),
    ],
)
def test_a_wrong_suite_says_where(tmp_path: Path, rows: list[object], said: str) -> None:
    """The error names the file, the line and the field."""
    with pytest.raises(BadInput, match=said):
        Suite.load(write(tmp_path / "s.jsonl", *rows))


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
    """Recorded cases are not asked again; another version of the target is."""
    asked: list[str] = []

    async def target(given: Case) -> Result:
        asked.append(given.id)
        return result(given)

    record = tmp_path / "r.jsonl"
    await run(Suite("s", (case("a"),)), target, version="1", record=record)
    await run(Suite("s", (case("a"), case("b"))), target, version="1", record=record)
    assert asked == ["a", "b"]
    await run(Suite("s", (case("a"),)), target, version="2", record=record)
    assert asked == ["a", "b", "a"]


async def test_a_line_cut_off_by_a_crash_is_run_again(tmp_path: Path) -> None:
    """The half line is dropped, its case asked again, and the record is whole afterwards."""
    record = tmp_path / "r.jsonl"

    async def target(given: Case) -> Result:
        return result(given)

    suite = Suite("s", (case("a"), case("b")))
    await run(suite, target, version="1", record=record)
    text = record.read_text("utf-8")
    record.write_text(text[:-20], "utf-8")
    samples = await run(suite, target, version="1", record=record)
    assert [s.case for s in samples] == ["a", "b"]
    assert len(load(record)) == 2


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

    length = Scorer("length", lambda _, got: float(len(got.answer)))
    suite = Suite("s", (case("2"), case("4")))
    samples = await run(suite, target, version="1", record=tmp_path / "r", scorers=(length,))
    found = report(samples)
    assert found.means == {"length": 3.0}
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
