"""`pointsman route`: one decision explained, and the router measured on a file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.views.conftest import Shop

TEAM = '''
"""A team with a rule, on a scripted model."""

from pointsman import Router, Rule, Specialist, Team
from pointsman.errors import ModelRejected
from pointsman.nodes.gateway.scripted import ScriptedTransport, choice_reply
from pointsman.nodes.gateway.transports import Transports


def script(request):
    text = request.turns[-1].content
    if "crash" in text:
        return ModelRejected("The model fell over.")
    if "weather" in text:
        return choice_reply("none", probabilities=(("none", 0.9), ("tech", 0.1)), usd=0.001)
    to = "tech" if "screen" in text else "billing"
    other = "billing" if to == "tech" else "tech"
    return choice_reply(to, probabilities=((to, 0.8), (other, 0.2)), usd=0.001)


team = Team(
    "desk",
    specialists=(Specialist("billing", handles="money"), Specialist("tech", handles="devices")),
    router=Router(rules=(Rule("inv", "billing", r"INV-[0-9]+"),), out_of_scope=("the weather",)),
    models={"fast": ("scripted",), "strong": ("scripted",)},
    transports=Transports({"scripted": lambda: ScriptedTransport(script)}),
)
'''


@pytest.fixture
def desk(shop: "Shop") -> "Shop":
    """The project with the team above."""
    (shop.folder / "teams" / "shop.py").write_text(TEAM)
    return shop


def written(folder: Path, *rows: object, name: str = "rows.jsonl") -> str:
    """A file of rows in a folder; its name. Bytes stand as they are."""
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    (folder / name).write_bytes(b"\n".join(lines) + b"\n")
    return name


def row(text: str, expected: str | None) -> dict[str, str | None]:
    """One row."""
    return {"text": text, "expected": expected}


def test_a_decision_is_explained_tier_by_tier(desk: "Shop") -> None:
    """A real process: who decided, who abstained and why, the candidates, the cost."""
    done = desk.pointsman("route", "the screen is black")
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[0] == "tech at 80%, by model; runner-up billing"
    assert "rules abstains no rule matches" in lines
    assert "classifier abstains 8 examples of each are needed, and billing has 0" in lines
    assert "model decides chosen by scripted" in lines
    assert "tech 80.0%" in lines
    assert lines[-1] == "Cost: 1 model call, $0.0010"


def test_json_has_the_decision(desk: "Shop") -> None:
    """A rule's decision asks nobody; no run is made of it."""
    done = desk.invoke("route", "--json", "where is INV-42?")
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    assert (found["to"], found["tier"], found["settled"]) == ("billing", "rules", "rules")
    assert (found["reason"], found["calls"], found["abstained"]) == ("rule inv", 0, [])
    assert (found["ask"], found["parts"]) == (False, [])


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("route", "what is the weather like"), 1, "Nobody: the model found it to be nobody's"),
        (("route", "the screen is black", "--no-model"), 1, "No tier decides"),
        (("route", "and that?", "--after", "tech"), 0, "tech, by sticky"),
        (("route", "explain", "eval"), 0, "billing at 80%"),
    ],
)
def test_what_comes_of_it_is_the_first_line(
    desk: "Shop", args: tuple[str, ...], code: int, said: str
) -> None:
    """And the exit code: 1 without a route."""
    done = desk.invoke(*args)
    assert done.code == code, done.err
    assert done.out.startswith(said)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("route",), 2, "Missing argument 'TEXT'"),
        (("route", " "), 2, "The text is empty"),
        (("route", "x", "--after", "mars"), 2, "'mars' is not among billing, tech"),
        (("route", "crash"), 1, "The model fell over"),
        (("route", "eval", "gone.jsonl"), 2, "gone.jsonl"),
        (("route", "eval", "rows.jsonl", "--cost", "wrong=2"), 2, "--cost needs --train"),
        (("route", "eval", "rows.jsonl", "--plot", "a.gif"), 1, "a.gif"),
        (("route", "eval", "rows.jsonl", "--train", "rows.jsonl", "--cost", "x=1"), 2, "'x'"),
        (("route", "eval", "rows.jsonl", "--train", "rows.jsonl", "--cost", "ask"), 2, "'ask'"),
        (("route", "eval", "empty.jsonl"), 1, "has no row to measure"),
    ],
)
def test_what_cannot_be_done_is_said(
    desk: "Shop", args: tuple[str, ...], code: int, said: str
) -> None:
    """In one sentence, with the exit code of the other commands."""
    written(desk.folder, row("a", "billing"))
    written(desk.folder, name="empty.jsonl")
    done = desk.invoke(*args)
    assert done.code == code
    assert said in done.err


def test_the_teams_router_is_measured(desk: "Shop") -> None:
    """A real process: shares, tiers with cost, confusion, calibration; a plot on request."""
    file = written(
        desk.folder, row("INV-1 is wrong", "billing"), row("black screen", "tech"),
        row("a question of mine", "tech"), row("the weather", None),
    )  # fmt: skip
    done = desk.pointsman("route", "eval", file, "--plot", "plot.svg", "--show-wrong")
    assert done.code == 0, done.err
    assert "Wrote plot.svg." in done.err
    assert (desk.folder / "plot.svg").read_bytes().startswith(b"<?xml")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[0] == "4 rows: 3 of a specialist, 1 nobody's."
    assert "in scope: right of the decided 2/3 66.7 % (20.8-93.9)" in lines
    assert "rules 1 25.0% 1 0 $0" in lines
    assert "model 3 75.0% 2 3 $0.0030" in lines
    assert "tech 2 1 billing 1" in lines
    assert "3 tech billing a question of mine" in lines
    assert "\x1b" not in done.out


def test_lines_and_errors_are_counted_and_fail(desk: "Shop") -> None:
    """The rest is measured; each fault is said on stderr with its line."""
    file = written(
        desk.folder, row("INV-1", "billing"), b"{", row("x", "mars"), row("crash", "tech")
    )
    done = desk.invoke("route", "eval", file, "--json")
    assert done.code == 1
    assert "rows.jsonl:2: left out: it is no JSON" in done.err
    assert (
        "rows.jsonl:3: left out: `expected` is 'mars', who is not among billing, tech" in done.err
    )
    assert "rows.jsonl:4: no decision:" in done.err
    found: dict[str, Any] = json.loads(done.out)
    assert (found["rows"], found["bad_rows"], found["errors"]) == (2, 2, 1)
    assert found["accuracy_of_all"]["total"] == 2
    assert found["confusion"]["tech"] == {"(error)": 1}


def test_a_classifier_is_fitted_and_measured_without_a_team(tmp_path: Path, shop: "Shop") -> None:
    """With --train there need not be a project, and a stranger's label is a bad row."""
    (shop.folder / "pyproject.toml").unlink()
    money = [row(f"refund my invoice number {n} please", "billing") for n in range(20)]
    things = [row(f"the screen of device {n} is black", "tech") for n in range(20)]
    written(shop.folder, *money, *things, name="train.jsonl")
    written(
        shop.folder, row("please refund the invoice number", "billing"),
        row("the device has a black screen", "tech"), row("hm", "mars"),
    )  # fmt: skip
    done = shop.invoke(
        "route", "eval", "rows.jsonl", "--train", "train.jsonl", "--cost", "wrong=3", "--json"
    )
    assert done.code == 1
    assert "Fitting on 40 rows of 2 labels" in done.err
    found: dict[str, Any] = json.loads(done.out)
    assert (found["rows"], found["bad_rows"], found["calls"]) == (2, 1, 0)
    assert found["accuracy"]["count"] == found["accuracy"]["total"] == 2
    assert found["tiers"][2]["settled"] == 2
    assert found["schema_version"] == "pointsman.route-eval@1"
