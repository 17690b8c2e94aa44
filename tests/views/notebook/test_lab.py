"""The inbox in a real JupyterLab, clicked in a real Chromium."""

import shutil
import sqlite3
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.views.notebook.browser import jupyter, opened

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the examples, so that their state stays out of the project."""
    root = tmp_path / "examples"
    skipped = shutil.ignore_patterns(".pointsman", "__pycache__")
    shutil.copytree(EXAMPLES / "support", root / "support", ignore=skipped)
    shutil.copy(EXAMPLES / "approvals.ipynb", root)
    return root


def refunds(root: Path) -> dict[str, list[int]]:
    """Invoice -> cents given back, from the shop's own database."""
    made: dict[str, list[int]] = {}
    with sqlite3.connect(root / "support" / ".pointsman" / "notebook" / "shop.db") as db:
        rows = db.execute(
            "SELECT invoice_id, cents FROM refunds WHERE invoice_id < 'INV-1005' ORDER BY rowid"
        )
        for invoice, cents in rows:
            made.setdefault(invoice, []).append(cents)
    db.close()
    return made


def card(page: Page, invoice: str) -> Locator:
    """The card that asks about an invoice."""
    argument = page.locator(f'[data-arg="invoice"][value="{invoice}"]')
    return page.locator(".pm-card").filter(has=argument)


def locked(page: Page, invoice: str, status: str, who: str) -> None:
    """The card is decided: it says by whom, and takes no more clicks."""
    expect(card(page, invoice)).to_have_attribute("data-status", status, timeout=30_000)
    expect(card(page, invoice).locator(".pm-decided")).to_contain_text(who)
    expect(card(page, invoice).get_by_role("button")).to_have_count(0)


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_people_decide_in_a_notebook(examples: Path, tmp_path: Path) -> None:
    """Approve one, edit another, reject a third with a reason, restart the kernel with the fourth
    pending and decide it: the shop gave back what was approved and edited, once."""
    notebook = nbformat.read(examples / "approvals.ipynb", as_version=4)
    cells = {c.metadata.tags[0]: n for n, c in enumerate(notebook.cells) if "tags" in c.metadata}
    state = tmp_path / "state"
    with (
        jupyter(examples, state) as port,
        opened(port, "approvals.ipynb", state) as lab,
    ):
        page = lab.page
        for cell in ("setup", "ask", "inbox"):
            lab.run(cells[cell])
        expect(page.locator('.pm-card[data-status="pending"]')).to_have_count(4, timeout=30_000)
        assert refunds(examples) == {}

        page.locator('[data-field="by"]').fill("ana")
        one = card(page, "INV-1001")
        expect(one.locator("ins")).to_have_text("$69.00")
        one.get_by_role("button", name="Approve", exact=True).click()
        locked(page, "INV-1001", "executed", "approve by ana")

        two = card(page, "INV-1002")
        two.get_by_role("button", name="Edit", exact=True).click()
        expect(two.locator(".pm-error")).to_contain_text("Change an argument first")
        two.locator('[data-arg="usd"]').fill("15.5")
        two.get_by_role("button", name="Edit", exact=True).click()
        locked(page, "INV-1002", "executed", "edit by ana")

        three = card(page, "INV-1003")
        three.get_by_role("button", name="Reject", exact=True).click()
        expect(three.locator(".pm-error")).to_contain_text("Give a reason")
        three.locator('[data-field="reason"]').fill("<b>refunded</b> on Monday")
        three.get_by_role("button", name="Reject", exact=True).click()
        locked(page, "INV-1003", "rejected", "<b>refunded</b> on Monday")

        page.screenshot(path=state / "inbox.png")
        lab.restart()
        for cell in ("setup", "inbox"):
            lab.run(cells[cell])
        expect(page.locator(".pm-card")).to_have_count(1, timeout=30_000)
        four = card(page, "INV-1004")
        four.get_by_role("button", name="Approve", exact=True).click()
        locked(page, "INV-1004", "executed", "approve by ana")
        assert lab.errors == []
    assert refunds(examples) == {"INV-1001": [2000], "INV-1002": [1550], "INV-1004": [5000]}
