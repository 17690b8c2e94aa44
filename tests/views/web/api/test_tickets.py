"""Tickets over HTTP: listed, decided under the token's name, once."""

import asyncio
from pathlib import Path

import httpx
import pytest

from pointsman.teams.approvals.audit import faults
from tests.flow.shop import Shop, shop_team
from tests.views.web.api.conftest import Served, ended, problem, serving, waiting


async def test_a_ticket_is_listed_and_approved(client: httpx.AsyncClient, home: Path) -> None:
    """It shows what would run; approved, it runs, and the run goes on."""
    ticket = await waiting(client)
    assert (ticket["tool"], ticket["args"]) == ("refund", {"invoice": "INV-1", "usd": 5.0})
    assert ticket["takes"] == ["approve", "edit", "reject", "respond", "escalate"]
    one = await client.get(f"/v1/tickets/{ticket['id']}")
    assert one.json() == ticket
    assert one.headers["etag"] == f'"{ticket["digest"]}"'
    decided = await client.post(
        f"/v1/tickets/{ticket['id']}/decision", json={"type": "approve"},
        headers={"If-Match": one.headers["etag"]},
    )  # fmt: skip
    assert (decided.json()["status"], decided.json()["by"]) == ("approved", "ana")
    assert (await ended(client, ticket["run"]))["state"] == "done"
    assert Shop(home).wrote() == ["refunded 5 on INV-1"]
    assert (await client.get("/v1/tickets")).json()["tickets"] == []
    assert len((await client.get("/v1/tickets?status=all")).json()["tickets"]) == 1


async def test_who_decides_is_the_token(served: Served) -> None:
    """A name in the body is refused; the audit log holds the token's."""
    async with await served.client("bo", scopes=("read", "submit", "decide")) as client:
        ticket = await waiting(client)
        path = f"/v1/tickets/{ticket['id']}/decision"
        forged = await client.post(path, json={"type": "reject", "by": "ceo"})
        problem(forged, 422, "invalid")
        decided = await client.post(path, json={"type": "reject", "reason": "no"})
        assert decided.json()["by"] == "bo"
    entries = [row.entry for row in await served.team.audit()]
    assert [e.by for e in entries if e.action == "reject"] == ["bo"]
    assert faults(await served.team.audit()) == []


async def test_of_two_deciders_one_wins(served: Served, home: Path) -> None:
    """At once, on one ticket: the other one gets 409 that names the winner and the decision."""
    async with await served.client("ana") as ana, await served.client("bo") as bo:
        for n in range(5):
            ticket = await waiting(ana, f"refund INV-{n} 5")
            path = f"/v1/tickets/{ticket['id']}/decision"
            yes = {"type": "approve", "digest": ticket["digest"]}
            first, second = await asyncio.gather(
                ana.post(path, json=yes), bo.post(path, json={"type": "reject"})
            )
            won, lost, name, said = (
                (first, second, "ana", "approve")
                if first.status_code == 200
                else (second, first, "bo", "reject")
            )
            assert won.status_code == 200
            told = problem(lost, 409, "conflict")
            assert (told["by"], told["decision"]) == (name, said)
            assert name in told["detail"]
            await ended(ana, ticket["run"])
            refunded = f"refunded 5 on INV-{n}" in Shop(home).wrote()
            assert refunded == (name == "ana")


async def test_what_was_not_seen_cannot_be_approved(client: httpx.AsyncClient) -> None:
    """428 without a digest, 412 with another one, 422 where the two differ."""
    ticket = await waiting(client)
    path = f"/v1/tickets/{ticket['id']}/decision"
    for body in ({"type": "approve"}, {"type": "edit", "args": {"usd": 1.0}}):
        problem(await client.post(path, json=body), 428, "digest-needed")
        other = {**body, "digest": "0" * 64}
        problem(await client.post(path, json=other), 412, "changed")
        tag = {"If-Match": f'"{"0" * 64}"'}
        problem(await client.post(path, json=body, headers=tag), 412, "changed")
        both = {**body, "digest": ticket["digest"]}
        problem(await client.post(path, json=both, headers=tag), 422, "invalid")
        any_ = {"If-Match": "*"}
        problem(await client.post(path, json=body, headers=any_), 428, "digest-needed")
        problem(await client.post(path, json=body, headers={"If-Match": "x"}), 412, "changed")
    assert (await client.get(f"/v1/tickets/{ticket['id']}")).json()["status"] == "pending"


async def test_edit_respond_and_escalate(client: httpx.AsyncClient, home: Path) -> None:
    """Each decision does what it says."""
    ticket = await waiting(client)
    edited = await client.post(
        f"/v1/tickets/{ticket['id']}/decision",
        json={"type": "edit", "args": {"usd": 4.0}, "digest": ticket["digest"]},
    )
    assert edited.json()["args"] == {"invoice": "INV-1", "usd": 4.0}
    await ended(client, ticket["run"])
    assert Shop(home).wrote() == ["refunded 4 on INV-1"]
    ticket = await waiting(client)
    path = f"/v1/tickets/{ticket['id']}/decision"
    passed = await client.post(path, json={"type": "escalate", "to": "lea"})
    assert (passed.json()["status"], passed.json()["reviewers"]) == ("pending", ["lea"])
    barred = await client.post(path, json={"type": "reject"})
    assert "lea" in problem(barred, 403, "not-a-reviewer")["detail"]
    ticket = await waiting(client)
    said = await client.post(
        f"/v1/tickets/{ticket['id']}/decision", json={"type": "respond", "text": "Not now."}
    )
    assert (said.json()["status"], said.json()["response"]) == ("answered", "Not now.")


@pytest.mark.parametrize(
    "body",
    [{}, {"type": "maybe"}, {"type": "respond"}, {"type": "respond", "text": ""},
     {"type": "escalate"}, {"type": "escalate", "to": "a\n"}, {"type": "edit"}, [], "approve",
     {"type": "edit", "args": {"nobody": 1}, "digest": "d"}],
)  # fmt: skip
async def test_decisions_that_do_not_fit(client: httpx.AsyncClient, body: object) -> None:
    """422, and the ticket still waits."""
    ticket = await waiting(client)
    problem(await client.post(f"/v1/tickets/{ticket['id']}/decision", json=body), 422, "invalid")
    assert (await client.get(f"/v1/tickets/{ticket['id']}")).json()["status"] == "pending"


async def test_edits_that_the_tool_refuses(client: httpx.AsyncClient) -> None:
    """422 with the reason."""
    ticket = await waiting(client)
    for args in ({"usd": "much"}, {"nobody": 1}):
        refused = await client.post(
            f"/v1/tickets/{ticket['id']}/decision",
            json={"type": "edit", "args": args, "digest": ticket["digest"]},
        )
        problem(refused, 422, "invalid")


async def test_a_ticket_that_is_over(client: httpx.AsyncClient) -> None:
    """410 when its run was cancelled; the problem says how it stands."""
    ticket = await waiting(client)
    gone = await client.post(f"/v1/runs/{ticket['run']}/cancel", json={"reason": "a mistake"})
    assert gone.json()["state"] == "cancelled"
    refused = await client.post(f"/v1/tickets/{ticket['id']}/decision", json={"type": "reject"})
    assert problem(refused, 410, "gone")["ticket_status"] == "cancelled"


async def test_pages_of_tickets(client: httpx.AsyncClient) -> None:
    """Every ticket is on one page, oldest first."""
    made = [(await waiting(client, f"refund INV-{n} 5"))["id"] for n in range(5)]
    seen: list[str] = []
    after = ""
    while after is not None:
        page = (await client.get("/v1/tickets", params={"limit": 2, "after": after})).json()
        seen += [t["id"] for t in page["tickets"]]
        after = page["next"]
    assert seen == made


async def test_two_people_must_approve(home: Path) -> None:
    """The first vote leaves it open and is shown; the same person's second is refused."""
    from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
    from pointsman.nodes.message import Terms

    rule = PolicyRule("two", "ask", tools=("refund",), terms=Terms(approvals=2))
    team = shop_team(home, policy=ApprovalPolicy(rules=(rule,)))
    async with (
        serving(team, home) as served,
        await served.client("ana") as ana,
        await served.client("bo") as bo,
    ):
        ticket = await waiting(ana)
        path = f"/v1/tickets/{ticket['id']}/decision"
        yes = {"type": "approve", "digest": ticket["digest"]}
        voted = (await ana.post(path, json=yes)).json()
        assert (voted["status"], [v["by"] for v in voted["votes"]]) == ("pending", ["ana"])
        problem(await ana.post(path, json=yes), 422, "invalid")
        assert (await bo.post(path, json=yes)).json()["status"] == "approved"
