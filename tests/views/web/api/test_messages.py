"""Sending messages: stored before they are answered for, and run once."""

import asyncio
from pathlib import Path

import httpx
import pytest

from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import Request
from tests.flow.processes import rows
from tests.flow.shop import script, shop_team
from tests.views.web.api.conftest import Served, problem, serving

WAIT = {"Prefer": "wait=30"}


async def test_a_message_is_taken_and_answered(client: httpx.AsyncClient, home: Path) -> None:
    """202 at once with the run, which is in the store by then; its address gives the answer."""
    taken = await client.post("/v1/messages", json={"text": "lookup INV-1", "thread": "c1"})
    assert taken.status_code == 202
    run = taken.json()
    assert (run["state"], run["thread"], run["tenant"]) == ("running", "c1", "default")
    assert rows(home, "SELECT run FROM runs") == [(run["run"],)]
    assert taken.headers["location"] == f"/v1/runs/{run['run']}"
    waited = await client.post("/v1/messages", json={"text": "hello", "thread": "c1"}, headers=WAIT)
    assert waited.headers["preference-applied"] == "wait=30"
    view = (await client.get(taken.headers["location"])).json()
    assert (view["state"], view["answer"]) == ("done", "done: INV-1 is 20.00 USD")


async def test_twenty_equal_posts_at_once_are_one_run(
    served: Served, model: ScriptedTransport, home: Path
) -> None:
    """One key: one run, asked of the model once, whoever of them was first."""
    async with await served.client() as client:
        answers = await asyncio.gather(
            *(
                client.post(
                    "/v1/messages", json={"text": "billing: hello"},
                    headers={"Idempotency-Key": "k1", **WAIT},
                )
                for _ in range(20)
            )
        )  # fmt: skip
    assert {a.status_code for a in answers} == {200}
    assert len({a.json()["run"] for a in answers}) == 1
    assert {a.json()["answer"] for a in answers} == {"done:"}
    assert len(model.requests) == 2  # one route, one answer
    assert rows(home, "SELECT count(*) FROM runs") == [(1,)]


async def test_the_same_key_with_another_body(client: httpx.AsyncClient, home: Path) -> None:
    """It is refused, whatever part differs; the same body written otherwise is the same."""
    key = {"Idempotency-Key": "k1", **WAIT}
    first = await client.post("/v1/messages", json={"text": "hello", "priority": 3}, headers=key)
    assert first.status_code == 200
    for change in ({"text": "other"}, {"thread": "c9"}, {"priority": 4}, {"budget": {"usd": 1.0}}):
        body = {"text": "hello", "priority": 3} | change
        refused = await client.post("/v1/messages", json=body, headers=key)
        assert "k1" in problem(refused, 422, "key-reused")["detail"]
    again = await client.post(
        "/v1/messages", headers={**key, "Content-Type": "application/json"},
        content=b'{ "priority": 3, "thread": null,\n "text": "hel\\u006co" }',
    )  # fmt: skip
    assert again.json() == first.json()
    assert rows(home, "SELECT count(*) FROM runs") == [(1,)]


async def test_keys_belong_to_tenants(served: Served) -> None:
    """The same key of two tenants is two messages, and neither learns of the other."""
    runs: set[str] = set()
    for tenant in ("acme", "globex"):
        async with await served.client(tenant=tenant) as client:
            taken = await client.post(
                "/v1/messages", json={"text": f"hello {tenant}"},
                headers={"Idempotency-Key": "k1", **WAIT},
            )  # fmt: skip
            assert taken.json()["tenant"] == tenant
            runs.add(taken.json()["run"])
    assert len(runs) == 2


async def test_all_that_a_message_can_say_reaches_the_run(served: Served) -> None:
    """Priority, deadline, budget, thread and attachments are in its row."""
    async with await served.client() as client:
        body = {
            "text": "hello", "thread": "c7", "tenant": "acme", "priority": 1, "deadline": 90.5,
            "budget": {"usd": 0.25, "calls": 9},
            "attachments": [{"uri": "s3://b/mail.pdf", "media_type": "application/pdf"}],
        }  # fmt: skip
        taken = await client.post("/v1/messages", json=body, headers={"Idempotency-Key": "m1"})
    row = await served.team.run_row(taken.json()["run"])
    assert (row.thread, row.tenant, row.request.id, row.request.priority) == ("c7", "acme", "m1", 1)
    assert (row.budget_usd, row.budget_calls) == (0.25, 9)
    assert row.seconds_left is not None
    assert row.seconds_left <= 90.5
    assert isinstance(row.request.payload, Request)
    assert row.request.payload.attachments[0].uri == "s3://b/mail.pdf"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "text"), ({"text": ""}, "text"), ({"text": " \n"}, "text"), ({"text": 5}, "text"),
        ({"text": "a\u0000b"}, "text"), ({"text": "x" * 100_001}, "text"), ([], ""), ("hello", ""),
        ({"text": "a", "by": "root"}, "by"), ({"text": "a", "priority": 10}, "priority"),
        ({"text": "a", "priority": "1"}, "priority"), ({"text": "a", "deadline": 0}, "deadline"),
        ({"text": "a", "budget": {"usd": -1}}, "budget.usd"),
        ({"text": "a", "thread": ""}, "thread"),
        ({"text": "a", "attachments": [{"uri": ""}]}, "attachments.0.uri"),
    ],
)  # fmt: skip
async def test_bodies_that_do_not_fit(client: httpx.AsyncClient, body: object, where: str) -> None:
    """422 that names the place and never repeats the value."""
    told = problem(await client.post("/v1/messages", json=body), 422, "invalid")
    assert told["errors"][0]["where"] == where
    assert "root" not in told["detail"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"text": "a"', b"\xff\xfe", b'{"text": "\xff"}', b'{"text": "\\ud800"}',
     b'{"text": NaN}', b"null", b"[" * 5000, b'{"text": "a"}}'],
)  # fmt: skip
async def test_what_is_no_json(client: httpx.AsyncClient, content: bytes) -> None:
    """400 or 422 with a problem, never a failure of the server."""
    response = await client.post(
        "/v1/messages", content=content, headers={"Content-Type": "application/json"}
    )
    assert response.status_code in (400, 422), response.text
    assert response.headers["content-type"] == "application/problem+json"


async def test_media_types_and_sizes(client: httpx.AsyncClient) -> None:
    """Only JSON, in UTF-8, and not without end."""
    body = b'{"text": "hello"}'
    for given in ("text/plain", "application/xml", "application/json; charset=latin-1", ""):
        headers = {"Content-Type": given} if given else {}
        refused = await client.post("/v1/messages", content=body, headers=headers)
        problem(refused, 415, "media-type")
    fine = {"Content-Type": 'application/json; charset="utf-8"'}
    assert (await client.post("/v1/messages", content=body, headers=fine)).status_code == 202

    async def endless():
        for _ in range(300):
            yield b" " * 10_000

    json = {"Content-Type": "application/json"}
    for content in (b" " * 2_000_000, endless()):
        refused = await client.post("/v1/messages", content=content, headers=json)
        problem(refused, 413, "too-large")


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "é"])
async def test_keys_that_are_none(client: httpx.AsyncClient, key: str) -> None:
    """They are refused before anything is taken."""
    response = await client.post(
        "/v1/messages", json={"text": "hello"}, headers={"Idempotency-Key": key.encode()}
    )
    problem(response, 400, "malformed")


async def test_a_full_queue_is_503_with_a_time(home: Path) -> None:
    """The refused message is stored nowhere; the server says when it is ready again."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def held(request: ModelRequest) -> Scripted:
        begun.set()
        await go.wait()
        return script(request)

    team = shop_team(home, model=ScriptedTransport(held))
    async with serving(team, home, workers=1, waiting=1) as served, await served.client() as client:
        for n in range(2):
            taken = await client.post("/v1/messages", json={"text": "hello", "thread": f"c{n}"})
            assert taken.status_code == 202
            await begun.wait()  # the first one has its worker
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200
        refused = await client.post("/v1/messages", json={"text": "hello", "thread": "c9"})
        told = problem(refused, 503, "busy")
        assert int(refused.headers["retry-after"]) >= told["retry_after"] >= 1
        assert rows(home, "SELECT count(*) FROM runs") == [(2,)]
        go.set()


async def test_a_rate_limit_of_each_token(home: Path) -> None:
    """Beyond it 429 with a time; another token is not held up by it."""
    async with (
        serving(shop_team(home), home, rate=8) as served,
        await served.client("ana") as client,
        await served.client("bo") as other,
    ):
        answers = [await client.get("/v1/tickets") for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 429, 429]
        told = problem(answers[-1], 429, "rate-limited")
        assert int(answers[-1].headers["retry-after"]) >= told["retry_after"] > 0
        assert (await other.get("/v1/tickets")).status_code == 200


async def test_a_wait_that_is_too_short(home: Path) -> None:
    """202 with the run as it stands then."""
    go = asyncio.Event()

    async def held(request: ModelRequest) -> Scripted:
        await go.wait()
        return script(request)

    team = shop_team(home, model=ScriptedTransport(held))
    async with serving(team, home) as served, await served.client() as client:
        taken = await client.post(
            "/v1/messages", json={"text": "hello"}, headers={"Prefer": "respond-async, wait=1"}
        )
        assert (taken.status_code, taken.json()["state"]) == (202, "running")
        go.set()


async def test_a_trace_goes_on_in_the_run(served: Served) -> None:
    """The caller's traceparent is the message's; what is none counts for nothing."""
    mine = f"00-{'4b' * 16}-{'a1' * 8}-01"
    async with await served.client() as client:
        for given, kept in ((mine, mine), ("00-nothing", "")):
            taken = await client.post(
                "/v1/messages", json={"text": "hello"}, headers={"traceparent": given}
            )
            row = await served.team.run_row(taken.json()["run"])
            assert row.request.traceparent == kept
