"""Flags: values that change without a release, from a file or from a flag service of yours."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Protocol, cast

import yaml
from pydantic import Field, ValidationError

from pointsman.errors import Misconfigured
from pointsman.nodes.message import Frozen
from pointsman.teams.releases.channels import place

Flag = bool | int | float | str
FLAGS_FILE = "flags.yaml"
FLAGS_SCHEMA = "pointsman.flags@1"


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom a flag is asked."""

    team: str = ""
    tenant: str = ""
    thread: str = ""


class Flags(Protocol):
    """Gives the values of flags. Nothing is stored: a flag is asked when it is needed."""

    async def value(self, name: str, default: Flag, asked: Asked) -> Flag:
        """The flag's value for whoever it is asked for; `default` where there is no such flag."""
        ...


@dataclass(frozen=True, slots=True)
class NoFlags:
    """There are no flags: every one has its default."""

    async def value(self, name: str, default: Flag, asked: Asked) -> Flag:
        return default


class FlagRule(Frozen):
    """A value for some: all conditions that are given hold."""

    value: Flag
    teams: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Of threads, each flag drawn for itself. A greater share only adds threads."""

    def holds(self, name: str, asked: Asked) -> bool:
        """Whether it is for them."""
        pairs = (
            (self.teams, asked.team),
            (self.tenants, asked.tenant),
            (self.threads, asked.thread),
        )
        if any(listed and given not in listed for listed, given in pairs):
            return False
        return place("flag", name, asked.team, asked.tenant, asked.thread) < self.share


class FlagEntry(Frozen):
    """One flag: the first rule that holds gives its value, else `value`."""

    value: Flag
    description: str = ""
    rules: tuple[FlagRule, ...] = ()


class FlagFile(Frozen):
    """A file of flags."""

    schema_version: Literal["pointsman.flags@1"] = Field(default=FLAGS_SCHEMA, alias="schema")
    flags: dict[str, FlagEntry] = Field(default_factory=dict)


@dataclass
class FileFlags:
    """Flags from a YAML file, read again when it changes. No file: no flags.

    pointsman.canary:
      value: 0.05
      rules: [{tenants: [acme], value: 0.5}]
    """

    path: Path
    _read: "tuple[int, FlagFile] | None" = None

    async def value(self, name: str, default: Flag, asked: Asked) -> Flag:
        entry = self.file().flags.get(name)
        if entry is None:
            return default
        rule = next((rule for rule in entry.rules if rule.holds(name, asked)), None)
        given = entry.value if rule is None else rule.value
        return _fitting(name, given, default)

    def file(self) -> FlagFile:
        """The file as it is now. Raises Misconfigured for one that cannot be used."""
        try:
            changed = self.path.stat().st_mtime_ns
        except FileNotFoundError:
            return FlagFile()
        if self._read is None or self._read[0] != changed:
            self._read = (changed, read_flags(self.path))
        return self._read[1]


class FlagClient(Protocol):
    """The part of an OpenFeature client that is used, by its names. The SDK is not needed here:
    give the client that you have made with it (`openfeature.api.get_client()`)."""

    async def get_boolean_value_async(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 (OpenFeature's own signature)
        evaluation_context: object = None,
    ) -> bool:
        """A flag that is true or false."""
        ...

    async def get_string_value_async(
        self, flag_key: str, default_value: str, evaluation_context: object = None
    ) -> str:
        """A flag that is a text."""
        ...

    async def get_float_value_async(
        self, flag_key: str, default_value: float, evaluation_context: object = None
    ) -> float:
        """A flag that is a number."""
        ...


class ContextMaker(Protocol):
    """Makes OpenFeature's `EvaluationContext`; the class itself does."""

    def __call__(self, *, targeting_key: str, attributes: Mapping[str, str]) -> object: ...


@dataclass(frozen=True)
class OpenFeatureFlags:
    """Flags of a flag service, through OpenFeature. `OpenFeatureFlags(get_client(),
    EvaluationContext)`. The thread is the targeting key."""

    client: FlagClient
    context: ContextMaker

    async def value(self, name: str, default: Flag, asked: Asked) -> Flag:
        attributes = {"team": asked.team, "tenant": asked.tenant, "thread": asked.thread}
        context = self.context(targeting_key=asked.thread, attributes=attributes)
        match default:
            case bool():
                return await self.client.get_boolean_value_async(name, default, context)
            case str():
                return await self.client.get_string_value_async(name, default, context)
            case _:
                return await self.client.get_float_value_async(name, float(default), context)


def read_flags(path: Path) -> FlagFile:
    """Read a file of flags. Raises Misconfigured, with the entry, for one that cannot be used."""
    try:
        given: object = yaml.safe_load(path.read_text("utf-8"))
        said = cast("Mapping[str, object]", given or {})
        whole = said if "flags" in said or "schema" in said else {"flags": said}
        return FlagFile.model_validate(whole)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise Misconfigured(
            f"The file of flags {path} cannot be used: {where}: {fault['msg']}.",
            hint="A flag has a value, a description and rules.",
        ) from error
    except (yaml.YAMLError, OSError, TypeError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"The file of flags {path} cannot be read: {error}.", hint="Mend it."
        ) from error


def _fitting(name: str, given: Flag, default: Flag) -> Flag:
    numbers = (int, float)
    same = isinstance(given, bool) == isinstance(default, bool) and (
        (isinstance(given, numbers) and isinstance(default, numbers))
        or type(given) is type(default)
    )
    if not same:
        raise Misconfigured(
            f"Flag {name!r} is {given!r}, and a {type(default).__name__} is wanted.",
            hint=f"Mend {FLAGS_FILE}.",
        )
    return given
