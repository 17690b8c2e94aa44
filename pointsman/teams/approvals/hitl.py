"""LangChain's shape of a human in the loop, both ways: what it shows and what it is answered with.

The gate's interrupt holds `action_requests` and `review_configs` beside its own `tickets`
(`HITLRequest` of LangChain 1.x), so that what renders those renders ours. Accepted as answers:

- ours: `{"ticket": id, "decision": {...}}`, or without a decision only to wake the run;
- LangChain's batch: `{"decisions": [...]}`, one for each request, in their order;
- one LangChain decision by itself, alone or in a list (Agent Inbox), for the one request there is.

A LangChain decision may carry `tool_call_id` (the ticket) and `by`. One that names no ticket counts
only when the gate stands in the root graph: nested, LangGraph may hand an old answer to a new
question.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, cast

from pydantic import ConfigDict, Field, JsonValue, RootModel, model_validator

from pointsman.errors import InvalidDecision
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import Frozen
from pointsman.teams.tickets import TAKES, Approve, Decision, Edit, Reject, Respond

UNNAMED = "unnamed"
"""Who decided, where LangChain's shape does not say."""


class EditedAction(Frozen):
    """The action as the person wants it."""

    name: str
    args: JsonObject


class _Theirs(Frozen):
    tool_call_id: str = ""
    by: str = UNNAMED


class TheirApprove(_Theirs):
    """LangChain's approval."""

    type: Literal["approve", "accept"]

    def ours(self) -> Decision:
        """As our decision."""
        return Approve(by=self.by)


class TheirEdit(_Theirs):
    """LangChain's edit."""

    type: Literal["edit"]
    edited_action: EditedAction

    def ours(self) -> Decision:
        """As our decision."""
        return Edit(by=self.by, args=self.edited_action.args)


class TheirReject(_Theirs):
    """LangChain's rejection."""

    type: Literal["reject", "ignore"]
    message: str = ""

    def ours(self) -> Decision:
        """As our decision."""
        return Reject(by=self.by, reason=self.message)


class TheirRespond(_Theirs):
    """LangChain's answer in place of the action."""

    type: Literal["respond", "response"]
    message: str = Field(min_length=1)

    def ours(self) -> Decision:
        """As our decision."""
        return Respond(by=self.by, text=self.message)


Their = Annotated[
    TheirApprove | TheirEdit | TheirReject | TheirRespond, Field(discriminator="type")
]


class Wake(Frozen):
    """What the gate is answered with: our shape, or LangChain's."""

    ticket: str = ""
    decision: Decision | None = None
    """Without one it only wakes the run: the ticket's row is the decision."""
    decisions: tuple[Their, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _shapes(cls, given: object) -> object:
        if isinstance(given, list | tuple):
            return {"decisions": cast("Sequence[object]", given)}
        if isinstance(given, dict) and "type" in given:
            return {"decisions": [cast("object", given)]}
        return cast("object", given)

    @model_validator(mode="after")
    def _says_something(self) -> "Wake":
        if bool(self.ticket) == bool(self.decisions):
            raise ValueError("name a ticket, or give decisions")
        return self


class Resume(RootModel[JsonValue]):
    """A `Wake` as the gate's `response_schema`. LangGraph makes its JSON Schema anew at every
    interrupt, which for `Wake` itself takes longer than the rest of the round."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"ticket": "t1", "decision": {"type": "approve", "by": "ana"}},
                {"decisions": [{"type": "approve"}]},
            ]
        }
    )

    @property
    def wake(self) -> Wake:
        """The answer in one shape."""
        return Wake.model_validate(self.root)

    @model_validator(mode="after")
    def _fits(self) -> "Resume":
        Wake.model_validate(self.root)
        return self


def shown(asks: Sequence[JsonObject]) -> JsonObject:
    """What the gate's interrupt holds: the open tickets, and the same as LangChain shows it."""
    requests: list[JsonValue] = [
        {"name": ask["tool"], "args": ask["args"], "description": _described(ask)} for ask in asks
    ]
    configs: list[JsonValue] = [
        {"action_name": ask["tool"], "allowed_decisions": _allowed(ask)} for ask in asks
    ]
    return {"tickets": [*asks], "action_requests": requests, "review_configs": configs}


def _described(ask: JsonObject) -> str:
    lines = [f"{ask['specialist']}: {ask['reason']}", str(ask.get("preview") or "")]
    return "\n".join(line for line in lines if line)


def _allowed(ask: JsonObject) -> list[JsonValue]:
    takes = next((takes for kind, takes in TAKES.items() if kind == ask["kind"]), ())
    return [one for one in takes if one != "escalate"]  # which LangChain does not know


def decided(wake: Wake, asks: Sequence[JsonObject], *, root: bool) -> list[tuple[str, Decision]]:
    """Ticket and decision of each answer.

    Raises InvalidDecision for answers that name no ticket of this gate, for an edit into another
    action, and for unnamed ones whose number is not that of the requests or whose gate is nested.
    """
    if wake.ticket:
        return [(wake.ticket, wake.decision)] if wake.decision is not None else []
    named = all(d.tool_call_id for d in wake.decisions)
    if not named and not root:
        raise InvalidDecision(
            "An answer to a nested gate names no ticket.", hint="Give each one a tool_call_id."
        )
    if not named and len(wake.decisions) != len(asks):
        raise InvalidDecision(
            f"{len(wake.decisions)} decisions came for {len(asks)} requests.",
            hint="Give one for each, in their order, or name their tickets.",
        )
    pairs: list[tuple[str, Decision]] = []
    for n, theirs in enumerate(wake.decisions):
        ask = next((a for a in asks if a["id"] == theirs.tool_call_id), None) if named else asks[n]
        if ask is None:
            raise InvalidDecision(f"This gate asks about no ticket {theirs.tool_call_id!r}.")
        if isinstance(theirs, TheirEdit) and theirs.edited_action.name != ask["tool"]:
            raise InvalidDecision(
                f"Ticket {ask['id']} is about {ask['tool']!r}; it cannot become"
                f" {theirs.edited_action.name!r}."
            )
        pairs.append((str(ask["id"]), theirs.ours()))
    return pairs
