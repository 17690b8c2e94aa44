"""Rules for credentials out of a file in gitleaks' TOML format.

Format: the README of gitleaks, section Configuration. Go's regular expressions are RE2's, so that a
rule is taken as it is. What concerns files of a repository (`path`, `paths`, `commits`) is left
out: a message has none. A rule with a path and no regex finds nothing, and is skipped.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pointsman.errors import Misconfigured
from pointsman.guardrails.rules import Rule
from pointsman.guardrails.values import entropy


class _Allowlist(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    condition: Literal["OR", "AND", "or", "and", "||", "&&"] = "OR"
    regex_target: Literal["", "secret", "match", "line"] = Field("secret", alias="regexTarget")
    regexes: tuple[str, ...] = ()
    stopwords: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()


class _Rule(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    regex: str = ""
    entropy: float = 0.0
    secret_group: int = Field(0, alias="secretGroup", ge=0)
    keywords: tuple[str, ...] = ()
    allowlist: _Allowlist | None = None
    allowlists: tuple[_Allowlist, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    rules: tuple[_Rule, ...]
    allowlist: _Allowlist | None = None
    allowlists: tuple[_Allowlist, ...] = ()


def read(path: Path) -> str:
    """The file's text, its rules checked. Raises Misconfigured."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"Secrets(rules={str(path)!r}): the file cannot be read ({error}).",
            hint="Give the path of a gitleaks file in TOML.",
        ) from error
    parse(text, str(path))
    return text


def parse(text: str, where: str) -> tuple[Rule, ...]:
    """The rules of a gitleaks file's text. Raises Misconfigured, with every rule that is wrong."""
    try:
        file = _File.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise Misconfigured(
            f"Secrets(rules={where!r}): this is no gitleaks file ({error}).",
            hint="It needs [[rules]] with id and regex.",
        ) from error
    everywhere = [*file.allowlists, *([file.allowlist] if file.allowlist else [])]
    compiled = _Compiled()
    rules = tuple(_rule(rule, everywhere, compiled) for rule in file.rules if rule.regex)
    if compiled.wrong:
        raise Misconfigured(
            f"Secrets(rules={where!r}): RE2 cannot compile " + "; ".join(compiled.wrong) + ".",
            hint="RE2 has no look-around and no back-references. Reword or remove these rules.",
        )
    return rules


class _Compiled:
    """Compiles with RE2 and keeps what it cannot."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def __call__(self, rule: str, regex: str) -> Any:
        from importlib import import_module

        re2: Any = import_module("re2")
        options = re2.Options()
        options.log_errors = False
        try:
            return re2.compile(regex, options)
        except re2.error as error:
            said = error.args[0]
            said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            self.wrong.append(f"{rule}: {said}")
            return None


def _rule(rule: _Rule, everywhere: list[_Allowlist], compiled: _Compiled) -> Rule:
    pattern = compiled(rule.id, rule.regex)
    if pattern is not None and rule.secret_group > pattern.groups:
        compiled.wrong.append(f"{rule.id}: there is no group {rule.secret_group}")
    own = [*rule.allowlists, *([rule.allowlist] if rule.allowlist else [])]
    excuses = [_excuse(rule.id, allowed, compiled) for allowed in [*own, *everywhere]]

    def excused(value: str, match: str, line: str) -> bool:
        return any(excuse(value, match, line) for excuse in excuses)

    def enough(value: str) -> bool:
        return entropy(value) >= rule.entropy

    return Rule(
        rule.id,
        rule.regex,
        holds=enough,
        group=rule.secret_group,
        keywords=tuple(word.lower() for word in rule.keywords),
        unless=excused if excuses else None,
    )


def _excuse(rule: str, allowed: _Allowlist, compiled: _Compiled) -> Callable[[str, str, str], bool]:
    regexes = [compiled(rule, regex) for regex in allowed.regexes]
    stopwords = [word.lower() for word in allowed.stopwords]
    both = allowed.condition in {"AND", "and", "&&"}

    def excused(value: str, match: str, line: str) -> bool:
        target = {"match": match, "line": line}.get(allowed.regex_target, value)
        tests: list[bool] = []
        if regexes:
            tests.append(any(regex.search(target) for regex in regexes))
        if stopwords:
            lower = value.lower()
            tests.append(any(word in lower for word in stopwords))
        if both:
            # A condition on files cannot hold: there are none.
            here = not (allowed.paths or allowed.commits)
            return here and bool(tests) and all(tests)
        return any(tests)

    return excused
