"""One run on its page: its prompts, its file to keep, another run beside it, and a fork."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.views.web.browser.conftest import Opens
from tests.views.web.browser.driven import Shop

pytestmark = pytest.mark.browser


def test_prompts_and_answers_are_shown(opens: Opens, shop: Shop) -> None:
    """A step that called a model shows what it answered and, when it is asked for, the prompt as it
    was sent; a part of the run leads to its step."""
    run = shop.ask("When do you open on Monday?", "t-prompt")
    with opens() as one:
        one.sign_in("val", f"runs/{run}")
        page = one.page
        page.locator('[data-part="calls"] summary').click()
        page.locator('[data-part="calls"]').get_by_role("button").last.click()
        detail = page.locator(".detail")
        expect(detail).to_contain_text("We are open from 9 to 6.")
        detail.get_by_text("Prompt, rendered").click()
        expect(detail.locator(".prompt")).to_contain_text("When do you open on Monday?")


def test_every_message_is_shown(opens: Opens, shop: Shop) -> None:
    """From its card one goes to the run; a step shows what it was given and what it gave on, and
    the messages lead to their steps."""
    run = shop.ask("Please refund A-9050, it never came", "t-said")
    with opens() as one:
        one.sign_in("mia", "inbox")
        card = one.card("A-9050")
        card.press("Approve")
        card.ends("executed", "approve by mia")
        card.node.get_by_role("link", name="see the run").click()
        page = one.page
        expect(page).to_have_url(re.compile(f"#/runs/{run}"))
        expect(page.locator('.top [data-state="done"]')).to_be_visible(timeout=15_000)
        said = page.locator('[data-part="messages"]')
        said.locator("summary").first.click()
        heads = said.locator(".message figcaption")
        expect(heads.first).to_contain_text("user → route · request")
        expect(heads.last).to_contain_text("orders → user · answer")
        proposal = said.locator(".message").filter(has_text="orders → execute · proposal")
        expect(proposal).to_contain_text("refund(order='A-9050'")
        proposal.get_by_text("Envelope").click()
        expect(proposal.locator(".pairs")).to_contain_text("Answers")
        proposal.get_by_role("button").click()
        detail = page.locator(".detail")
        expect(detail.get_by_text("Given to execute")).to_be_visible()
        expect(detail).to_contain_text("refund(order='A-9050'")
        page.keyboard.press("j")
        detail.get_by_text("Given on to orders").click()
        expect(detail).to_contain_text("refund: done: Order A-9050 was refunded $20.")


def test_a_run_is_kept_as_a_file(opens: Opens, shop: Shop, tmp_path: Path) -> None:
    """Export gives one HTML file that holds the run."""
    run = shop.ask("Do you sell lamps?", "t-export")
    with opens() as one:
        one.sign_in("val", f"runs/{run}")
        with one.page.expect_download() as kept:
            one.page.get_by_role("link", name="Export", exact=True).click()
        assert kept.value.suggested_filename == f"run-{run}.html"
        kept.value.save_as(tmp_path / "run.html")
        assert "Do you sell lamps?" in (tmp_path / "run.html").read_text()


def test_two_runs_are_compared(opens: Opens, shop: Shop) -> None:
    """From a run's page, with another one chosen: what differs is marked, in words too."""
    a = shop.ask("Do you repair lamps?", "t-one")
    b = shop.ask("Where is A-9001?", "t-other")
    with opens() as one:
        one.sign_in("val", f"runs/{a}")
        page = one.page
        page.get_by_role("link", name="Compare").click()
        other = page.get_by_label("The other")
        expect(other).to_be_focused()
        other.fill(b)
        other.press("Enter")
        expect(page.get_by_role("row", name="specialist")).to_contain_text("differs")
        expect(page.locator(".pair .other").first).to_be_visible()


def test_a_run_is_forked(opens: Opens, shop: Shop) -> None:
    """An admin forks a run from a step; the page goes to the new run, and nothing was written."""
    run = shop.ask("Please refund A-9100", "t-fork")
    before = shop.effects
    with opens() as one:
        one.sign_in("ana", f"runs/{run}")
        page = one.page
        page.get_by_role("option").filter(has_text="orders 93%").click()
        page.get_by_role("button", name="Fork").click()
        form = page.get_by_role("form", name="Fork this run")
        form.get_by_label("Answers").select_option("live")
        form.get_by_role("button", name="Fork").click()
        expect(page).to_have_url(re.compile(f"#/runs/(?!{run})"), timeout=20_000)
        expect(page.locator(".step").first).to_be_visible(timeout=15_000)
    assert shop.effects == before
