"""Merging: one answer out of the results of a plan's tasks, each part with where it comes from."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from pointsman.errors import BadOutput
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import Answer, Request, TaskResult, Turn
from pointsman.nodes.planner import shown
from pointsman.nodes.run import Run
from pointsman.nodes.transcript import asked
from pointsman.nodes.vault import SHAPE
from pointsman.prompts.library import Prompt

_MARKS = re.compile(r"\[([^\[\]\n]{1,200})\](?!\()")
"""What stands in square brackets and is no link's text."""
_WORD = re.compile(r"[\w.-]{1,60}")


def useful(results: Sequence[TaskResult]) -> tuple[TaskResult, ...]:
    """Those that say something: done, or done in part."""
    return tuple(r for r in results if r.status in ("done", "partial") and r.text.strip())


def joined(request: Request, results: Sequence[TaskResult]) -> Answer:
    """A merge without a model: each result under its task's id, in the order of the tasks."""
    text = "\n\n".join(f"[{r.task}] {r.text.strip()}" for r in useful(results))
    return Answer(text=text, by="rules")


def evidence(request: Request, results: Sequence[TaskResult]) -> tuple[str, ...]:
    """What a merged answer rests on: the request, the thread, and each useful result; of the others
    only that there was a task."""
    said = (turn.content for turn in request.history)
    good = useful(results)
    texts = (f"[{r.task}] of {r.to}: {r.text if r in good else ''}" for r in results)
    return tuple(t for t in (request.text, *said, *texts) if t)


def with_gaps(answer: Answer, results: Sequence[TaskResult]) -> Answer:
    """The answer, saying which tasks have no result or only a part of one. Named by id: what is
    missing must not bring in figures that nobody found."""
    gaps = [r for r in results if r.status != "done"]
    if not gaps:
        return answer
    named = ", ".join(
        f"[{r.task}] of {r.to}" + (" (in part)" if r.status == "partial" else "") for r in gaps
    )
    return answer.model_copy(
        update={
            "text": f"{answer.text.rstrip()}\n\nThis answer is not complete. Missing: {named}.",
            "missing": tuple(r.task for r in gaps),
        }
    )


@dataclass(frozen=True)
class Merger:
    """Merges by a model, which must name its sources: `[id]` of each task that it draws on."""

    name: str
    """The specialist's that merges."""
    prompt: Prompt
    system: str
    repair: Prompt
    output: type[BaseModel] | None
    tier: str
    max_tokens: int

    async def merged(self, request: Request, results: Sequence[TaskResult], run: Run) -> Answer:
        """One answer. Raises BadOutput when the corrected answer is bad too, and what the gateway
        raises."""
        wanted = f"{asked(request)}\n\nThe results:\n{shown(results)}"
        turns = (
            Turn(role="system", content=self.system),
            *request.history,
            Turn(role="user", content=wanted),
        )
        ids = frozenset(r.task for r in results)
        text = await self._ask(turns, run)
        answer, fault = self._read(text, ids)
        if answer is None:
            shape = "an answer in plain text, with [id] after each statement"
            if self.output is not None:
                shape = json.dumps(self.output.model_json_schema())
            complaint = self.repair.render({"error": fault, "schema": shape})
            again = (Turn(role="assistant", content=text), Turn(role="user", content=complaint))
            answer, fault = self._read(await self._ask((*turns, *again), run), ids)
        if answer is None:
            raise BadOutput(
                f"{self.name!r} merged the results of its plan twice into an answer that cannot be"
                f" used. The last one: {fault}",
                hint="Use a stronger model for it, or merge with a function: Plan(merge=joined).",
            )
        return answer

    async def _ask(self, turns: tuple[Turn, ...], run: Run) -> str:
        schema = self.output.model_json_schema() if self.output is not None else None
        wanted = ModelRequest(
            turns=turns,
            output_schema=schema,
            max_tokens=self.max_tokens,
            purpose="merge",
            prompt_version=f"{self.prompt.name}@{self.prompt.version}",
            tier=self.tier,
        )
        return (await run.gateway.complete(wanted, run)).text

    def _read(self, text: str, ids: frozenset[str]) -> tuple[Answer | None, str]:
        """The answer, or what is wrong with it."""
        data, said = None, text.strip()
        if self.output is not None:
            try:
                data = self.output.model_validate_json(text).model_dump(mode="json")
            except ValidationError as error:
                return None, str(error)
            own = data.get("answer", data.get("text"))
            said = own.strip() if isinstance(own, str) else said
        fault = _citation_fault(said, ids)
        return (None, fault) if fault else (Answer(text=said, data=data), "")


def _citation_fault(text: str, ids: frozenset[str]) -> str:
    if not text:
        return "The answer is empty."
    cited: set[str] = set()
    for mark in _MARKS.finditer(text):
        if SHAPE.fullmatch(mark.group()):
            continue
        words = [word.strip() for word in mark[1].split(",")]
        unknown = [w for w in words if w not in ids]
        if unknown and all(_WORD.fullmatch(word) for word in words):
            return f"It cites [{unknown[0]}], and the results are {', '.join(sorted(ids))}."
        cited.update(ids.intersection(words))
    return "" if cited else f"It cites none of the results {', '.join(sorted(ids))}."
