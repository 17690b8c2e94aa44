"""What may not leave a trace in the response cache: replies and requests that bear a secret."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.check import Check, look
from pointsman.guardrails.secrets import Secrets
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest


@dataclass(frozen=True)
class Traceless:
    """Says of a reply, and of a request, whether the checks find nothing in it.

    Placeholders of redacted values are no finding: what a filter took out of a request does not
    keep its answer out of the cache.
    """

    checks: Sequence[Check] = field(default_factory=lambda: (Secrets(),))

    def reply(self, reply: ModelReply) -> bool:
        """Whether nothing is found in its text and in the arguments of its calls."""
        return self._clean(
            [reply.text, *(text for call in reply.tool_calls for text in texts(call.args))]
        )

    def request(self, request: ModelRequest) -> bool:
        """Whether nothing is found in its turns, results of tools included."""
        said = (turn.content for turn in request.turns)
        asked = (
            text for turn in request.turns for call in turn.tool_calls for text in texts(call.args)
        )
        return self._clean([*said, *asked])

    def _clean(self, found: Iterable[str]) -> bool:
        return not any(
            look(check, canonical(text)) for text in found if text for check in self.checks
        )


def texts(value: JsonValue) -> Iterator[str]:
    """Every text of a JSON value, each with the name it stands under: `password: hunter2` is a
    secret where `hunter2` alone is not."""
    todo = [("", value)]
    while todo:
        name, one = todo.pop()
        if isinstance(one, dict):
            todo += one.items()
        elif isinstance(one, list):
            todo += [(name, part) for part in one]
        elif isinstance(one, str):
            yield f"{name}: {one}" if name else one
