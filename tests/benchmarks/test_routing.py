"""The router's benchmark, on small sets in the published shapes."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.routing import OWNERS, _Seen, banking, clinc, drawn, kept, main, rejecting
from pointsman.nodes.routing.threshold import Abstained, Classified, Costs, decide
from tests.nodes.routing.shop import NOBODYS, SHOP


def found(label: str, probability: float, out_of_scope: float = 0.0) -> Classified:
    """What a classifier made of a message."""
    return Classified(label, probability, "", 0.0, out_of_scope, ((label, probability),))


def clinc_folder(folder: Path) -> Path:
    """CLINC150's shape: two intents of each domain; the test part in a file of its own."""
    intents = {label: [f"{label}_1", f"{label}_2"] for label in SHOP}
    rows = [
        [text, f"{label}_{1 + n % 2}"]
        for label, all_ in SHOP.items()
        for n, text in enumerate(all_)
    ]
    train, rest = [r for n, r in enumerate(rows) if n % 3], rows[::3]
    outside = [[text, "oos"] for text in NOBODYS]
    folder.mkdir()
    (folder / "domains.json").write_text(json.dumps(intents))
    (folder / "train_val.json").write_text(
        json.dumps({"train": train, "val": rest, "oos_train": outside[:4], "oos_val": outside[4:]})
    )
    (folder / "test.json").write_text(json.dumps({"test": rest[:6], "oos_test": outside[4:6]}))
    return folder


def banking_folder(folder: Path) -> Path:
    """BANKING77's shape: ten messages of each intent; the test part in a file of its own."""
    owners = json.loads(OWNERS.read_text("utf-8"))
    folder.mkdir()
    for name, count in (("train", 10), ("test", 1)):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["text", "category"])
            for role in owners.values():
                table.writerows([f"{i} {n}", i] for i in role["intents"] for n in range(count))
    return folder


def test_clincs_parts_are_kept_apart(tmp_path: Path) -> None:
    """Examples come from the training part alone; each part brings its own out-of-scope texts."""
    folder = clinc_folder(tmp_path / "clinc150")
    data = clinc(folder, "validation")
    assert data.examples.keys() == SHOP.keys()
    assert not {text for text, _ in data.asked} & {t for ts in data.examples.values() for t in ts}
    assert (data.outside, data.strangers) == (NOBODYS[:4], NOBODYS[4:])
    held = clinc(folder, "test")
    assert (held.examples, held.strangers) == (data.examples, NOBODYS[4:6])
    assert len(held.asked) == 6


def test_bankings_validation_part_is_cut_from_the_training_rows(tmp_path: Path) -> None:
    """A fifth is asked and the rest fitted on; the test part is its own file and all training rows
    are fitted on then."""
    folder = banking_folder(tmp_path / "banking77")
    data = banking(folder, "validation", grouped=True)
    fitted = {text for texts in data.examples.values() for text in texts}
    assert (len(data.asked), len(fitted)) == (154, 616)
    assert not fitted & {text for text, _ in data.asked}
    held = banking(folder, "test", grouped=False)
    assert (len(held.examples), len(held.asked)) == (77, 77)
    assert sum(map(len, held.examples.values())) == 770


def test_a_draw_can_be_repeated() -> None:
    """So many of each label, the same for a seed; all where a label has no more."""
    few = drawn(SHOP, 3, 1)
    assert few == drawn(SHOP, 3, 1) != drawn(SHOP, 3, 2)
    assert {len(texts) for texts in few.values()} == {3}
    assert drawn(SHOP, None, 5) == {label: list(SHOP[label]) for label in sorted(SHOP)}
    assert sorted(drawn(SHOP, 100, 1)["access"]) == sorted(SHOP["access"])


def test_what_is_kept_is_counted() -> None:
    """Kept of those in scope, rightly of the kept, rejected of those out of scope, settled of all:
    one right, one wrong, one unsure, one out-of-scope message sent on, one refused."""
    seen = [
        _Seen("a", found("a", 0.95)), _Seen("a", found("b", 0.95)), _Seen("a", found("a", 0.5)),
        _Seen("", found("a", 0.95)), _Seen("", found("a", 0.01, 0.99)),
    ]  # fmt: skip
    counts = kept(seen, lambda c: decide(c, Costs()), refuses=True)
    assert (counts.kept.passed, counts.kept.total) == (2, 3)
    assert (counts.right.passed, counts.right.total) == (1, 2)
    assert (counts.rejected.passed, counts.rejected.total) == (1, 2)
    assert (counts.settled.passed, counts.settled.total) == (4, 5)
    assert (counts.lost.passed, counts.lost.total) == (0, 3)
    gone = kept([_Seen("a", found("a", 0.1, 0.9))], lambda c: decide(c, Costs()), refuses=True)
    assert (gone.lost.passed, gone.kept.passed) == (1, 0)
    doubt = kept(seen, lambda c: decide(c, Costs()), refuses=False)
    assert doubt.settled.passed == 3


@pytest.mark.parametrize("ties", [False, True])
def test_the_threshold_rejects_what_it_says(*, ties: bool) -> None:
    """At the threshold at least nine of ten out-of-scope messages are below it, ties among them."""
    chances = [0.5] * 10 if ties else [n / 10 for n in range(10)]
    seen = [_Seen("", found("a", chance)) for chance in chances]
    least = rejecting(seen, 0.9)
    counts = kept(
        seen,
        lambda c: c.label if c.probability >= least else Abstained("unsure", "", c),
        refuses=False,
    )
    assert counts.rejected.passed == (10 if ties else 9)
    assert rejecting([], 0.9) == 0


def test_the_command_prints_a_table_and_writes_the_figures(tmp_path: Path) -> None:
    """Four sizes, with and without out-of-scope examples, plain and ours; every figure in the file
    is a count of messages of the part."""
    clinc_folder(tmp_path / "clinc150")
    out = tmp_path / "figures.json"
    arguments = ["--data", str(tmp_path), "--part", "test", "--draws", "1", "--json", str(out)]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "clinc150, test part" in done.output
    rows = json.loads(out.read_text())
    assert {row["size"] for row in rows} == {10, 30, 100, None}
    assert {row["outside"] for row in rows} == {0, 4}
    assert {"plain", "pointsman"} <= {row["by"] for row in rows}
    for row in rows:
        assert row["default"]["kept"]["total"] == 6 * row["draws"]
        assert row["default"]["rejected"]["total"] == 2 * row["draws"]


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    """The message says what the folder should have."""
    done = CliRunner().invoke(main, ["--data", str(tmp_path)])
    assert done.exit_code == 1
    assert "clinc150 or banking77" in done.output
