"""`pointsman release`: pinned, compared, promoted through a gate, taken back."""

import json

import pytest

from tests.views.conftest import Shop

SUITE = """
name: smoke
target: team
cases:
  - id: where
    text: where is A-1001?
    expected: {output: Order A-1001 is on its way.}
scorers: [exact]
gate:
  - {metric: exact, at_least: 1.0}
"""


def create(shop: Shop, *, notes: str = "") -> str:
    """Make a release of the team as it is; its name."""
    assert shop.invoke("release", "create", "--by", "ana", "--notes", notes).code == 0
    newest = max((shop.folder / "releases" / "shop").iterdir(), key=lambda p: p.stat().st_mtime_ns)
    return newest.stem


def change(shop: Shop, old: str, new: str) -> None:
    """Change the team's module."""
    path = shop.folder / "teams" / "shop.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def first(shop: Shop) -> str:
    """A release in production."""
    name = create(shop)
    args = ("--to", "production", "--no-gate", "--reason", "first", "--by", "ana")
    assert shop.invoke("release", "promote", name, *args).code == 0
    return name


def test_a_release_is_a_file(shop: Shop) -> None:
    """It is written once, says what to do next, and is listed."""
    name = create(shop, notes="a first one")
    out = shop.invoke("release", "create").out
    assert f"release promote {name}" in out
    assert len(list((shop.folder / "releases" / "shop").iterdir())) == 1
    shown = shop.invoke("release", "list").out
    assert name in shown
    assert "a first one" in shown
    (row,) = json.loads(shop.invoke("release", "list", "--json").out)
    assert (row["release"], row["by"], row["channels"]) == (name, "ana", [])
    assert "parts" not in row


def test_a_project_without_releases_says_how_to_make_one(shop: Shop) -> None:
    """The command to begin with."""
    assert "release create" in shop.invoke("release", "list").out
    assert "Nothing was ever promoted" in shop.invoke("release", "history").out
    assert shop.invoke("release", "show", "production").code == 1


def test_what_differs_is_shown(shop: Shop, first: str) -> None:
    """From production to the team as it is, part by part; exit code 1 where they differ."""
    same = shop.invoke("release", "diff", "production")
    assert (same.code, same.out) == (0, "They behave alike.\n")
    change(shop, "Look an order up.", "Find an order.")
    other = shop.invoke("release", "diff", "production")
    assert other.code == 1
    assert "find_order changed" in other.out
    assert "Find an order." in other.out
    found = json.loads(shop.invoke("release", "diff", first, "now", "--json").out)
    assert {one["part"] for one in found} == {"tools"}


def test_a_release_is_shown_whole(shop: Shop, first: str) -> None:
    """As its file has it, by its name, a beginning, or its channel."""
    text = (shop.folder / "releases" / "shop" / f"{first}.yaml").read_text()
    for name in (first, first[:14], "production"):
        assert shop.invoke("release", "show", name).out == text


def test_a_promotion_without_a_gate_says_why(shop: Shop) -> None:
    """And both are on record."""
    name = create(shop)
    refused = shop.invoke("release", "promote", name, "--to", "production", "--no-gate")
    assert refused.code == 2
    assert "--reason" in refused.err
    none = shop.invoke("release", "promote", name, "--to", "production")
    assert none.code == 1
    assert "has a gate" in none.err
    args = ("--to", "production", "--no-gate", "--reason", "the model is away", "--by", "bo")
    assert shop.invoke("release", "promote", name, *args).code == 0
    (row,) = json.loads(shop.invoke("release", "history", "--json").out)
    assert (row["by"], row["reason"], row["gate"]) == ("bo", "the model is away", "none, by bo")


def test_staging_needs_no_gate(shop: Shop) -> None:
    """It is where one looks first."""
    name = create(shop)
    assert "is in staging" in shop.invoke("release", "promote", name).out


@pytest.mark.parametrize(("expected", "code"), [("is on its way", 0), ("is lost", 1)])
def test_the_gate_decides(shop: Shop, first: str, expected: str, code: int) -> None:
    """The suite runs on the release's own prompts and models; where it fails nothing is moved."""
    (shop.folder / "evals").mkdir(exist_ok=True)
    (shop.folder / "evals" / "smoke.yaml").write_text(SUITE.replace("is on its way", expected))
    change(shop, "Look an order up.", "Find an order.")
    name = create(shop)
    done = shop.invoke("release", "promote", name, "--to", "production", "--by", "ana")
    assert done.code == code
    assert "exact" in done.err
    if code:
        assert "nothing was promoted" in done.err
        assert json.loads(shop.invoke("release", "history", "--json").out)[0]["release"] == first
    else:
        row = json.loads(shop.invoke("release", "history", "--json").out)[0]
        assert (row["release"], row["gate"]) == (name, "smoke passed")


def test_a_release_of_other_code_is_not_tried(shop: Shop, first: str) -> None:
    """The gate could only try this code."""
    name = create(shop)
    change(shop, "Look an order up.", "Find an order.")
    done = shop.invoke("release", "promote", name, "--to", "production")
    assert done.code == 1
    assert "tools differ" in done.err


def test_a_canary_and_the_way_back(shop: Shop, first: str) -> None:
    """Promoted to a share, listed with it, withdrawn, and all of it in history and audit log."""
    change(shop, "Look an order up.", "Find an order.")
    name = create(shop)
    args = ("--to", "canary", "--share", "0.25", "--no-gate", "--reason", "x")
    assert "25% of new threads" in shop.invoke("release", "promote", name, *args).out
    assert "canary (25% of threads)" in shop.invoke("release", "list").out
    back = shop.invoke("release", "rollback", "--reason", "wrong", "--by", "bo")
    assert f"In production: {first}" in back.out
    history = shop.invoke("release", "history").out
    assert f"rollback {name} canary  by bo  wrong" in history
    assert shop.invoke("audit", "verify").code == 0
    (shop.folder / "releases" / "shop" / f"{first}.yaml").unlink()
    assert "its file is not here" in shop.invoke("release", "list").out


def test_a_watch_looks_once(shop: Shop, first: str) -> None:
    """It shows each band; with a band left it takes the release back and exits with 1."""
    assert shop.invoke("release", "watch").code == 2
    assert shop.invoke("release", "watch", "--usd", "5").code == 2
    calm = shop.invoke("release", "watch", "--errors", "0.05", "--seconds", "60:0.1")
    assert calm.code == 0
    assert "0 of 0" in calm.out
    change(shop, "Look an order up.", "Find an order.")
    name = create(shop)
    args = ("--to", "production", "--no-gate", "--reason", "x")
    assert shop.invoke("release", "promote", name, *args).code == 0
    for _ in range(4):
        assert shop.invoke("run", "where is A-1001? wrong key").code == 1
    left = shop.invoke("release", "watch", "--errors", "0.05", "--least", "4")
    assert left.code == 1
    assert "LEFT" in left.out
    assert f"In production: {first}" in left.out


def test_a_changed_file_is_refused(shop: Shop) -> None:
    """By every command that reads it."""
    name = create(shop)
    path = shop.folder / "releases" / "shop" / f"{name}.yaml"
    path.write_text(path.read_text().replace("max_hops: 6", "max_hops: 60"))
    for args in (("list",), ("show", name), ("promote", name)):
        done = shop.invoke("release", *args)
        assert done.code == 1
        assert "digests are not those" in done.err
