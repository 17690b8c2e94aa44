"""What a sample costs to run, score and record: pointsman beside Inspect and pydantic-evals.

    python benchmarks/evals.py [--samples 1000] [--rounds 3] [--own 10000]
        [--python inspect=PATH] [--without inspect]

The same samples are put to the same trivial target (an async function that gives back the text it
was asked, in capitals) and scored by equality, eight at once, by each contender's own runner with
its own defaults:

- `bare`: the target and the comparison in a loop, and nothing else: the floor;
- `pointsman`: `runner.run` with the scorer `exact`; a line a sample on disk;
- `inspect`: `inspect_ai.eval` with a solver that asks no model and a scorer; a log on disk;
- `pydantic-evals`: `Dataset.evaluate` with an evaluator; nothing on disk.

Every measurement is a process of its own, the contenders in turn in each round; a process runs 50
samples first, and what is printed is the run after that: CPU of all its threads and wall time,
medians of the rounds; imports are not in it. Then pointsman alone over `--own` samples: CPU beyond
the bare loop and how far memory grows, against a run of 200 samples.

Inspect and pydantic-evals are the dependency group `evals-benchmark`. Inspect needs older packages
than requirements.lock has, so give it an environment of its own; `--python` names a contender's
interpreter:

    python -m venv inspect && inspect/bin/python -m pip install inspect-ai
    python benchmarks/evals.py --python inspect=inspect/bin/python
"""

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

WARM_UP = 50
AT_ONCE = 8
SMALL = 200
"""Samples of the run that memory is compared with."""
PACKAGES = {"inspect": "inspect_ai", "pydantic-evals": "pydantic_evals"}


@dataclass(frozen=True)
class Cost:
    """What one process measured. `right` is how many samples the contender says were right."""

    samples: int
    right: int
    cpu: float
    """Seconds, all threads."""
    wall: float
    """Seconds."""
    peak: float
    """Peak resident memory of the process, MiB."""

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a sample."""
        return self.cpu / self.samples * 1e3


def pairs(count: int) -> list[tuple[str, str]]:
    """What is asked and what is right; every tenth sample expects what it will not get."""
    asked = [f"where is parcel {n}?" for n in range(count)]
    return [(text, text.upper() if n % 10 else "nowhere") for n, text in enumerate(asked)]


async def target(text: str) -> str:
    """The trivial target."""
    return text.upper()


def bare(count: int, folder: Path) -> int:
    """No runner at all."""

    async def loop() -> int:
        return sum([await target(text) == right for text, right in pairs(count)])

    return asyncio.run(loop())


def ours(count: int, folder: Path) -> int:
    """pointsman."""
    from pointsman.evals.runner import run
    from pointsman.evals.scorers.texts import Exact
    from pointsman.evals.suite import Case, Expected, Suite

    cases = [
        Case(id=f"c{n}", text=text, expected=Expected(output=right))
        for n, (text, right) in enumerate(pairs(count))
    ]
    suite = Suite("trivial", tuple(cases))
    ran = asyncio.run(
        run(
            suite, target, record=folder / "record.jsonl", scorers=[Exact()], concurrency=AT_ONCE
        )
    )  # fmt: skip
    assert ran.tally.done == count
    return ran.tally.passed


def inspect(count: int, folder: Path) -> int:
    """Inspect."""
    from inspect_ai import Task
    from inspect_ai import eval as evaluate
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.scorer import Score, Target, accuracy, scorer
    from inspect_ai.solver import Generate, TaskState, solver

    @solver
    def asked():
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            state.output.completion = await target(state.input_text)
            return state

        return solve

    @scorer(metrics=[accuracy()])
    def equal():
        async def score(state: TaskState, target: Target) -> Score:
            return Score(value=float(state.output.completion == target.text))

        return score

    samples = [Sample(input=text, target=right) for text, right in pairs(count)]
    task = Task(dataset=MemoryDataset(samples), solver=asked(), scorer=equal())
    (log,) = evaluate(
        task, model="mockllm/model", max_samples=AT_ONCE, log_dir=str(folder), display="none"
    )
    assert log.results is not None
    assert log.results.completed_samples == count
    return round(log.results.scores[0].metrics["accuracy"].value * count)


def pydantic_evals(count: int, folder: Path) -> int:
    """pydantic-evals."""
    from pydantic_evals import Case, Dataset
    from pydantic_evals.evaluators import EqualsExpected

    cases = [
        Case(name=f"c{n}", inputs=text, expected_output=right)
        for n, (text, right) in enumerate(pairs(count))
    ]
    held = Dataset(name="trivial", cases=cases, evaluators=[EqualsExpected()])
    found = held.evaluate_sync(target, max_concurrency=AT_ONCE, progress=False)
    assert len(found.cases) == count
    return sum(next(iter(case.assertions.values())).value for case in found.cases)


Contender = Callable[[int, Path], int]
CONTENDERS: dict[str, Contender] = {
    "bare": bare,
    "pointsman": ours,
    "inspect": inspect,
    "pydantic-evals": pydantic_evals,
}


def measured(name: str, count: int) -> Cost:
    """Run it in this process, twice: a short run to warm up, then the one that is measured."""
    contender = CONTENDERS[name]
    with tempfile.TemporaryDirectory() as folder:
        contender(WARM_UP, Path(folder) / "first")
        used, began = time.process_time(), time.perf_counter()
        right = contender(count, Path(folder) / "second")
        cpu, wall = time.process_time() - used, time.perf_counter() - began
    unit = 2**20 if sys.platform == "darwin" else 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return Cost(samples=count, right=right, cpu=cpu, wall=wall, peak=peak)


def apart(name: str, count: int, python: str) -> Cost:
    """The same in a process of its own. Raises SystemExit where the contender is not installed."""
    package = PACKAGES.get(name)
    probe = [python, "-c", f"import {package}"]
    if package and subprocess.run(probe, capture_output=True, check=False).returncode:
        raise SystemExit(
            f"{python} cannot import {package}. Install the group in an environment of its own:"
            f" python -m pip install --group evals-benchmark (pip 25.1 or newer), and name its"
            f" interpreter: --python {name}=PATH; or leave it out: --without {name}."
        )
    done = subprocess.run(
        [python, __file__, "--measure", name, "--samples", str(count)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    cost = Cost(**json.loads(done.stdout.splitlines()[-1]))
    due = sum(text.upper() == right for text, right in pairs(count))
    assert cost.right == due, f"{name} counts {cost.right} right of {due}"
    return cost


def table(costs: dict[str, Sequence[Cost]]) -> str:
    """CPU and wall time of each, and ratios to pointsman."""

    def median(name: str, what: str) -> float:
        return statistics.median(getattr(cost, what) / cost.samples * 1e3 for cost in costs[name])

    lines = [
        f"{'':16}{'CPU ms/sample':>15}{'ratio':>8}{'wall ms/sample':>16}{'ratio':>8}{'MiB':>7}"
    ]
    for name, runs in costs.items():
        cpu, wall = median(name, "cpu"), median(name, "wall")
        peak = statistics.median(cost.peak for cost in runs)
        ratios = (cpu / median("pointsman", "cpu"), wall / median("pointsman", "wall"))
        lines.append(f"{name:16}{cpu:15.3f}{ratios[0]:8.1f}{wall:16.3f}{ratios[1]:8.1f}{peak:7.0f}")
    return "\n".join(lines)


def own(large: Cost, floor: Cost, small: Cost) -> str:
    """What pointsman adds to a target, in words."""
    return (
        f"pointsman alone, {large.samples:,} samples: {large.cpu_ms - floor.cpu_ms:.3f} ms CPU a"
        f" sample beyond the bare loop; peak memory {large.peak:.0f} MiB,"
        f" {large.peak - small.peak:.0f} MiB above a run of {small.samples:,}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--own", type=int, default=10_000, help="0: not measured")
    parser.add_argument("--python", action="append", default=[], metavar="CONTENDER=PATH")
    parser.add_argument("--without", action="append", default=[], choices=PACKAGES)
    parser.add_argument("--measure", choices=CONTENDERS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.measure:
        print(json.dumps(asdict(measured(given.measure, given.samples))))
        return
    pythons = dict(pair.split("=", 1) for pair in given.python)
    names = [name for name in CONTENDERS if name not in given.without]
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    for _ in range(given.rounds):
        for name in names:
            costs[name].append(apart(name, given.samples, pythons.get(name, sys.executable)))
    print(f"{given.samples:,} samples, {AT_ONCE} at once, {given.rounds} rounds in turn")
    print(table(costs))
    if given.own:
        sizes = (("pointsman", given.own), ("bare", given.own), ("pointsman", SMALL))
        print(own(*(apart(name, count, sys.executable) for name, count in sizes)))


if __name__ == "__main__":
    main()
