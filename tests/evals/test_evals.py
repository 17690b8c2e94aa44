"""Suites, the runner's record, and the report's denominators."""

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BadInput, ModelTimeout
from pointsman.evals.report import Mean, Share, as_text, report
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
        ([[1]], "1 is no case: line"),
    ],
)
def test_a_wrong_suite_says_where(tmp_path: Path, rows: list[object], said: str) -> None:
    """The error names the file, the line and the field."""
    with pytest.raises(BadInput, match=said):
        Suite.load(write(tmp_path / "s.jsonl", *rows))


def test_a_suite_is_read_from_csv(tmp_path: Path) -> None:
    """Empty fields are left out, `|` separates several values, a text may have several lines."""
    path = tmp_path / "s.csv"
    path.write_text(
        'id,text,route,contains\na,"one,\ntwo",billing,INV-1|20.00\nb,three,,\n', "utf-8"
    )
    assert Suite.load(path).cases == (
        Case(
            id="a",
            text="one,\ntwo",
            expected=Expected(route="billing", contains=("INV-1", "20.00")),
        ),
        Case(id="b", text="three"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,text,colour\na,x,red\n", "1 has columns that no case has: colour"),
        ('id,text\na,"x\ny"\nb\n', "4 has not as many fields"),
        ("id,text\na,x,y\n", "2 has not as many fields"),
        ('id,text\na,"x\n', "2 is no CSV"),
        ("id,text,status\na,x,finished\n", "2 is no case: expected.status"),
        ("id,text\n", "has no case"),
        ("", "has no case"),
    ],
)
def test_a_wrong_csv_says_where(tmp_path: Path, text: str, said: str) -> None:
    """The error names the line on which the case begins."""
    path = tmp_path / "s.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(BadInput, match=said):
        Suite.load(path)


def test_bytes_and_broken_json_are_located(tmp_path: Path) -> None:
    """A file that is no text, and a line that is no JSON, are one clear error each."""
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="cannot be read"):
        Suite.load(path)
    path.write_text('{"id": "a", "text": "x\u2028y"}\n{"id": \n', "utf-8")
    with pytest.raises(BadInput, match="2 is no JSON"):
        Suite.load(path)


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
    for cut in (len(text) - 20, text.index("\n") + 5, text.index("\n") + 1, text.index("\n"), 3):
        record.write_text(text[:cut], "utf-8")
        samples = await run(suite, target, version="1", record=record)
        assert [s.case for s in samples] == ["a", "b"]
        assert record.read_text("utf-8") == text


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

    def fussy(given: Case, _: Result) -> bool:
        if given.id == "b":
            raise ValueError("no b")
        return True

    async def target(given: Case) -> Result:
        return result(given)

    suite = Suite("s", (case("a"), case("b")))
    odd = Scorer("odd", lambda *_: float("nan"))
    samples = await run(
        suite, target, version="1", record=tmp_path / "r", scorers=(Scorer("fussy", fussy), odd)
    )
    found = report(samples)
    assert samples[1].unscored == {"fussy": "ValueError: no b", "odd": "nan is no score"}
    assert found.shares["fussy"] == Share(passed=1, scored=1, total=2)
    assert found.shares["odd"] == Share(passed=0, scored=0, total=2)
    assert load(tmp_path / "r") == samples


async def test_labels_are_counted(tmp_path: Path) -> None:
    """A scorer of labels gives how often each was given; a case that failed has none."""

    async def target(given: Case) -> Result:
        if given.id == "c":
            raise ModelTimeout("no answer")
        return result(given)

    tone = Scorer("tone", lambda given, _: "kind" if given.id == "a" else "curt")
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

    length = Scorer("length", lambda _, got: float(len(got.answer)))
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
