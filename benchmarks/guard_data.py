"""Turns published data sets into rows for `pointsman guards eval`.

    python benchmarks/guard_data.py DIR > rows.jsonl
    python benchmarks/guard_data.py DIR --only attack-benign > labelled.jsonl

DIR holds a folder for each set, its files as published: `piguard` (NotInject), `bipia`, `garak`,
`harmbench`, `openai-guardrails`, `purplellama` (mitre_frr), `presidio-research`. Those that are
absent are left out, and named on stderr.
"""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]
GENERATOR = "{generator.name}"
"""garak's placeholder for the model's name."""


def labelled(text: str, label: str, source: str) -> Row:
    """A row with a label."""
    return {"text": text, "label": label, "source": source}


def piguard(folder: Path) -> Iterator[Row]:
    """Benign texts with words that attacks use (PIGuard's NotInject)."""
    for part in ("one", "two", "three"):
        file = folder / f"NotInject_{part}.json"
        if file.is_file():
            for row in read(file):
                yield labelled(row["prompt"], "benign", f"NotInject-{part}")


def bipia(folder: Path) -> Iterator[Row]:
    """Indirect injections, as the bare orders that are planted in documents; benign e-mails."""
    for kind in ("text", "code"):
        for file in sorted(folder.glob(f"{kind}_attack_*.json")):
            for orders in read(file).values():
                for order in orders:
                    yield labelled(order, "attack", f"bipia-{kind}")
    for part in ("train", "test"):
        for row in lines(folder / "email" / f"{part}.jsonl"):
            yield labelled(row["context"], "benign", "bipia-email")


def garak(folder: Path) -> Iterator[Row]:
    """Jailbreaks of the DAN family; requests for the system prompt."""
    for file in sorted((folder / "dan").glob("*.json")):
        for text in read(file):
            yield labelled(text.replace(GENERATOR, "Assistant"), "attack", "garak-dan")
    for texts in read(folder / "attacks.json").values():
        for text in texts:
            yield labelled(text, "attack", "garak-extraction")


def harmbench(folder: Path) -> Iterator[Row]:
    """Harmful requests. They are no injections: a filter of wording is not meant to know them."""
    for file in sorted(folder.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as opened:
            for row in csv.DictReader(opened):
                yield labelled(row["Behavior"], "attack", "harmbench")


def openai_guardrails(folder: Path) -> Iterator[Row]:
    """Conversations, half of them jailbreaks."""
    for row in lines(folder / "demo_data.jsonl"):
        attack = row["expected_triggers"]["Jailbreak"]
        label = "attack" if attack else "benign"
        yield labelled(row["data"], label, f"openai-guardrails-{'jailbreak' if attack else 'not'}")


def purplellama(folder: Path) -> Iterator[Row]:
    """Benign requests that sound like security."""
    for row in read(folder / "mitre_frr.json"):
        yield labelled(row["mutated_prompt"], "benign", "mitre-frr")


def presidio(folder: Path) -> Iterator[Row]:
    """Synthetic sentences with their personal data marked."""
    for row in read(folder / "synth_dataset_v2.json"):
        spans = [
            {"start": s["start_position"], "end": s["end_position"], "type": s["entity_type"]}
            for s in row["spans"]
        ]
        yield {"text": row["full_text"], "spans": spans, "source": "presidio-synth-v2"}


SETS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "piguard": piguard,
    "bipia": bipia,
    "garak": garak,
    "harmbench": harmbench,
    "openai-guardrails": openai_guardrails,
    "purplellama": purplellama,
    "presidio-research": presidio,
}
"""Folder -> how its files are read."""


def rows(folder: Path) -> Iterator[Row]:
    """The rows of every set that is there."""
    for name, converted in SETS.items():
        if (folder / name).is_dir():
            yield from converted(folder / name)
        else:
            print(f"{name}: not here, left out", file=sys.stderr)


def read(file: Path) -> Any:
    """A JSON file."""
    return json.loads(file.read_text("utf-8"))


def lines(file: Path) -> Iterator[Any]:
    """A JSONL file's values; none where there is no file."""
    if not file.is_file():
        return
    with file.open(encoding="utf-8") as opened:
        for line in opened:
            if line.strip():
                yield json.loads(line)


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=("attack-benign", "spans"))
    given = parser.parse_args()
    for row in rows(given.folder):
        if not given.only or ("spans" in row) == (given.only == "spans"):
            print(json.dumps(row))


if __name__ == "__main__":
    main()
