"""Reviewers are told that a ticket waits: a function or a URL."""

import json
import logging
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from aiohttp import web

from pointsman.errors import Misconfigured
from pointsman.teams.tickets import Approve, Ticket
from tests.flow.shop import Shop, shop_team


async def test_an_async_function_is_told_once_with_the_ticket(home: Path) -> None:
    """It gets the ticket that is asked for, after it is on disk; a resume does not tell again."""
    told: list[Ticket] = []

    async def tell(ticket: Ticket) -> None:
        assert await shop_team(home).tickets() == (ticket,)
        told.append(ticket)

    team = shop_team(home, on_ticket=tell)
    result = await team.run("refund INV-1 5")
    await team.resume(result.run)
    assert tuple(told) == result.tickets


async def test_a_plain_function_is_told(home: Path) -> None:
    """A sync callback works as well."""
    told: list[str] = []
    result = await shop_team(home, on_ticket=lambda ticket: told.append(ticket.id)).run(
        "refund INV-1 5 + refund INV-1 7"
    )
    assert told == [t.id for t in result.tickets]


async def test_what_needs_nobody_tells_nobody(home: Path) -> None:
    """No ticket, no call."""
    told: list[str] = []
    await shop_team(home, on_ticket=lambda ticket: told.append(ticket.id)).run("lookup INV-1")
    assert told == []


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_callback_that_fails_changes_nothing(
    home: Path, shop: Shop, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The run waits all the same, the failure is logged, and the ticket can be decided."""

    async def tell(ticket: Ticket) -> None:
        raise OSError("no pager")

    def tell_sync(ticket: Ticket) -> None:
        raise OSError("no pager")

    team = shop_team(home, on_ticket=tell if kind == "async" else tell_sync)
    with caplog.at_level(logging.WARNING, "pointsman"):
        result = await team.run("refund INV-1 5")
    assert result.status == "waiting"
    assert f"on_ticket failed for ticket {result.tickets[0].id}" in caplog.text
    await team.decide(result.tickets[0], Approve(by="ana"))
    assert shop.wrote() == ["refunded 5 on INV-1"]


class Receiver:
    """A real HTTP server that remembers what it was told."""

    def __init__(self) -> None:
        self.got: list[dict[str, object]] = []
        self.status = 200
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        """Remember and answer."""
        assert request.content_type == "application/json"
        self.got.append(json.loads(await request.text()))
        return web.Response(status=self.status)


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    """The server, on a free port."""
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    made.url = f"http://{host}:{port}/hook"
    yield made
    await runner.cleanup()


async def test_a_url_is_posted_to(home: Path, receiver: Receiver) -> None:
    """Ids, who and why go out; the arguments stay in the store."""
    result = await shop_team(home, on_ticket=receiver.url).run("refund INV-1 5")
    (ticket,) = result.tickets
    (body,) = receiver.got
    assert body == {
        "type": "pointsman.ticket.opened",
        "ticket": ticket.id,
        "team": "shop",
        "run": result.run,
        "specialist": "billing",
        "tool": "refund",
        "reason": ticket.reason,
    }
    assert "INV-1" not in json.dumps(body)


async def test_a_url_that_refuses_changes_nothing(home: Path, receiver: Receiver) -> None:
    """An error of the other side is logged; the run waits."""
    receiver.status = 500
    result = await shop_team(home, on_ticket=receiver.url).run("refund INV-1 5")
    assert result.status == "waiting"
    assert len(receiver.got) == 1


async def test_a_url_nobody_listens_at_changes_nothing(home: Path) -> None:
    """No connection is no reason to fail."""
    result = await shop_team(home, on_ticket="http://127.0.0.1:9/hook").run("refund INV-1 5")
    assert result.status == "waiting"


async def test_a_url_that_is_none_is_a_misconfiguration(home: Path) -> None:
    """It is said at once, not when the first ticket waits."""
    with pytest.raises(Misconfigured, match="ftp://x"):
        shop_team(home, on_ticket="ftp://x")
