"""How the pages look and read: contrast, names for all controls, phone width; pictures are kept."""

import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.views.web.browser.conftest import Opens
from tests.views.web.browser.driven import Console, Shop, served

pytestmark = pytest.mark.browser

CHECKS = Path(__file__).with_name("checks.js")

PAGES = ("now", "inbox", "runs", "run", "team", "costs", "evals", "compare")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop of its own: its pages are looked at by people."""
    with served(tmp_path_factory.mktemp("looks")) as one:
        yield one


@pytest.fixture(scope="module")
def lived(shop: Shop) -> tuple[str, str]:
    """A shop with some history: two runs of it."""
    shop.ask("When do you open on Saturday?", "t-1")
    shop.ask("broken: my parcel A-1000 is lost", "t-2", "acme")
    wrote = shop.ask("Please refund A-1002, I paid it twice", "t-3")
    read = shop.ask("Where is my order A-1001? It should have been here on Monday.", "t-4", "acme")
    shop.ask("Please refund A-1009, it never came", "t-5")
    return wrote, read


def visit(one: Console, page: str, runs: tuple[str, str]) -> Page:
    """Go to a page and wait until what it shows is there."""
    wrote, read = runs
    one.goto(
        {"run": f"runs/{wrote}?step=4", "compare": f"compare?a={wrote}&b={read}"}.get(page, page)
    )
    there = {  # each on its own page: the one before it may still stand
        "now": ".page-now .run", "inbox": ".pm-card", "runs": ".page-runs .run",
        "run": ".page-run .step", "team": ".page-team .place",
        "costs": ".page-costs :is(.plot, .empty)", "evals": ".page-evals :is(.empty, table)",
        "compare": ".page-compare .pair",
    }  # fmt: skip
    expect(one.page.locator(there[page]).first).to_be_visible()
    expect(one.page.locator("main h1")).to_be_visible()
    expect(one.page.locator(".loading")).to_have_count(0)
    return one.page


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_pages_are_read_by_everybody(
    opens: Opens, lived: tuple[str, str], pictures: Path, look: str
) -> None:
    """Each page in light, in dark and on a phone: every text has a contrast of 4.5 to 1, every
    control a name, one heading of the first level, and nothing sticks out sideways."""
    width = 360 if look == "phone" else 1280
    with opens(width=width, dark=look == "dark") as one:
        one.page.add_init_script(path=CHECKS)
        one.goto()
        one.page.screenshot(path=pictures / f"signin-{look}.png")
        assert one.page.evaluate("window.checks.faint()") == []
        one.sign_in("mia")
        for name in PAGES:
            page = visit(one, name, lived)
            page.screenshot(path=pictures / f"{name}-{look}.png", full_page=True)
            assert page.evaluate("window.checks.faint()") == [], name
            assert page.evaluate("window.checks.unnamed()") == [], name
            assert page.locator("h1").count() == 1, name
            total, inner, out = page.evaluate("window.checks.wide()")
            assert total <= inner, name
            assert out == [], name


def test_headings_and_focus_go_in_order(opens: Opens, lived: tuple[str, str]) -> None:
    """No level of heading is left out; the skip link comes first and leads to the page; every stop
    of the Tab key is seen; a page that is opened takes the focus."""
    with opens() as one:
        one.page.add_init_script(path=CHECKS)
        one.sign_in("mia")
        for name in PAGES:
            page = visit(one, name, lived)
            levels = [int(h[1]) for h in page.locator("h1, h2, h3").evaluate_all(
                "all => all.filter((h) => h.checkVisibility()).map((h) => h.tagName)")]  # fmt: skip
            assert all(b - a <= 1 for a, b in pairwise(levels)), (name, levels)
        page = visit(one, "now", lived)
        page.reload()
        expect(page.locator(".run").first).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the page")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        for _ in range(6):
            page.keyboard.press("Tab")
            assert page.evaluate("window.checks.unseenFocus()") == ""
        page.get_by_role("link", name="Team", exact=True).press("Enter")
        expect(page.get_by_role("heading", name="Team shop")).to_be_visible()
        expect(page.locator("main")).to_be_focused()


def test_colours_are_chosen_and_kept(opens: Opens) -> None:
    """The switch goes from the system's to light to dark, and a reload keeps the choice."""
    with opens() as one:
        one.sign_in("val")
        switch = one.page.get_by_role("button", name=re.compile("Colours"))
        ground = "getComputedStyle(document.body).backgroundColor"
        before = one.page.evaluate(ground)
        switch.click()
        assert one.page.evaluate(ground) == before
        switch.click()
        assert one.page.evaluate(ground) != before
        one.page.reload()
        expect(switch).to_have_accessible_name("Colours: Dark. Change")
        assert one.page.evaluate(ground) != before


def test_the_graph_says_how_often_each_way_was_gone(
    opens: Opens, lived: tuple[str, str], shop: Shop, pictures: Path
) -> None:
    """While a ticket is approved and another rejected, each way that they go has one more on the
    team's graph, to the gate, on to execution and back; figures lie on no other."""
    del lived
    shop.ask("Please refund A-7001, it is broken", "t-g1")
    shop.ask("Please refund A-7002, it is blue", "t-g2")
    with opens() as one:
        one.sign_in("mia", "team")
        before = gone(one)
        one.goto("inbox")
        one.card("A-7001").press("Approve")
        one.card("A-7002").write("reason", "it was blue when it left")
        one.card("A-7002").press("Reject")
        more = {"orders → end": 2, "gate → orders": 1, "gate → execute": 1, "execute → orders": 1}
        one.goto("team")
        for way, times in more.items():
            figure = one.page.locator(f'.way-tag[data-way="{way}"]')
            expect(figure).to_have_text(str(before.get(way, 0) + times), timeout=15_000)
        after = gone(one)
        assert {way: after[way] - before.get(way, 0) for way in after} == {
            **dict.fromkeys(before, 0), **more,
        }  # fmt: skip
        one.page.screenshot(path=pictures / "team-ways.png", full_page=True)
        boxes = one.page.locator(".way-label").evaluate_all(
            "all => all.map((one) => { const { x, y, width, height } = one.getBBox();"
            " return [x, y, x + width, y + height]; })"
        )
        for a, b in combinations(boxes, 2):
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a, b)


def gone(one: Console) -> dict[str, int]:
    """The figures on the team's graph."""
    one.goto("team")
    expect(one.page.locator(".page-team .place").first).to_be_visible()
    found: dict[str, str] = one.page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('.way-tag')]"
        ".map((one) => [one.dataset.way, one.textContent]))"
    )
    return {way: int(times) for way, times in found.items()}
