"""The console's server and another process beside it, and pages in a real Chromium."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page, expect

from tests.views.web.browser.cable import Cable

ROOT = Path(__file__).parents[4]


@contextmanager
def process(what: str, home: Path, *more: str) -> Generator[subprocess.Popen[str]]:
    """`process.py` as a process of its own, ended with the block."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("POINTSMAN", "OTEL"))}
    path = os.pathsep.join(filter(None, [str(ROOT), keep.get("PYTHONPATH")]))
    log = (home / f"{what}.log").open("w")
    one = subprocess.Popen(
        [sys.executable, "-m", "tests.views.web.browser.process", what, str(home), *more],
        cwd=ROOT, env={**keep, "PYTHONPATH": path}, text=True, bufsize=1,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
    )  # fmt: skip
    try:
        yield one
    finally:
        one.terminate()
        try:
            one.wait(timeout=15)
        except subprocess.TimeoutExpired:
            one.kill()
            one.wait()
        for stream in (one.stdin, one.stdout, log):
            cast("IO[str]", stream).close()


def line(one: subprocess.Popen[str], home: Path, what: str) -> dict[str, str]:
    """The next line that it says; the end of its log where it ended instead."""
    assert one.stdout is not None
    said = one.stdout.readline()
    assert said, (home / f"{what}.log").read_text()[-3000:]
    return json.loads(said)


@dataclass
class Shop:
    """A served team."""

    home: Path
    url: str
    tokens: dict[str, str]
    asker: subprocess.Popen[str]

    def send(self, text: str, thread: str = "t1", tenant: str = "default") -> None:
        """Give the team a message from another process. Returns at once."""
        assert self.asker.stdin is not None
        said = {"text": text, "thread": thread, "tenant": tenant}
        self.asker.stdin.write(json.dumps(said) + "\n")
        self.asker.stdin.flush()

    def ask(self, text: str, thread: str = "t1", tenant: str = "default") -> str:
        """The same, until it ended or waits; the run's id."""
        self.send(text, thread, tenant)
        return self.answered()

    def answered(self) -> str:
        """The next run that ended or waits; its id."""
        return line(self.asker, self.home, "ask")["run"]

    @property
    def effects(self) -> list[str]:
        """What the refund tool did, one line a call."""
        path = self.home / "effects.txt"
        return path.read_text().splitlines() if path.exists() else []


@contextmanager
def served(home: Path, through: Cable | None = None, what: str = "serve") -> Generator[Shop]:
    """A server of its own with nothing in its store; browsers reach it through a cable, where one
    is given."""
    public = (through.url,) if through else ()
    with process(what, home, *public) as server, process("ask", home) as asker:
        told = line(server, home, what)
        if through:
            through.leads_to(told["url"])
        yield Shop(home, through.url if through else told["url"], told, asker)


@dataclass
class Console:
    """One person's browser."""

    shop: Shop
    context: BrowserContext
    page: Page
    told: list[str] = field(default_factory=list[str])
    """What the page complained of: errors, dialogs, policies, requests to elsewhere."""
    asked: list[str] = field(default_factory=list[str])
    """Every address that was asked."""

    def goto(self, where: str = "") -> None:
        """Open a page of the console."""
        self.page.goto(f"{self.shop.url}/#/{where}")

    def sign_in(self, who: str, where: str = "now") -> None:
        """Sign in with somebody's token, by hand."""
        self.goto(where)
        self.page.get_by_label("Token").fill(self.shop.tokens[who])
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("navigation")).to_be_visible()

    def card(self, text: str) -> "Card":
        """The ticket card that holds a text."""
        return Card(self, text)

    def end_session(self) -> None:
        """The server ends this browser's session, as when its time is over."""
        self.page.evaluate(
            """async () => {
              const { csrf } = await (await fetch('/console/session')).json();
              await fetch('/console/signout', { method: 'POST', body: '{}',
                headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf } });
            }"""
        )


@dataclass(frozen=True)
class Card:
    """A ticket card: of the open ones, or of all, the one about an order."""

    console: Console
    order: str

    @property
    def node(self) -> Locator:
        """The card's element."""
        order = self.console.page.locator(f'[data-arg="order"][value="{self.order}"]')
        return self.console.page.locator(".pm-card").filter(has=order)

    def press(self, name: str) -> None:
        """Click a button, twice as an impatient hand does."""
        self.node.get_by_role("button", name=name, exact=True).dblclick()

    def write(self, what: str, text: str) -> None:
        """Fill a field in: an argument or one of the card's own."""
        self.node.locator(f'[data-arg="{what}"], [data-field="{what}"]').fill(text)

    def ends(self, status: str, words: str) -> None:
        """It locks, and says how it ended."""
        expect(self.node).to_have_attribute("data-status", status, timeout=15_000)
        expect(self.node.locator(".pm-decided")).to_contain_text(words)
        expect(self.node.get_by_role("button")).to_have_count(0)


EXPECTED = tuple(f"status of {code}" for code in (401, 403, 404, 409, 415, 422))
"""What browsers log of answers that pages are made for."""


@contextmanager
def console(
    browser: Browser, shop: Shop, *, width: int = 1280, height: int = 860, dark: bool = False
) -> Generator[Console]:
    """A browser of its own, with no session yet. Fails the test for anything it complained of."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light",
        locale="en-GB", timezone_id="Europe/Berlin", reduced_motion="reduce",
    )  # fmt: skip
    context.set_default_timeout(10_000)
    page = context.new_page()
    one = Console(shop, context, page)

    def asked(url: str) -> None:
        one.asked.append(url)
        if urlsplit(url).hostname not in ("127.0.0.1", "localhost", None):
            one.told.append(f"asked {url}")

    def said(text: str) -> None:
        if not any(known in text for known in EXPECTED) and "ERR_" not in text:
            one.told.append(text)

    def dismissed(dialog: Dialog) -> None:
        one.told.append(dialog.message)
        dialog.dismiss()

    context.on("request", lambda request: asked(request.url))
    page.on("console", lambda message: said(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: one.told.append(str(error)))
    page.on("dialog", dismissed)
    try:
        yield one
        assert one.told == [], one.told
        assert page.evaluate("window.broken") is None
    finally:
        context.close()
