"""`pointsman dead letters|take|discard`, `pointsman keys` and `pointsman bridge --asyncapi`."""

import asyncio
import json
from pathlib import Path

import pytest

from pointsman.teams.keyfiles import read_signer
from pointsman.teams.store.crossings import LetterRow
from pointsman.teams.store.sqlite import SqliteStore
from tests.views.conftest import Shop


def with_letter(shop: Shop) -> LetterRow:
    """A letter in the shop's store."""
    team = json.loads(shop.invoke("run", "where is A-1001?", "--json").out)["team"]
    home = next(shop.folder.rglob("pointsman.db"), None) or next(
        shop.folder.parent.rglob("pointsman.db")
    )
    row = LetterRow("l5d0c", team, "shop.in", "Forged", "It is refused.", "{}\x1b[31m", 5.0)

    async def add() -> None:
        store = SqliteStore(home)
        await store.add_letter(row)
        await store.aclose()

    asyncio.run(add())
    return row


def test_no_letters(shop: Shop) -> None:
    """A project where nothing was refused says so."""
    assert "No letters" in shop.invoke("dead", "letters").out
    assert json.loads(shop.invoke("dead", "letters", "--json").out) == []


def test_a_letter_is_listed_tried_again_and_discarded(shop: Shop) -> None:
    """With what came, why it was refused, and the commands that go on from here; what came cannot
    paint the terminal."""
    row = with_letter(shop)
    out = shop.invoke("dead", "letters").out
    for text in (row.id, "shop.in", "Forged", "It is refused.", f"dead take {row.id}"):
        assert text in out
    assert "\x1b" not in out
    again = shop.invoke("dead", "take", row.id, "--by", "ana")
    assert (again.code, "Refused again" in again.out) == (1, True)
    done = shop.invoke("dead", "discard", row.id, "--by", "ana", "--reason", "spam")
    assert (done.code, "is discarded" in done.out) == (0, True)
    listed = json.loads(shop.invoke("dead", "letters", "--all", "--json").out)
    assert {(x["letter"], x["state"], x["by"]) for x in listed} >= {(row.id, "dropped", "ana")}


def test_a_key_is_made(shop: Shop, tmp_path: Path) -> None:
    """Its file, and its line on stdout; never its secret."""
    made = shop.invoke("keys", "new", "shop/router", "--out", str(tmp_path / "own.key"))
    signer = read_signer(tmp_path / "own.key")
    assert made.out.startswith('"shop/router" = ["')
    secret = (tmp_path / "own.key").read_text().split('"')[3]
    assert secret not in made.out
    assert signer.source == "shop/router"
    assert shop.invoke("keys", "new", "x", "--out", str(tmp_path / "own.key")).code != 0


def test_the_asyncapi_document_names_every_subject(shop: Shop) -> None:
    """With the schemas of requests and results."""
    done = shop.invoke(
        "bridge", "--requests", "a.in", "--results", "a.out", "--events", "a.steps", "--asyncapi"
    )
    assert done.code == 0
    found = json.loads(done.out)
    assert found["asyncapi"].startswith("3.")
    addresses = {channel["address"] for channel in found["channels"].values()}
    assert addresses == {"a.in", "a.out", "a.steps", "a.in.dead"}
    text = json.dumps(found)
    for name in ("pointsman.request@1", "pointsman.result@1", "pointsman.event@1"):
        assert name in text


@pytest.mark.parametrize("broker", ["", "redis://127.0.0.1", "127.0.0.1:4222"])
def test_a_broker_that_is_not_known_is_said(shop: Shop, broker: str) -> None:
    """Before anything is connected."""
    done = shop.invoke("bridge", "--broker", broker, "--requests", "a", "--results", "b")
    assert (done.code, done.out, "nats://" in done.err) == (done.code or 1, "", True)
