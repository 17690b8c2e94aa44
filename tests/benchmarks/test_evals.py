"""The benchmark of the suites' runner, on a few samples."""

import sys

import pytest

from benchmarks.evals import SMALL, Cost, apart, main, own, pairs, table


def cost(*, samples: int = 1000, cpu: float = 1.0, wall: float = 2.0, peak: float = 40) -> Cost:
    """What a process measured."""
    return Cost(samples=samples, right=0, cpu=cpu, wall=wall, peak=peak)


def test_nine_in_ten_samples_are_right() -> None:
    """All contenders get the same texts, and each must count as many right ones."""
    held = pairs(1000)
    assert sum(text.upper() == right for text, right in held) == 900
    assert len({text for text, _ in held}) == 1000


def test_each_contender_runs_in_a_process_of_its_own() -> None:
    """The figures are of as many samples as were asked, right as often as they should be."""
    found = apart("pointsman", 40, sys.executable)
    assert (found.samples, found.right) == (40, 36)
    assert found.cpu > 0
    assert found.wall > 0
    assert found.peak > 1


def test_ratios_are_of_medians_to_pointsman() -> None:
    """A sample's milliseconds, and how many times ours."""
    text = table(
        {
            "pointsman": [cost(cpu=0.1, wall=0.2), cost(cpu=9), cost(cpu=0.05, wall=0.1)],
            "inspect": [cost(cpu=1, wall=2), cost(cpu=0.8, wall=1), cost(cpu=1, wall=2)],
        }
    )
    ours, theirs = (line.split()[1:] for line in text.splitlines()[1:])
    assert ours == ["0.100", "1.0", "0.200", "1.0", "40"]
    assert theirs == ["1.000", "10.0", "2.000", "10.0", "40"]


def test_our_own_cost_is_what_lies_beyond_the_loop() -> None:
    """CPU less the target's, memory less that of a small run."""
    small = cost(samples=SMALL, peak=41)
    text = own(cost(samples=10_000, cpu=1.1, peak=60), cost(samples=10_000, cpu=0.1), small)
    assert "0.100 ms CPU a sample beyond" in text
    assert "60 MiB, 19 MiB above a run of 200" in text


def test_a_missing_contender_is_told_how_to_come(capsys: pytest.CaptureFixture[str]) -> None:
    """The group's name and the two other ways out; without it the rest is measured."""
    with pytest.raises(SystemExit, match=r"--group evals-benchmark.*--without inspect"):
        apart("inspect", 10, "/bin/false")
    missing = ("--without", "inspect", "--without", "pydantic-evals")
    main(["--samples", "20", "--rounds", "1", "--own", "20", *missing])
    said = capsys.readouterr().out
    assert "20 samples, 8 at once, 1 rounds in turn" in said
    assert "pointsman alone, 20 samples" in said
    assert "inspect" not in said
