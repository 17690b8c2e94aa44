"""`pointsman store`, as people and programs use it."""

import json
import sqlite3

from tests.views.conftest import Shop


def test_a_sound_store_and_a_damaged_one(shop: Shop) -> None:
    """Exits 0 or 1, says what was found, and as JSON."""
    assert shop.invoke("run", "refund A-1001").code == 3
    done = shop.invoke("store", "check")
    assert done.code == 0
    assert "is sound" in done.out
    (path,) = shop.folder.rglob("pointsman.db")
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM runs")
    db.close()
    found = shop.invoke("store", "check", "--json")
    assert found.code == 1
    assert any("events belong to no run" in one for one in json.loads(found.out)["faults"])


def test_migrating_says_where_it_stands(shop: Shop) -> None:
    """The second time nothing is left to do."""
    first = shop.invoke("store", "migrate", "--json")
    assert first.code == 0
    told = json.loads(first.out)
    assert told["before"] == 0
    assert "already" in shop.invoke("store", "migrate").out


def test_pruning_is_tried_dry(shop: Shop) -> None:
    """A young store has nothing to prune; days are asked for."""
    assert shop.invoke("run", "refund A-1001").code == 3
    dry = shop.invoke("store", "prune", "--older-than", "1", "--dry-run")
    assert (dry.code, dry.out.split(" runs")[0]) == (0, "Would delete 0")
    assert json.loads(shop.invoke("store", "prune", "--older-than", "1", "--json").out)["runs"] == 0
    assert shop.invoke("store", "prune").code == 2


def test_a_backup_goes_into_a_new_folder(shop: Shop) -> None:
    """It prints its files; a folder that is there is refused."""
    assert shop.invoke("run", "refund A-1001").code == 3
    made = shop.invoke("store", "backup", "copy")
    assert made.code == 0
    assert "pointsman.db" in made.out
    again = shop.invoke("store", "backup", "copy")
    assert again.code == 1
    assert "exists already" in again.err
