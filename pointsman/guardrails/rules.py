"""Pattern rules over a canonical text, matched by RE2: linear in the text, whatever it holds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

_LINE = 1000
"""Characters of a line on either side of a match that an excuse can see."""


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
    """A shape. Its first group that took part, where it has groups, is what was found."""

    name: str
    pattern: str
    """In RE2's syntax, without look-around."""
    label: str = "SECRET"
    holds: Callable[[str], bool] = _always
    """A second look at what was found: a check digit, a length."""
    key: Callable[[str], str] = _as_it_is
    confidence: float = 1.0
    cut: Callable[[str], int] = len
    """How many characters of what was found are the value: a full stop behind it is none."""
    group: int = 0
    """Which group is the value; 0: the first that took part."""
    keywords: tuple[str, ...] = ()
    """Lower case; one of them must stand somewhere in the text. None: always."""
    unless: Callable[[str, str, str], bool] | None = None
    """Given the value, the whole match and its line: whether it is excused."""


class RuleSet:
    """Rules compiled together: one pass says which of them match at all."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)

    def find(self, text: str) -> Iterator[Found]:
        """Every match of every rule, rule by rule. `text` must hold no lone surrogates."""
        matcher, patterns = self._compiled
        lower = ""
        for index in sorted(matcher.Match(text) or ()):
            rule = self._rules[index]
            if rule.keywords:
                lower = lower or text.lower()
                if not any(word in lower for word in rule.keywords):
                    continue
            for match in patterns[index].finditer(text):
                found = _found(rule, match, text)
                if found is not None:
                    yield found

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


def _found(rule: Rule, match: Any, text: str) -> Found | None:
    groups = range(1, match.re.groups + 1)
    group = rule.group or next((g for g in groups if match.start(g) >= 0), 0)
    start, end = match.span(group)
    end = start + rule.cut(text[start:end])
    value = text[start:end]
    if start < 0 or not value or not rule.holds(value):
        return None
    if rule.unless is not None:
        # Of a line without end only so much: the work stays linear in the text.
        first = text.rfind("\n", max(0, match.start() - _LINE), match.start()) + 1
        first = first or max(0, match.start() - _LINE)
        last = text.find("\n", match.end(), match.end() + _LINE)
        line = text[first : last if last >= 0 else match.end() + _LINE]
        if rule.unless(value, match.group(), line):
            return None
    return Found(rule.name, rule.label, start, end, rule.key(value), rule.confidence)


def version_of(rules: Sequence[Rule], *more: str) -> str:
    """12 hex digits over what rules look for, and over more that decides what is found."""
    parts = [
        f"{r.name}\0{r.pattern}\0{r.label}\0{r.group}\0{r.confidence}\0{r.holds.__qualname__}"
        for r in rules
    ]
    return sha256("\1".join([*parts, *more]).encode("utf-8", "replace")).hexdigest()[:12]
