"""The soak's verdict, and a short seeded soak on real processes."""

from pathlib import Path

import pytest

from benchmarks.soak import Plan, Sent, judged, report, soaked


def sent(**more: object) -> Sent:
    """Two threads with three messages and one."""
    lines = {"t0": ["t0 0", "t0 1", "t0 2"], "t1": ["t1 0"]}
    return Sent(lines=lines, took=[1.0], **more)  # pyright: ignore[reportArgumentType] (fields)


def test_all_lines_once_and_in_order_are_good() -> None:
    """Whatever the order between threads."""
    assert judged(sent(), ["t0 0", "t1 0", "t0 1", "t0 2"]).good


@pytest.mark.parametrize(
    ("book", "wrong"),
    [
        (["t0 0", "t0 2", "t1 0"], {"lost": ("t0 1",)}),
        (["t0 0", "t0 1", "t0 1", "t0 2", "t1 0"], {"doubled": ("t0 1",)}),
        (["t0 1", "t0 0", "t0 2", "t1 0"], {"disorder": ("t0",)}),
        (["t0 0", "t0 1", "t0 2", "t1 0", "t9 9"], {"strange": ("t9 9",)}),
    ],
)
def test_what_is_wrong_is_named(book: list[str], wrong: dict[str, tuple[str, ...]]) -> None:
    """Lost, doubled, out of order, never sent: each is found, and nothing else with it."""
    verdict = judged(sent(), book)
    found = {name: value for name, value in vars(verdict).items() if value}
    assert (verdict.good, found) == (False, wrong)
    assert all(name in report(sent(), verdict) for names in wrong.values() for name in names)


def test_a_failed_run_is_not_good() -> None:
    """Even when its line is there."""
    book = ["t0 0", "t0 1", "t0 2", "t1 0"]
    assert judged(sent(failed=["r1 of t0: failed"]), book).failed == ("r1 of t0: failed",)


def test_what_a_person_had_written_later_may_be_out_of_order() -> None:
    """A ticket asked, and the answer came after the thread had gone on."""
    book = ["t0 0", "t0 2", "t1 0", "t0 1"]
    assert judged(sent(late={"t0 1"}), book).good
    assert judged(sent(), book).disorder == ("t0",)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_a_short_soak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are killed every six seconds for twenty: nothing lost, doubled or out of
    order."""
    monkeypatch.setenv("BENCH_SOAK", "test")  # what the soak sets is taken back with it
    came, verdict = await soaked(Plan(20.0, 6.0, workers=2, threads=3, seed=2), tmp_path)
    assert verdict.good, report(came, verdict)
    assert came.killed >= 3
    assert sum(len(lines) for lines in came.lines.values()) > 3
