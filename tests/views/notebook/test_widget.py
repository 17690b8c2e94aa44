"""The live inbox without a browser: its desk, and a real kernel that gets a page's messages."""

import queue
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from pointsman.teams.tickets import Approve, Ticket
from pointsman.views.notebook.cards import card
from pointsman.views.notebook.desk import Desk
from tests.flow.shop import Shop, shop_team

ROOT = Path(__file__).parents[3]


class Page:
    """What the desk showed last, and what it said."""

    def __init__(self) -> None:
        self.tickets: tuple[Ticket, ...] = ()
        self.said: queue.Queue[str] = queue.Queue()

    def show(self, tickets: tuple[Ticket, ...]) -> None:
        """Shown."""
        self.tickets = tickets

    def until(self, holds: Callable[[tuple[Ticket, ...]], bool]) -> None:
        """Wait for what the page shows."""
        give_up = time.monotonic() + 30
        while not holds(self.tickets):
            assert time.monotonic() < give_up, self.tickets
            time.sleep(0.02)


@pytest.fixture
def page() -> Page:
    """A page."""
    return Page()


@pytest.fixture
async def desk(tmp_path: Path, page: Page) -> AsyncGenerator[Desk]:
    """A desk with a page that is there."""
    desk = Desk(shop_team(tmp_path), page.show)
    desk.beat()
    yield desk
    desk.close()


async def test_the_page_follows_the_store(tmp_path: Path, page: Page, desk: Desk) -> None:
    """A ticket appears without being asked for, and locks when somebody decides it elsewhere."""
    team = shop_team(tmp_path)
    await team.run("refund INV-1 5", thread="c1")
    page.until(lambda shown: [t.status for t in shown] == ["pending"])
    await team.decide(page.tickets[0], Approve(by="bo"))
    page.until(lambda shown: [(t.status, t.by) for t in shown] == [("executed", "bo")])


async def test_a_decision_is_carried_out_and_acknowledged(
    tmp_path: Path, page: Page, desk: Desk
) -> None:
    """An empty word is a yes; the shop has done it once; a second one is told who was first."""
    await shop_team(tmp_path).run("refund INV-1 5", thread="c1")
    page.until(lambda shown: len(shown) == 1)
    said = {"ticket": page.tickets[0].id, "type": "approve", "by": "ana"}
    desk.decide(dict(said), page.said.put)
    assert page.said.get(timeout=30) == ""
    desk.decide(dict(said), page.said.put)
    assert "approve by ana" in page.said.get(timeout=30)
    assert Shop(tmp_path).wrote() == ["refunded 5 on INV-1"]


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"type": "approve", "by": ""}, "by: String should have at least 1 character"),
        ({"type": "maybe", "by": "ana"}, "Input tag 'maybe'"),
        ({"type": "edit", "by": "ana", "args": {"usd": "much"}}, "do not fit tool 'refund'"),
        ({"type": "approve", "by": "ana", "digest": "x"}, "shows something else by now"),
        ({"ticket": "t9", "type": "approve", "by": "ana"}, "has no ticket 't9'"),
    ],
)
async def test_a_decision_that_does_not_fit_says_so(
    tmp_path: Path, page: Page, desk: Desk, said: dict[str, Any], answer: str
) -> None:
    """In one sentence on the card; the ticket still waits."""
    await shop_team(tmp_path).run("refund INV-1 5", thread="c1")
    page.until(lambda shown: len(shown) == 1)
    desk.decide({"ticket": page.tickets[0].id} | said, page.said.put)
    assert answer in page.said.get(timeout=30)
    assert [t.status for t in page.tickets] == ["pending"]
    assert Shop(tmp_path).wrote() == []


async def test_a_card_is_plain_text(tmp_path: Path) -> None:
    """What could change the direction of a line or hide is made visible."""
    result = await shop_team(tmp_path).run("refund INV-1 5")
    shown = card(result.tickets[0].model_copy(update={"reason": "a\u202eb", "preview": "p"}))
    assert "\u202e" not in str(shown["reason"])
    assert (shown["usd"], shown["status"], shown["expires"]) == (0.0, "pending", None)


CELLS = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.flow.shop import shop_team
team = shop_team(Path({home!r}))
result = await team.run("refund INV-1 5", thread="c1")
inbox = team.inbox(by="ana")
inbox
"""


@pytest.mark.filterwarnings("ignore")  # of the kernel's client
async def test_a_click_reaches_a_real_kernel(tmp_path: Path, shop_lines: Shop) -> None:
    """What the page would send over the wire decides the ticket while the kernel is idle, and the
    acknowledgement comes back as a change of the widget's traits."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        client.execute(CELLS.format(root=str(ROOT), home=str(tmp_path)))
        model, ticket = _shown(client)
        update = {
            "method": "update", "buffer_paths": [],
            "state": {
                "decision": {"nonce": "n1", "ticket": ticket, "type": "approve", "by": "ana"}
            },
        }  # fmt: skip
        client.shell_channel.send(
            client.session.msg("comm_msg", {"comm_id": model, "data": update})
        )
        told = _until(client, lambda state: state.get("told", {}).get("nonce") == "n1")
        assert told["told"] == {"nonce": "n1", "ticket": ticket, "error": ""}
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert shop_lines.wrote() == ["refunded 5 on INV-1"]


@pytest.fixture
def shop_lines(tmp_path: Path) -> Shop:
    """The shop behind the team."""
    return Shop(tmp_path)


def _shown(client: Any) -> tuple[str, str]:
    """The widget's id, and the ticket its first card is about."""
    model = ticket = ""
    give_up = time.monotonic() + 60
    while not (model and ticket):
        assert time.monotonic() < give_up
        message = client.get_iopub_msg(timeout=60)
        content = message["content"]
        assert message["msg_type"] != "error", content
        view = content.get("data", {}).get("application/vnd.jupyter.widget-view+json")
        model = view["model_id"] if view else model
        state = content.get("data", {}).get("state", {}) if "comm_id" in content else {}
        for one in state.get("cards") or ():
            ticket = one["id"]
    return model, ticket


def _until(client: Any, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The state of the widget that holds."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        content = client.get_iopub_msg(timeout=60)["content"]
        state = content.get("data", {}).get("state", {}) if "comm_id" in content else {}
        if holds(state):
            return state
    raise AssertionError("the widget never said so")
