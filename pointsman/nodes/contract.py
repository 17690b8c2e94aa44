"""What a role may take, give and do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import BaseModel

from pointsman.nodes.digest import JsonObject, canonical
from pointsman.nodes.vault import names_in


class Condition(Protocol):
    """What an argument of a call must be, such as `guardrails.policy.Limit` and `Is`.

    Its `str` is what people and models read: `usd <= 50`.
    """

    @property
    def argument(self) -> str:
        """The argument's name, or a path such as `items.0.usd`."""
        ...

    def holds(self, args: JsonObject) -> bool:
        """Whether it holds for these frozen arguments. False where the argument is missing."""
        ...


@dataclass(frozen=True, slots=True)
class Contract:
    """A role's border. `output=None`: the answer is text; `input=None`: any text will do."""

    role: str
    input: type[BaseModel] | None = None
    output: type[BaseModel] | None = None
    actions: frozenset[str] = frozenset()
    """Names of the tools the role may call or propose."""
    hands_off_to: frozenset[str] = frozenset()
    limits: Mapping[str, tuple[Condition, ...]] = field(
        default_factory=dict[str, tuple[Condition, ...]]
    )
    """By tool: what must hold for the arguments of its calls."""
    reveals: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """By tool: which kinds of redacted values it gets in place of their placeholders."""

    def fault(self, tool: str, args: JsonObject) -> str:
        """Why the role may not make this call, as a sentence; empty when it may.

        `args` are frozen: limits judge what would run. Where a placeholder stands in them that the
        tool gets the value of, they are judged when it has it.
        """
        if tool not in self.actions:
            return f"{self.role!r} has no tool {tool!r}."
        if tool in self.limits and self._awaits_values(tool, args):
            return ""
        broken = [str(c) for c in self.limits.get(tool, ()) if not c.holds(args)]
        if broken:
            return f"{self.role!r} may use {tool!r} only where {' and '.join(broken)}."
        return ""

    def _awaits_values(self, tool: str, args: JsonObject) -> bool:
        labels = {label.upper() for label in self.reveals.get(tool, ())}
        written = canonical(args).decode("utf-8", "replace") if labels else ""
        return any(label in labels for label, _ in names_in(written))
