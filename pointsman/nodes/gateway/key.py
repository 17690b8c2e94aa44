"""Which calls are the same call: the digests by which answers are found again."""

from pydantic import JsonValue

from pointsman.nodes.digest import digest
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import Turn

KEY_SCHEMA = "pointsman.request@1"


def content_digest(request: ModelRequest) -> str:
    """SHA-256 over all that decides a model's answer: turns, examples, tools, choices, output
    schema, max_tokens, temperature, prompt version. `purpose`, `tier` and `cacheable` do not."""
    return digest(
        KEY_SCHEMA,
        _turns(request.turns),
        [_turns(example) for example in request.examples],
        [[tool.name, tool.description, tool.parameters] for tool in request.tools],
        list(request.choices),
        request.output_schema,
        request.max_tokens,
        float(request.temperature),
        request.prompt_version,
    )


def journal_digest(content: str, tier: str) -> str:
    """The request in the journal's key. With the tier: two tiers asked the same are two answers."""
    return digest(content, tier)


def cache_key(content: str, model: str, tenant: str, occurrence: int = 0, guards: str = "") -> str:
    """The response cache's key. `content` is `content_digest` of the request.

    `guards` is the version of the policy that let the answer pass: under another one it is asked
    for, and judged, anew.

    `occurrence` is how often the step asked this before. Cascade tries and panel members ask the
    same on purpose, so the n-th asking finds the n-th answer and they never collapse into one.
    """
    return digest(content, model, tenant, occurrence, guards)


def flight_key(
    content: str, models: tuple[str, ...], tenant: str, occurrence: int = 0, guards: str = ""
) -> str:
    """The single-flight's key: calls that would walk the same chain with the same content."""
    return digest(content, list(models), tenant, occurrence, guards)


def _turns(turns: tuple[Turn, ...]) -> JsonValue:
    return [turn.model_dump(mode="json") for turn in turns]
