"""The live inbox without a browser: its desk, and a real kernel that gets a page's messages."""

import queue
import threading
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from pointsman.nodes.digest import JsonObject
from pointsman.teams.tickets import Approve
from pointsman.views.notebook.cards import card
from pointsman.views.notebook.desk import Ack, Desk, Shown
from tests.flow.shop import Shop, shop_team

ROOT = Path(__file__).parents[3]


class Page:
    """What the desk showed last, and what it said."""

    def __init__(self) -> None:
        self.shown = Shown()
        self.acks: queue.Queue[Ack] = queue.Queue()

    def show(self, shown: Shown) -> None:
        """Shown."""
        self.shown = shown

    def until(self, holds: Callable[[Shown], bool]) -> None:
        """Wait for what the page shows."""
        give_up = time.monotonic() + 30
        while not holds(self.shown):
            assert time.monotonic() < give_up, self.shown
            time.sleep(0.02)

    def told(self) -> Ack:
        """What came of a decision, after the word that it was taken."""
        assert self.acks.get(timeout=30) == Ack("taken")
        return self.acks.get(timeout=30)


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
    page.until(lambda shown: [t.status for t in shown.open] == ["pending"])
    await team.decide(page.shown.open[0], Approve(by="bo"))
    page.until(lambda shown: [(t.status, t.by) for t in shown.decided] == [("executed", "bo")])
    assert page.shown.open == ()


async def test_a_decision_is_carried_out_and_acknowledged(
    tmp_path: Path, page: Page, desk: Desk
) -> None:
    """The shop has done it once; a second one is told who was first."""
    await shop_team(tmp_path).run("refund INV-1 5", thread="c1")
    page.until(lambda shown: len(shown.open) == 1)
    said: JsonObject = {"ticket": page.shown.open[0].id, "type": "approve", "by": "ana"}
    desk.decide(dict(said), page.acks.put)
    assert page.told() == Ack("done")
    desk.decide(dict(said), page.acks.put)
    again = page.told()
    assert again.state == "refused"
    assert "approve by ana" in again.text
    assert Shop(tmp_path).wrote() == ["refunded 5 on INV-1"]


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"type": "approve", "by": ""}, "by: String should have at least 1 character"),
        ({"type": "maybe", "by": "ana"}, "Input tag 'maybe'"),
        ({"type": "edit", "by": "ana", "json": {"usd": '"much"'}}, "do not fit tool 'refund'"),
        ({"type": "edit", "by": "ana", "json": {"usd": "NaN"}}, "'usd' is no JSON value"),
        ({"type": "approve", "by": "ana", "digest": "x"}, "shows something else by now"),
        ({"ticket": "t9", "type": "approve", "by": "ana"}, "has no ticket 't9'"),
    ],
)
async def test_a_decision_that_does_not_fit_says_so(
    tmp_path: Path, page: Page, desk: Desk, said: JsonObject, answer: str
) -> None:
    """In one sentence on the card; the ticket still waits."""
    await shop_team(tmp_path).run("refund INV-1 5", thread="c1")
    page.until(lambda shown: len(shown.open) == 1)
    desk.decide({"ticket": page.shown.open[0].id} | said, page.acks.put)
    ack = page.told()
    assert ack.state == "refused"
    assert answer in ack.text
    assert [t.status for t in page.shown.open] == ["pending"]
    assert Shop(tmp_path).wrote() == []


async def test_a_desk_without_a_page_ends(tmp_path: Path, page: Page) -> None:
    """Nobody looks for a page that was closed; the next sign of life wakes the desk."""
    team = shop_team(tmp_path)
    desk = Desk(team, page.show, idle=0.2)
    threads = [t for t in threading.enumerate() if t.name == "pointsman-inbox"]
    desk.beat()
    (begun,) = [
        t for t in threading.enumerate() if t.name == "pointsman-inbox" and t not in threads
    ]
    begun.join(30)
    assert not begun.is_alive()
    await team.run("refund INV-1 5", thread="c1")
    desk.beat()
    page.until(lambda shown: len(shown.open) == 1)
    desk.close()


async def test_a_card_is_plain_text(tmp_path: Path) -> None:
    """What could change the direction of a line or hide is made visible."""
    result = await shop_team(tmp_path).run("refund INV-1 5")
    shown = card(result.tickets[0].model_copy(update={"reason": "a\u202eb", "preview": "p"}))
    assert "\u202e" not in str(shown["reason"])
    assert (shown["status"], shown["expires"]) == ("pending", None)
    assert "$0 so far" in str(shown["facts"])


CELLS = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.flow.shop import shop_team
team = shop_team(Path({home!r}))
for n in (1, 2, 3):
    await team.run(f"refund INV-{{n}} 5", thread=f"c{{n}}")
inbox = team.inbox(by="ana")
inbox
"""


@pytest.mark.filterwarnings("ignore")  # of the kernel's client
async def test_clicks_reach_a_real_kernel(tmp_path: Path) -> None:
    """What the page would send over the wire decides tickets while the kernel is idle, and the
    word on each comes back as a change of the widget's traits. Said again, it is not done again."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        client.execute(CELLS.format(root=str(ROOT), home=str(tmp_path)))
        model, (one, two, three) = _shown(client, 3)

        def send(*said: JsonObject) -> None:
            data = {"method": "update", "buffer_paths": [], "state": {"decisions": list(said)}}
            client.shell_channel.send(
                client.session.msg("comm_msg", {"comm_id": model, "data": data})
            )

        first = {"nonce": "n1", "ticket": one, "type": "approve", "by": "ana"}
        second = {"nonce": "n2", "ticket": two, "type": "reject", "by": "ana", "reason": "no"}
        third = {"nonce": "n3", "ticket": three, "type": "approve", "by": "ana"}
        send(first)
        send(first, second, third)
        words = {
            (a["nonce"], a["state"]): a["text"] for a in _until(client, ["n1", "n2", "n3"])["acks"]
        }
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert [words[(nonce, "done")] for nonce in ("n1", "n2", "n3")] == ["", "", ""]
    done = [f"refunded 5 on INV-{n}" for n in (1, 3)]
    assert sorted(Shop(tmp_path).wrote()) == done


def _shown(client: Any, many: int) -> tuple[str, list[str]]:
    """The widget's id, and the tickets its cards are about."""
    model, tickets = "", list[str]()
    give_up = time.monotonic() + 60
    while not model or len(tickets) < many:
        assert time.monotonic() < give_up
        message = client.get_iopub_msg(timeout=60)
        content = message["content"]
        assert message["msg_type"] != "error", content
        view = content.get("data", {}).get("application/vnd.jupyter.widget-view+json")
        model = view["model_id"] if view else model
        state = content.get("data", {}).get("state", {}) if "comm_id" in content else {}
        tickets = [one["id"] for one in state.get("cards") or ()] or tickets
    return model, tickets


def _until(client: Any, nonces: list[str]) -> dict[str, Any]:
    """The state of the widget that has the last word on each."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        content = client.get_iopub_msg(timeout=60)["content"]
        state = content.get("data", {}).get("state", {}) if "comm_id" in content else {}
        told = {ack["nonce"] for ack in state.get("acks", ()) if ack["state"] != "taken"}
        if told == set(nonces):
            return state
    raise AssertionError("the widget never said so")
