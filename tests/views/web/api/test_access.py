"""Who may do what: tokens, scopes, tenants."""

import asyncio
from collections.abc import Sequence
from typing import Any, get_args

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsman.teams.access import Scope
from pointsman.views.web.api.table import OPERATIONS, Operation
from tests.flow.shop import shop_team
from tests.views.web.api.conftest import Served, ended, problem, serving, waiting

SECRET_PATHS = [o for o in OPERATIONS if o.scope is not None]


def path_of(operation: Operation, run: str = "r0", ticket: str = "t0") -> str:
    """The operation's path, of this run or ticket."""
    return operation.path.format(run=run, ticket=ticket)


@pytest.mark.parametrize("operation", SECRET_PATHS, ids=lambda o: o.name)
async def test_every_operation_asks_for_a_token(served: Served, operation: Operation) -> None:
    """Without one, with a wrong one, or with two: 401, whatever the path."""
    async with served.as_whoever() as nobody:
        forged = "pm_" + "0" * 12 + "_" + "0" * 64
        for header in ((), (f"Bearer {forged}",), ("Basic YTpi",), ("Bearer",), (forged,)):
            response = await nobody.request(
                operation.method, path_of(operation),
                headers=[("Authorization", value) for value in header],
            )  # fmt: skip
            problem(response, 401, "no-token")
            assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("operation", SECRET_PATHS, ids=lambda o: o.name)
async def test_every_operation_asks_for_its_scope(served: Served, operation: Operation) -> None:
    """A token with all other scopes is told which one it lacks."""
    others: Sequence[Scope] = [s for s in get_args(Scope) if s != operation.scope]
    async with await served.client(scopes=others) as client:
        response = await client.request(operation.method, path_of(operation))
        assert str(operation.scope) in problem(response, 403, "forbidden")["detail"]


async def test_a_revoked_token_is_refused_at_once(served: Served) -> None:
    """The next request with it is 401."""
    async with await served.client() as client:
        assert (await client.get("/v1/tickets")).status_code == 200
        (token,) = await served.team.tokens()
        await served.team.revoke_token(token.id, by="root")
        problem(await client.get("/v1/tickets"), 401, "no-token")


async def test_secrets_are_in_no_answer_and_no_log(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither where it is refused nor where it is let in."""
    caplog.set_level("DEBUG")
    async with await served.client() as client, served.as_whoever() as nobody:
        text = (await client.get("/v1/nothing")).text + (await client.get("/v1/runs")).text
        wrong = served.secrets[0][:-1] + "x"
        text += (await nobody.get("/v1/runs", headers={"Authorization": f"Bearer {wrong}"})).text
    text += caplog.text
    assert served.secrets[0].rpartition("_")[2][:-1] not in text


async def test_other_tenants_are_not_there(served: Served) -> None:
    """Every operation on another tenant's run or ticket answers as for one that does not exist, to
    the byte."""
    async with (
        await served.client("ana", tenant="acme") as ana,
        await served.client("gus", tenant="globex") as gus,
    ):
        ticket = await waiting(ana)
        for operation in SECRET_PATHS:
            if "{" not in operation.path:
                continue
            body = {"type": "reject"} if operation.name == "decideTicket" else {}
            there, nowhere = [
                await gus.request(
                    operation.method, path, json=body if operation.method == "POST" else None
                )
                for path in (path_of(operation, ticket["run"], ticket["id"]), path_of(operation))
            ]
            problem(there, 404, "not-found")
            assert there.content == nowhere.content
        assert (await ana.get(f"/v1/tickets/{ticket['id']}")).json()["status"] == "pending"
        for path in ("/v1/runs", "/v1/tickets"):
            problem(await gus.get(path, params={"tenant": "acme"}), 403, "forbidden")
            assert "acme" not in (await gus.get(path)).text
        forged = await gus.post("/v1/messages", json={"text": "hello", "tenant": "acme"})
        problem(forged, 403, "forbidden")


_TENANTS = ("acme", "globex", "initech")
_ACTION = st.tuples(
    st.sampled_from(_TENANTS), st.sampled_from(["send", "refund", "decide", "cancel", "look"]),
    st.integers(0, 9),
)  # fmt: skip


@settings(
    max_examples=6, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.lists(_ACTION, min_size=6, max_size=10))
def test_tenants_see_only_their_own(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, str, int]]
) -> None:
    """Whatever tenants send, decide and cancel, also with ids of others: each one sees exactly the
    runs and tickets that it made, and nobody changes another's."""
    home = tmp_path_factory.mktemp("tenants")

    async def play() -> None:
        async with serving(shop_team(home), home) as served:
            clients = {t: await served.client(t, tenant=t) for t in _TENANTS}
            try:
                await _play(clients, actions)
            finally:
                for client in clients.values():
                    await client.aclose()

    asyncio.run(play())


async def _play(clients: dict[str, httpx.AsyncClient], actions: list[tuple[str, str, int]]) -> None:
    runs: list[tuple[str, str]] = []
    tickets: list[tuple[str, str]] = []
    for tenant, action, n in actions:
        client = clients[tenant]
        if action == "send":
            runs.append((tenant, await _sent(client, f"hello {n}")))
        elif action == "refund":
            ticket = await waiting(client, f"refund INV-{n} 5")
            runs.append((tenant, ticket["run"]))
            tickets.append((tenant, ticket["id"]))
        elif action == "decide" and tickets:
            owner, ticket_id = tickets[n % len(tickets)]
            path = f"/v1/tickets/{ticket_id}/decision"
            answer = await client.post(path, json={"type": "reject"})
            assert (answer.status_code == 404) == (owner != tenant)
        elif action == "cancel" and runs:
            owner, run = runs[n % len(runs)]
            answer = await client.post(f"/v1/runs/{run}/cancel")
            assert (answer.status_code == 404) == (owner != tenant)
        for name, other in clients.items():
            await _sees_its_own(name, other, runs, tickets)
    for tenant, run in runs:
        view: dict[str, Any] = (await clients[tenant].get(f"/v1/runs/{run}")).json()
        assert view["cancelled_by"] in ("", tenant)


async def _sent(client: httpx.AsyncClient, text: str) -> str:
    taken = await client.post("/v1/messages", json={"text": text}, headers={"Prefer": "wait=30"})
    return (await ended(client, taken.json()["run"]))["run"]


async def _sees_its_own(
    tenant: str, client: httpx.AsyncClient, runs: list[tuple[str, str]],
    tickets: list[tuple[str, str]],
) -> None:  # fmt: skip
    found = (await client.get("/v1/runs", params={"limit": 200})).json()["runs"]
    assert {r["run"] for r in found} == {run for owner, run in runs if owner == tenant}
    shown = (await client.get("/v1/tickets?status=all")).json()["tickets"]
    assert {t["id"] for t in shown} == {one for owner, one in tickets if owner == tenant}
