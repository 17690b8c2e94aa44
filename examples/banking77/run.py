"""Run the bank's team over real messages and report.

    python examples/banking77/run.py --data FOLDER_WITH_train.csv --count 100

The messages are BANKING77 (PolyAI, CC BY 4.0); they are read from your folder and not kept here.
The router's examples and the messages asked are drawn apart, by `--seed`.
"""

import argparse
import asyncio
import csv
import random
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from teams.banking import banking_team, specialist_of

from pointsman.evals.record import Sample
from pointsman.evals.report import as_text, report
from pointsman.evals.runner import run
from pointsman.evals.suite import Case, Expected, Suite
from pointsman.evals.tally import Tally
from pointsman.teams.result import Result


def drawn(
    path: Path, *, count: int, per_intent: int, seed: int
) -> tuple[dict[str, list[str]], Suite]:
    """Examples per specialist, and a suite of `count` other messages."""
    rows: dict[str, list[str]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["category"]].append(row["text"])
    order = random.Random(seed)  # noqa: S311  (a draw that can be repeated)
    examples: dict[str, list[str]] = defaultdict(list)
    rest: list[tuple[str, str]] = []
    for intent, texts in sorted(rows.items()):
        order.shuffle(texts)
        examples[specialist_of(intent)] += texts[:per_intent]
        rest += [(text, specialist_of(intent)) for text in texts[per_intent:]]
    cases = tuple(
        Case(id=f"b{n:03}", text=text, expected=Expected(route=owner))
        for n, (text, owner) in enumerate(order.sample(rest, count))
    )
    return dict(examples), Suite("banking77", cases)


async def main() -> None:
    """Run, showing each message as it ends, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds train.csv")
    parser.add_argument("--count", type=int, default=100, help="messages to ask")
    parser.add_argument("--per-intent", type=int, default=4, help="router's examples per intent")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--home", type=Path, default=Path(__file__).parent / ".pointsman")
    options = parser.parse_args()
    examples, suite = drawn(
        options.data / "train.csv",
        count=options.count,
        per_intent=options.per_intent,
        seed=options.seed,
    )
    team = banking_team(examples, options.home)

    async def ask(case: Case) -> Result:
        return await team.run(case.text)

    def seen(sample: Sample, _: Tally) -> None:
        got = sample.result
        line = (
            sample.error if got is None else f"{got.status:8} {got.route:10} {got.by}: {got.answer}"
        )
        print(f"{sample.case} {sample.expected_route:10} {line}"[:160], file=sys.stderr)

    version = f"seed {options.seed}, {options.per_intent} per intent"
    record = options.home / f"record-{suite.digest}-{options.per_intent}.jsonl"
    async with team:
        samples = await run(suite, ask, version=version, record=record, seen=seen)
    print(as_text(report(samples)))


if __name__ == "__main__":
    asyncio.run(main())
