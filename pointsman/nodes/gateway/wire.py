"""The chat-completions wire format: a request as messages and tools, a completion as our reply."""

import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from pointsman.errors import BadOutput, ContentRefused
from pointsman.nodes.digest import JsonObject, canonical
from pointsman.nodes.gateway.shape import json_object, shaped
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, ToolSpec, Usage
from pointsman.nodes.message import ToolCall, Turn


def messages(request: ModelRequest, *, instruct: bool) -> list[JsonObject]:
    """System turns, then examples, then the rest; the wanted shape in words where `instruct`."""
    system = [turn for turn in request.turns if turn.role == "system"]
    rest = [turn for turn in request.turns if turn.role != "system"]
    shape = _instruction(request) if instruct else ""
    if shape:
        system.append(Turn(role="system", content=shape))
    text = "\n\n".join(turn.content for turn in system)
    examples = [turn for example in request.examples for turn in example]
    head: list[JsonObject] = [{"role": "system", "content": text}] if text else []
    return [*head, *(_message(turn) for turn in (*examples, *rest))]


def _instruction(request: ModelRequest) -> str:
    if request.choices:
        return "Answer with exactly one of these and nothing else: " + ", ".join(request.choices)
    if request.output_schema is not None:
        schema = canonical(request.output_schema).decode()
        return f"Answer with one JSON object of this JSON Schema and nothing else: {schema}"
    return ""


def _message(turn: Turn) -> JsonObject:
    message: JsonObject = {"role": turn.role, "content": turn.content}
    if turn.tool_calls:
        message["content"] = turn.content or None
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.args)},
            }
            for call in turn.tool_calls
        ]
    if turn.role == "tool":
        message["tool_call_id"] = turn.tool_call_id
        message["name"] = turn.name
    return message


class _Function(BaseModel):
    name: str
    arguments: str


class _Call(BaseModel):
    id: str | None = None
    function: _Function


class _Said(BaseModel):
    content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(BaseModel):
    message: _Said
    finish_reason: str | None = None


class _Details(BaseModel):
    cached_tokens: int | None = None


_Count = Annotated[int, Field(ge=0, le=10**12)]
"""Tokens: below 0 or beyond any bill is no count."""


class Tokens(BaseModel):
    """What a provider counts."""

    prompt_tokens: _Count = 0
    completion_tokens: _Count = 0
    prompt_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's name for it."""

    def usage(self) -> Usage:
        """As ours."""
        told = self.prompt_tokens_details
        cached = (told.cached_tokens if told else None) or self.prompt_cache_hit_tokens or 0
        return Usage(
            self.prompt_tokens, self.completion_tokens, max(0, min(cached, self.prompt_tokens))
        )


class _Response(BaseModel):
    """A chat completion in the OpenAI shape, to which LiteLLM brings every provider's."""

    choices: list[_Choice] = Field(min_length=1)
    usage: Tokens | None = None


def read_reply(response: Mapping[str, object], model: str, request: ModelRequest) -> ModelReply:
    """A chat completion as our reply, without cost and time.

    Raises BadOutput for what is none or has not the shape asked for, ContentRefused for an answer
    that the provider withheld.
    """
    try:
        read = _Response.model_validate(response)
    except ValidationError:
        raise BadOutput(f"Model {model} answered something that is no chat completion.") from None
    said, usage = read.choices[0].message, read.usage or Tokens()
    if read.choices[0].finish_reason == "content_filter":
        raise ContentRefused(f"The provider of {model} withheld the answer (content policy).")
    calls = tuple(_tool_call(call, n, model) for n, call in enumerate(said.tool_calls or ()))
    text = said.content or ""
    return ModelReply(
        model=model,
        text=text if calls else shaped(request, text, model=model),
        tool_calls=calls,
        usage=usage.usage(),
        finish=read.choices[0].finish_reason or "",
    )


def _tool_call(call: _Call, number: int, model: str) -> ToolCall:
    args = json_object(call.function.arguments or "{}")
    if args is None:
        raise BadOutput(f"Model {model} called a tool with arguments that are no JSON object.")
    return ToolCall(id=call.id or f"call_{number}", name=call.function.name, args=args)


def tool(spec: ToolSpec) -> JsonObject:
    """A tool as the wire wants it."""
    return {
        "type": "function",
        "function": {
            "name": spec.name,
            "description": spec.description,
            "parameters": spec.parameters,
        },
    }
