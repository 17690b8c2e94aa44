"""The live feed: what happens anywhere arrives, bounded, and ends with its session."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import httpx
import pytest

from pointsman.teams.claim import claim
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.tickets import Approve
from pointsman.views.web.console.live import OF_SESSION
from pointsman.views.web.feed import FRAMES, QUIET_LOOKS, Feed, Reader
from tests.views.web.served import Json, Page, Served, served, shop


class Events:
    """The feed as a browser reads it."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.id = ""
        self._lines = response.aiter_lines()

    async def next(self, *kinds: str) -> tuple[str, Json]:
        """The next event of one of these kinds."""
        async with asyncio.timeout(20):
            kind, data = "", ""
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if name == "id":
                    self.id = value
                elif name == "event":
                    kind = value
                elif name == "data":
                    data = value
                elif not line and kind:
                    if not kinds or kind in kinds:
                        return kind, cast("Json", json.loads(data))
                    kind, data = "", ""
        raise AssertionError("the feed ended")

    async def run(self, kind: str, run: str = "") -> Json:
        """The next event of a run of that kind."""
        while True:
            _, data = await self.next("run")
            if data["kind"] == kind and run in ("", data["run"]):
                return data


@asynccontextmanager
async def feed(page: Page, last: str = "") -> AsyncGenerator[Events]:
    """The feed of a signed-in page."""
    headers = {"Last-Event-ID": last} if last else {}
    async with page.client.stream("GET", "/console/feed", headers=headers) as response:
        assert response.status_code == 200
        yield Events(response)


async def test_a_run_of_another_process_appears(web: Served, tmp_path: Path) -> None:
    """Whoever drives the run: here a team of its own on the same store."""
    async with web.page("vera") as page, feed(page) as events:
        assert events.response.headers["content-type"].startswith("text/event-stream")
        assert events.response.headers["cache-control"] == "no-store"
        await events.next("overview")
        async with shop(tmp_path / "state") as other:
            result = await other.run("refund A-1234")
        assert (await events.run("run_ended"))["run"] == result.run
        _, ticket = await events.next("ticket")
        assert ticket["waiting"] == 1
        assert len(cast("list[str]", ticket["tickets"])) == 1
        _, overview = await events.next("overview")
        assert overview["waiting"] == 1
        flight = cast("list[Json]", overview["flight"])
        assert [one["run"] for one in flight] == [result.run]


async def test_a_decision_is_news(web: Served) -> None:
    """For every page, whoever decides."""
    card = await web.ticket()
    said = {"ticket": card["id"], "type": "reject", "reason": "no"}
    async with web.page("vera") as page, feed(page) as events, web.page("rob") as other:
        await events.next("overview")
        found = await other.post(f"/console/tickets/{card['id']}/decide", said)
        assert found.status_code == 200
        _, ticket = await events.next("ticket")
        assert ticket == {"tickets": [card["id"]], "waiting": 0}
        decided = (await page.get("/console/tickets", decided="1")).json()["cards"]
        assert [(one["id"], one["status"]) for one in decided] == [(card["id"], "rejected")]


async def test_what_is_carried_out_is_news(web: Served, tmp_path: Path) -> None:
    """An approved ticket is told once it was decided, and again when it was carried out: here by
    another process, which is slow."""
    card = await web.ticket()
    ticket = await web.team.ticket(str(card["id"]))
    async with web.page("vera") as page, feed(page) as events:
        await events.next("overview")
        async with web.team.sessions.services() as services:
            approve = Approve(by="ana", digest=ticket.shows)
            await claim(web.team.spec, services.store, ticket.id, approve, datetime.now(UTC))
        _, told = await events.next("ticket")
        assert told == {"tickets": [card["id"]], "waiting": 0}
        assert (await web.team.ticket(ticket.id)).status == "approved"
        async with shop(tmp_path / "state") as other:
            await other.resume(ticket.run)
        _, told = await events.next("ticket")
        assert told == {"tickets": [card["id"]], "waiting": 0}
        (shown,) = (await page.get("/console/tickets", decided="1")).json()["cards"]
        assert shown["status"] == "executed"


async def test_what_nobody_carries_out_costs_as_little_as_what_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing happens, tickets are read once in so many looks, also while one is approved and
    its run stands still."""
    asked = Counter[str]()

    def counted(name: str) -> None:
        call = getattr(SqliteStore, name)

        async def counts(self: SqliteStore, *args: object, **more: object) -> object:
            asked[name] += 1
            return await call(self, *args, **more)

        monkeypatch.setattr(SqliteStore, name, counts)

    async with shop(tmp_path / "state") as team:
        (ticket,) = (await team.run("refund A-1234")).tickets
        async with team.sessions.services() as services:
            approve = Approve(by="ana", digest=ticket.shows)
            await claim(team.spec, services.store, ticket.id, approve, datetime.now(UTC))
        counted("tail")
        counted("tickets")
        async with Feed(team, look_seconds=0.0) as hub, asyncio.timeout(60):
            reader = await hub.join("")
            while asked["tail"] < QUIET_LOOKS:
                await reader.queue.get()
            asked.clear()
            while asked["tail"] < 8 * QUIET_LOOKS:
                await reader.queue.get()
        assert 0 < asked["tickets"] <= 2 * 9
        assert (await team.ticket(ticket.id)).status == "approved"


async def test_what_was_missed_is_told_again(web: Served) -> None:
    """A browser that comes back says which event it had last."""
    async with web.page("vera") as page:
        async with feed(page) as events:
            await events.next("overview")
            first = await web.team.run("hello")
            await events.run("run_ended", first.run)
            await events.next("overview")
            last = events.id
        missed = await web.team.run("hello again")
        async with feed(page, last) as events:
            assert (await events.run("run_ended"))["run"] == missed.run


async def test_a_place_that_is_none_is_the_end(web: Served) -> None:
    """Nothing is told again, and nothing breaks."""
    await web.team.run("hello")
    async with web.page("vera") as page:
        for last in ("x", "-1", "9" * 30, "99999"):
            async with feed(page, last) as events:
                assert (await events.next())[0] == "overview"


async def test_a_tenant_sees_its_own(web: Served) -> None:
    """Runs, tickets and figures of others do not reach it."""
    async with web.page("tess") as page, feed(page) as events:
        await events.next("overview")
        await web.team.run("refund A-1234", tenant="other")
        mine = await web.team.run("refund A-1234", tenant="acme")
        assert (await events.run("run_ended"))["run"] == mine.run
        _, ticket = await events.next("ticket")
        _, overview = await events.next("overview")
        assert ticket["waiting"] == 1
        assert overview["waiting"] == 1
        assert [one["tenant"] for one in cast("list[Json]", overview["flight"])] == ["acme"]
        assert overview["models"] == []
        assert overview["latency"] == []


async def test_it_ends_with_its_session(web: Served) -> None:
    """Signing out closes every feed of the session at once, with a word why."""
    async with web.page("ana") as page, feed(page) as events:
        await events.next("overview")
        await page.post("/console/signout")
        assert await events.next("end") == ("end", {"why": "session"})


async def test_a_revoked_token_ends_it(tmp_path: Path) -> None:
    """At the next heartbeat."""
    async with served(tmp_path, heartbeat_seconds=0.05) as web, web.page() as page:
        token, secret = await web.team.new_token("lena", role="viewer")
        await page.sign_in(secret)
        async with feed(page) as events:
            await events.next("overview")
            await web.team.revoke_token(token.id, by="ana")
            assert await events.next("end") == ("end", {"why": "session"})


async def test_a_session_that_is_only_listened_to_ends(tmp_path: Path) -> None:
    """A page that is left open is not a person who is there."""
    changes = {"heartbeat_seconds": 0.05, "idle_seconds": 0.3}
    async with served(tmp_path, **changes) as web, web.page("ana") as page, feed(page) as events:
        assert await events.next("end") == ("end", {"why": "session"})


async def test_it_beats(tmp_path: Path) -> None:
    """A line on which nothing happens stays open through proxies."""
    async with (
        served(tmp_path, heartbeat_seconds=0.05) as web,
        web.page("ana") as page,
        page.client.stream("GET", "/console/feed") as response,
        asyncio.timeout(20),
    ):
        async for line in response.aiter_lines():
            if line.startswith(":"):
                break
        else:
            raise AssertionError("the feed ended without a beat")


async def test_feeds_are_bounded(tmp_path: Path) -> None:
    """Of one session, and of all."""
    async with (
        served(tmp_path, feeds=OF_SESSION + 1) as web,
        web.page("ana") as ana,
        web.page("rob") as rob,
        web.page("vera") as vera,
        AsyncExitStack() as stack,
    ):
        for _ in range(OF_SESSION):
            await stack.enter_async_context(feed(ana))
        assert (await ana.get("/console/feed")).json()["error"] == "TooManyFeeds"
        await stack.enter_async_context(feed(rob))
        found = await vera.get("/console/feed")
        assert (found.status_code, found.headers["retry-after"]) == (503, "10")


def test_a_reader_that_does_not_keep_up_is_dropped() -> None:
    """Its queue is bounded; it gets no more, and is told why."""
    reader = Reader("")
    for _ in range(FRAMES):
        reader.give(b"x")
    assert not reader.dropped.is_set()
    reader.give(b"x")
    assert reader.dropped.is_set()
    assert reader.why == "slow"
    reader.give(b"y")
    assert reader.queue.qsize() == FRAMES


async def test_a_browser_that_does_not_read_holds_nothing(tmp_path: Path) -> None:
    """A line whose other end stopped reading is dropped, and the others go on."""
    async with (
        served(tmp_path) as web, web.page("ana") as page, feed(page) as events,
        web.page("tess") as slow,
    ):  # fmt: skip
        await events.next("overview")
        ((name, value),) = slow.client.cookies.items()
        hub = cast("Feed", web.app.state.feed)
        with socket.socket() as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.connect(("127.0.0.1", web.port))
            stuck.sendall(
                f"GET /console/feed HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\n"
                f"Cookie: {name}={value}\r\n\r\n".encode()
            )
            async with asyncio.timeout(30):
                while hub.readers < 2:  # noqa: ASYNC110 (the server has no event for it)
                    await asyncio.sleep(0.01)
                while hub.readers == 2:
                    for reader in hub.listening:
                        reader.give(b"" if reader.tenant == "" else b": " + b"x" * 999_999)
                    await asyncio.sleep(0.005)
        result = await web.team.run("hello")
        assert (await events.run("run_ended"))["run"] == result.run


async def test_the_server_ends_its_feeds(tmp_path: Path) -> None:
    """Ctrl-C does not wait for pages that listen."""
    async with served(tmp_path) as web, web.page("ana") as page, feed(page) as events:
        await events.next("overview")
        web.app.state.stop()
        assert await events.next("end") == ("end", {"why": "stopping"})
