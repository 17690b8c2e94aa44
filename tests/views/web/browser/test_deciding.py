"""People decide in the console: the notebook's cards, with the signed-in name."""

import pytest
from playwright.sync_api import Route, expect

from tests.views.web.browser.conftest import Opens
from tests.views.web.browser.driven import Shop

pytestmark = pytest.mark.browser


def test_people_approve_edit_and_reject(opens: Opens, shop: Shop) -> None:
    """Three cards appear by themselves; double clicks decide each once; the shop gave back what was
    approved and edited, and the run's page says who decided."""
    with opens() as one:
        one.sign_in("mia", "inbox")
        page = one.page
        expect(page.get_by_text("You decide as mia.")).to_be_visible()
        expect(page.locator(".pm-head")).to_contain_text("wait")
        waited = page.locator('.pm-card[data-status="pending"]').count()
        for n in (1, 2, 3):
            shop.ask(f"Please refund A-150{n}", f"t-decide{n}")
        first, second, third = (one.card(f"A-150{n}") for n in (1, 2, 3))
        expect(third.node).to_be_visible(timeout=15_000)
        expect(page.get_by_role("link", name="Inbox")).to_contain_text(str(waited + 3))

        second.press("Edit")
        expect(second.node.get_by_role("alert")).to_contain_text("Change an argument first")
        third.press("Reject")
        expect(third.node.get_by_role("alert")).to_contain_text("Give a reason")
        first.press("Approve")
        second.write("usd", "15.5")
        second.press("Edit")
        third.write("reason", "refunded on Monday")
        third.press("Reject")
        first.ends("executed", "approve by mia")
        second.ends("executed", "edit by mia")
        third.ends("rejected", "refunded on Monday")
        did = sorted(line for line in shop.effects if "A-150" in line)
        assert did == ["A-1501 20", "A-1502 15.5"]

        page.get_by_role("link", name="Runs", exact=True).click()
        page.get_by_role("link", name="Please refund A-1502").click()
        expect(page.locator('.top [data-state="done"]')).to_be_visible(timeout=15_000)
        page.get_by_role("option").filter(has_text="edit by mia").click()
        expect(page.locator(".detail")).to_contain_text("edit by mia")
        expect(page.locator('.place[data-kind="person"]')).to_have_attribute("data-when", "now")


def test_a_run_waits_and_is_decided_on_its_own_page(opens: Opens, shop: Shop) -> None:
    """The run's page has its card; it locks where it stands and the run goes on to its end."""
    run = shop.ask("Please refund A-2001", "t-own")
    with opens() as one:
        one.sign_in("mia", f"runs/{run}")
        card = one.card("A-2001")
        card.press("Approve")
        card.ends("executed", "approve by mia")
        expect(one.page.locator('.top [data-state="done"]')).to_be_visible(timeout=15_000)


def test_two_browsers_decide_one_ticket(opens: Opens, shop: Shop) -> None:
    """One of them wins; the other's card, which was open with words typed into it, says who, and
    what was typed in vain."""
    shop.ask("Please refund A-3001", "t-two")
    with opens() as mias, opens() as anas:
        mias.sign_in("mia", "inbox")
        anas.sign_in("ana", "inbox")
        mine, hers = mias.card("A-3001"), anas.card("A-3001")
        hers.write("reason", "not without the form")
        expect(mine.node).to_be_visible()
        # Nobody hears of the other: her feed and her list are held back until she has clicked.
        anas.page.route("**/console/tickets?*", lambda route: route.abort())
        mine.press("Approve")
        mine.ends("executed", "approve by mia")
        hers.press("Reject")
        hers.ends("executed", "approve by mia")
        expect(hers.node).to_contain_text("not without the form")
    assert [line for line in shop.effects if "3001" in line] == ["A-3001 20"]


def test_viewers_look_and_do_not_decide(opens: Opens, shop: Shop) -> None:
    """A viewer's cards have nothing to click, on the inbox and on the run's page, and the server
    refuses what such a session posts all the same."""
    run = shop.ask("Please refund A-4001", "t-view")
    with opens() as one:
        one.sign_in("val", "inbox")
        card = one.card("A-4001")
        expect(card.node).to_be_visible()
        expect(card.node.get_by_role("button")).to_have_count(0)
        expect(card.node.locator('[data-arg="usd"]')).not_to_be_editable()
        status = one.page.evaluate(
            """async () => {
              const { csrf } = await (await fetch('/console/session')).json();
              const id = document.querySelector('.pm-card').dataset.ticket;
              return (await fetch(`/console/tickets/${id}/decide`, { method: 'POST',
                headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf },
                body: JSON.stringify({ ticket: id, type: 'reject', reason: 'x' }) })).status;
            }"""
        )
        assert status == 403
        one.goto(f"runs/{run}")
        expect(one.card("A-4001").node).to_be_visible()
        expect(one.card("A-4001").node.get_by_role("button")).to_have_count(0)


def test_who_leaves_the_inbox_at_once_finds_it_as_it_is(opens: Opens, shop: Shop) -> None:
    """Its parts come late; who is on another page by then, or back already, finds every card."""
    shop.ask("Please refund A-7401, it is broken", "t-late")
    with opens() as one:
        one.sign_in("mia", "team")
        page = one.page
        held: list[Route] = []
        page.route("**/static/inboxpage.js", lambda route: held.append(route))  # noqa: PLW0108 (it looks at the signature)
        for way in ("Inbox", "Team", "Inbox", "Team"):
            page.get_by_role("navigation").get_by_role("link", name=way).click()
        expect(page.get_by_role("heading", name="Team shop")).to_be_visible()
        for route in held:
            route.continue_()
        expect(page.get_by_role("heading", name="Team shop")).to_be_visible()
        page.get_by_role("navigation").get_by_role("link", name="Inbox").click()
        expect(one.card("A-7401").node).to_be_visible()
        one.card("A-7401").press("Approve")
        one.card("A-7401").ends("executed", "approve by mia")
