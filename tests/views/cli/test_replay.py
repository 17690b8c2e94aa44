"""`show`, `replay`, `fork` and `export` on the command line."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.views.conftest import Shop


def ran(shop: "Shop") -> str:
    """A run that reads and answers."""
    return json.loads(shop.invoke("run", "Where is A-1001?", "--json").out)["run"]


def test_show_names_the_steps(shop: "Shop") -> None:
    """With what they read; with --json the whole record."""
    run = ran(shop)
    shown = shop.invoke("show", run).out
    assert "1.0:orders" in shown
    assert "find_order(order='A-1001') = Order A-1001 is on its way." in shown
    record = json.loads(shop.invoke("show", run, "--json").out)["record"]
    assert [step["name"] for step in record["steps"]][:3] == ["intake", "1:route", "1.0:orders"]


def test_replay_says_that_nothing_differs(shop: "Shop") -> None:
    """Exit code 0, in words and as JSON."""
    run = ran(shop)
    done = shop.invoke("replay", run)
    assert done.code == 0
    assert "Nothing differs" in done.out
    said = json.loads(shop.invoke("replay", run, "--json").out)
    assert (said["run"], said["same"], said["divergences"]) == (run, True, [])


def test_replay_says_where_a_changed_team_parts(shop: "Shop") -> None:
    """Exit code 1, the step, and a diff of what is asked."""
    run = ran(shop)
    (source,) = [p for p in shop.folder.rglob("*.py") if "Look an order up." in p.read_text()]
    source.write_text(source.read_text().replace("Look an order up.", "Find an order."))
    done = shop.invoke("replay", run)
    assert done.code == 1
    assert "1.0:orders" in done.out
    assert "Find an order." in done.out


def test_fork_asks_with_another_prompt(shop: "Shop", tmp_path: Path) -> None:
    """It is a run of its own, which says what it is a fork of."""
    run = ran(shop)
    prompt = tmp_path / "new.md"
    prompt.write_text("You are brief.\n")
    done = shop.invoke("fork", run, "--at", "1.0:orders", "--set", f"prompt={prompt}", "--json")
    assert done.code == 0
    said = json.loads(done.out)
    assert (said["fork_of"], said["fork_at"]) == (run, "1.0:orders")
    assert f"of {run} from 1.0:orders on" in shop.invoke("show", said["run"]).out
    assert said["run"] not in shop.invoke("runs").out
    listed = json.loads(shop.invoke("runs", "--forks", "--json").out)["runs"]
    assert [(one["run"], one["fork_of"]) for one in listed] == [(said["run"], run), (run, "")]
    assert f"fork of {run[:8]}" in shop.invoke("runs", "--forks").out


def test_fork_says_what_fits_nothing(shop: "Shop") -> None:
    """A change that is none, a step that was not."""
    run = ran(shop)
    assert "is no change" in shop.invoke("fork", run, "--at", "1:route", "--set", "x=y").err
    assert "has no step" in shop.invoke("fork", run, "--at", "7:route").err


def test_export_writes_one_file(shop: "Shop", tmp_path: Path) -> None:
    """The page, or the record as JSON; one of them must be asked for."""
    run = ran(shop)
    done = shop.invoke("export", run, "--html", str(tmp_path / "run.html"))
    assert done.code == 0
    assert "Content-Security-Policy" in (tmp_path / "run.html").read_text()
    assert json.loads(shop.invoke("export", run, "--json").out)["run"] == run
    assert shop.invoke("export", run).code == 2
