"""RouteLLM's published CSV files as the rows that `benchmarks/cost.py` reads.

    python benchmarks/routellm_rows.py FOLDER/gsm8k FOLDER/mmlu --out DIR

Writes `DIR/<folder>.jsonl` for each folder. Each CSV file has a prompt, whether a weak and a strong
model were right, and in some files what they answered. Dollars are not published: tokens are taken
as characters / 4, an unrecorded answer as one token, at Mixtral-8x7B's 0.24 USD per million tokens
and GPT-4-1106's 10 in and 30 out.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import click

WEAK, STRONG = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
USD = {WEAK: (0.24e-6, 0.24e-6), STRONG: (10e-6, 30e-6)}
CHARACTERS = 4


def rows(folder: Path) -> Iterator[dict[str, object]]:
    """The rows of every CSV file in a folder; a file's name is its group."""
    csv.field_size_limit(1 << 30)
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            for number, line in enumerate(csv.DictReader(lines)):
                prompt = line["prompt"]
                yield {
                    "id": f"{path.stem}-{number}",
                    "group": path.stem,
                    "prompt": prompt,
                    "weak": recorded(line, WEAK, prompt),
                    "strong": recorded(line, STRONG, prompt),
                }


def recorded(line: dict[str, str], model: str, prompt: str) -> dict[str, object]:
    """One model's part of a row."""
    answer = line.get(f"{model}_response")
    in_usd, out_usd = USD[model]
    tokens = len(answer) / CHARACTERS if answer is not None else 1
    usd = len(prompt) / CHARACTERS * in_usd + tokens * out_usd
    said = {} if answer is None else {"answer": answer}
    return {"correct": line[model] == "True", "usd": usd, **said}


@click.command(help=__doc__)
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
def main(folders: tuple[Path, ...], out: Path) -> None:
    """Convert each folder."""
    out.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        target = out / f"{folder.name}.jsonl"
        with target.open("w", encoding="utf-8") as lines:
            count = sum(1 for row in rows(folder) if lines.write(json.dumps(row) + "\n"))
        click.echo(f"{target}: {count} rows", err=True)


if __name__ == "__main__":
    main()
