"""What differs between two releases, part by part."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from pointsman.teams.releases.release import CODE, DATA, Part, Parts


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that was added, removed or changed."""

    part: Part
    name: str
    """Of the prompt, the tier, the specialist…"""
    how: Literal["added", "removed", "changed"]
    lines: tuple[str, ...]
    """A unified diff without its head: lines that begin with `+`, `-` or a space."""


def differences(before: Parts, after: Parts, *, context: int = 2) -> tuple[Difference, ...]:
    """What differs, in the order of the parts; empty for equal behaviours. `context`: equal lines
    that are shown around a difference."""
    found: list[Difference] = []
    for part in (*DATA, *CODE):
        old, new = _named(before, part), _named(after, part)
        found += [
            _difference(part, name, old.get(name), new.get(name), context)
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ]
    return tuple(found)


def _named(parts: Parts, part: Part) -> Mapping[str, str]:
    """The things of a part, each as a text."""
    if part == "prompts":
        return {name: prompt.text for name, prompt in parts.prompts.items()}
    form = parts.form(part)
    things: Mapping[str, JsonValue] = form if isinstance(form, dict) else {part: form}
    return {name: _text(one) for name, one in things.items()}


def _text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


def _difference(
    part: Part, name: str, old: str | None, new: str | None, context: int
) -> Difference:
    how: Literal["added", "removed", "changed"] = (
        "added" if old is None else "removed" if new is None else "changed"
    )
    lines = difflib.unified_diff(
        (old or "").splitlines(), (new or "").splitlines(), lineterm="", n=context
    )
    return Difference(part, name, how, tuple(lines)[2:])
