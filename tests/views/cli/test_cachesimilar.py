"""The similarity cache, measured by command."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.views.conftest import Shop

CARDS = ("visa", "master", "gift", "debit", "credit", "travel", "junior", "gold", "silver", "blue")
PLACES = ("home", "work", "school", "town", "sea", "lake", "hill", "north", "south", "east")


def written(folder: Path, rows: list[dict[str, str]]) -> str:
    """A file of the rows."""
    file = folder / "asked.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def alike(label: bool) -> list[dict[str, str]]:
    """A hundred texts, each with one spelled nearly like it, whose label is the same or not."""
    rows: list[dict[str, str]] = []
    for card in CARDS:
        for place in PLACES:
            text = f"please send my new {card} plastic card to {place}"
            rows += [
                {"text": text, "label": f"{card} {place}"},
                {"text": text.capitalize(), "label": f"{card} {place}" if label else "other"},
            ]
    return rows


def test_what_is_alike_and_wants_the_same_is_recommended(shop: "Shop", tmp_path: Path) -> None:
    """A threshold above which every hit is right, where there are hits enough to tell."""
    file = written(tmp_path, alike(label=True))
    done = shop.invoke(
        "cache", "similar", file, "--at-most", "0.1", "--threshold", "0.99", "--json"
    )
    found = json.loads(done.out)
    (row,) = found["thresholds"]
    assert (found["texts"], found["repeated"], found["recommended"]) == (200, 0, 0.99)
    assert (row["hits"], row["false_hits"], row["hit_rate"]) == (100, 0, 0.5)
    assert row["interval"][1] < 0.1


def test_what_is_alike_and_wants_something_else_is_not(shop: "Shop", tmp_path: Path) -> None:
    """Every hit is false, and it says to leave the cache as it is."""
    done = shop.invoke("cache", "similar", written(tmp_path, alike(label=False)))
    assert done.code == 0
    assert "No threshold keeps false hits under 1 % for sure" in done.out
    line = next(line for line in done.out.splitlines() if line.strip().startswith("0.99"))
    assert line.split()[1:5] == ["100", "50.0%", "100", "100.00%"]


def test_a_few_hits_prove_nothing(shop: "Shop", tmp_path: Path) -> None:
    """A hundred right hits do not show that fewer than one in a hundred is wrong."""
    done = shop.invoke("cache", "similar", written(tmp_path, alike(label=True)), "--json")
    assert json.loads(done.out)["recommended"] is None


def test_a_text_that_comes_again_is_the_exact_cache_s(shop: "Shop", tmp_path: Path) -> None:
    """It is no hit of this one."""
    rows = alike(label=True)[::2] * 2
    done = shop.invoke("cache", "similar", written(tmp_path, rows), "--json")
    assert (json.loads(done.out)["texts"], json.loads(done.out)["repeated"]) == (100, 100)


@pytest.mark.parametrize(
    ("line", "said"),
    [("{", "no JSON object"), ('{"text": "x"}', "label"), ('{"text": "", "label": "a"}', "text"),
     ("[" * 100_000, "no JSON object")],
)  # fmt: skip
def test_a_bad_line_is_named(shop: "Shop", tmp_path: Path, line: str, said: str) -> None:
    """By its number, without its text."""
    file = tmp_path / "asked.jsonl"
    file.write_text('{"text": "a", "label": "b"}\n' + line + "\n")
    done = shop.invoke("cache", "similar", str(file))
    assert done.code == 1
    assert "asked.jsonl:2" in done.err
    assert said in done.err


def test_too_few_rows_are_refused(shop: "Shop", tmp_path: Path) -> None:
    """A rate of ten texts is none."""
    done = shop.invoke("cache", "similar", written(tmp_path, alike(label=True)[:10]))
    assert done.code == 1
    assert "10 rows" in done.err


def test_an_embedding_is_named_once(shop: "Shop", tmp_path: Path) -> None:
    """A model or a specialist's, and only one that has one."""
    file = written(tmp_path, alike(label=True))
    assert shop.invoke("cache", "similar", file, "--embed", "m", "--specialist", "s").code == 2
    assert shop.invoke("cache", "similar", file, "--specialist", "nobody").code == 1
