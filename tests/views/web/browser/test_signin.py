"""Signing in, out, and in again when the session is over."""

import pytest
from playwright.sync_api import expect

from tests.views.web.browser.conftest import Opens
from tests.views.web.browser.driven import Shop

pytestmark = pytest.mark.browser


def test_the_link_of_the_terminal_signs_in(opens: Opens, shop: Shop) -> None:
    """`#token=` is taken and gone from the address and the history; the page is there."""
    with opens() as one:
        one.page.goto(f"{shop.url}/#token={shop.tokens['ana']}")
        expect(one.page.get_by_role("heading", name="Now", exact=True)).to_be_visible()
        assert "token" not in one.page.url
        assert "pm_" not in one.page.evaluate("document.documentElement.outerHTML")
        assert not any("pm_" in url for url in one.asked)


def test_a_wrong_token_is_told(opens: Opens) -> None:
    """It says so beside the field, which keeps the focus; nothing of the console is shown."""
    with opens() as one:
        one.goto()
        field = one.page.get_by_label("Token")
        field.fill("pm_000000000000_" + "0" * 64)
        field.press("Enter")
        expect(one.page.get_by_role("alert")).to_contain_text("no token of this team")
        expect(field).to_be_focused()
        expect(one.page.get_by_role("navigation")).to_have_count(0)


def test_signing_out_ends_it(opens: Opens, shop: Shop) -> None:
    """After signing out the page is empty, and going back shows nothing."""
    with opens() as one:
        one.sign_in("ana", "team")
        expect(one.page.get_by_role("heading", name="Team shop")).to_be_visible()
        one.page.get_by_role("button", name="Sign out").click()
        expect(one.page.get_by_label("Token")).to_be_visible()
        one.page.go_back()
        expect(one.page.get_by_label("Token")).to_be_visible()
        expect(one.page.get_by_role("heading", name="Team shop")).to_have_count(0)


def test_a_session_that_ended_comes_back_to_where_one_was(opens: Opens, shop: Shop) -> None:
    """The sign-in lies over the page; after it the page is as it was, with all that was typed, and
    works on."""
    shop.ask("Please refund A-7001", "t-expired")
    with opens() as one:
        one.sign_in("mia", "inbox")
        card = one.card("A-7001")
        card.write("usd", "12.5")
        card.write("reason", "half of it")
        one.end_session()
        again = one.page.get_by_role("dialog")
        expect(again).to_contain_text("Your session has ended")
        again.get_by_label("Token").fill(shop.tokens["mia"])
        again.get_by_role("button", name="Sign in").click()
        expect(again).to_have_count(0)
        expect(card.node.locator('[data-arg="usd"]')).to_have_value("12.5")
        expect(card.node.locator('[data-field="reason"]')).to_have_value("half of it")
        card.press("Edit")
        card.ends("executed", "edit by mia")
        assert "#/inbox" in one.page.url
    assert [line for line in shop.effects if "7001" in line] == ["A-7001 12.5"]
