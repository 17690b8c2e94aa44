"""Hostile words in every place, and other sites that would like to act."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.views.web.browser.conftest import Opens
from tests.views.web.browser.driven import Shop
from tests.views.web.browser.shop import ATTACK

pytestmark = pytest.mark.browser

STATIC = Path(__file__).parents[4] / "pointsman" / "views" / "web" / "static"
CARDS = STATIC.parents[1] / "notebook" / "inbox.js"


def test_nothing_of_others_runs(opens: Opens, shop: Shop) -> None:
    """With an attack as message, prompt, tool result, argument, reviewer, reason, thread, tenant
    and specialist's description: every page shows it as text; no code, no dialog, no refusal by
    the page's policy, no request to elsewhere."""
    read = shop.ask(f"Where is A-5001? {ATTACK}", f"t {ATTACK}"[:190], ATTACK[:190])
    wrote = shop.ask(f"attack: refund A-5002 {ATTACK}", "t-attack")
    with opens() as one:
        one.sign_in("attacker", "inbox")
        page = one.page
        card = one.card("A-5002")
        expect(card.node).to_contain_text("onerror=")
        card.write("reason", ATTACK)
        card.press("Reject")
        card.ends("rejected", "onerror=")
        both = (f"runs/{read}", f"runs/{wrote}", f"compare?a={read}&b={wrote}")
        wild = (f"runs?text={ATTACK}", f"runs/{ATTACK}", ATTACK)
        for where in ("now", "runs", "team", "costs", "evals", *both, *wild):
            one.goto(where)
            expect(page.locator("main h1, main .failed, main .empty").first).to_be_visible()
            # At once, since a live page may draw itself anew between two clicks.
            page.evaluate(
                "for (const one of document.querySelectorAll('main details')) one.open = true"
            )
        one.goto(f"runs/{wrote}")
        count = page.get_by_role("option").count()
        for _ in range(count):
            page.keyboard.press("k")
            expect(page.locator(".detail")).not_to_be_empty()
        assert (
            page.locator("main img, main script, main iframe, main a[href^=javascript]").count()
            == 0
        )


def test_the_pages_never_make_markup_of_data() -> None:
    """No module of the page, nor the card, has a way to turn text into markup or code, a style in
    an attribute, or an address of elsewhere."""
    bad = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser"
        r"|createContextualFragment|srcdoc|setHTMLUnsafe|\"style\"|javascript:|\{ style\b|, style:"
    )
    elsewhere = re.compile(r"https?://(?!www\.w3\.org/)|//[a-z]+\.[a-z]{2,}/")
    files = [*STATIC.iterdir(), CARDS]
    assert len(files) > 20
    for file in files:
        text = file.read_text()
        assert not bad.search(text), (file.name, bad.search(text))
        assert not elsewhere.search(text), (file.name, elsewhere.search(text))
        assert len(text.splitlines()) <= 300 or file == CARDS, file.name
    shell = (STATIC / "index.html").read_text()
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", shell)


def test_another_site_cannot_act(opens: Opens, shop: Shop) -> None:
    """With mia signed in, what is sent with her cookies and without her page's token is refused,
    and what a page of another origin on the same machine sends changes nothing."""
    shop.ask("Please refund A-6001", "t-csrf")
    with opens() as one:
        one.sign_in("mia", "inbox")
        card = one.card("A-6001")
        ticket = card.node.get_attribute("data-ticket")
        statuses = one.page.evaluate(
            """async (id) => {
              const body = JSON.stringify({ ticket: id, type: 'reject', reason: 'x' });
              const post = (headers) => fetch(`/console/tickets/${id}/decide`,
                { method: 'POST', body, headers }).then((answer) => answer.status);
              return [await post({ 'Content-Type': 'application/json' }),
                await post({ 'Content-Type': 'application/json', 'X-CSRF-Token': 'x'.repeat(43) }),
                await post({ 'Content-Type': 'text/plain' })];
            }""",
            ticket,
        )
        assert statuses[:2] == [403, 403]
        assert statuses[2] in (403, 415)
        other = shop.url.replace("127.0.0.1", "localhost")  # another origin, the same machine
        evil = one.context.new_page()
        evil.goto(f"{other}/static/icon.svg")
        evil.evaluate(
            """([url, id]) => fetch(`${url}/console/tickets/${id}/decide`, { method: 'POST',
              mode: 'no-cors', credentials: 'include',
              body: JSON.stringify({ ticket: id, type: 'reject', reason: 'x' }),
            }).catch(() => 0)""",
            [shop.url, ticket],
        )
        expect(card.node).to_have_attribute("data-status", "pending")
        one.page.reload()
        expect(card.node).to_have_attribute("data-status", "pending")
    assert not any("6001" in line for line in shop.effects)
