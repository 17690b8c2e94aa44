"""A run's events as a stream: taken up where it broke off, whoever drives the run."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import httpx

from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelRequest
from tests.flow.processes import order
from tests.flow.shop import script, shop_team
from tests.views.web.api.conftest import Served, ended, problem, serving, waiting

LONG = "lookup INV-1 > lookup INV-2 > lookup INV-3"


@dataclass(frozen=True)
class Sent:
    """One server-sent event."""

    id: int
    kind: str
    data: str


async def stream(
    client: httpx.AsyncClient, run: str, *, last: int | None = None, most: int = 10_000,
    until: str = "pause",
) -> list[Sent]:  # fmt: skip
    """The events that come until the stream ends, or the first `most` of them."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    got: list[Sent] = []
    fields: dict[str, str] = {}
    path = f"/v1/runs/{run}/events?until={until}"
    async with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in response.aiter_lines():
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                got.append(Sent(int(fields["id"]), fields["event"], fields["data"]))
                fields = {}
                if len(got) == most:
                    return got
    return got


async def test_a_stream_follows_a_run_to_its_end(client: httpx.AsyncClient) -> None:
    """Every event once and in order, the last one that it ended; then the stream ends."""
    run = (await client.post("/v1/messages", json={"text": LONG})).json()["run"]
    events = await stream(client, run)
    assert [e.id for e in events] == list(range(len(events)))
    assert (events[0].kind, events[-1].kind) == ("run_started", "run_ended")
    assert [e.kind for e in events].count("tool_called") == 3
    assert await stream(client, run) == events


async def test_a_stream_that_broke_off_misses_nothing(client: httpx.AsyncClient) -> None:
    """Taken up after each single event, the parts make up the whole; after the last one nothing
    comes, and it ends at once."""
    run = (await client.post("/v1/messages", json={"text": LONG})).json()["run"]
    whole = await stream(client, run)
    for cut in range(len(whole)):
        first = await stream(client, run, most=cut + 1)
        rest = await stream(client, run, last=first[-1].id)
        assert first + rest == whole


async def test_it_breaks_off_while_the_run_goes_on(client: httpx.AsyncClient) -> None:
    """One event at a time, each with a connection of its own, from the very start of the run."""
    run = (await client.post("/v1/messages", json={"text": LONG})).json()["run"]
    got: list[Sent] = []
    while not got or got[-1].kind != "run_ended":
        got += await stream(client, run, last=got[-1].id if got else None, most=1)
    assert got == await stream(client, run)


async def test_a_run_that_another_process_drives(served: Served, home: Path) -> None:
    """Its events come from the store."""
    async with await served.client() as client:
        ordered = asyncio.create_task(order(home, run=LONG, thread="c1", message_id="m1"))
        async with asyncio.timeout(60):
            while not (runs := (await client.get("/v1/runs")).json()["runs"]):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.2)
        events = await stream(client, runs[0]["run"])
        assert (await ordered)["status"] == "done"
        assert events[-1].kind == "run_ended"
        assert [e.id for e in events] == list(range(len(events)))


async def test_a_pause_ends_it_or_not(client: httpx.AsyncClient) -> None:
    """A run that waits for a person ends the stream, unless it is asked to go on to the end."""
    ticket = await waiting(client)
    events = await stream(client, ticket["run"])
    assert events[-1].kind == "run_ended"
    assert '"status":"waiting"' in events[-1].data
    following = asyncio.create_task(stream(client, ticket["run"], last=events[-1].id, until="end"))
    await asyncio.sleep(0.3)
    assert not following.done()
    await client.post(f"/v1/tickets/{ticket['id']}/decision", json={"type": "reject"})
    rest = await following
    assert rest[-1].kind == "run_ended"
    assert rest[0].id == events[-1].id + 1
    assert (await ended(client, ticket["run"]))["state"] == "done"


async def test_what_is_no_event_and_no_run(client: httpx.AsyncClient) -> None:
    """A problem, not an empty stream."""
    problem(await client.get("/v1/runs/r0/events"), 404, "not-found")
    ticket = await waiting(client)
    path = f"/v1/runs/{ticket['run']}/events"
    for last in ("x", "-1", "1.5", "9" * 40):
        refused = await client.get(path, headers={"Last-Event-ID": last})
        problem(refused, 400, "malformed")
    problem(await client.get(path, params={"until": "never"}), 422, "invalid")


async def test_a_stopping_server_ends_its_streams(home: Path) -> None:
    """Streams do not hold a server up; their clients come back with what they have."""
    go = asyncio.Event()

    async def held(request: ModelRequest) -> Scripted:
        await go.wait()
        return script(request)

    team = shop_team(home, model=ScriptedTransport(held))
    async with (
        serving(team, home, grace_seconds=0.1) as served,
        await served.client() as client,
    ):
        run = (await client.post("/v1/messages", json={"text": "hello"})).json()["run"]
        following = asyncio.create_task(stream(client, run, until="end"))
        await asyncio.sleep(0.3)
        assert not following.done()
        served.stop()
        events = await following
        assert all(e.kind != "run_ended" for e in events)


async def test_so_many_streams_at_once(client: httpx.AsyncClient) -> None:
    """One more than a token may have is refused; one that ended makes room."""
    ticket = await waiting(client)
    path = f"/v1/runs/{ticket['run']}/events?until=end"
    streams = [client.stream("GET", path) for _ in range(20)]
    for one in streams:
        assert (await one.__aenter__()).status_code == 200
    problem(await client.get(path), 429, "rate-limited")
    await streams.pop().__aexit__(None, None, None)
    async with asyncio.timeout(20):
        while True:
            async with client.stream("GET", path) as response:
                if response.status_code == 200:
                    break
            await asyncio.sleep(0.1)
    for one in streams:
        await one.__aexit__(None, None, None)
