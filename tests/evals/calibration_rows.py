"""Recorded rows made up for tests: a weak model that fails where arithmetic fails."""

import json
import random
from pathlib import Path

from pointsman.evals.calibration.rows import Row


def row(number: int, *, weak: bool, strong: bool, prompt: str, answer: str | None) -> Row:
    """One row; the strong model costs thirty times as much."""
    said = {} if answer is None else {"answer": answer}
    size = len(prompt)
    return Row.model_validate(
        {
            "id": f"q{number}", "group": "odd" if number % 2 else "even", "prompt": prompt,
            "weak": {"correct": weak, "usd": size * 1e-7, **said},
            "strong": {"correct": strong, "usd": size * 3e-6},
        }
    )  # fmt: skip


def learnable(count: int = 300, seed: int = 3) -> list[Row]:
    """The weak model is wrong exactly where its arithmetic is, which is a third of the time."""
    dice = random.Random(seed)
    rows: list[Row] = []
    for number in range(count):
        a, b = dice.randint(2, 60), dice.randint(2, 60)
        wrong = dice.random() < 0.33
        total = a + b + (dice.randint(5, 30) if wrong else 0)
        prompt = f"Zoë has {a} cards and gets {b} more. How many cards has she in all?"
        rows.append(
            row(number, weak=not wrong, strong=dice.random() < 0.95, prompt=prompt,
                answer=f"She has {a} + {b} = {total} cards.\n#### {total}")
        )  # fmt: skip
    return rows


def noise(count: int = 300, seed: int = 4) -> list[Row]:
    """Nothing in prompt or answer says who is right."""
    dice = random.Random(seed)
    return [
        row(n, weak=dice.random() < 0.6, strong=dice.random() < 0.8, answer="yes",
            prompt=" ".join(dice.choices(("red", "blue", "green", "pale"), k=6)))
        for n in range(count)
    ]  # fmt: skip


def written(rows: list[Row], path: Path) -> Path:
    """The rows as a JSONL file."""
    lines = (json.dumps(one.model_dump(mode="json", exclude_none=True)) for one in rows)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
