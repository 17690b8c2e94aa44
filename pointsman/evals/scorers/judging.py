"""Asking a judge: one grade with its reason, through the gateway, repaired at most once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pointsman.errors import BadOutput, Exhausted, ModelRejected, Retryable
from pointsman.evals.scorers.scorer import Unscored
from pointsman.guardrails.judge import quoted
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.message import Turn
from pointsman.nodes.run import Run
from pointsman.prompts.library import Prompt, PromptLibrary

AGAIN = "judge/again"
SHOWN_MOST = 40_000
"""Characters of one text. A longer one is not judged, as nobody would have read all of it."""


class _Told(BaseModel):
    model_config = ConfigDict(strict=True)

    grade: str | int
    reason: str = Field(default="", max_length=20_000)


@dataclass
class Bill:
    """The run in which judges ask about one sample, and what their calls cost."""

    run: Run
    tokens: int = 0
    """Input and output tokens of the answers that a model gave: none from cache or journal."""

    @property
    def usd(self) -> float | None:
        """US dollars, by the run's own spending; None where a price is unknown, or a call was
        broken off."""
        return None if self.run.spend.unpriced else self.run.spend.usd

    async def ask(self, request: ModelRequest) -> ModelReply:
        """Ask, and count. Raises what the gateway raises."""
        reply = await self.run.gateway.complete(request, self.run)
        if reply.source == "model":
            self.tokens += reply.usage.input_tokens + reply.usage.output_tokens
        return reply


@dataclass(frozen=True, slots=True)
class Judged:
    """One judge's grade, one of those it may give, and why."""

    grade: str
    reason: str = ""


@dataclass(frozen=True)
class Judge:
    """Asks one tier for one of `grades`. With `reasons` the answer is a JSON object, reason first,
    so that the grade follows from it; without, it is the bare grade, which small models manage."""

    tier: str
    system: str
    grades: tuple[str, ...]
    prompt_version: str
    again: Prompt
    reasons: bool = True
    max_tokens: int = 800

    async def ask(self, shown: Sequence[tuple[str, str]], bill: Bill) -> Judged | Unscored:
        """Judge the texts, each with its title. Unscored where the model failed, a budget is spent,
        or there was no usable grade in two tries. Raises Misconfigured for a tier that there is
        not."""
        long = [title for title, text in shown if len(text) > SHOWN_MOST]
        if long:
            return Unscored(f"{long[0]} is longer than {SHOWN_MOST:,} characters")
        text = "\n\n".join(f"{title}: {quoted(text)}" for title, text in shown)
        turns = (Turn(role="system", content=self.system), Turn(role="user", content=text))
        try:
            said, fault = await self._try(turns, bill)
            if isinstance(fault, Judged):
                return fault
            mended = self.again.render({"fault": fault})
            turns += (Turn(role="assistant", content=said), Turn(role="user", content=mended))
            _, again = await self._try(turns, bill)
        except (Retryable, ModelRejected, Exhausted) as error:
            return Unscored(f"the judge failed: {type(error).__name__}: {error.message}")
        if isinstance(again, Judged):
            return again
        return Unscored(f"the judge gave no grade in two tries: {again}")

    async def _try(self, turns: tuple[Turn, ...], bill: Bill) -> tuple[str, Judged | str]:
        """What the judge said, and its grade, or what is wrong with it."""
        request = ModelRequest(
            turns=turns,
            choices=() if self.reasons else self.grades,
            output_schema=self._schema if self.reasons else None,
            max_tokens=self.max_tokens if self.reasons else 16,
            purpose="judge",
            prompt_version=self.prompt_version,
            tier=self.tier,
        )
        try:
            reply = await bill.ask(request)
        except ModelRejected:
            raise
        except BadOutput as error:
            return "(no usable answer)", error.message
        return reply.text or "(nothing)", self._read(reply.text)

    def _read(self, text: str) -> Judged | str:
        if not self.reasons:
            return Judged(text) if text in self.grades else self._wanted
        try:
            told = _Told.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the answer"
            return f"{where}: {first['msg']}."
        grade = str(told.grade).strip()
        return Judged(grade, told.reason.strip()) if grade in self.grades else self._wanted

    @property
    def _wanted(self) -> str:
        return f"the grade must be one of {json.dumps(self.grades, ensure_ascii=False)}."

    @property
    def _schema(self) -> JsonObject:
        return {
            "type": "object",
            "properties": {
                "reason": {"type": "string", "description": "what speaks for and against it"},
                "grade": {"type": "string", "enum": list(self.grades)},
            },
            "required": ["reason", "grade"],
            "additionalProperties": False,
        }


def prompt_version(*prompts: Prompt) -> str:
    """The prompts by name and version, as a request carries them."""
    return "+".join(f"{prompt.name}@{prompt.version}" for prompt in prompts)


def judge_prompts(library: PromptLibrary, name: str) -> tuple[Prompt, Prompt]:
    """The judge's own prompt, and the one that asks again. Raises PromptError."""
    return library.get(name), library.get(AGAIN)
