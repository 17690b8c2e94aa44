"""Validators of the package Guardrails AI as guards of answers. The package is no dependency."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol, cast

from pydantic import JsonValue

from pointsman.errors import Misconfigured
from pointsman.guardrails.assess import (
    Conduct,
    Consequence,
    Opinion,
    Piece,
    assessed,
    check_settings,
)
from pointsman.guardrails.offloop import OffLoop
from pointsman.nodes.digest import digest
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run


class Result(Protocol):
    """Guardrails AI's ValidationResult: `outcome` is `pass` or `fail`. Read where they are there:
    `fix_value`, `error_spans` (each with `start` and `end`) and `value_override`."""

    @property
    def outcome(self) -> str: ...


class Validator(Protocol):
    """What is needed of a Guardrails AI validator."""

    def validate(self, value: str, metadata: dict[str, JsonValue]) -> Result:
        """Whether a value is valid."""
        ...


@dataclass(frozen=True)
class GuardrailsAIValidator:
    """Guards answers with a validator of Guardrails AI that you have made (`on_fail` is not used).

        GuardrailsAIValidator(ToxicLanguage(threshold=0.5), action="fix")

    Read are an answer's text and, as one text, the strings of its data. On a failure `action`
    blocks, asks a person or records; `fix` puts the validator's `fix_value` in place of the text,
    and blocks where there is none or where it was the data that failed. A fixed answer is not
    validated again. A validator with `override_value_on_pass` may change a text that passes.

    The rule is the validator's registered name, with `unjudged` where it gave no result within
    `timeout` seconds, which blocks; so does what it raises (`guard-error`). Its error messages can
    quote the text and are neither shown nor recorded. Called in a thread, one text at a time.
    Validators may send the text to a service of theirs: see each one's own settings.
    """

    validator: Validator = field(repr=False)
    action: Consequence | Literal["fix"] = "block"
    metadata: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    name: str = "guardrails-ai"
    shadow: bool = False
    timeout: float = 30.0
    says: str = ""
    """What the user reads in place of what was stopped; empty: a plain apology."""
    revision: str = ""
    """A text of your own that stands for the validator's setup in the version."""

    def __post_init__(self) -> None:
        check_settings(self.name, self._consequence, frozenset({"answer"}))
        if not 0 < self.timeout < float("inf"):
            raise Misconfigured(f"Guard {self.name!r}: a time-out of {self.timeout} s cannot be.")

    def __hash__(self) -> int:
        return hash((self.name, self.version))

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""
        conduct = Conduct(
            self.name, self._consequence, frozenset({"answer"}), self.version, self.shadow,
            self.says,
        )  # fmt: skip
        return assessed(inner, conduct, self._opinion)

    @property
    def version(self) -> str:
        """12 hex digits over the validator's name, the metadata, the action and `revision`."""
        kind = type(self.validator).__qualname__
        return digest(
            "validator", kind, self._rule, dict(self.metadata), self.action, self.revision
        )[:12]

    @property
    def _consequence(self) -> Consequence:
        return "block" if self.action == "fix" else self.action

    @cached_property
    def _rule(self) -> str:
        """Such as `guardrails/toxic_language`."""
        alias = getattr(self.validator, "rail_alias", "") or type(self.validator).__name__
        return re.sub(r"[^A-Za-z0-9_./-]", "-", str(alias))[:80] or "validator"

    @cached_property
    def _caller(self) -> OffLoop[str, Result]:
        return OffLoop(self._validate, name=f"pointsman-{self.name}")

    def _validate(self, text: str) -> Result:
        # A copy: validators are known to write into it.
        return self.validator.validate(text, dict(self.metadata))

    async def _opinion(self, piece: Piece, run: Run) -> Opinion | None:
        try:
            async with asyncio.timeout(run.remaining(self.timeout)):
                result = await self._caller.call(piece.text)
        except TimeoutError:
            return Opinion("unjudged", judged=False)
        spans = _spans(getattr(result, "error_spans", None), len(piece.text))
        whole = piece.at.endswith(".text")
        match result.outcome:
            case "fail":
                fix = getattr(result, "fix_value", None) if self.action == "fix" and whole else None
                fixed = fix if isinstance(fix, str) else None
                return Opinion(self._rule, spans=spans, fixed=fixed)
            case "pass":
                other = getattr(result, "value_override", None)
                changes = getattr(self.validator, "override_value_on_pass", False) is True
                if changes and whole and isinstance(other, str) and other != piece.text:
                    return Opinion(self._rule, fixed=other)
                return None
            case _:
                raise ValueError("a validator's outcome is pass or fail")


def _spans(given: object, length: int) -> tuple[tuple[int, int], ...]:
    """Those that lie in the text."""
    spans: list[tuple[int, int]] = []
    for one in cast("Sequence[object]", given or ()):
        start, end = getattr(one, "start", None), getattr(one, "end", None)
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= length:
            spans.append((start, end))
    return tuple(spans)
