"""From what a caller gives to the row of a new run: checked, and the same for the same message."""

import math
from collections.abc import Sequence

from pydantic import ValidationError

from pointsman.errors import InvalidMessage
from pointsman.nodes import telemetry
from pointsman.nodes.digest import digest
from pointsman.nodes.message import Attachment, Message, Request, new_id
from pointsman.nodes.run import Budget
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.rows import RunRow

MAX_CHARS = 100_000
"""The longest message a team takes. Longer texts belong in an attachment."""


def new_run(
    spec: TeamSpec,
    text: str,
    *,
    thread: str | None,
    tenant: str,
    message_id: str | None,
    priority: int,
    deadline: float | None,
    budget: Budget | None,
    attachments: Sequence[Attachment],
) -> RunRow:
    """The run of one message. Raises InvalidMessage."""
    check_text(spec.name, text)
    thread = thread or new_id()[:12]
    for name, value in (("thread", thread), ("tenant", tenant)):
        if not _is_text(value):
            raise InvalidMessage(
                f"The {name} {value!r} of a message for team {spec.name!r} is no text."
            )
    if deadline is not None and math.isnan(deadline):
        raise InvalidMessage(
            f"The deadline of a message for team {spec.name!r} is no number of seconds."
        )
    try:
        message = Message(
            id=message_id or new_id(),
            sender="user",
            receiver=spec.name,
            priority=priority,
            traceparent=telemetry.traceparent(),
            payload=Request(text=text, attachments=tuple(attachments)),
        )
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise InvalidMessage(
            f"The message for team {spec.name!r} cannot be used: {where}: {fault['msg']}."
        ) from error
    run = run_id(spec.name, thread, message.id, tenant=tenant)
    bound = budget or spec.budget
    return RunRow(
        run=run,
        team=spec.name,
        thread=thread,
        tenant=tenant,
        request=message,
        state="running",
        root_thread=run,
        nested=False,
        seconds_left=min((s for s in (deadline, spec.max_seconds) if s is not None), default=None),
        budget_usd=bound.usd,
        budget_calls=bound.calls,
    )


def nested_row(spec: TeamSpec, thread_id: str, message_id: str, text: str) -> RunRow:
    """The row of a run inside somebody else's graph."""
    request = Message(
        id=message_id, sender="user", receiver=spec.name, payload=Request(text=text),
        traceparent=telemetry.traceparent(),
    )  # fmt: skip
    return RunRow(
        run=run_id(spec.name, thread_id, message_id),
        team=spec.name,
        thread=thread_id,
        tenant="default",
        request=request,
        state="running",
        root_thread=thread_id,
        nested=True,
        seconds_left=spec.max_seconds,
        budget_usd=spec.budget.usd,
        budget_calls=spec.budget.calls,
    )


def run_id(team: str, thread: str, message_id: str, *, tenant: str = "default") -> str:
    """A run's id: the same message delivered again is the same run."""
    return "r" + digest("run", team, tenant, thread, message_id)[:15]


def check_text(team: str, text: str) -> None:
    """Raises InvalidMessage for a text that is empty, longer than MAX_CHARS, or no text."""
    if not text.strip():
        raise InvalidMessage(f"The message for team {team!r} is empty.", hint="Say something.")
    if len(text) > MAX_CHARS:
        raise InvalidMessage(
            f"The message for team {team!r} has {len(text):,} characters; at most"
            f" {MAX_CHARS:,} are taken.",
            hint="Send the long part as an attachment, by reference.",
        )
    if not _is_text(text):
        raise InvalidMessage(
            f"The message for team {team!r} is no text: it holds NUL or broken UTF-8.",
            hint="Decode the file first, or send it as an attachment.",
        )


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\x00" not in text
