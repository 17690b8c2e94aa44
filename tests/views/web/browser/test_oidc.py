"""Signing in through an issuer, in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.views.web.browser.driven import Console, Shop, console, served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lodge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A server with an issuer beside it, at another port: to browsers, another origin."""
    with served(tmp_path_factory.mktemp("lodge"), what="through") as one:
        yield one


def leave(one: Console) -> None:
    """Click on the issuer's link, and on the issuer's own page."""
    one.page.get_by_role("link", name="Sign in with 127.0.0.1").click()
    expect(one.page).to_have_title("Issuer")
    one.page.get_by_role("link", name="Continue").click()


def test_the_way_there_and_back(browser: Browser, lodge: Shop, pictures: Path) -> None:
    """One click, the issuer's page, and the page that was asked for, in the claims' name; a reload
    stays in; signing out ends it."""
    with console(browser, lodge) as one:
        one.goto("team")
        expect(one.page.get_by_role("link", name="Sign in with")).to_be_visible()
        one.page.screenshot(path=pictures / "signin-issuer.png")
        leave(one)
        expect(one.page.get_by_role("heading", name="Team shop")).to_be_visible()
        assert one.page.url == f"{lodge.url}/#/team"
        expect(one.page.locator(".side")).to_contain_text("lena")
        one.page.reload()
        expect(one.page.get_by_role("heading", name="Team shop")).to_be_visible()
        one.page.get_by_role("button", name="Sign out").click()
        expect(one.page.get_by_label("Token")).to_be_visible()


def test_why_nobody_is_in(browser: Browser, lodge: Shop) -> None:
    """The sign-in page says it in words of its own, and the address forgets it; what is none of its
    words is not shown."""
    with console(browser, lodge) as one:
        one.page.goto(f"{lodge.url}/console/oidc/callback?state=x&code=y")
        expect(one.page.get_by_role("alert")).to_contain_text("Try again")
        assert one.page.url == f"{lodge.url}/"
        for word in ("constructor", "nothing"):
            one.page.goto(f"{lodge.url}/#signin={word}")
            one.page.reload()
            expect(one.page.get_by_label("Token")).to_be_visible()
            expect(one.page.get_by_role("alert")).to_be_empty()


def test_a_session_that_ended_comes_back_through_another_tab(browser: Browser, lodge: Shop) -> None:
    """What was typed stays, and the page goes on by itself once it is looked at again."""
    lodge.ask("Please refund A-7301", "t-tab")
    with console(browser, lodge) as one:
        one.goto("inbox")
        leave(one)
        card = one.card("A-7301")
        card.write("reason", "half of it")
        one.end_session()
        again = one.page.get_by_role("dialog")
        with one.context.expect_page() as opened:
            again.get_by_role("link", name="Sign in with 127.0.0.1").click()
        opened.value.get_by_role("link", name="Continue").click()
        expect(opened.value.get_by_role("navigation")).to_be_visible()
        opened.value.close()
        one.page.evaluate("dispatchEvent(new Event('focus'))")
        expect(again).to_have_count(0)
        expect(card.node.locator('[data-field="reason"]')).to_have_value("half of it")
        card.press("Approve")
        card.ends("executed", "approve by lena")
