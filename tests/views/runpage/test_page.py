"""The page of one run: everything of the record is on it, and nothing of others runs in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.replay.record import RunRecord
from pointsman.teams.tickets import Edit
from pointsman.views.runpage.page import page
from tests.flow.shop import Shop, shop_team
from tests.views.notebook.browser import chromium

ATTACK = "</script><img src=x onerror=window.broken=1><svg onload=window.broken=1>\"'`\u202e&"


async def recorded(tmp_path: Path, attack: str = "") -> RunRecord:
    """A run with a read, an edited write and what a stranger wrote in every text."""

    def specialists(shop: Shop) -> tuple[Specialist, ...]:
        @tool(effect="read")
        async def lookup(invoice: str) -> str:
            """Look an invoice up."""
            return f"{invoice} is 20.00 USD {attack}"

        @tool(effect="write", stakes="high", preview=lambda text: f"{attack} {text}")
        async def note(text: str) -> str:
            """Write a note."""
            raise ValueError(f"no paper {attack}")

        who = {"who": attack} if attack else {}
        return (
            Specialist(
                "billing", handles=f"money {attack}", tools=(lookup, note), variables=who,
            ),
        )  # fmt: skip

    team = shop_team(tmp_path / "home", specialists=specialists)
    said = attack.replace(">", "&gt;").replace("+", "")
    text = f"lookup INV-1 > note hello > done {said} {attack.replace('>', '')}"
    result = await team.run(text, thread=f"t{attack}")
    ticket = result.tickets[0]
    await team.decide(ticket, Edit(by=f"ana{attack}", args={"text": attack or "hi"}, reason=attack))
    return await team.record(result.run)


async def test_all_is_on_it(tmp_path: Path) -> None:
    """Request, steps, call, read, ticket before and after, reviewer, error."""
    record = await recorded(tmp_path)
    made = page(record)
    for text in ("lookup INV-1", "1.0:billing", "model call: act", "read: lookup", "20.00 USD"):
        assert text in made
    assert re.search(r'class="gone">-\s+&quot;text&quot;: &quot;hello&quot;', made)
    assert re.search(r'class="come">\+\s+&quot;text&quot;: &quot;hi&quot;', made)
    assert "edit by ana" in made
    assert "no paper" in made


async def test_it_names_nothing_to_fetch(tmp_path: Path) -> None:
    """A policy that lets nothing in stands first; no address, no inline style or handler."""
    made = page(await recorded(tmp_path, ATTACK))
    assert made.index("Content-Security-Policy") < made.index("<title>")
    assert "default-src 'none'" in made
    tags = re.findall(r"<[a-zA-Z][^>]*>", made)
    assert not [t for t in tags if re.search(r"\s(src|href=\"(?!#)|style|on\w+)\s*=", t)]


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
    view = browser.new_page(viewport={"width": width, "height": 800})
    told: list[str] = []
    view.on("request", lambda r: told.append(r.url) if not r.url.startswith("file:") else None)
    view.on("console", lambda message: told.append(message.text))
    view.on("pageerror", lambda error: told.append(str(error)))
    view.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
    view.goto(path.as_uri())
    return view, told


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_of_others_runs_and_it_fits(browser: Browser, tmp_path: Path, width: int) -> None:
    """With an attack in every text, all opened: no request, no error, no code, nothing sticks out;
    the keyboard moves through it and the search narrows it."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:  # Playwright's own loop runs on this thread
        record = pool.submit(lambda: asyncio.run(recorded(tmp_path, ATTACK))).result()
    path = tmp_path / "run.html"
    path.write_text(page(record), encoding="utf-8")
    view, told = opened(browser, path, width)
    view.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert view.evaluate("window.broken") is None
    assert view.locator("details.case").count() == len(record.steps)
    assert view.evaluate("document.documentElement.scrollWidth") <= width
    view.keyboard.press("j")
    view.keyboard.press("j")
    assert view.evaluate("document.activeElement.tagName") == "SUMMARY"
    view.fill("#words", "1.0:billing")
    assert view.locator("#count").inner_text() == f"1 of {len(record.steps)} shown"
    assert told == []
