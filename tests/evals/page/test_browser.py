"""The report in a real Chromium: it fetches nothing, runs nothing of others, filters, and fits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.evals import records
from tests.evals.page.test_page import attacked, page_of
from tests.views.notebook.browser import chromium

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as play:
        made = play.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        yield made
        made.close()


def opened(browser: Browser, path: Path, width: int = 1200) -> tuple[Page, list[str]]:
    """The page, and all that was asked of the network or complained of."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    told: list[str] = []
    page.on("request", lambda r: told.append(r.url) if not r.url.startswith("file:") else None)
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
    page.goto(path.as_uri())
    return page, told


def test_nothing_of_others_runs(browser: Browser, tmp_path: Path) -> None:
    """With an attack in every text, every sample opened: no request, no error, no code."""
    page, told = opened(browser, attacked(tmp_path))
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.evaluate("window.broken") is None
    assert page.locator("details.case").count() == 9
    assert told == []


def test_filters_narrow_the_list(browser: Browser, tmp_path: Path) -> None:
    """By text, by tag and by verdict, together; the count follows."""
    samples = [
        records.sample(f"c{n}", ok=n % 3 > 0, tags=("even",) if n % 2 == 0 else ("odd",))
        for n in range(12)
    ]
    page_of(tmp_path, samples)
    page, told = opened(browser, tmp_path / "page.html")
    count = page.locator("#count")
    assert count.inner_text() == "12 of 12 shown"
    page.select_option("#state", "fail")
    assert count.inner_text() == "4 of 12 shown"
    page.select_option("#tag", label="even (6)")
    assert count.inner_text() == "2 of 12 shown"
    page.fill("#words", "ASK c6")
    assert count.inner_text() == "1 of 12 shown"
    assert page.locator("details.case:visible .id").inner_text() == "c6"
    assert told == []


@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_fits_its_window(browser: Browser, tmp_path: Path, width: int) -> None:
    """Nothing sticks out, long words and wide tables included."""
    samples = [records.sample(f"c{n}", output="x" * 500, tags=("y" * 60,)) for n in range(8)]
    page_of(tmp_path, samples, samples)
    page, _ = opened(browser, tmp_path / "page.html", width)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
