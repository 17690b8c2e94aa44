"""`pointsman drill`: what it prints, its exit codes, its plan, and the process it kills."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.views.conftest import Shop

CASES = (
    {"id": "where", "text": "Where is A-1001?"},
    {"id": "back", "text": "Please refund A-1002"},
    {"id": "hello", "text": "Hi there"},
)
OUTSIDE = """
from pathlib import Path

FILE = Path(__file__).parents[1] / "effects.txt"


def fresh():
    FILE.write_text("")


def seen():
    return FILE.read_text().splitlines()


def twice():
    return [line for line in seen() for _ in range(2 if len(seen()) > 1 else 1)]
"""


@pytest.fixture
def drilled(shop: "Shop") -> "Shop":
    """The shop with a suite, and what looks at the world outside."""
    lines = (json.dumps(case) for case in CASES)
    (shop.folder / "suite.jsonl").write_text("\n".join(lines), "utf-8")
    (shop.folder / "teams" / "outside.py").write_text(OUTSIDE, "utf-8")
    return shop


def figures(shop: "Shop", *args: str, code: int = 0) -> dict[str, Any]:
    """The report of a drill that exits so."""
    done = shop.invoke("drill", "suite.jsonl", *args, "--seconds", "0.02", "--json")
    assert done.code == code, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_the_table_and_the_sentence(drilled: "Shop") -> None:
    """A real process, which kills others: a row for each kind, one for all, what differs, and the
    sum in a sentence."""
    done = drilled.pointsman(
        "drill",
        "suite.jsonl",
        "--faults",
        "tool-late,crash",
        "--rate",
        "1",
        "--seconds",
        "0.02",
        "--limit",
        "1",
    )
    assert done.code == 0, done.err
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[0] == "faults messages success degraded failed lost median p95"
    assert [line.split(" ")[0] for line in lines[1:4]] == ["tool-late", "crash", "all"]
    assert int(lines[2].split(" ")[1]) >= 1, "a process was killed"
    assert any(line.startswith("degraded where: ") for line in lines)
    assert any("0 lost, 0 doubled" in line for line in lines)
    assert lines[-1] == "Writes were pretended; --real-writes lets tools write."
    assert max(len(line) for line in done.out.splitlines()[:4]) <= 80


def test_a_plan_is_kept_and_replayed(drilled: "Shop") -> None:
    """The same faults at the same calls, whatever seed and rate say now."""
    kinds = ("--faults", "latency,duplicate,slow-store", "--rate", "0.5", "--seed", "7")
    first = figures(drilled, *kinds, "--save-plan", "plan.json")
    again = figures(drilled, "--plan", "plan.json", "--seed", "99")
    assert first["strikes"]
    assert first["plan"]["spots"] == again["plan"]["spots"]
    assert first["verdicts"] == again["verdicts"] == {"success": 3}
    assert drilled.effects == [], "writes are pretended unless they are asked for"


def test_real_writes_go_out_and_are_looked_at(drilled: "Shop") -> None:
    """The refund is real in both passes; the world is put back between them and listed."""
    report = figures(
        drilled, "--faults", "tool-late", "--rate", "1", "--real-writes", "--reset",
        "teams.outside:fresh", "--world", "teams.outside:seen",
    )  # fmt: skip
    assert report["holds"] is True
    assert report["writes"] == "real"
    assert drilled.effects == ["A-1002 20"]


def test_what_is_doubled_fails_the_command(drilled: "Shop") -> None:
    """Exit code 1, with the effect by name. Here nothing is put back, and the world outside counts
    every line of a second pass twice."""
    (drilled.folder / "effects.txt").touch()
    report = figures(
        drilled, "--faults", "latency", "--real-writes", "--world", "teams.outside:twice", code=1
    )
    assert report["holds"] is False
    assert report["doubled"] == ["outside: 'A-1002 20' happened 3 times; 1 in the calm run"]


def test_the_state_is_kept_where_it_is_wanted(drilled: "Shop") -> None:
    """Both folders of state, and a second drill wants another place."""
    figures(drilled, "--faults", "429", "--limit", "1", "--keep", "kept")
    kept = drilled.folder / "kept"
    assert (kept / "calm" / "home" / "pointsman.db").exists()
    assert (kept / "drill" / "home" / "pointsman.db").exists()
    done = drilled.invoke("drill", "suite.jsonl", "--keep", "kept")
    assert done.code == 1
    assert "holds a drill already" in done.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--faults", "fire"), "There is no fault 'fire'"),
        (("--world", "teams.outside:none"), "'teams.outside:none' is no function"),
        (("--reset", "nowhere:none"), "There is no module 'nowhere'"),
        (("--plan", "suite.jsonl"), "is no plan of a drill"),
        (("--tag", "none"), "has a tag of none"),
    ],
)
def test_wrong_options_say_what_is_wrong(drilled: "Shop", args: tuple[str, ...], said: str) -> None:
    """One sentence, exit code 1, and nothing was run."""
    done = drilled.invoke("drill", "suite.jsonl", *args)
    assert done.code == 1
    assert said in done.err
    assert not (drilled.folder / ".pointsman" / "pointsman.db").exists()


def test_a_suite_of_something_else_is_refused(drilled: "Shop", tmp_path: Path) -> None:
    """A router has no effects to lose."""
    file = drilled.folder / "router.yaml"
    file.write_text("target: router\ncases: file:suite.jsonl\n", "utf-8")
    done = drilled.invoke("drill", "router.yaml")
    assert done.code == 1
    assert "a drill needs a team" in done.err
