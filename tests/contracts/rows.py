"""Rows as the contract suite makes them."""

from datetime import UTC, datetime, timedelta

from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import Answer, Attachment, Message, Request, Status
from pointsman.teams.approvals.grant import Grant, grant_from
from pointsman.teams.approvals.lifecycle import decision_move
from pointsman.teams.result import Result
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import RunRow
from pointsman.teams.tickets import (
    Decision,
    Edit,
    Ticket,
    action_digest,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def a_run(
    run: str = "r1",
    *,
    team: str = "shop",
    thread: str = "c1",
    tenant: str = "acme",
    nested: bool = False,
) -> RunRow:
    """A run as it begins."""
    request = Message(
        id=f"m-{run}",
        sender="user",
        receiver=team,
        time=NOW,
        payload=Request(text=f"hello {run}", attachments=(Attachment(uri="file:a.pdf"),)),
    )
    return RunRow(
        run=run,
        team=team,
        thread=thread,
        tenant=tenant,
        request=request,
        state="running",
        root_thread=run,
        nested=nested,
        seconds_left=10.0,
        budget_usd=0.5,
        budget_calls=7,
    )


def a_ticket(
    ticket: str = "t1", *, run: str = "r1", team: str = "shop", **change: object
) -> Ticket:
    """A pending refund."""
    args: JsonObject = {"invoice": "INV-1", "usd": 5.0}
    made = Ticket(
        id=ticket,
        team=team,
        run=run,
        thread="c1",
        specialist="billing",
        tool="refund",
        call_id="c2",
        args=args,
        digest=action_digest("refund", args),
        policy_rule="default",
        policy_version="v",
        reason="money",
        created=NOW,
    )
    return made.model_copy(update=change)


async def claim(store: Store, ticket: str, decision: Decision, at: datetime = NOW) -> Ticket:
    """A person's decision, as every view records it; an edit is laid over what the ticket shows."""

    def laid(shown: Ticket, edit: Edit) -> JsonObject:
        return {**shown.runs, **edit.args}

    return await store.amend(ticket, decision_move(decision, at, {}, laid))


def a_grant(ticket: Ticket | None = None, **bounds: object) -> Grant:
    """A grant for the ticket's refund: a day long, once, up to 20 dollars."""
    given = {"by": "ana", "at": NOW, "until": NOW + timedelta(days=1), "at_most": {"usd": 20}}
    return grant_from(ticket or a_ticket("t0"), **(given | bounds))  # pyright: ignore[reportArgumentType]


def a_result(run: str = "r1", *, specialist: str = "billing", status: Status = "done") -> Result:
    """What a run came to."""
    return Result(
        run=run, thread="c1", team="shop", status=status, specialist=specialist, answer="Done."
    )


def said(message_id: str, payload: Request | Answer | None = None) -> Message:
    """A message of the thread's log."""
    return Message(
        id=message_id,
        sender="user",
        receiver="shop",
        time=NOW,
        payload=payload or Request(text=f"text of {message_id}"),
    )
