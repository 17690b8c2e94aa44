"""Pattern rules over a canonical text, matched by RE2: linear in the text, whatever it holds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True, slots=True)
class Found:
    """One span that a rule found, in the indices of the text it was looked for in."""

    rule: str
    label: str
    """Stands in the placeholder: `EMAIL` gives `[EMAIL_1]`."""
    start: int
    end: int
    key: str
    """The value in its one spelling: equal keys get equal placeholders."""
    confidence: float = 1.0
    """How sure the rule is, 0 to 1."""


def _as_it_is(value: str) -> str:
    return value


def _always(_value: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Rule:
    """A shape. Its first group, where it has one, is what was found."""

    name: str
    pattern: str
    """In RE2's syntax, without look-around."""
    label: str = "SECRET"
    holds: Callable[[str], bool] = _always
    """A second look at what matched: a check digit, a length."""
    key: Callable[[str], str] = _as_it_is


class RuleSet:
    """Rules compiled together: one pass says which of them match at all."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)

    def find(self, text: str) -> Iterator[Found]:
        """Every match of every rule, rule by rule. `text` must hold no lone surrogates."""
        matcher, patterns = self._compiled
        for index in sorted(matcher.Match(text) or ()):
            rule = self._rules[index]
            for match in patterns[index].finditer(text):
                start, end = match.span(1 if patterns[index].groups else 0)
                value = text[start:end]
                if start < end and rule.holds(value):
                    yield Found(rule.name, rule.label, start, end, rule.key(value))

    @cached_property
    def _compiled(self) -> tuple[Any, tuple[Any, ...]]:
        # RE2's Python wrapper has no types. Out of memory its Set says "no match", hence the room.
        from importlib import import_module

        re2: Any = import_module("re2")
        options = re2.Options()
        options.max_mem = 64 << 20
        options.log_errors = False
        matcher: Any = re2.Set.SearchSet(options)
        for rule in self._rules:
            matcher.Add(rule.pattern)
        matcher.Compile()
        patterns: list[Any] = [re2.compile(rule.pattern, options) for rule in self._rules]
        return matcher, tuple(patterns)
