"""The cache by command: looked at, cleared, written out."""

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.nodes.gateway.cache import Answer, ResponseCache, Tags
from pointsman.nodes.gateway.transport import ModelReply
from pointsman.teams.responses import open_responses
from pointsman.views.cli.cache import Age

if TYPE_CHECKING:
    from tests.views.conftest import Shop

EVERYTHING = {"cold", "warm", "hot"}


def answer(text: str, **tags: str) -> Answer:
    """An answer that cost a quarter dollar, under its own text."""
    reply = ModelReply(model=tags.get("model", "m"), text=text, usd=0.25, seconds=2.0)
    return Answer(text, reply, Tags(**tags))


@pytest.fixture
def filled(shop: "Shop") -> "Shop":
    """A shop with three answers, one of them eight days old; one was found, one was not."""

    home = shop.folder / ".pointsman"

    async def fill() -> None:
        folder = home / "cache"
        old = ResponseCache(folder, clock=lambda: time.time() - 8 * 86_400)
        await old.put([answer("cold", team="shop", specialist="a", model="m")])
        await old.aclose()
        cache = open_responses(home)
        assert cache is not None
        await cache.put(
            [
                answer("warm", team="shop", specialist="a", model="n", tenant="acme"),
                answer("hot", team="shop", specialist="b\x1b[31m", model="n"),
            ]
        )
        await cache.find(["hot"])
        await cache.find(["none"])
        await cache.aclose()

    asyncio.run(fill())
    return shop


def exported(shop: "Shop", *options: str) -> set[str]:
    """The texts of the answers that an export gives."""
    done = shop.invoke("cache", "export", *options)
    assert done.code == 0
    return {json.loads(line)["reply"]["text"] for line in done.out.splitlines()}


def test_stats(filled: "Shop") -> None:
    """What it holds, by team, specialist and model, and what it saved; no name moves the cursor."""
    done = filled.invoke("cache", "stats")
    assert done.code == 0
    assert "3 answers" in done.out
    assert "hits    1, 50.0 % of 2" in done.out
    assert "0.2500 USD, 2.0 s" in done.out
    assert "\x1b" not in done.out
    found = json.loads(filled.invoke("cache", "stats", "--json").out)
    assert (found["answers"], found["hits"], found["misses"], found["puts"]) == (3, 1, 1, 3)
    assert found["hit_share"] == 0.5
    assert {name: row["answers"] for name, row in found["by"]["model"].items()} == {"n": 2, "m": 1}
    assert found["newest"] - found["oldest"] > 7 * 86_400


def test_stats_of_nothing(shop: "Shop") -> None:
    """A cache that was never used is empty, and looking at it makes no file."""
    done = shop.invoke("cache", "stats")
    assert (done.code, done.out.splitlines()[0][:9]) == (0, "0 answers")
    assert not (shop.folder / ".pointsman").exists()
    assert json.loads(shop.invoke("cache", "stats", "--json").out)["hit_share"] is None


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--all"], set[str]()),
        (["--older-than", "7d"], {"warm", "hot"}),
        (["--specialist", "a"], {"hot"}),
        (["--model", "n"], {"cold"}),
        (["--tag", "tenant=acme"], {"cold", "hot"}),
        (["--tag", "team=shop", "--specialist", "a", "--older-than", "1d"], {"warm", "hot"}),
        (["--model", "nobody"], EVERYTHING),
    ],
)
def test_clear(filled: "Shop", options: list[str], left: set[str]) -> None:
    """What all options name is forgotten, and the count said; the rest stays."""
    done = filled.invoke("cache", "clear", *options, "--yes", "--json")
    assert json.loads(done.out) == {"cleared": 3 - len(left)}
    assert exported(filled) == left


@pytest.mark.parametrize(
    ("said", "code", "left"), [(b"y\n", 0, 0), (b"n\n", 130, 3), (b"\n", 130, 3), (b"", 130, 3)]
)
def test_clearing_asks_first(filled: "Shop", said: bytes, code: int, left: int) -> None:
    """With the number of answers; only a yes clears, silence does not."""
    done = filled.invoke("cache", "clear", "--all", stdin=said)
    assert (done.code, "Forget 3 answers?" in done.err) == (code, True)
    assert len(exported(filled)) == left


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--all", "--model", "m"],
        ["--older-than", "soon"],
        ["--tag", "colour=red"],
        ["--tag", "team"],
        ["--tag", "team=a", "--tag", "team=b"],
        ["--model", "m", "--tag", "model=n"],
    ],
)
def test_clearing_without_saying_what(filled: "Shop", options: list[str]) -> None:
    """Nothing, a contradiction and an unknown tag are wrong usage; nothing is cleared."""
    assert filled.invoke("cache", "clear", "--yes", *options).code == 2
    assert exported(filled) == EVERYTHING


def test_export(filled: "Shop", tmp_path: Path) -> None:
    """JSON lines with the answers as stored, of those chosen; the file is its owner's and new."""
    assert exported(filled, "--model", "n") == {"warm", "hot"}
    file = tmp_path / "answers.jsonl"
    done = filled.invoke("cache", "export", "--older-than", "7d", "-o", str(file))
    assert (done.code, done.out) == (0, "")
    assert file.stat().st_mode & 0o777 == 0o600
    row = json.loads(file.read_text())
    assert row["key"] == "cold"
    assert row["reply"]["schema_version"] == "pointsman.reply@1"
    assert row["tags"]["specialist"] == "a"
    assert row["expires"] - row["stored"] == 30 * 86_400
    assert filled.invoke("cache", "export", "-o", str(file)).code == 1, "it is never overwritten"


def test_a_file_that_is_no_cache_is_told(filled: "Shop") -> None:
    """The person is told what is wrong; nothing is renamed by looking."""
    file = filled.folder / ".pointsman" / "cache" / "cache.db"
    file.write_bytes(b"what is this" * 1000)
    for command in (["stats"], ["clear", "--all", "--yes"], ["export"]):
        done = filled.invoke("cache", *command)
        assert done.code == 1
        assert "cannot be used" in done.err
    assert file.exists()


@pytest.mark.parametrize("text", ["", "5", "d", "-1d", "1.5h", "1w", "٢d", "1 d", "9999999d"])
def test_what_is_no_span(text: str) -> None:
    """It is refused with the forms that there are."""
    with pytest.raises(click.BadParameter):
        Age().convert(text, None, None)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    """Any text is some seconds or a usage error."""
    with contextlib.suppress(click.BadParameter):
        assert Age().convert(text, None, None) >= 0
