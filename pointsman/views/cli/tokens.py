"""How many tokens a prompt has: estimated as budgets do, or counted by the embedded model."""

import json
from dataclasses import dataclass

from pointsman.errors import BadOutput
from pointsman.nodes.gateway.cost import BYTES_PER_TOKEN, input_tokens
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import Turn
from pointsman.nodes.transcript import example_turns
from pointsman.prompts.prompt import Prompt

ESTIMATE = f"estimated as budgets do, {BYTES_PER_TOKEN} bytes a token: mostly too many"
EXACT = "counted by the tokenizer of the embedded model"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a prompt's text, and of the worked examples that go with it on every call."""

    text: int
    examples: int
    how: str

    def __str__(self) -> str:
        shown = "1 token" if self.text == 1 else f"{self.text} tokens"
        beside = f" and {self.examples} of worked examples" if self.examples else ""
        return f"{shown}{beside} ({self.how})"


def estimated(prompt: Prompt, text: str) -> Tokens:
    """By size: the upper estimate that budgets reserve, with what stands around each turn."""
    none = input_tokens(ModelRequest(turns=()))
    spoken = input_tokens(ModelRequest(turns=(Turn(role="system", content=text),))) - none
    shown = input_tokens(ModelRequest(turns=(), examples=tuple(example_turns(prompt)))) - none
    return Tokens(spoken, shown, ESTIMATE)


def exact(prompt: Prompt, text: str) -> Tokens:
    """By the embedded model's own tokenizer: the texts alone, without a chat template.

    Raises MissingExtra where the model is not installed, and BadOutput where it does not answer.
    """
    from pointsman.nodes.gateway.embedded_llama import load_model

    # Held until all is counted: the server ends with its object.
    model = load_model()
    address = str(getattr(model.server, "listening_address", ""))
    parts = [
        part
        for turns in example_turns(prompt)
        for turn in turns
        for part in (turn.content, *(f"{c.name} {json.dumps(c.args)}" for c in turn.tool_calls))
    ]
    try:
        return Tokens(_count(address, text), _count(address, "\n".join(parts)), EXACT)
    finally:
        del model


def _count(address: str, text: str) -> int:
    """Asks the model's server, which listens on this machine only."""
    from urllib.request import ProxyHandler, Request, build_opener

    if not text:
        return 0
    body = json.dumps({"content": text}).encode()
    request = Request(  # noqa: S310 - the address is the server's own
        f"{address}/tokenize", data=body, headers={"Content-Type": "application/json"}
    )
    try:
        # No proxy: it is this process that is asked.
        with build_opener(ProxyHandler({})).open(request, timeout=10) as reply:
            return len(json.load(reply)["tokens"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadOutput(
            f"The embedded model did not count the tokens: {error}.",
            hint="Leave --exact out for an estimate.",
        ) from error
