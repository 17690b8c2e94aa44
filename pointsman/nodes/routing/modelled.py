"""The fourth tier: a model chooses, and can answer with names of the team only."""

import json
from collections.abc import Mapping, Sequence
from typing import cast

from pointsman.errors import BadOutput
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.shape import json_object
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.message import Request, Turn
from pointsman.nodes.routing.parts import parts
from pointsman.nodes.routing.router import NOBODY, Route, Router, Undecided
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import Prompt, PromptLibrary

EXPLAIN = "router/explain"
PARTS = "router/parts"
_REASON = 200
"""Characters kept of a model's reason."""


class ModelTier:
    """Asks a model who takes a message."""

    def __init__(
        self,
        router: Router,
        specialists: Sequence[Specialist],
        *,
        team: str,
        prompts: PromptLibrary,
    ) -> None:
        self._router = router
        self._names = tuple(s.name for s in specialists)
        self._choices = (*self._names, NOBODY) if router.out_of_scope else self._names
        self._labelled = [(text, s.name) for s in specialists for text in s.examples]
        self._labelled += [(text, NOBODY) for text in router.out_of_scope]
        listed = "\n".join(f"{s.name}: {s.handles}" for s in specialists)
        given = {"specialists": listed, "team": team}
        self._choose = _Prompted(prompts.get(router.prompt), given)
        self._explain = _Prompted(prompts.get(EXPLAIN), given) if router.reasons else None
        self._parts = _Prompted(prompts.get(PARTS), given) if router.split else None

    async def choose(self, request: Request, cut: Sequence[str], run: Run) -> Route | Undecided:
        """The model's route; of a message in several pieces, where the router splits, one for each.

        Raises what the gateway raises, and BadOutput for a name that was not offered.
        """
        if self._parts is not None and len(cut) > 1:
            return await self._owners(self._parts, cut, run)
        if self._explain is not None:
            return await self._explained(self._explain, request, run)
        reply = await run.gateway.complete(
            self._request(
                self._choose, request.text, [(t, name) for t, name in self._labelled], tokens=16
            ),
            run,
        )
        name = self._offered(reply, reply.text, self._choices)
        return self._routed(name, reply, f"chosen by {reply.model}")

    async def _explained(
        self, prompted: "_Prompted", request: Request, run: Run
    ) -> Route | Undecided:
        schema = _schema({"to": _enum(self._choices), "reason": {"type": "string"}})
        examples = [
            (text, json.dumps({"to": name, "reason": "It is like this example."}))
            for text, name in self._labelled
        ]
        asked = self._request(prompted, request.text, examples, schema=schema, tokens=120)
        reply = await run.gateway.complete(asked, run)
        answer = json_object(reply.text) or {}
        name = self._offered(reply, answer.get("to"), self._choices)
        said = " ".join(str(answer.get("reason", "")).split())[:_REASON]
        return self._routed(name, reply, f"{reply.model}: {said}" if said else reply.model)

    async def _owners(
        self, prompted: "_Prompted", cut: Sequence[str], run: Run
    ) -> Route | Undecided:
        """One owner for each piece. The model names owners only: the words stay the person's."""
        choices = (*self._names, NOBODY)
        numbers = [str(n) for n, _ in enumerate(cut, 1)]
        schema = _schema({number: _enum(choices) for number in numbers})
        numbered = "\n".join(f"{n}. {piece}" for n, piece in zip(numbers, cut, strict=True))
        examples = [(f"1. {t}", json.dumps({"1": name})) for t, name in self._labelled]
        asked = self._request(
            prompted, numbered, examples, schema=schema, tokens=16 * len(cut) + 16
        )
        reply = await run.gateway.complete(asked, run)
        answer = json_object(reply.text) or {}
        owners = [self._offered(reply, answer.get(number), choices) for number in numbers]
        known = ["" if self._is_nobody(owner) else owner for owner in owners]
        found = parts(cut, known)
        usd, calls = _cost(reply)
        if found:
            reason = f"{len(found)} requests, found by {reply.model}"
            return Route(found[0].to, "model", None, reason, parts=found, usd=usd, calls=calls)
        name = next((owner for owner in known if owner), "")
        if not name and not self._router.out_of_scope:
            return Undecided(f"{reply.model} found nobody for it", usd=usd, calls=calls)
        return self._routed(name or NOBODY, reply, f"chosen by {reply.model}")

    def _routed(self, name: str, reply: ModelReply, reason: str) -> Route | Undecided:
        usd, calls = _cost(reply)
        chances = reply.probabilities
        confidence = dict(chances).get(name)
        if self._is_nobody(name):
            reason = "the model found it to be nobody's"
            return Route(
                "", "none", confidence, reason, probabilities=chances, usd=usd, calls=calls
            )
        least = self._router.min_confidence
        if confidence is not None and confidence < least:
            why = f"{name} at {confidence:.2f}, below {least:g}"
            return Undecided(why, confidence, chances, usd, calls)
        return Route(name, "model", confidence, reason, probabilities=chances, usd=usd, calls=calls)

    def _is_nobody(self, name: str) -> bool:
        return name == NOBODY and NOBODY not in self._names

    def _offered(self, reply: ModelReply, name: object, choices: tuple[str, ...]) -> str:
        if isinstance(name, str) and name in choices:
            return name
        raise BadOutput(
            f"The router's model {reply.model} chose {str(name)[:80]!r}, who is not in the"
            f" team ({', '.join(choices)})."
        )

    def _request(
        self, prompted: "_Prompted", text: str, examples: Sequence[tuple[str, str]], *,
        schema: JsonObject | None = None, tokens: int,
    ) -> ModelRequest:  # fmt: skip
        return ModelRequest(
            turns=(prompted.system, Turn(role="user", content=text)),
            examples=tuple(
                (Turn(role="user", content=asked), Turn(role="assistant", content=label))
                for asked, label in examples
            ),
            choices=() if schema else self._choices,
            output_schema=schema,
            max_tokens=tokens,
            purpose="route",
            prompt_version=prompted.version,
            tier=self._router.tier,
        )


class _Prompted:
    """A prompt, rendered for the team."""

    def __init__(self, prompt: Prompt, given: Mapping[str, str]) -> None:
        wanted = {name: given[name] for name in prompt.variables if name in given}
        self.system = Turn(role="system", content=prompt.render(wanted))
        self.version = f"{prompt.name}@{prompt.version}"


def _enum(choices: Sequence[str]) -> JsonObject:
    return {"type": "string", "enum": list(choices)}


def _schema(properties: Mapping[str, JsonObject]) -> JsonObject:
    return cast(
        "JsonObject",
        {
            "type": "object",
            "properties": dict(properties),
            "required": list(properties),
            "additionalProperties": False,
        },
    )


def _cost(reply: ModelReply) -> tuple[float | None, int]:
    return (reply.usd, 1) if reply.source == "model" else (0.0, 0)
