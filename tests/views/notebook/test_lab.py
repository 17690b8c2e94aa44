"""The inbox in a real JupyterLab, clicked in a real Chromium."""

import sqlite3
from contextlib import closing
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.examples.copied import NOTEBOOK, copied
from tests.views.notebook.browser import chromium, jupyter, opened

SHIPPED = [("INV-1012", 3800), ("INV-1031", 2400)]
"""The refunds that the shop begins with."""


def refunds(root: Path) -> list[tuple[str, int]]:
    """Invoice and cents of every refund since, from the shop's own database."""
    path = root / "support" / ".pointsman" / "notebook" / "shop.db"
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT invoice_id, cents FROM refunds ORDER BY id").fetchall()
    assert rows[:2] == SHIPPED
    return rows[2:]


def card(page: Page, invoice: str) -> Locator:
    """The card that asks about an invoice."""
    argument = page.locator(f'[data-arg="invoice"][value="{invoice}"]')
    return page.locator(".pm-card").filter(has=argument)


def press(one: Locator, name: str) -> None:
    """Click a button, twice as an impatient hand does."""
    one.get_by_role("button", name=name, exact=True).dblclick()


def locked(page: Page, invoice: str, status: str, who: str) -> None:
    """The card is decided: it says by whom, and takes no more clicks."""
    expect(card(page, invoice)).to_have_attribute("data-status", status, timeout=30_000)
    expect(card(page, invoice).locator(".pm-decided")).to_contain_text(who)
    expect(card(page, invoice).get_by_role("button")).to_have_count(0)


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_people_decide_in_a_notebook(tmp_path: Path) -> None:
    """Four cards appear by themselves. Approve one, edit another, reject a third with a reason, all
    while another cell keeps the kernel busy; restart the kernel with the fourth pending, whose old
    card says that nobody hears it, and decide it in a new one. The shop gave back what was approved
    and edited, once, whatever the notebook's other cells decide afterwards."""
    browser, state, root = chromium(), tmp_path / "state", copied(tmp_path / "examples")
    notebook = nbformat.read(root / NOTEBOOK, as_version=4)
    cells = {c.metadata.tags[0]: n for n, c in enumerate(notebook.cells) if c.metadata.get("tags")}
    with (
        jupyter(root, state) as port,
        opened(browser, port, NOTEBOOK, state) as lab,
    ):
        page = lab.page
        for cell in ("setup", "inbox", "ask"):
            lab.run(cells[cell])
        expect(page.locator('.pm-card[data-status="pending"]')).to_have_count(4, timeout=30_000)
        assert refunds(root) == []

        page.locator('[data-field="by"]').fill("mia")
        one, two, three = (card(page, f"INV-100{n}") for n in (1, 2, 3))
        expect(one.locator("ins")).to_have_text("$69.00")
        press(two, "Edit")
        expect(two.locator(".pm-error")).to_contain_text("Change an argument first")
        press(three, "Reject")
        expect(three.locator(".pm-error")).to_contain_text("Give a reason")

        lab.busy(4)
        press(one, "Approve")
        two.locator('[data-arg="usd"]').fill("15.5")
        press(two, "Edit")
        three.locator('[data-field="reason"]').fill("<b>refunded</b> on Monday")
        press(three, "Reject")
        assert refunds(root) == []
        locked(page, "INV-1001", "executed", "approve by mia")
        locked(page, "INV-1002", "executed", "edit by mia")
        locked(page, "INV-1003", "rejected", "<b>refunded</b> on Monday")
        lab.run(cells["decide"])  # too late, each of them

        lab.restart()
        stale = card(page, "INV-1004")
        press(stale, "Approve")  # nobody hears it, and the card says so
        expect(stale.locator(".pm-error")).to_contain_text("run the cell again", timeout=30_000)
        assert len(refunds(root)) == 2
        lab.clear()
        for cell in ("setup", "inbox"):
            lab.run(cells[cell])
        expect(page.locator(".pm-card")).to_have_count(1, timeout=30_000)
        press(card(page, "INV-1004"), "Approve")
        locked(page, "INV-1004", "executed", "approve by ana")
        for cell in ("later", "record", "twice"):
            lab.run(cells[cell])
        assert lab.errors == []
    # The first two were decided while the kernel was busy: either may have gone first.
    paid = sorted(refunds(root))
    assert paid == [("INV-1001", 2000), ("INV-1002", 1550), ("INV-1004", 5000)]
