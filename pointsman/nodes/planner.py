"""The planner: asks a model for a plan, checks it, and lets the model correct it once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from pointsman.errors import BadOutput
from pointsman.nodes import conventions as names
from pointsman.nodes import telemetry
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.handed import inline
from pointsman.nodes.message import Request, Task, TaskResult, Turn
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tasks import faults
from pointsman.nodes.transcript import asked, example_turns
from pointsman.prompts.library import Prompt

SHOWN = 4_000
"""Characters of one result that a planning or merging model is shown."""


class _Tasks(BaseModel):
    model_config = ConfigDict(extra="forbid")
    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Planner:
    """Plans by a model. `make`, `again` and `repair` are its prompts."""

    name: str
    """The specialist's that plans."""
    system: str
    """`make`, rendered."""
    make: Prompt
    again: Prompt
    repair: Prompt
    members: Mapping[str, Specialist]
    max_tasks: int
    max_depth: int
    tier: str
    max_tokens: int

    async def first(self, request: Request, run: Run) -> tuple[Task, ...]:
        """A plan for a request. Raises BadOutput when the corrected plan is bad too, and what the
        gateway raises."""
        return await self._plan(self._asked(request), (), run)

    async def after(
        self, request: Request, done: Sequence[TaskResult], failed: Sequence[TaskResult], run: Run
    ) -> tuple[Task, ...]:
        """What to do now that some tasks failed; empty: go with what is done. Raises as `first`."""
        told = self.again.render({"done": shown(done), "failed": shown(failed)})
        turns = (*self._asked(request), Turn(role="user", content=told))
        return await self._plan(turns, tuple(r.task for r in done), run, may_be_empty=bool(done))

    def _asked(self, request: Request) -> tuple[Turn, ...]:
        return (
            Turn(role="system", content=self.system),
            *request.history,
            Turn(role="user", content=asked(request) + inline(request)),
        )

    async def _plan(
        self,
        turns: tuple[Turn, ...],
        earlier: tuple[str, ...],
        run: Run,
        *,
        may_be_empty: bool = False,
    ) -> tuple[Task, ...]:
        attributes = {names.AGENT: run.specialist or self.name, names.RUN: run.id}
        with telemetry.operation("plan", attributes):
            return await self._planned(turns, earlier, run, may_be_empty=may_be_empty)

    async def _planned(
        self, turns: tuple[Turn, ...], earlier: tuple[str, ...], run: Run, *, may_be_empty: bool
    ) -> tuple[Task, ...]:
        schema = self._schema()
        text = await self._ask(turns, schema, run)
        tasks, fault = self._read(text, earlier, may_be_empty=may_be_empty)
        if not fault:
            return tasks
        complaint = self.repair.render({"error": fault, "schema": json.dumps(schema)})
        again = (Turn(role="assistant", content=text), Turn(role="user", content=complaint))
        text = await self._ask((*turns, *again), schema, run)
        tasks, fault = self._read(text, earlier, may_be_empty=may_be_empty)
        if fault:
            raise BadOutput(
                f"{self.name!r} made two plans that cannot be done. The last one: {fault}",
                hint="Use a stronger model for it, give its prompt an example, or plan with a"
                " function: Plan(make=...).",
            )
        return tasks

    def _read(
        self, text: str, earlier: tuple[str, ...], *, may_be_empty: bool
    ) -> tuple[tuple[Task, ...], str]:
        """The tasks, or what is wrong with them."""
        try:
            tasks = _Tasks.model_validate_json(text).tasks
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the whole"
            return (), f"{where}: {first['msg']}."
        if may_be_empty and not tasks:
            return (), ""
        found = faults(
            tasks,
            self.members,
            earlier=earlier,
            max_tasks=self.max_tasks,
            max_depth=self.max_depth,
        )
        return tasks, " ".join(found)

    async def _ask(self, turns: tuple[Turn, ...], schema: JsonObject, run: Run) -> str:
        wanted = ModelRequest(
            turns=turns,
            examples=tuple(example_turns(self.make)),
            output_schema=schema,
            max_tokens=self.max_tokens,
            purpose="plan",
            prompt_version=f"{self.make.name}@{self.make.version}",
            tier=self.tier,
        )
        return (await run.gateway.complete(wanted, run)).text

    def _schema(self) -> JsonObject:
        task: dict[str, JsonValue] = {
            "id": {"type": "string"},
            "to": {"type": "string", "enum": list(self.members)},
            "text": {"type": "string"},
            "needs": {"type": "array", "items": {"type": "string"}},
        }
        if any(s.input is not None for s in self.members.values()):
            task["data"] = {"type": ["object", "null"]}
        return {
            "type": "object",
            "properties": {
                "tasks": {
                    "type": "array",
                    "maxItems": self.max_tasks,
                    "items": {
                        "type": "object",
                        "properties": task,
                        "required": ["id", "to", "text", "needs"],
                        "additionalProperties": False,
                    },
                }
            },
            "required": ["tasks"],
            "additionalProperties": False,
        }


def listed(members: Mapping[str, Specialist]) -> str:
    """The members as the planning prompt shows them: a line each, and the schema of their input."""
    lines: list[str] = []
    for name, member in members.items():
        lines.append(f"{name}: {member.handles}")
        if member.input is not None:
            schema = cast("JsonObject", member.input.model_json_schema())
            lines.append(f"  takes data of this JSON Schema: {json.dumps(schema)}")
    return "\n".join(lines)


def shown(results: Sequence[TaskResult]) -> str:
    """Results as a model is shown them, a line each, their texts as JSON strings."""
    return "\n".join(
        f"[{r.task}] {r.to}, {r.status}: {json.dumps(r.text[:SHOWN], ensure_ascii=False)}"
        for r in results
    )
