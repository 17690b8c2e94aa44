"""`pointsman costs`, and the forecast before a batch."""

import csv
import io
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from pointsman.errors import BadInput
from pointsman.nodes.event import Event, FellBack, ModelCalled, Recorded
from pointsman.teams.accounts import Accounts, Dimension
from pointsman.teams.forecast import Forecast, expected
from pointsman.views.cli.costplot import draw
from pointsman.views.cli.costtable import as_csv, as_json, dollars
from pointsman.views.cli.foretold import heading, said
from tests.views.conftest import Shop

PRICED = """
    prices={"scripted": Price(input=1.0, output=2.0)},
    models="""


IMPORTED = (
    "from pointsman.nodes.message",
    "from pointsman.nodes.gateway.cost import Price\nfrom pointsman.nodes.message",
)


@pytest.fixture
def priced(shop: Shop) -> Shop:
    """A shop whose model has a price, after two messages."""
    path = shop.folder / "teams" / "shop.py"
    path.write_text(path.read_text().replace("\n    models=", PRICED).replace(*IMPORTED))
    for text in ("where is A-1001?", "hello"):
        assert shop.invoke("run", text).code == 0
    return shop


def some(*calls: tuple[str, float | None], by: Sequence[Dimension] = ("model",)) -> Accounts:
    """Accounts of calls of models at a cost, a day apart."""
    accounts = Accounts(by)
    for n, (model, usd) in enumerate(calls):
        event: Event = ModelCalled(purpose="act", model=model, source="model", usd=usd)
        accounts.add("acme", Recorded(run=f"r{n}", seq=0, at=86_400.0 * n, event=event))
    return accounts


def test_groups_and_total_of_what_ran(priced: Shop) -> None:
    """The sums are those of the runs' own results, in any grouping; the total is the groups'."""
    by = ("--by", "specialist", "--by", "model", "--by", "tenant", "--by", "day")
    done = priced.invoke("costs", *by, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["by"] == ["specialist", "model", "tenant", "day"]
    assert {g["specialist"] for g in found["groups"]} == {"", "orders", "questions"}
    assert found["total"]["runs"] == 2
    assert found["total"]["calls"] == sum(g["calls"] for g in found["groups"]) == 5
    runs = json.loads(priced.invoke("costs", "--by", "run", "--json").out)["groups"]
    for group in runs:
        result = json.loads(priced.invoke("show", group["run"], "--json").out)
        assert (group["calls"], group["input_tokens"]) == (
            result["model_calls"],
            result["input_tokens"],
        )


def test_options_choose_what_is_counted(priced: Shop) -> None:
    """By run, tenant and time; what lies outside is not there."""
    run = json.loads(priced.invoke("costs", "--by", "run", "--json").out)["groups"][0]["run"]
    for option, runs in (
        (("--run", run[:8]), 1), (("--tenant", "default"), 2), (("--tenant", "acme"), 0),
        (("--since", "1h"), 2), (("--until", "1h"), 0), (("--since", "2000-01-01"), 2),
        (("--until", "2000-01-01T10:00+02:00"), 0),
    ):  # fmt: skip
        done = priced.invoke("costs", *option, "--json")
        assert json.loads(done.out)["total"]["runs"] == runs, option


def test_wrong_options_are_said(shop: Shop) -> None:
    """Times that are none, a span that is empty, two formats, and a run nobody knows."""
    for args, says in (
        (("--since", "soon"), "is not 12h"),
        (("--since", "1h", "--until", "2h"), "before --until"),
        (("--csv", "--json"), "not both"),
        (("--by", "weather"), "weather"),
        (("--run", "nothing"), "nothing"),
    ):
        done = shop.invoke("costs", *args)
        assert done.code != 0
        assert says in done.err


def test_an_empty_record_is_said(shop: Shop) -> None:
    """No table of zeros."""
    done = shop.invoke("costs")
    assert (done.code, done.out) == (0, "Nothing is on record.\n")


def test_the_table_shows_groups_others_and_total(priced: Shop) -> None:
    """Outside a terminal each group is one line."""
    done = priced.invoke("costs", "--by", "specialist", "--top", "1")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[0].startswith("specialist runs calls cost")
    assert any(line.startswith("2 others") for line in lines)
    assert any(line.startswith("total 2 5") for line in lines)


def test_an_unknown_price_is_shown_as_unknown(priced: Shop) -> None:
    """In no format does it look like 0."""
    (path,) = priced.folder.rglob("pointsman.db")
    with sqlite3.connect(path) as db:
        db.execute(
            "UPDATE events SET event = json_set(event, '$.usd', NULL)"
            " WHERE json_extract(event, '$.kind') = 'model_called'"
        )
    db.close()
    table = priced.invoke("costs", "--by", "model").out
    assert "5 unknown calls" in table
    assert "5 calls cost what nobody here knows" in table
    found = json.loads(priced.invoke("costs", "--by", "model", "--json").out)
    assert [found["total"]["usd"], found["groups"][0]["usd"]] == [None, None]
    (row,) = csv.DictReader(io.StringIO(priced.invoke("costs", "--by", "model", "--csv").out))
    assert (row["usd"], row["unknown_calls"]) == ("", "5")


def test_csv_holds_money_in_full() -> None:
    """No exponent and nothing rounded; names with commas and quotes stay one cell."""
    text = as_csv(some(('a,"b', 1e-7), ('a,"b', 0.1)))
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["model"], row["usd"], row["runs"]) == ('a,"b', "0.1000001", "2")
    without = list(csv.DictReader(io.StringIO(as_csv(some(("m", 0.5), by=())))))
    assert [r["usd"] for r in without] == ["0.5"]
    assert as_json(some(("m", 0.5), by=()))["groups"] == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Decimal(0), "$0"), (Decimal("0.00001234"), "$0.000012"), (0.0042, "$0.0042"),
        (Decimal("1234.5"), "$1,234.50"), (1e-9, "$0.0000000010"),
    ],
)  # fmt: skip
def test_small_money_is_not_shown_as_nothing(value: Decimal | float, words: str) -> None:
    """Two figures at least."""
    assert dollars(value) == words


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_a_picture_of_each_kind(priced: Shop, suffix: str) -> None:
    """Each suffix gives a file that begins like its kind."""
    done = priced.invoke("costs", "--by", "day", "--by", "model", "--plot", f"costs{suffix}")
    assert done.code == 0, done.err
    begins = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}[suffix]
    assert (priced.folder / f"costs{suffix}").read_bytes().startswith(begins)


def test_a_picture_of_another_suffix_is_refused(tmp_path: Path) -> None:
    """Nothing is written."""
    with pytest.raises(BadInput, match="svg"):
        draw(some(("m", 1.0)), tmp_path / "costs.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_picture_takes_any_name_and_any_number_of_groups(tmp_path: Path) -> None:
    """Formula signs, unknown prices, many groups, no group and days without runs are drawn."""
    many = [(f"m{n} $x_{{", None if n % 5 == 0 else 0.1 * n) for n in range(40)]
    shapes: list[Sequence[Dimension]] = [(), ("model",), ("day",), ("model", "day")]
    for n, by in enumerate(shapes):
        draw(some(*many, by=by), tmp_path / f"{n}.svg")
    draw(some(by=("day",)), tmp_path / "empty.svg")
    draw(some(("m", 1.0), by=()), tmp_path / "calls.svg", figure="calls")
    assert len(list(tmp_path.iterdir())) == 6


def test_a_batch_says_what_it_will_come_to(shop: Shop) -> None:
    """On stderr, before the first message; at first that nobody knows. stdout stays JSON lines."""
    file = shop.messages(['{"text": "where is A-1001?"}', "no json", '{"text": "hello"}'])
    first = shop.invoke("run", "--file", file, "--json")
    assert "no forecast: no runs yet" in first.err
    again = shop.invoke("run", "--file", file, "--json")
    lines = again.err.splitlines()
    at = lines.index("forecast for 2 messages, from 2 past runs")
    assert at < next(n for n, line in enumerate(lines) if "[1/3]" in line)
    assert "5 (too few runs for an interval); a message 2, 9 in 10 at most 3" in lines[at + 2]
    assert len([json.loads(line) for line in again.out.splitlines()]) == 3


def test_a_forecast_without_prices_says_so() -> None:
    """An unknown cost is neither 0 nor silent."""
    figure = expected([2.0] * 30, 10)
    found = Forecast(messages=10, runs=30, unpriced=4, usd=figure, calls=figure, seconds=figure)
    assert heading(found) == "forecast for 10 messages, from 30 past runs"
    assert said(found)[0].text == (
        "$20.00 (90% between $20.00 and $20.00); a message $2.00, 9 in 10 at most $2.00;"
        " 4 of 30 runs have calls whose price is unknown and are left out"
    )
    unknown = said(replace(found, usd=None, unpriced=30))[0]
    assert unknown.text == "unknown: 30 of 30 runs have calls whose price is unknown"


def test_a_fallback_has_no_model() -> None:
    """A rule that took over belongs to its specialist; in a grouping by model it stands apart."""
    accounts = Accounts(("model", "specialist"))
    fell = FellBack(specialist="billing", error="E", message="")
    accounts.add("acme", Recorded(run="r", seq=0, at=0.0, event=fell))
    assert [(g.key, g.account.fallbacks) for g in accounts.groups()] == [(("", "billing"), 1)]
