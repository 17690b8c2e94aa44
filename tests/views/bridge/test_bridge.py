"""The bridge over a broker in a process of its own: nothing lost, nothing done twice."""

import asyncio
import signal

import pytest

from pointsman import Approve
from pointsman.nodes.signing import Signer, new_secret
from pointsman.teams.keyfiles import new_signer, sender_line
from tests.flow.shop import Shop
from tests.views.bridge.harness import Site, a_request, body_of
from tests.views.bridge.site import a_team

NATS = pytest.mark.parametrize("server", ["nats"], indirect=True)
"""For what does not depend on the broker."""


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
    await site.none_left()


async def test_duplicates_are_one_run(site: Site) -> None:
    """The same event three times writes once; another sender's of the same id is another one."""
    await site.bridge()
    one = a_request("note hello", thread="")
    await site.send(one, one, one, {**one, "source": "shopfront"})
    results = await site.gets("shop.out", 2)
    assert len({result["subject"] for result in results}) == 2
    await site.none_left()
    assert Shop(site.home).wrote() == ["noted hello"] * 2


@NATS
async def test_what_cannot_be_read_is_a_letter(site: Site) -> None:
    """Each with its reason; the next request is served."""
    bad = (
        a_request(dataschema="other@1"),
        a_request(data={"kind": "request"}),
        a_request(" "),
        b"\xff no json",
    )
    await site.bridge()
    await site.send(*bad, a_request(name="e2"))
    await site.gets("shop.out", 1)
    await site.none_left()
    letters = await a_team(site.home).letters()
    assert {letter.came for letter in letters} == {"shop.in"}
    whys = sorted(letter.why for letter in letters)
    assert whys == ["InvalidMessage", "InvalidMessage", "InvalidMessage", "UnknownSchema"]


async def test_a_bad_schema_is_dead_and_never_lost(site: Site) -> None:
    """It is a letter, and a dead letter of the broker as it came, which says why; the next request
    is served."""
    bad = a_request(dataschema="pointsman.request@9")
    await site.bridge()
    await site.send(bad, a_request(name="e2"))
    await site.gets("shop.out", 1)
    await site.none_left()
    (letter,) = await a_team(site.home).letters()
    assert (letter.why, letter.came) == ("UnknownSchema", "shop.in")
    body, why = await site.server.dead()
    assert body == body_of(bad)
    assert "'pointsman.request@9' is not read here" in why


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
    if site.server.kind != "nats":  # which gives what was open again after thirty seconds
        await site.none_left()
    count = await site.server.counted("shop.out")
    if site.server.kind == "nats":
        assert count == 1  # the broker knew the second one again
    assert len({one["id"] for one in await site.gets("shop.out", count)}) == 1


async def test_while_the_store_is_away_requests_stay_in_the_broker(site: Site) -> None:
    """None is acknowledged and none is dead; once it is back, they are taken."""
    await site.bridge("away")
    await site.send(a_request("note one"), a_request("note two", name="e2"))
    asked = site.home / "asked"

    def times() -> int:
        return len(asked.read_text()) if asked.exists() else 0

    async with asyncio.timeout(60):
        while times() < 3:  # noqa: ASYNC110 (another process asks one of the two again)
            await asyncio.sleep(0.1)
    assert await site.server.left() == 2
    assert await a_team(site.home).runs() == ()
    (site.home / "back").touch()
    await site.gets("shop.out", 2)
    assert sorted(Shop(site.home).wrote()) == ["noted one", "noted two"]
    await site.none_left()


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


@NATS
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
