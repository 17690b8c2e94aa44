"""What a role may take, give and do."""

from dataclasses import dataclass

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Contract:
    """A role's border. `output=None`: the answer is text; `input=None`: any text will do."""

    role: str
    input: type[BaseModel] | None = None
    output: type[BaseModel] | None = None
    actions: frozenset[str] = frozenset()
    """Names of the tools the role may call or propose."""
    hands_off_to: frozenset[str] = frozenset()
