"""The contract guard: nothing crosses a role's border that its contract does not name."""

from dataclasses import dataclass

from pydantic import ValidationError

from pointsman.errors import BadOutput
from pointsman.guardrails.guard import closed
from pointsman.nodes.contract import Contract
from pointsman.nodes.digest import canonical
from pointsman.nodes.event import Judged
from pointsman.nodes.message import Answer, Handoff, Message, Proposal, Refusal, Request
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.vault import OURS


@dataclass(frozen=True)
class ContractGuard:
    """Input must fit the input schema, answers the output schema, actions and hand-offs the lists.

    A request that does not fit is refused before the specialist sees it. What the specialist gets
    wrong raises BadOutput, so that its fallback can take over.
    """

    contract: Contract
    name: str = "contract"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def checked(message: Message, run: Run) -> Message:
            fault = closed(self.name, "input", run, lambda: self._input_fault(message))
            if isinstance(fault, Refusal):
                return message.reply(fault, sender=self.contract.role)
            if fault:
                run.emit(
                    Judged(
                        guard=self.name, specialist=run.specialist, stage="input", verdict="block",
                        rule="input-schema", count=1,
                    )
                )  # fmt: skip
                refusal = Refusal(guard=self.name, rule="input-schema", text=fault)
                return message.reply(refusal, sender=self.contract.role)
            reply = await inner(message, run)
            broken = closed(self.name, "output", run, lambda: self._check(reply))
            return reply.carrying(broken) if isinstance(broken, Refusal) else reply

        return checked

    def _input_fault(self, message: Message) -> str:
        schema, payload = self.contract.input, message.payload
        if schema is None or not isinstance(payload, Request):
            return ""
        try:
            if payload.data is None:
                schema.model_validate_json(payload.text)
            else:
                schema.model_validate(payload.data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the message"
            return f"{self.contract.role} takes a JSON {schema.__name__}. {where}: {first['msg']}."
        return ""

    def _check(self, reply: Message) -> None:
        role = self.contract.role
        match reply.payload:
            case Proposal(calls=calls):
                foreign = [c.name for c in calls if c.name not in self.contract.actions]
                if foreign:
                    raise BadOutput(
                        f"{role!r} proposed {foreign[0]!r}, which its contract does not allow."
                    )
                for call in calls:
                    written = canonical(call.args).decode("utf-8", "replace")
                    seen = {label.upper() for label in self.contract.reveals.get(call.name, ())}
                    hidden = next((m for m in OURS.finditer(written) if m[1] not in seen), None)
                    if hidden:
                        raise BadOutput(
                            f"{role!r} proposed {call.name!r} with {hidden.group()} in place of a"
                            " value that a filter redacted.",
                            hint=f"Declare reveals=({hidden[1].lower()!r},) on it, let it look the"
                            " value up, or set that filter off.",
                        )
            case Handoff(to=to) if to not in self.contract.hands_off_to:
                raise BadOutput(
                    f"{role!r} handed off to {to!r}, which its contract does not allow."
                )
            case Answer(data=data, by=by) if self.contract.output is not None and by == "model":
                try:
                    self.contract.output.model_validate(data)
                except ValidationError as error:
                    raise BadOutput(
                        f"The answer of {role!r} is no {self.contract.output.__name__}:"
                        f" {error.error_count()} faults."
                    ) from error
            case _:
                pass
