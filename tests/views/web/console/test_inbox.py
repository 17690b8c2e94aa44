"""The inbox: cards, decisions in the session's name, two deciders at once."""

import asyncio
from typing import cast

import pytest

from pointsman.teams.approvals.audit import faults
from pointsman.views.notebook.cards import card
from tests.views.web.served import REFUNDS, Json, Served


def said(shown: Json, type_: str = "approve", **more: object) -> Json:
    """What the card's script sends."""
    by_type: Json = {"digest": shown["shows"]} if type_ == "approve" else {}
    return {
        "ticket": shown["id"], "type": type_, "nonce": "n1", "by": "somebody else", "reason": "",
        **by_type, **more,
    }  # fmt: skip


async def test_cards_are_the_notebooks(web: Served) -> None:
    """The same data that the notebook's card gets, and who decides."""
    shown = await web.ticket()
    async with web.page("rob") as page:
        inbox = (await page.get("/console/tickets")).json()
    ticket = await web.team.ticket(str(shown["id"]))
    assert inbox["cards"] == [card(ticket)]
    assert (inbox["team"], inbox["by"], inbox["may_decide"]) == ("shop", "rob", True)
    assert (inbox["more"], inbox["trouble"]) == (0, "")


@pytest.mark.parametrize(
    ("type_", "more", "status"),
    [
        ("approve", {}, "executed"),
        ("edit", {"json": {"usd": "12.5"}}, "executed"),
        ("reject", {"reason": "not twice"}, "rejected"),
        ("respond", {"text": "I called them."}, "answered"),
        ("escalate", {"to": "lead"}, "pending"),
    ],
)
async def test_each_decision(web: Served, type_: str, more: Json, status: str) -> None:
    """It is recorded in the session's name, whatever the page says, and the run goes on."""
    shown = await web.ticket()
    path = f"/console/tickets/{shown['id']}/decide"
    async with web.page("rob") as page:
        found = await page.post(path, said(shown, type_, **more))
    assert found.status_code == 200, found.text
    ack = found.json()
    assert (ack["nonce"], ack["ticket"], ack["state"]) == ("n1", shown["id"], "done")
    ticket = await web.team.ticket(str(shown["id"]))
    if type_ != "escalate":
        await web.team.resume(ticket.run)
        ticket = await web.team.ticket(ticket.id)
        assert (await web.team.result(ticket.run)).status == "done"
        assert ticket.by == "rob"
    assert ticket.status == status
    assert ticket.runs["usd"] == (12.5 if type_ == "edit" else 20.0)
    rows = await web.team.audit()
    decided = [row.entry for row in rows if row.entry.action == type_]
    assert [entry.by for entry in decided] == ["rob"]
    assert not faults(rows)


async def test_two_decide_at_once(web: Served) -> None:
    """One decision counts; the other hears who was first, and the effect happens once."""
    shown, before = await web.ticket(), len(REFUNDS)
    path = f"/console/tickets/{shown['id']}/decide"
    async with web.page("rob") as rob, web.page("ana") as ana:
        answers = await asyncio.gather(
            rob.post(path, said(shown)), ana.post(path, said(shown, "reject", reason="no"))
        )
    assert sorted(one.status_code for one in answers) == [200, 409]
    lost = next(one for one in answers if one.status_code == 409).json()
    won = "rob" if answers[0].status_code == 200 else "ana"
    assert lost["state"] == "refused"
    assert won in lost["text"]
    assert lost["card"]["status"] != "pending"
    ticket = await web.team.ticket(str(shown["id"]))
    assert ticket.by == won
    await web.team.resume(ticket.run)
    assert len(REFUNDS) - before == (won == "rob")


async def test_what_does_not_fit_changes_nothing(web: Served) -> None:
    """An approval of something else or of nothing, an edit that is no JSON or no argument, an empty
    answer, a decision that is none."""
    shown = await web.ticket()
    path = f"/console/tickets/{shown['id']}/decide"
    wrong = (
        said(shown, digest=""), said(shown, digest="0" * 64),
        said(shown, "edit", json={"usd": "{"}), said(shown, "edit", json={"colour": '"red"'}),
        said(shown, "edit", json={"usd": '"much"'}), said(shown, "respond", text=""),
        said(shown, "escalate", to=""), said(shown, "burn"), said(shown, args={"usd": 1}),
        said(shown, reason="x" * 5000),
    )  # fmt: skip
    async with web.page("rob") as page:
        for one in wrong:
            found = await page.post(path, one)
            assert found.status_code in (409, 422), one
        other = await page.post("/console/tickets/t0/decide", said(shown))
        assert other.status_code == 400
        none = await page.post("/console/tickets/t0/decide", said({**shown, "id": "t0"}))
        assert none.status_code == 404
    ticket = await web.team.ticket(str(shown["id"]))
    assert (ticket.status, ticket.votes, ticket.approved_args) == ("pending", (), None)


async def test_a_tenants_reviewer_decides_its_own_only(web: Served) -> None:
    """Tickets and runs of others are not there, for reading and for deciding."""
    theirs = await web.ticket(tenant="other")
    mine = await web.ticket(tenant="acme")
    async with web.page("tess") as page:
        cards = cast("list[Json]", (await page.get("/console/tickets")).json()["cards"])
        assert [one["id"] for one in cards] == [mine["id"]]
        path = f"/console/tickets/{theirs['id']}/decide"
        assert (await page.post(path, said(theirs))).status_code == 404
        run = (await web.team.ticket(str(theirs["id"]))).run
        assert (await page.get(f"/console/runs/{run}")).status_code == 404
        assert (await page.get("/console/tickets", run=run)).status_code == 404
        assert (await page.get("/console/compare", a=run, b=run)).status_code == 404
    assert (await web.team.ticket(str(theirs["id"]))).open
