"""The bridge over a real NATS server with JetStream: nothing lost, nothing done twice."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

import nats
import pytest

from pointsman import Approve
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.signing import Signer, new_secret
from pointsman.teams.keyfiles import new_signer, sender_line
from tests.flow.shop import Shop
from tests.views.bridge.site import Server, a_team

ROOT = Path(__file__).parents[3]


def a_request(text: str = "lookup INV-1", *, name: str = "e1", **change: object) -> JsonObject:
    """A request as another system sends it."""
    event: dict[str, Any] = {
        "specversion": "1.0", "id": name, "source": "crm", "type": "pointsman.request",
        "time": "2026-01-01T00:00:00Z", "dataschema": "pointsman.request@1",
        "correlationid": "case-7", "thread": "c1", "data": {"kind": "request", "text": text},
    }  # fmt: skip
    return event | change


async def _quiet(error: Exception) -> None:
    """A server that is killed is part of the test."""


class Site:
    """A NATS server, bridges of the shop in processes of their own, and a client."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.server = Server(home)
        self.bridges: list[asyncio.subprocess.Process] = []

    async def bridge(self, kill: str = "", **env: str) -> asyncio.subprocess.Process:
        """Start a bridge."""
        made = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.views.bridge.site", str(self.home), self.server.url, kill,
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        )  # fmt: skip
        self.bridges.append(made)
        return made

    async def connect(self) -> Any:
        """A client, once the server answers."""
        async with asyncio.timeout(60):
            while True:
                with suppress(OSError, nats.errors.Error):
                    # Its own first try would go on for ever.
                    _, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
                    writer.close()
                    await writer.wait_closed()
                    return await nats.connect(self.server.url, error_cb=_quiet)
                await asyncio.sleep(0.1)

    async def send(self, *events: JsonObject | bytes) -> None:
        """Publish requests, once the bridge has made its streams."""
        client = await self.connect()
        js = client.jetstream()
        async with asyncio.timeout(60):
            for event in events:
                body = event if isinstance(event, bytes) else json.dumps(event).encode()
                while True:
                    with suppress(nats.errors.Error):
                        await js.publish("shop.in", body)
                        break
                    await asyncio.sleep(0.1)
        await client.close()

    async def gets(self, subject: str, count: int, *, seconds: float = 60) -> list[JsonObject]:
        """The first messages of a subject."""
        client = await self.connect()
        found: list[JsonObject] = []
        async with asyncio.timeout(seconds):
            while True:
                with suppress(nats.errors.Error):
                    subscription = await client.jetstream().subscribe(
                        subject, ordered_consumer=True
                    )
                    break
                await asyncio.sleep(0.1)
            while len(found) < count:
                with suppress(nats.errors.TimeoutError):
                    message = await subscription.next_msg(timeout=1)
                    found.append(json.loads(message.data))
        await client.close()
        return found

    async def left(self) -> int:
        """Requests that are in the broker still."""
        client = await self.connect()
        info = await client.jetstream().stream_info("pointsman-shop-in")
        await client.close()
        return info.state.messages

    async def close(self) -> None:
        """Kill what is left."""
        for one in self.bridges:
            with suppress(ProcessLookupError):
                one.kill()
            await one.wait()
        self.server.kill()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncGenerator[Site]:
    """A server without a bridge yet."""
    made = Site(tmp_path)
    made.server.start()
    yield made
    await made.close()


async def test_a_request_gets_its_result(site: Site) -> None:
    """With its own correlation and the request as cause; its events tell what happened."""
    await site.bridge()
    await site.send(a_request())
    (result,) = await site.gets("shop.out", 1)
    assert (result["type"], result["dataschema"]) == ("pointsman.result", "pointsman.result@1")
    assert (result["correlationid"], result["causationid"]) == ("case-7", "e1")
    assert (result["source"], result["thread"]) == ("shop", "c1")
    data = result["data"]
    assert isinstance(data, dict)
    assert (data["status"], data["answer"]) == ("done", "done: INV-1 is 20.00 USD")
    events = await site.gets("shop.events", 4)
    assert {event["subject"] for event in events} == {result["subject"]}
    assert len({event["id"] for event in events}) == 4
    assert await site.left() == 0


async def test_duplicates_are_one_run(site: Site) -> None:
    """The same event three times writes once; another sender's of the same id is another one."""
    await site.bridge()
    one = a_request("note hello", thread="")
    await site.send(one, one, one, {**one, "source": "shopfront"})
    results = await site.gets("shop.out", 2)
    assert len({result["subject"] for result in results}) == 2
    while await site.left():  # noqa: ASYNC110 (another process)
        await asyncio.sleep(0.1)
    assert Shop(site.home).wrote() == ["noted hello"] * 2


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (a_request(dataschema="pointsman.request@9"), "UnknownSchema"),
        (a_request(dataschema="other@1"), "UnknownSchema"),
        (a_request(data={"kind": "request"}), "InvalidMessage"),
        (a_request(" "), "InvalidMessage"),
        (b"\xff no json", "InvalidMessage"),
    ],
)
async def test_what_cannot_be_read_is_dead_and_never_lost(
    site: Site, bad: JsonObject | bytes, why: str
) -> None:
    """It is on the broker's dead subject and a letter; the next request is served."""
    await site.bridge()
    await site.send(bad, a_request(name="e2"))
    await site.gets("shop.out", 1)
    assert await site.left() == 0
    team = a_team(site.home)
    (letter,) = await team.letters()
    assert (letter.why, letter.came) == (why, "shop.in")
    client = await site.connect()
    subscription = await client.jetstream().subscribe("shop.in.dead", ordered_consumer=True)
    dead = await subscription.next_msg(timeout=10)
    await client.close()
    assert dead.data == (bad if isinstance(bad, bytes) else json.dumps(bad).encode())


@pytest.mark.parametrize("point", ["accepted", "published"])
async def test_a_bridge_that_dies_loses_and_doubles_nothing(site: Site, point: str) -> None:
    """Killed between storing a request and acknowledging it, or between publishing a result and
    noting that: the next one goes on. The write happened once; every result has the same id."""
    doomed = await site.bridge(point)
    await site.send(a_request("note hello"))
    async with asyncio.timeout(60):
        assert await doomed.wait() == -signal.SIGKILL
    await site.bridge()
    results = await site.gets("shop.out", 1)
    assert Shop(site.home).wrote() == ["noted hello"]
    team = a_team(site.home)
    async with asyncio.timeout(60):
        while await team.awaited("ended") or not await team.runs(states=["done"]):  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.1)
    (row,) = await team.runs()
    assert results[0]["subject"] == row.run
    client = await site.connect()
    stream = await client.jetstream().stream_info("pointsman-shop-out", subjects_filter="shop.out")
    await client.close()
    assert stream.state.subjects == {"shop.out": 1}  # the broker knew the second one again


async def test_a_broker_that_is_away_loses_nothing(site: Site) -> None:
    """Away at the start, and killed while a run waits for a person who decides meanwhile."""
    site.server.kill()
    await site.bridge()
    site.server.start()
    await site.send(a_request("refund INV-1 5"))
    team = a_team(site.home)
    async with asyncio.timeout(60):
        while not (tickets := await team.tickets()):  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.1)
    site.server.kill()
    await team.decide(tickets[0], Approve(by="ana"))
    site.server.start()
    (result,) = await site.gets("shop.out", 1, seconds=90)
    assert result["correlationid"] == "case-7"
    assert Shop(site.home).wrote() == ["refunded 5 on INV-1"]


async def test_only_listed_senders_are_believed(site: Site) -> None:
    """A forged or altered request does nothing and is a letter; what the bridge sends is signed."""
    crm, own = Signer("crm", new_secret()), new_signer("shop", site.home / "own.key")
    listed = site.home / "senders.toml"
    listed.write_text(f"[senders]\n{sender_line(crm)}\n")
    await site.bridge(
        POINTSMAN_SIGNING_KEY=str(site.home / "own.key"), POINTSMAN_SENDERS=str(listed)
    )
    good = crm.signed(a_request("note good", name="e3"))
    altered = {**crm.signed(a_request("note bad", name="e2")), "tenant": "other"}
    await site.send(a_request("note forged"), altered, good)
    (result,) = await site.gets("shop.out", 1)
    assert (result["source"], "signature" in result) == (own.source, True)
    assert Shop(site.home).wrote() == ["noted good"]
    assert [letter.why for letter in await a_team(site.home).letters()] == ["Forged"] * 2
