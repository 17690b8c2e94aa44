"""`pointsman board`: listed, shown, written by a person, and its past."""

import json

import pytest

from tests.views.conftest import Shop

TEAM = '''
"""A team with a blackboard."""

from pointsman import Specialist, Team
from pointsman.teams.blackboard import Blackboard, Entry

team = Team(
    "desk",
    specialists=(Specialist("clerk", handles="all"),),
    blackboard=Blackboard(
        (Entry("plan", int, owner="clerk"), Entry("rates", dict[str, float], scope="team"))
    ),
    models={"fast": ("scripted",), "strong": ("scripted",)},
)
'''
OF_C1 = ("--thread", "c1")


@pytest.fixture
def desk(shop: Shop) -> Shop:
    """The project with that team."""
    (shop.folder / "teams" / "shop.py").write_text(TEAM)
    return shop


def put(desk: Shop, value: str, expect: int, *more: str) -> int:
    """Write the plan of thread c1 as ana: the exit code."""
    given = ("board", "put", "plan", value, "--expect", str(expect), "--by", "ana", *OF_C1, *more)
    return desk.invoke(*given).code


def test_what_is_written_is_listed_and_shown(desk: Shop) -> None:
    """With its version, who wrote it and why; without a thread the list names those there are."""
    assert "No entries." in desk.invoke("board", "list", *OF_C1).out
    assert put(desk, "5", 0, "--why", "a guess") == 0
    for command in (("board", "list", *OF_C1), ("board", "show", "plan", *OF_C1)):
        out = desk.invoke(*command).out
        for text in ("plan 5", "version 1 by ana", "a guess"):
            assert text in out
    assert "board list --thread c1" in desk.invoke("board", "list").out
    listed = json.loads(desk.invoke("board", "list", "--json").out)
    assert listed == {"entries": [], "threads": ["c1"]}
    shown = json.loads(desk.invoke("board", "show", "plan", *OF_C1, "--json").out)
    assert (shown["value"], shown["version"], shown["by"], shown["why"]) == (5, 1, "ana", "a guess")


def test_a_late_write_is_refused(desk: Shop) -> None:
    """It exits 1, says what stands there, and changes nothing."""
    assert put(desk, "5", 0) == 0
    late = desk.invoke("board", "put", "plan", "6", "--expect", "0", *OF_C1)
    assert late.code == 1
    assert "version 1 by ana stands there" in late.err
    assert put(desk, "7", 1) == 0
    past = json.loads(desk.invoke("board", "history", "plan", *OF_C1, "--json").out)
    assert [(v["version"], v["value"]) for v in past] == [(2, 7), (1, 5)]
    out = desk.invoke("board", "history", "plan", *OF_C1, "--limit", "1").out
    assert "plan 7" in out
    assert "plan 5" not in out


def test_what_cannot_be_is_refused(desk: Shop) -> None:
    """No JSON, another type, a key that is not declared, one of a thread without --thread, one
    where nothing stands."""
    for code, given, says in (
        (2, ("put", "plan", "five", "--expect", "0", *OF_C1), "no JSON"),
        (1, ("put", "plan", '"five"', "--expect", "0", *OF_C1), "no int@1"),
        (1, ("show", "budget", *OF_C1), "plan, rates"),
        (1, ("show", "plan"), "thread"),
        (1, ("show", "plan", *OF_C1), "Nothing stands"),
    ):
        asked = desk.invoke("board", *given)
        assert asked.code == code
        assert says in asked.err
