"""What the router's classifier, alone, gets right on CLINC150 and BANKING77.

    python benchmarks/routing.py --data DIR [--part validation|test] [--draws N] [--json FILE]

DIR has the folders `clinc150` (domains.json, and JSON files of `train`, `val`, `test`, `oos_train`,
... as published) and `banking77` (train.csv, test.csv); one of them will do. Fitted on the training
part only. BANKING77 has no validation part: a fifth of its training rows stands for it.

For 10, 30, 100 and all examples of each specialist, with and without out-of-scope examples, beside
a plain TF-IDF + logistic regression that gets the same examples. Columns: accuracy where nothing is
kept back; by the default costs, how many in-scope messages are decided (kept), how many of those
rightly, how many out-of-scope messages are not sent to anybody (rejected), how many in-scope ones
are called nobody's (lost), and how many of all need no model call (settled); the same at costs that
ask for 97 % (wrong=33); and, with hindsight, at the threshold that rejects 90 %. `us` is CPU time
of a decision, the median.
"""

import csv
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from pointsman.errors import MissingExtra
from pointsman.evals.report import Share
from pointsman.nodes.routing.fit import fit
from pointsman.nodes.routing.threshold import Abstained, Classified, Costs, decide
from pointsman.nodes.routing.vectors import word_vectors

SIZES: tuple[int | None, ...] = (10, 30, 100, None)
DRAWS = {10: 5, 30: 3, 100: 2, None: 1}
"""Draws of examples that are measured and pooled: few examples vary more."""
STRICT = Costs(wrong=33.0)
OUTSIDE = {"train": "oos_train", "validation": "oos_val", "test": "oos_test"}
PUBLISHED = {"train": "train", "validation": "val", "test": "test"}
OWNERS = Path(__file__).parents[1] / "examples" / "banking77" / "teams" / "specialists.json"

Examples = Mapping[str, Sequence[str]]
Part = Literal["validation", "test"]
Classify = Callable[[str], Classified]


@dataclass(frozen=True, slots=True)
class Data:
    """Messages with their specialists: to fit on, and to measure on."""

    name: str
    examples: Examples
    asked: tuple[tuple[str, str], ...]
    """Text and specialist."""
    outside: tuple[str, ...]
    """Out-of-scope messages to fit on, and to measure on."""
    strangers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What comes of one way to decide."""

    kept: Share
    right: Share
    """Of the kept."""
    rejected: Share
    lost: Share
    """In-scope messages called nobody's."""
    settled: Share


@dataclass(frozen=True, slots=True)
class Measured:
    """One row of the table. Times in seconds of CPU."""

    data: str
    size: int | None
    outside: int
    by: str
    draws: int
    accuracy: Share
    default: Kept
    strict: Kept
    at_90: Kept
    fit_seconds: float
    decision_seconds: float


def clinc(folder: Path, part: Part) -> Data:
    """The ten domains. Raises KeyError where the folder lacks the part."""
    published = json.loads((folder / "domains.json").read_text("utf-8"))
    owner = {intent: domain for domain, intents in published.items() for intent in intents}
    parts: dict[str, list[tuple[str, str]]] = {}
    for file in sorted(folder.glob("*.json")):
        if file.name != "domains.json":
            parts |= json.loads(file.read_text("utf-8"))
    examples: dict[str, list[str]] = defaultdict(list)
    for text, intent in parts["train"]:
        examples[owner[intent]].append(text)
    asked = tuple((text, owner[intent]) for text, intent in parts[PUBLISHED[part]])
    outside = tuple(text for text, _ in parts[OUTSIDE["train"]])
    return Data("clinc150", examples, asked, outside, tuple(t for t, _ in parts[OUTSIDE[part]]))


def banking(folder: Path, part: Part, *, grouped: bool) -> Data:
    """The specialists of `examples/banking77`, or each of the 77 intents as one."""
    owners = json.loads(OWNERS.read_text("utf-8"))
    owner = {intent: name for name, role in owners.items() for intent in role["intents"]}
    rows = list(_rows(folder / "train.csv"))
    if part == "test":
        asked = list(_rows(folder / "test.csv"))
    else:
        random.Random(0).shuffle(rows)  # noqa: S311  (a draw that can be repeated)
        asked, rows = rows[: len(rows) // 5], rows[len(rows) // 5 :]
    examples: dict[str, list[str]] = defaultdict(list)
    for text, intent in rows:
        examples[owner[intent] if grouped else intent].append(text)
    name = f"banking77, {len(examples)} {'specialists' if grouped else 'intents'}"
    return Data(name, examples, tuple((t, owner[i] if grouped else i) for t, i in asked), (), ())


def _rows(path: Path) -> Iterable[tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from ((row["text"], row["category"]) for row in csv.DictReader(file))


def drawn(examples: Examples, size: int | None, seed: int) -> dict[str, list[str]]:
    """So many examples of each label, or all it has."""
    order = random.Random(seed)  # noqa: S311  (a draw that can be repeated)
    return {
        label: list(texts) if size is None else order.sample(list(texts), min(size, len(texts)))
        for label, texts in sorted(examples.items())
    }


def plain(examples: Examples, outside: Sequence[str]) -> Classify:
    """TF-IDF of words and pairs, and logistic regression; out-of-scope examples as one class."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    labels = sorted(examples)
    rows = [(text, n) for n, label in enumerate(labels) for text in examples[label]]
    rows += [(text, len(labels)) for text in outside]
    reads = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    matrix = reads.fit_transform([text for text, _ in rows])
    model = LogisticRegression(C=10, max_iter=1000).fit(matrix, [n for _, n in rows])

    def classify(text: str) -> Classified:
        chances = model.predict_proba(reads.transform([text]))[0].tolist()
        nobody = chances[len(labels)] if outside else 0.0
        pairs = zip(labels, chances, strict=False)
        ranked = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))
        return Classified(*ranked[0], *ranked[1], nobody, tuple(ranked))

    return classify


def ours(examples: Examples, outside: Sequence[str]) -> Classify:
    """The package's classifier."""
    return fit(examples, outside).classify


def with_vectors(examples: Examples, outside: Sequence[str]) -> Classify:
    """The package's classifier with static word vectors."""
    return fit(examples, outside, vectors=True).classify


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a classifier made of one message; `owner` is empty for an out-of-scope one."""

    owner: str
    found: Classified


def kept(
    seen: Sequence[_Seen], says: Callable[[Classified], str | Abstained], *, refuses: bool
) -> Kept:
    """Counts of a way to decide. `refuses`: "out of scope" settles a message."""
    inside = settled = sent = right = rejected = lost = 0
    for one in seen:
        said = says(one.found)
        to = said if isinstance(said, str) else ""
        inside += bool(one.owner)
        sent += bool(to and one.owner)
        right += bool(to and to == one.owner)
        rejected += not (to or one.owner)
        nobodys = refuses and isinstance(said, Abstained) and said.because == "out of scope"
        lost += bool(nobodys and one.owner)
        settled += bool(to) or nobodys
    return Kept(
        kept=_share(sent, inside),
        right=_share(right, sent),
        rejected=_share(rejected, len(seen) - inside),
        lost=_share(lost, inside),
        settled=_share(settled, len(seen)),
    )


def _share(passed: int, total: int) -> Share:
    return Share(passed, total, total)


def rejecting(seen: Sequence[_Seen], share: float) -> float:
    """The lowest probability, with hindsight, at and above which no more than 1 - `share` of the
    out-of-scope messages lie; 0 without any."""
    ranked = sorted((s.found.probability for s in seen if not s.owner), reverse=True)
    if not ranked:
        return 0.0
    return float(np.nextafter(ranked[int(round(len(ranked) * (1 - share), 9))], 1))


def measure(
    data: Data, size: int | None, by: str, make: Callable[[Examples, Sequence[str]], Classify],
    outside: Sequence[str], draws: int,
) -> Measured:  # fmt: skip
    """One row: each draw fitted and asked everything."""
    seen: list[_Seen] = []
    sliced: list[Kept] = []
    fitting, times = 0.0, []
    everyone = (*data.asked, *((text, "") for text in data.strangers))
    for draw in range(draws):
        began = time.process_time()
        classify = make(drawn(data.examples, size, draw), outside)
        fitting += time.process_time() - began
        mine: list[_Seen] = []
        for text, owner in everyone:
            began = time.process_time()
            found = classify(text)
            times.append(time.process_time() - began)
            mine.append(_Seen(owner, found))
        sliced.append(_at_90(mine))
        seen += mine
    rightly = sum(s.owner == s.found.label for s in seen)
    return Measured(
        data=data.name, size=size, outside=len(outside), by=by, draws=draws,
        accuracy=_share(rightly, sum(bool(s.owner) for s in seen)),
        default=kept(seen, lambda c: decide(c, Costs()), refuses=bool(outside)),
        strict=kept(seen, lambda c: decide(c, STRICT), refuses=bool(outside)),
        at_90=_pooled(sliced),
        fit_seconds=fitting / draws,
        decision_seconds=float(np.median(times)),
    )  # fmt: skip


def _at_90(seen: Sequence[_Seen]) -> Kept:
    least = rejecting(seen, 0.9)

    def says(found: Classified) -> str | Abstained:
        return found.label if found.probability >= least else Abstained("unsure", "", found)

    return kept(seen, says, refuses=False)


def _pooled(parts: Sequence[Kept]) -> Kept:
    def total(of: Callable[[Kept], Share]) -> Share:
        return _share(sum(of(p).passed for p in parts), sum(of(p).total for p in parts))

    return Kept(
        total(lambda k: k.kept), total(lambda k: k.right), total(lambda k: k.rejected),
        total(lambda k: k.lost), total(lambda k: k.settled),
    )  # fmt: skip


def percent(share: Share, *, interval: bool = False) -> str:
    """In percent, with Wilson's 95 % interval where wanted; `-` for nothing of nothing."""
    if not share.total:
        return "-"
    low, high = share.interval
    return f"{100 * share.value:.1f}" + (f" {100 * low:.1f}-{100 * high:.1f}" if interval else "")


COLUMNS = (
    "examples", "outside", "by", "accuracy", "kept", "right", "rejected", "lost", "settled",
    "kept*", "right*", "rejected*", "kept@90", "right@90", "fit s", "us",
)  # fmt: skip


def cells(row: Measured) -> tuple[str, ...]:
    """A row of the table."""
    free, strict = row.default, row.strict
    return (
        str(row.size or "all"), str(row.outside), row.by, percent(row.accuracy),
        percent(free.kept), percent(free.right, interval=True),
        percent(free.rejected, interval=True), percent(free.lost), percent(free.settled),
        percent(strict.kept), percent(strict.right), percent(strict.rejected),
        percent(row.at_90.kept) if row.at_90.rejected.total else "-",
        percent(row.at_90.right) if row.at_90.rejected.total else "-",
        f"{row.fit_seconds:.1f}", f"{1e6 * row.decision_seconds:.0f}",
    )  # fmt: skip


def show(rows: Sequence[Measured], part: Part) -> None:
    """One table of a data set."""
    screen = Console(highlight=False, width=180)
    table = Table(box=None, title=f"{rows[0].data}, {part} part", title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*cells(row))
    screen.print(table)
    screen.print("* at costs that ask for 97 %; @90 with hindsight, where 90 % are rejected\n")


def sets(data: Path, part: Part) -> Iterable[Data]:
    """The data sets that the folder has."""
    if (data / "clinc150").is_dir():
        yield clinc(data / "clinc150", part)
    if (data / "banking77").is_dir():
        yield banking(data / "banking77", part, grouped=True)
        yield banking(data / "banking77", part, grouped=False)


@click.command(help=__doc__)
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--part", type=click.Choice(["validation", "test"]), default="validation")
@click.option("--draws", type=click.IntRange(1), default=5, help="Most draws of few examples.")
@click.option("--json", "written", type=click.Path(path_type=Path), help="Write all figures there.")
def main(data: Path, part: Part, draws: int, written: Path | None) -> None:
    """Measure each set that is there."""
    ways = {"plain": plain, "pointsman": ours, "+vectors": with_vectors}
    try:
        word_vectors()
    except MissingExtra as error:
        print(f"Without word vectors: {error}")
        del ways["+vectors"]
    rows: list[Measured] = []
    for one in sets(data, part):
        given = ((), one.outside) if one.outside else ((),)
        cases = [(size, outside) for size in SIZES for outside in given]
        mine = [
            measure(one, size, by, make, outside, min(draws, DRAWS[size]))
            for size, outside in cases
            for by, make in ways.items()
        ]
        show(mine, part)
        rows += mine
    if not rows:
        raise click.ClickException(f"{data} has no folder clinc150 or banking77.")
    if written is not None:
        written.write_text(json.dumps([asdict(row) for row in rows], indent=1), "utf-8")


if __name__ == "__main__":
    main()
