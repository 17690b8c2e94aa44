"""Credentials by their shape: keys with a known prefix, tokens, private keys, assignments."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pointsman.guardrails import gitleaks
from pointsman.guardrails.canonical import Canonical
from pointsman.guardrails.check import PLACES, Action, Place
from pointsman.guardrails.rules import Found, Rule, RuleSet, version_of
from pointsman.guardrails.secret_rules import RULES

__all__ = ["RULES", "Secrets", "find_secrets"]

_SET = RuleSet(RULES)


def find_secrets(text: str) -> list[Found]:
    """Every span of a canonical text that has a credential's shape. Spans may overlap."""
    return _once(_SET.find(text))


def _once(found: Iterable[Found]) -> list[Found]:
    """Several shapes of one rule may find the same span: it counts once, with the surest."""
    surest: dict[tuple[str, int, int], Found] = {}
    for one in found:
        place = (one.rule, one.start, one.end)
        if place not in surest or surest[place].confidence < one.confidence:
            surest[place] = one
    return list(surest.values())


@dataclass(frozen=True)
class Secrets:
    """Finds credentials: the built-in rules, and those of a gitleaks file.

    `rules` is a file in gitleaks' TOML format (`[[rules]]` with `id`, `regex`, `keywords`,
    `entropy`, `secretGroup`, `allowlists`), read when the check is made. With `builtin=False` only
    its rules count. Raises Misconfigured for a file that cannot be read or a rule that RE2 cannot
    compile; the message lists each of them.

    A credential without a known prefix is found only behind a name that says what it is, or where
    a machine has made it and a name such as `token` stands before it. A password in the middle of
    a sentence, made of letters alone, is not.
    """

    action: Action = "redact"
    shadow: bool = False
    places: frozenset[Place] = PLACES
    rules: Path | None = None
    builtin: bool = True
    name: str = "secrets"
    source: str = field(init=False, repr=False, default="")
    """The text of the rules' file: two checks are equal when what they read was."""

    def __post_init__(self) -> None:
        if self.rules is not None:
            text = gitleaks.read(self.rules)
            object.__setattr__(self, "source", text)

    @property
    def version(self) -> str:
        """12 hex digits over all rules."""
        return self._version

    @cached_property
    def _version(self) -> str:
        return version_of(self._all, self.source)

    def find(self, text: Canonical) -> list[Found]:
        """Every span that has a credential's shape. Spans may overlap."""
        return _once(self._set.find(text.text))

    @cached_property
    def _all(self) -> tuple[Rule, ...]:
        own = () if self.rules is None else gitleaks.parse(self.source, str(self.rules))
        return (*(RULES if self.builtin else ()), *own)

    @cached_property
    def _set(self) -> RuleSet:
        return _SET if self._all == RULES else RuleSet(self._all)
