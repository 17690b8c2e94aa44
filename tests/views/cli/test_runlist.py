"""`pointsman runs` and `pointsman overview`: what is on record, on one screen."""

import json

from tests.views.conftest import Shop


def _ask(shop: Shop, text: str, *more: str) -> str:
    return json.loads(shop.invoke("run", text, "--json", *more).out)["run"]


def test_nothing_is_on_record(shop: Shop) -> None:
    """A new project says so, and prints an empty list as JSON."""
    assert shop.invoke("runs").out == "Nothing is on record.\n"
    assert json.loads(shop.invoke("runs", "--json").out) == {"runs": [], "next": None}


def test_runs_are_listed_newest_first(shop: Shop) -> None:
    """With how they stand, what was asked, and the command that shows one."""
    first = _ask(shop, "where is A-1001?")
    second = _ask(shop, "wrong key for A-1002")
    out = shop.invoke("runs").out
    assert out.index(second) < out.index(first)
    for text in ("failed (ModelAuth)", "done", "orders", "where is A-1001?", f"show {second}"):
        assert text in out


def test_runs_are_searched(shop: Shop) -> None:
    """Every option must hold; a search that finds nothing says so."""
    parcel = _ask(shop, "where is my parcel A-1001?", "--thread", "c1", "--tenant", "acme")
    hello = _ask(shop, "hello there", "--thread", "c2")

    def found(*options: str) -> list[str]:
        return [
            run["run"] for run in json.loads(shop.invoke("runs", "--json", *options).out)["runs"]
        ]

    assert found() == [hello, parcel]
    for options, run in (
        (("--text", "PARC"), parcel),
        (("--text", "way"), parcel),  # in the answer
        (("--thread", "c2"), hello),
        (("--specialist", "orders"), parcel),
        (("--tenant", "acme", "--status", "done", "--status", "failed"), parcel),
        (("--since", "1h", "--text", "hello", "--min-seconds", "0"), hello),
    ):
        assert found(*options) == [run], options
    assert found("--until", "1h") == []
    assert found("--text", "hello", "--tenant", "acme") == []
    assert shop.invoke("runs", "--min-usd", "5").out == "No run fits.\n"


def test_a_long_list_goes_on(shop: Shop) -> None:
    """`next` of one list is `--after` of the following one."""
    runs = [_ask(shop, f"hello {n}") for n in range(3)]
    page = json.loads(shop.invoke("runs", "--json", "--limit", "2").out)
    assert [run["run"] for run in page["runs"]] == [runs[2], runs[1]]
    rest = json.loads(shop.invoke("runs", "--json", "--after", page["next"]).out)
    assert ([run["run"] for run in rest["runs"]], rest["next"]) == ([runs[0]], None)
    assert f"--after {page['next']}" in shop.invoke("runs", "--limit", "2").out


def test_a_place_that_no_list_gave_is_an_error(shop: Shop) -> None:
    """With what to give instead."""
    done = shop.invoke("runs", "--after", "zebra")
    assert done.code == 1
    assert "Give `next` of the page before" in done.err


def test_what_was_asked_cannot_rewrite_the_terminal(shop: Shop) -> None:
    """Control characters are written out."""
    _ask(shop, "hello \x1b[2J there")
    out = shop.invoke("runs").out
    assert "\x1b" not in out
    assert "\\u001b[2J" in out


def test_the_overview_says_what_is_open_and_what_it_cost(shop: Shop) -> None:
    """Waiting tickets, dead letters, what ended, and who did it; with what to do next."""
    _ask(shop, "where is A-1001?")
    _ask(shop, "refund A-1001", "--later")
    _ask(shop, "wrong key for A-1002")
    out = shop.invoke("overview").out
    for text in ("1 done", "1 failed", "orders", "router", "approvals", "dead list", "$0 in"):
        assert text in out, text
    seen = json.loads(shop.invoke("overview", "--json").out)
    assert (seen["tickets"]["count"], seen["waiting"]["count"], seen["dead"]) == (1, 1, 1)
    assert seen["ended"] == {"done": 1, "failed": 1}
    assert {"frm": "router", "to": "orders", "count": 2} in seen["edges"]
    (orders,) = [pace for pace in seen["specialists"] if pace["specialist"] == "orders"]
    assert orders["p50"] > 0
