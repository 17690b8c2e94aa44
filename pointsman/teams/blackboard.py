"""The blackboard as a team declares it: which entries there are, of what type, and whose they are.

Reading and writing is in `board.py`; the specialists' two tools are in `boardtools.py`.
"""

import re
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar, cast, get_origin

from pydantic import JsonValue, TypeAdapter, ValidationError

from pointsman.errors import InvalidEntry, Misconfigured
from pointsman.nodes.digest import canonical
from pointsman.teams.conflicts import Resolver

T = TypeVar("T")
EVERYONE = "*"
"""In place of specialists' names: all of them."""
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,119}\*?")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One entry, or (a name that ends in `*`) every entry whose key begins so.

    `Entry("budget_plan", Plan, owner="planner", readers=("research",))`: a Plan that only `planner`
    may write, and that `research` may read too. Code outside of a run may do both with all of them.

    Raises Misconfigured for a name that cannot be one, and for bounds that are none.
    """

    name: str
    type: type[T]
    """A pydantic model, or a type that pydantic knows, such as `str` or `list[str]`."""
    _: KW_ONLY
    owner: str = ""
    """The specialist that may write it. Without an owner and `writers`, no specialist may."""
    writers: tuple[str, ...] = ()
    """Further specialists that may write it; `*` for all."""
    readers: tuple[str, ...] = ()
    """Specialists that may read it, beside those that may write it; `*` for all."""
    scope: Literal["thread", "team"] = "thread"
    """Each conversation has its own, or all conversations of a tenant share one."""
    ttl: float | None = None
    """Seconds after which it reads as absent, by the store's clock. None: it stays."""
    resolver: Resolver[T] | None = None
    """What follows when it was changed since it was read. None: the write is refused."""
    leased: bool = False
    """Whether a write must hold its lease (`board.lease(key)`). Specialists' tools then cannot
    write it."""
    version: int = 1
    """Of the type. Raise it when stored values of the old one do not fit any more."""
    upgrade: Callable[[int, JsonValue], JsonValue] | None = None
    """Makes today's JSON of a value stored with an older version of the type."""
    max_bytes: int = 64_000
    """Of the value as JSON in UTF-8."""
    about: str = ""
    """What it holds, in a line, for the specialists."""

    def __post_init__(self) -> None:
        fault = ""
        if not _NAME.fullmatch(self.name):
            fault = "its name is not letters, digits and _ . : / - (and a * at the end)"
        elif self.ttl is not None and not self.ttl > 0:
            fault = f"ttl={self.ttl!r} is not above 0"
        elif self.max_bytes < 1 or self.version < 1:
            fault = "max_bytes and version are 1 or more"
        elif any(isinstance(cast("object", given), str) for given in (self.writers, self.readers)):
            fault = "writers and readers are tuples of names"
        if fault:
            raise Misconfigured(
                f"Blackboard entry {self.name!r}: {fault}.", hint="Correct its declaration."
            )

    @property
    def schema(self) -> str:
        """Name@version of the type."""
        # `list[str]` has the name `list`, which says too little.
        plain = get_origin(self.type) is None
        return f"{getattr(self.type, '__name__', self.type) if plain else self.type}@{self.version}"

    @property
    def json_schema(self) -> dict[str, Any]:
        """The type as JSON Schema."""
        return self._adapter.json_schema()

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        return TypeAdapter(self.type)

    def fits(self, key: str) -> bool:
        """Whether this declares the key."""
        if self.name.endswith("*"):
            begins = self.name[:-1]
            return key != begins and key.startswith(begins) and bool(_KEY.fullmatch(key))
        return key == self.name

    def at(self, key: str) -> "Entry[T]":
        """One of the entries that a name with `*` declares. Raises InvalidEntry."""
        if not self.fits(key):
            raise InvalidEntry(
                f"{key!r} is no key that blackboard entry {self.name!r} declares.",
                hint="Letters, digits and _ . : / - after what stands before the *.",
            )
        return replace(self, name=key)

    def may_write(self, specialist: str) -> bool:
        """Whether that specialist may write it."""
        return specialist == self.owner or bool({specialist, EVERYONE} & {*self.writers})

    def may_read(self, specialist: str) -> bool:
        """Whether that specialist may read it."""
        return bool({specialist, EVERYONE} & {*self.readers}) or self.may_write(specialist)

    def dumped(self, key: str, value: object) -> str:
        """The value as canonical JSON. Raises InvalidEntry for one that does not fit, is too large
        or holds what JSON has not."""
        try:
            plain = self._adapter.dump_python(self._adapter.validate_python(value), mode="json")
            text = canonical(cast("JsonValue", plain)).decode("utf-8")
        except (ValidationError, ValueError) as error:
            raise InvalidEntry(
                f"The value for {key!r} is no {self.schema}: {_faults(error)}.",
                hint="Nothing was written. Give a value that fits the entry's type.",
            ) from error
        size = len(text.encode())
        if size > self.max_bytes:
            raise InvalidEntry(
                f"The value for {key!r} has {size:,} bytes as JSON, and {self.max_bytes:,} are"
                " allowed.",
                hint="Keep a reference to it there, or raise Entry(max_bytes=).",
            )
        return text

    def loaded(self, key: str, schema: str, text: str) -> T:
        """A stored value. Raises InvalidEntry for one of another type that `upgrade` does not
        bring to this one."""
        try:
            if schema == self.schema:
                return self._adapter.validate_json(text)
            version = schema.rpartition("@")[2]
            if self.upgrade is not None and version.isdecimal():
                older: JsonValue = TypeAdapter(JsonValue).validate_json(text)
                return self._adapter.validate_python(self.upgrade(int(version), older))
        except ValidationError as error:
            why = _faults(error)
        else:
            why = f"the team declares {self.schema}"
        raise InvalidEntry(
            f"What is stored under {key!r} is a {schema}: {why}.",
            hint="Give Entry(upgrade=) that makes the new one of it, or remove the entry.",
        )


@dataclass(frozen=True)
class Blackboard:
    """The entries of a team, and their bounds. A key that none declares is refused.

    Raises Misconfigured for two entries of one name.
    """

    entries: tuple[Entry[Any], ...] = field(default_factory=tuple)
    history: int = 50
    """Versions of each key that are kept, the newest among them."""
    max_entries: int = 1000
    """Keys in one scope: a thread's of one tenant, or a tenant's of the team. Absent ones make
    room, the longest absent first."""

    def __post_init__(self) -> None:
        names = [entry.name for entry in self.entries]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Misconfigured(
                f"The blackboard has two entries named {twice[0]!r}.", hint="Rename one."
            )
        if self.history < 1 or self.max_entries < 1:
            raise Misconfigured(
                "Blackboard(history=, max_entries=) are 1 or more.", hint="Raise them."
            )

    def entry(self, key: str) -> Entry[Any]:
        """Who declares the key: by its name, else by the longest beginning.

        Raises InvalidEntry for a key that none declares.
        """
        fitting = [entry for entry in self.entries if entry.fits(key)]
        if not fitting:
            known = ", ".join(sorted(entry.name for entry in self.entries)) or "none"
            raise InvalidEntry(
                f"No entry of the blackboard is named {key!r}.",
                hint=f"Declared: {known}. Add an Entry to the team's Blackboard.",
            )
        return max(fitting, key=lambda entry: (not entry.name.endswith("*"), len(entry.name)))


def _faults(error: ValueError) -> str:
    """What does not fit, without the value: it may be personal."""
    if not isinstance(error, ValidationError):
        return "it holds what JSON has not"
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc']) or 'value'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)[:5]
    )
