"""`pointsman dead`: listed, shown whole, driven again, dropped."""

import json

import pytest

from tests.views.conftest import Shop


@pytest.fixture
def failed(shop: Shop) -> str:
    """A run whose model refused its key."""
    done = shop.invoke("run", "where is A-1001? wrong key", "--json")
    assert done.code == 1
    return json.loads(done.out)["run"]


def mend(shop: Shop) -> None:
    """The model takes the key from now on."""
    path = shop.folder / "teams" / "shop.py"
    path.write_text(path.read_text().replace('"wrong key" in text', '"no such" in text'))


def test_nothing_is_dead(shop: Shop) -> None:
    """A project where nothing failed says so."""
    assert "No dead letters" in shop.invoke("dead", "list").out
    assert json.loads(shop.invoke("dead", "list", "--json").out) == []


def test_it_is_listed_with_its_reason_and_what_to_do(shop: Shop, failed: str) -> None:
    """What was asked, which error ended it, and the commands that go on from here."""
    out = shop.invoke("dead", "list").out
    for text in (failed, "where is A-1001? wrong key", "ModelAuth", f"dead redrive {failed}"):
        assert text in out
    (row,) = json.loads(shop.invoke("dead", "list", "--json").out)
    assert (row["run"], row["attempt"], row["error"]) == (failed, 1, "ModelAuth")


def test_the_list_says_when_it_is_cut(shop: Shop, failed: str) -> None:
    """The oldest are shown, and how to see the others."""
    shop.invoke("run", "wrong key too")
    out = shop.invoke("dead", "list", "--limit", "1").out
    assert "There are more" in out
    assert "too" not in out


def test_it_is_shown_whole(shop: Shop, failed: str) -> None:
    """The request and every step, for people and as JSON."""
    out = shop.invoke("dead", "show", failed[:6]).out
    assert "asked: where is A-1001? wrong key" in out
    assert "refused the key" in out
    shown = json.loads(shop.invoke("dead", "show", failed, "--json").out)
    assert shown["request"] == "where is A-1001? wrong key"
    assert shown["events"]
    assert shown["effects"] == []


def test_driven_again_it_may_succeed(shop: Shop, failed: str) -> None:
    """The exit code is the run's, and it is no dead letter any more."""
    assert shop.invoke("dead", "redrive", failed, "--by", "ana").code == 1
    mend(shop)
    done = shop.invoke("dead", "redrive", failed, "--by", "ana", "--reason", "a new key")
    assert (done.code, done.out.strip()) == (0, "Order A-1001 is on its way.")
    assert json.loads(shop.invoke("dead", "list", "--json").out) == []
    again = shop.invoke("dead", "redrive", failed)
    assert again.code == 1
    assert "no dead letter" in again.err
    assert shop.invoke("audit", "verify").code == 0


def test_it_is_dropped_with_a_reason(shop: Shop, failed: str) -> None:
    """Without one nothing is dropped; after it the run is on record and not on the list."""
    assert shop.invoke("dead", "drop", failed).code == 2
    assert shop.invoke("dead", "drop", failed, "--by", "ana", "--reason", "a test").code == 0
    assert json.loads(shop.invoke("dead", "list", "--json").out) == []
    assert shop.invoke("show", failed).code == 0
