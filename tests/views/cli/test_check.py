"""`pointsman check` and `pointsman doc`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.views.conftest import Shop

HEAD = """\
from pointsman import *
from pydantic import BaseModel


async def rules(message, run):
    return message


def one(name, **more):
    return Specialist(name, handles=f"the {name}", fallback=rules, **more)


class Order(BaseModel):
    number: str


"""
SOUND = "team = Team('sound', specialists=[one('a', output=Order), one('b', input=Order)])"
DOUBTFUL = "team = Team('doubt', specialists=[Specialist('a', handles='all')])"
BROKEN = "team = Team('broken', specialists=[one('gate')], max_hops=0)"
ALIKE = """\
same = tuple(f"please pay invoice number {n}" for n in range(8))
other = tuple(f"please pay invoice number {n}" for n in range(8, 16))
lamp = tuple(f"my lamp {n} flickers at night" for n in range(8))
team = Team('alike', specialists=[
    one('money', examples=same), one('debts', examples=other), one('lamps', examples=lamp),
])"""


def team(shop: "Shop", code: str) -> tuple[str, ...]:
    """A team of this code; the options that choose it."""
    (shop.folder / "teams" / "mine.py").write_text(HEAD + code + "\n")
    return ("--team", "teams.mine:team")


@pytest.mark.parametrize(
    ("code", "strict", "exit_code"),
    [
        (SOUND, True, 0),
        (DOUBTFUL, False, 0),
        (DOUBTFUL, True, 1),
        (BROKEN, False, 1),
    ],
)
def test_the_exit_code_says_what_was_found(
    shop: "Shop", code: str, strict: bool, exit_code: int
) -> None:
    """0 for none or warnings, 1 for errors, and for warnings too where it is strict."""
    options = ("--strict",) if strict else ()
    assert shop.invoke(*team(shop, code), "check", *options).code == exit_code
    assert shop.invoke(*team(shop, code), "check", "--json", *options).code == exit_code


def test_wrong_usage_is_two(shop: "Shop") -> None:
    """An option there is not is no finding."""
    assert shop.invoke("check", "--stricter").code == 2


def test_a_team_that_cannot_be_built_gives_its_findings(shop: "Shop") -> None:
    """CI reads the same form from a broken team as from a doubtful one."""
    done = shop.invoke(*team(shop, BROKEN), "check", "--json")
    found = json.loads(done.out)
    assert found["team"] is None
    assert [(f["severity"], f["rule"], f["place"]) for f in found["findings"]] == [
        ("error", "name-reserved", "gate"),
        ("error", "bound", "max_hops"),
    ]
    assert "Give at least 1." in found["findings"][1]["message"] + found["findings"][1]["fix"]


def test_overlaps_are_shown_as_a_matrix(shop: "Shop") -> None:
    """Whose examples are taken for whose is a table for people and numbers for scripts; a pair
    that is too often mistaken is a warning. `--no-overlap` measures nothing."""
    chosen = team(shop, ALIKE)
    found = json.loads(shop.invoke(*chosen, "check", "--json").out)
    assert [(f["rule"], f["place"]) for f in found["findings"]] == [("overlap", "money and debts")]
    assert found["overlap"]["names"] == ["money", "debts", "lamps"]
    assert found["overlap"]["counts"][2] == [0, 0, 8]
    shown = shop.invoke(*chosen, "check")
    assert "Who is taken for whom" in shown.out
    assert "[overlap]" in shown.out
    quick = json.loads(shop.invoke(*chosen, "check", "--json", "--no-overlap").out)
    assert (quick["overlap"], quick["findings"]) == (None, [])


def test_too_few_examples_are_said(shop: "Shop") -> None:
    """Without examples nothing is measured, and the check says so."""
    assert "to be told apart by" in shop.invoke(*team(shop, SOUND), "check").out


REASONS = """\
from pointsman.guardrails.policy import Limit


@tool(effect="write", stakes="high")
def pay(usd: float) -> str:
    "Pay | somebody <b>."
    return ""


team = Team(
    "reasons",
    specialists=[
        one("a", tools=(pay,), output=Order,
            limits={"pay": (Limit("usd", at_most=9, why="our insurance ends there"),)}),
        one("b", input=Order),
    ],
    policy=ApprovalPolicy((PolicyRule("big", "ask", tools=("pay",), why="the auditors ask"),)),
    budget=Budget(calls=7, why="seven have always been enough"),
    limits=(Quota(5, why="the mail server bounces more"),),
    breaker=CircuitBreaker(why="it was down in May"),
)"""


def test_the_page_says_why(shop: "Shop") -> None:
    """Policies, limits and budgets stand on the page with their reasons; no text is markup."""
    done = shop.invoke(*team(shop, REASONS), "doc")
    assert done.code == 0
    for said in (
        "# Team reasons", "```mermaid", "our insurance ends there", "the auditors ask",
        "seven have always been enough", "the mail server bounces more", "it was down in May",
        "7 calls", r"Pay \| somebody \<b\>.",
    ):  # fmt: skip
        assert said in done.out
    assert done.out == shop.invoke(*team(shop, REASONS), "doc").out


def test_the_page_is_written_with_its_schemas(shop: "Shop") -> None:
    """Files by suffix: Markdown or one HTML file without a script; a schema for each contract."""
    chosen = team(shop, REASONS)
    done = shop.invoke(*chosen, "doc", "-o", "out/team.html", "--schemas", "out/schemas")
    assert done.code == 0, done.err
    page = (shop.folder / "out" / "team.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<svg" in page
    assert "<script" not in page
    assert "Pay | somebody &lt;b&gt;." in page
    files = {p.name: json.loads(p.read_text()) for p in (shop.folder / "out/schemas").iterdir()}
    assert sorted(files) == ["a.output.json", "a.pay.json", "b.input.json"]
    assert files["a.pay.json"]["required"] == ["usd"]
    assert all("$schema" in schema for schema in files.values())
    assert shop.invoke(*chosen, "doc", "-o", "team.md").code == 0
    assert (shop.folder / "team.md").read_text().startswith("# Team reasons\n")


def test_a_page_that_cannot_be_written_is_one_sentence(shop: "Shop", tmp_path: Path) -> None:
    """A file where a folder should be is an error that says so."""
    (tmp_path / "file").touch()
    done = shop.invoke("doc", "-o", str(tmp_path / "file" / "team.md"))
    assert done.code == 1
    assert "cannot be written" in done.err
