"""Reading runs over HTTP, and asking that they stop or go on."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.views.web.api.conftest import Served, ended, problem, waiting

WAIT = {"Prefer": "wait=30"}


async def test_runs_are_found(client: httpx.AsyncClient) -> None:
    """By each of their traits, and by all together."""
    for text, tenant, thread in (
        ("hello lamp", "acme", "c1"), ("tech: hello radio", "acme", "c2"), ("hello", "globex", "c1")
    ):  # fmt: skip
        body = {"text": text, "tenant": tenant, "thread": thread}
        await client.post("/v1/messages", json=body, headers=WAIT)
    ticket = await waiting(client)

    async def found(**query: object) -> list[str]:
        page = await client.get("/v1/runs", params=query)  # pyright: ignore[reportArgumentType]
        assert page.status_code == 200, page.text
        return [run["text"] for run in page.json()["runs"]]

    assert len(await found()) == 4
    assert await found(text="lamp") == ["hello lamp"]
    assert await found(tenant="globex") == ["hello"]
    assert await found(specialist="tech") == ["tech: hello radio"]
    assert await found(state="waiting") == [ticket["preview"] and "refund INV-1 5"]
    assert len(await found(state=["waiting", "done"])) == 4
    assert await found(thread="c1", tenant="acme") == ["hello lamp"]
    hour = timedelta(hours=1)
    assert await found(since=(datetime.now(UTC) + hour).isoformat()) == []
    assert len(await found(until=(datetime.now(UTC) + hour).isoformat(), usd_at_most=1)) == 4
    assert await found(usd_at_least=1) == []


async def test_pages_of_runs(client: httpx.AsyncClient) -> None:
    """Newest first, each on one page."""
    for n in range(5):
        await client.post("/v1/messages", json={"text": f"hello {n}"}, headers=WAIT)
    seen: list[str] = []
    after = ""
    while after is not None:
        page = (await client.get("/v1/runs", params={"limit": 2, "after": after})).json()
        seen += [run["text"] for run in page["runs"]]
        after = page["next"]
    assert seen == [f"hello {n}" for n in reversed(range(5))]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "state=flying", "since=yesterday", "since=0.5",
     "usd_at_least=-1", "usd_at_least=nan", "after=zz", "nobody=1", "limit=1&limit=2",
     "text=" + "x" * 201, "since=2026-11-21", "since=2026-11-21T12:00:00"],
)  # fmt: skip
async def test_queries_that_do_not_fit(client: httpx.AsyncClient, query: str) -> None:
    """422, unknown names and names given twice too."""
    problem(await client.get(f"/v1/runs?{query}"), 422, "invalid")


async def test_a_run_is_cancelled_under_the_tokens_name(served: Served) -> None:
    """At once when it waits; again it changes nothing; an ended run stays as it is."""
    async with await served.client("bo") as client:
        ticket = await waiting(client)
        path = f"/v1/runs/{ticket['run']}"
        first = await client.post(f"{path}/cancel", json={"reason": "a mistake"})
        assert (first.status_code, first.json()["state"]) == (200, "cancelled")
        assert first.json()["cancelled_by"] == "bo (a mistake)"
        again = await client.post(f"{path}/cancel")
        assert again.json() == first.json()
        done = await client.post("/v1/messages", json={"text": "hello"}, headers=WAIT)
        kept = await client.post(f"/v1/runs/{done.json()['run']}/cancel", json={})
        assert (kept.json()["state"], kept.json()["cancelled_by"]) == ("done", "")


async def test_a_run_is_resumed(client: httpx.AsyncClient) -> None:
    """One that waits still waits, one that has ended has ended."""
    ticket = await waiting(client)
    again = await client.post(f"/v1/runs/{ticket['run']}/resume")
    assert (again.status_code, again.json()["state"]) == (200, "waiting")
    await client.post(f"/v1/tickets/{ticket['id']}/decision", json={"type": "reject"})
    over = await ended(client, ticket["run"])
    assert (await client.post(f"/v1/runs/{ticket['run']}/resume")).json() == over


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v1/x", "/v1/runs/", "/v1/runs/a/b", "/v1/runs//"]
)
async def test_paths_that_are_not_there(client: httpx.AsyncClient, path: str) -> None:
    """404 with a problem, without a redirect."""
    problem(await client.get(path), 404, "not-found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/v1/runs", {"GET", "HEAD"}), ("/v1/messages", {"POST"}),
     ("/v1/tickets/t/decision", {"POST"}), ("/v1/openapi.json", {"GET", "HEAD"}),
     ("/healthz", {"GET", "HEAD"})],
)  # fmt: skip
async def test_methods_that_are_not_there(
    client: httpx.AsyncClient, path: str, allowed: set[str]
) -> None:
    """405 that says which there are; HEAD is GET without a body."""
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} - allowed:
        told = await client.request(method, path)
        problem(told, 405, "method-not-allowed")
        assert set(told.headers["allow"].split(", ")) == allowed
    if "HEAD" in allowed:
        told = await client.head(path)
        assert (told.status_code, told.content) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/v1/runs/%00", "/v1/runs/%ff", "/v1/runs/" + "x" * 5000, "/v1/tickets/%ed%a0%80",
             "/v1/runs/..%2f..%2fetc", "/v1/tickets/'; DROP TABLE runs"]
)  # fmt: skip
async def test_ids_that_are_none(client: httpx.AsyncClient, path: str) -> None:
    """They are not there, and break nothing."""
    problem(await client.get(path), 404, "not-found")
    assert (await client.get("/v1/runs")).status_code == 200
