"""What another process does is seen as it happens; a lost line is said."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.views.web.browser.cable import cable
from tests.views.web.browser.conftest import Opens
from tests.views.web.browser.driven import Shop, console, served

pytestmark = pytest.mark.browser


def test_a_run_is_watched_as_it_comes(opens: Opens, shop: Shop) -> None:
    """A run of another process appears on Now while it runs, is opened there, grows, and ends; then
    it is stepped through with keys, and the address keeps the step."""
    with opens() as one:
        one.sign_in("val")
        page = one.page
        expect(page.locator(".line[data-state=open]")).to_be_visible()
        shop.send("slow: where is A-1001?", "t-live")
        flight = page.get_by_role("region", name="Runs in flight")
        line = flight.get_by_role("link", name="slow: where is A-1001?")
        expect(line).to_be_visible(timeout=15_000)
        expect(flight.locator('[data-state="running"]')).to_have_count(1)
        expect(page.get_by_label("The latest events")).to_contain_text("orders 93%")

        line.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("slow: where is A-1001?")
        steps = page.get_by_role("option")
        expect(steps.last).to_contain_text("orders 93%")
        (shop.home / "go").touch()
        expect(steps.last).to_contain_text("done", timeout=15_000)
        expect(page.locator('.top [data-state="done"]')).to_be_visible()
        shop.answered()

        number = steps.count()
        assert number >= 5
        page.keyboard.press("k")
        page.keyboard.press("ArrowLeft")
        expect(steps.nth(number - 3)).to_have_attribute("aria-selected", "true")
        assert page.url.endswith(f"?step={number - 3}")
        page.keyboard.press("j")
        expect(page.locator(".place-in-steps")).to_have_text(f"{number - 1} / {number}")
        page.reload()
        expect(page.locator(".place-in-steps")).to_have_text(f"{number - 1} / {number}")
        page.get_by_role("button", name="First step").click()
        expect(page.locator('.place[data-when="later"]').first).to_be_attached()
        page.get_by_role("button", name="Last step").click()
        expect(page.locator('.place[data-when="later"]')).to_have_count(0)


def test_a_lost_line_is_said_and_mended(browser: Browser, tmp_path: Path) -> None:
    """When the line to the server is cut the page says since when its figures are old; when it is
    mended the page has what it missed."""
    with cable() as line, served(tmp_path, line) as shop, console(browser, shop) as one:
        one.sign_in("val")
        page = one.page
        expect(page.locator(".line[data-state=open]")).to_be_visible()
        line.cut()
        expect(page.get_by_text("Connection lost at")).to_be_visible(timeout=15_000)
        shop.ask("Please refund A-8001, while nobody looks", "t-missed")
        line.mend()
        expect(page.get_by_text("Connection lost at")).to_be_hidden(timeout=20_000)
        expect(page.locator(".line[data-state=open]")).to_be_visible()
        expect(page.get_by_role("link", name="Please refund A-8001")).to_be_visible()


def test_runs_are_found_page_after_page(opens: Opens, shop: Shop) -> None:
    """Words, state and specialist narrow the list; the address holds them; going back from a run
    gives the same list."""
    for n in range(3):
        shop.ask(f"Is the shop open on holiday {n}?", f"t-find{n}")
    shop.ask("broken please", "t-broken")
    with opens() as one:
        one.sign_in("val", "runs")
        page = one.page
        runs = page.locator(".run")
        expect(runs.first).to_be_visible()
        page.get_by_label("Search runs by text").fill("holiday")
        expect(runs).to_have_count(3)
        expect(page).to_have_url(re.compile("text=holiday"))
        page.get_by_label("Specialist").select_option("orders")
        expect(page.get_by_text("No run is like that")).to_be_visible()
        page.get_by_label("Specialist").select_option("")
        expect(runs).to_have_count(3)
        runs.nth(1).get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("holiday 1")
        page.go_back()
        expect(runs).to_have_count(3)
        expect(page.get_by_label("Search runs by text")).to_have_value("holiday")
        page.get_by_role("button", name="Clear").click()
        page.get_by_label("State").select_option("partial")
        expect(runs.filter(has_text="broken please")).to_have_count(1)
        expect(runs.filter(has_text="holiday")).to_have_count(0)
