"""A user's own rules: patterns with a name, written in code or in a file, checked when loaded."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import Canonical
from pointsman.guardrails.check import PLACES, Action, Place
from pointsman.guardrails.rules import Found, Rule, RuleSet
from pointsman.nodes.digest import digest

RULES_MOST = 1000
FILE_MOST = 4 << 20
"""Bytes."""
MEMORY_MOST = 1 << 20
"""Bytes that one compiled pattern may take."""
STEPS_MOST = 200_000
"""Steps of the compiled programs of all rules together: more, and their one set may not fit."""
_PROBES = ("", " ", "a", "0 a", "\n")
"""Texts in which a pattern that can match nothing finds an empty match."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class TextRule(BaseModel):
    """One pattern, in RE2's syntax: no look-around, no back-references, hence linear time.

    The pattern is matched on canonical text (`guardrails.canonical`), with case; `(?i)` before it
    drops the case. Its first group, where it has one, is what was found.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    pattern: str = Field(min_length=1, max_length=4000)
    label: str = Field(default="TEXT", pattern=r"^[A-Z][A-Z0-9_]{0,30}$")
    """Stands in the placeholder: `TEXT` gives `[TEXT_1]`."""
    confidence: float = Field(default=1.0, gt=0, le=1)


class _FileRule(TextRule):
    action: Action | None = None
    shadow: bool | None = None
    places: frozenset[Place] | None = Field(default=None, min_length=1)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action = "redact"
    shadow: bool = False
    places: frozenset[Place] = Field(default=PLACES, min_length=1)
    rules: tuple[_FileRule, ...] = Field(min_length=1, max_length=RULES_MOST)


@dataclass(frozen=True)
class TextRules:
    """Rules with one action. Names are unique.

    Raises Misconfigured for a pattern that RE2 does not take, that matches nothing at all, or that
    takes more memory than a rule may; for a name used twice; for no rules or too many.
    """

    rules: tuple[TextRule, ...]
    action: Action = "redact"
    name: str = "rules"
    shadow: bool = False
    places: frozenset[Place] = PLACES

    def __post_init__(self) -> None:
        _sound(self.rules, f"TextRules {self.name!r}")

    @classmethod
    def load(cls, path: Path, *, name: str = "rules") -> "tuple[TextRules, ...]":
        """The rules of a YAML or TOML file, one `TextRules` for each action, trial and places.

        The file has a list `rules` of {name, pattern, label, confidence, action, shadow, places};
        `action`, `shadow` and `places` beside it hold for the rules that give none of their own.
        Raises Misconfigured, with the file, the rule and the reason.
        """
        file = _read(path)
        _sound(file.rules, str(path))
        parts: dict[tuple[Action, bool, frozenset[Place]], list[TextRule]] = {}
        for rule in file.rules:
            action = file.action if rule.action is None else rule.action
            shadow = file.shadow if rule.shadow is None else rule.shadow
            places = file.places if rule.places is None else rule.places
            plain = TextRule.model_validate(rule.model_dump(include=set(TextRule.model_fields)))
            parts.setdefault((action, shadow, places), []).append(plain)
        return tuple(
            cls(tuple(rules), action, f"{name}-{at}" if at else name, shadow, places)
            for at, ((action, shadow, places), rules) in enumerate(parts.items())
        )

    @property
    def version(self) -> str:
        """Over the rules."""
        return self._version

    @cached_property
    def _version(self) -> str:
        return digest("textrules", [rule.model_dump(mode="json") for rule in self.rules])[:12]

    def find(self, text: Canonical) -> Sequence[Found]:
        """Every match of every rule."""
        return [
            Found(f.rule, f.label, f.start, f.end, f.key, self._confidence[f.rule])
            for f in self._set.find(text.text)
        ]

    @cached_property
    def _set(self) -> RuleSet:
        return RuleSet([Rule(rule.name, rule.pattern, rule.label) for rule in self.rules])

    @cached_property
    def _confidence(self) -> dict[str, float]:
        return {rule.name: rule.confidence for rule in self.rules}


def _read(path: Path) -> _File:
    try:
        if path.stat().st_size > FILE_MOST:
            raise Misconfigured(
                f"The rules in {path} take more than {FILE_MOST >> 20} MiB.",
                hint="Split the file.",
            )
        return _File.model_validate(_parsed(path))
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"The rules in {path} cannot be read: {error}.", hint="It must be a text file in UTF-8."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"]) or "the file"
        raise Misconfigured(
            f"{path}: {at}: {first['msg']}.",
            hint="A file of rules has a list `rules`, each with a name and a pattern.",
        ) from error


def _parsed(path: Path) -> object:
    text = path.read_text("utf-8")
    if path.suffix == ".toml":
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise Misconfigured(f"{path} is no TOML: {error}.", hint="Mend that line.") from error
    import yaml

    try:
        return cast("object", yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise Misconfigured(f"{path} is no YAML: {error}.", hint="Mend that line.") from error


def _sound(rules: Sequence[TextRule], where: str) -> None:
    if not 0 < len(rules) <= RULES_MOST:
        raise Misconfigured(
            f"{where} holds {len(rules)} rules.", hint=f"Give it between 1 and {RULES_MOST}."
        )
    names: set[str] = set()
    steps = 0
    for rule in rules:
        if rule.name in names:
            raise Misconfigured(
                f"{where}: there are two rules {rule.name!r}.", hint="Name each differently."
            )
        names.add(rule.name)
        steps += _steps(rule, where)
    if steps > STEPS_MOST:
        raise Misconfigured(
            f"{where}: the rules together are too large ({steps:,} steps of {STEPS_MOST:,}).",
            hint="Lower the bounds of their repeats, or split them into two sets.",
        )


def _steps(rule: TextRule, where: str) -> int:
    """The size of a rule's compiled program. Raises Misconfigured where the rule is not sound."""
    pattern = rule.pattern
    re2: Any = import_module("re2")
    options = re2.Options()
    options.max_mem = MEMORY_MOST
    options.log_errors = False
    try:
        compiled: Any = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise Misconfigured(
            f"{where}: rule {rule.name!r}: RE2 does not take the pattern {pattern[:100]!r}:"
            f" {reason}.",
            hint="RE2 has no look-around and no back-references, and bounds repeats at 1000: write"
            " it without them.",
        ) from error
    for probe in _PROBES:
        if any(match.start() == match.end() for match in compiled.finditer(probe)):
            raise Misconfigured(
                f"{where}: rule {rule.name!r}: the pattern {pattern[:100]!r} also matches where"
                " nothing stands.",
                hint="Make it ask for one character at least, e.g. + in place of *.",
            )
    return int(compiled.programsize)
