"""Vault: what was redacted in a run, by placeholder. Numbers are given once a run and kept."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

SHAPE = re.compile(r"\[([A-Z][A-Z0-9_]{0,30})_(0|[1-9]\d{0,8})\]")
"""A placeholder: its label, and its number within the run."""
OURS = re.compile(
    r"\[(SECRET|EMAIL|CARD|IBAN|PHONE|SSN|IP|ID|URL|CRYPTO|LINK|DENIED|TOPIC|INJECTION"
    r"|PERSON|LOCATION|ORGANIZATION|DATE)_(\d{1,9})\]"
)
"""A placeholder with a label of our own: it stands for something, or for nothing, never for itself.
`[TABLE_1]` may be somebody's text."""
MOST = 999_999_999

Name = tuple[str, int]
"""A placeholder's label and number."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value that was redacted."""

    label: str
    key: str
    """The value in its one spelling: equal keys have one placeholder."""
    value: str = field(repr=False)
    """As it stood in the text: what a tool gets that may see it."""


class Vault(Protocol):
    """Keeps what was redacted. A number once given stands for the same value for the whole run,
    in every process that works on it."""

    async def hide(
        self, run: str, hidden: Sequence[Hidden], taken: Set[Name] = frozenset()
    ) -> Mapping[tuple[str, str], int]:
        """Number the values: by label and key. New ones get the smallest free numbers, in order.

        `taken` stand in the texts already and are given to none. Raises StoreError.
        """
        ...

    async def values(self, run: str, names: Set[Name]) -> Mapping[Name, str]:
        """The values behind placeholders; those that stand for nothing in this run are left out.

        Raises StoreError, also where a value cannot be unsealed.
        """
        ...


class Numbers:
    """Numbers given to values: the smallest that are free, in order."""

    def __init__(self, given: Mapping[tuple[str, str], int] | None = None) -> None:
        self.given = dict(given or {})
        self._next: dict[str, int] = {}
        self._used = {(label, number) for (label, _), number in self.given.items()}

    def take(self, names: Set[Name]) -> None:
        """Give these numbers to none."""
        self._used |= names

    def number(self, label: str, key: str) -> int:
        """The number of a value. Raises OverflowError beyond `MOST`."""
        number = self.given.get((label, key))
        if number is None:
            number = self._next.get(label, 1)
            while (label, number) in self._used:
                number += 1
            if number > MOST:
                raise OverflowError(f"no placeholder is left for another {label}")
            self._next[label] = number + 1
            self._used.add((label, number))
            self.given[label, key] = number
        return number


class MemoryVault:
    """A vault that lasts as long as the object: for a node that runs outside of a team."""

    def __init__(self) -> None:
        self._numbers: dict[str, Numbers] = {}
        self._values: dict[str, dict[Name, str]] = {}

    async def hide(
        self, run: str, hidden: Sequence[Hidden], taken: Set[Name] = frozenset()
    ) -> Mapping[tuple[str, str], int]:
        """See `Vault.hide`."""
        values = self._values.setdefault(run, {})
        numbers = Numbers(self._numbers.setdefault(run, Numbers()).given)
        numbers.take(taken)
        for one in hidden:
            name = (one.label, numbers.number(one.label, one.key))
            values.setdefault(name, one.value)
        self._numbers[run] = numbers
        return {(one.label, one.key): numbers.given[one.label, one.key] for one in hidden}

    async def values(self, run: str, names: Set[Name]) -> Mapping[Name, str]:
        """See `Vault.values`."""
        known = self._values.get(run, {})
        return {name: known[name] for name in names if name in known}


def placeholder(label: str, number: int) -> str:
    """What stands in place of a value, e.g. `[EMAIL_1]`."""
    return f"[{label}_{number}]"


def names_in(text: str) -> set[Name]:
    """The placeholders that stand in a text."""
    return {(m[1], int(m[2])) for m in SHAPE.finditer(text)} if "[" in text else set()
