"""Release: a team's behaviour at one moment, pinned, as a file that people can read and review."""

from datetime import date
from functools import cached_property
from typing import Annotated, Literal, cast

from pydantic import AwareDatetime, Field, JsonValue

from pointsman.errors import InvalidRelease
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.message import Frozen

RELEASE_SCHEMA = "pointsman.release@1"
PromptName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$")
]
"""A prompt's name: a path below a folder, which it cannot leave."""
Part = Literal[
    "prompts", "models", "specialists", "tools", "guards", "transitions", "router", "policy",
    "limits",
]  # fmt: skip
DATA: tuple[Part, ...] = ("prompts", "models")
"""What a run takes from its release. The other parts are code: they can only be compared."""
CODE: tuple[Part, ...] = (
    "specialists", "tools", "guards", "transitions", "router", "policy", "limits",
)  # fmt: skip


class PinnedPrompt(Frozen):
    """A prompt file, or a partial, whole."""

    version: str
    text: str
    """Of the file, with its front matter. As UTF-8 it is the file's bytes."""


class PinnedTier(Frozen):
    """The models of a tier, first one first."""

    models: tuple[str, ...]
    """Of a cascade: the cheap tries."""
    strong: tuple[str, ...] = ()
    """Of a cascade: the chain where no cheap try holds."""
    how: JsonObject = Field(default_factory=dict)
    """What else a cascade or a hedge says. It is code."""


class Parts(Frozen):
    """All that makes a team behave as it does."""

    prompts: dict[PromptName, PinnedPrompt]
    models: dict[str, PinnedTier]
    specialists: dict[str, JsonObject]
    tools: dict[str, JsonObject]
    """By `specialist.tool`."""
    guards: dict[str, JsonObject]
    """By `name`, or `specialist.name` for one of a specialist's own."""
    transitions: dict[str, tuple[str, ...]]
    router: JsonObject
    policy: JsonObject
    limits: JsonObject

    def form(self, part: Part) -> JsonValue:
        """One part as JSON."""
        return cast("JsonValue", self.model_dump(mode="json", include={part})[part])

    @cached_property
    def digests(self) -> dict[Part, str]:
        """Of each part: 12 hex digits."""
        return {part: digest("part", part, self.form(part))[:12] for part in (*DATA, *CODE)}

    @property
    def digest(self) -> str:
        """Of all parts together: SHA-256 in hex."""
        said = {part: self.form(part) for part in (*DATA, *CODE)}
        return digest("behaviour", cast("JsonValue", said))

    def differs(self, other: "Parts") -> tuple[Part, ...]:
        """The parts in which two behaviours differ."""
        return tuple(p for p in (*DATA, *CODE) if self.digests[p] != other.digests[p])


class Release(Frozen):
    """A team's behaviour, pinned. Two of equal parts have equal digests, whoever made them."""

    schema_version: Literal["pointsman.release@1"] = Field(default=RELEASE_SCHEMA, alias="schema")
    release: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}\.[0-9a-f]{8}$")
    """Its name: the day it was made, and the first 8 digits of its digest."""
    team: str
    digest: str
    """Of its parts: SHA-256 in hex."""
    created: AwareDatetime
    by: str
    notes: str = ""
    parts: Parts

    @classmethod
    def of(cls, team: str, parts: Parts, *, at: AwareDatetime, by: str, notes: str) -> "Release":
        """The release of a team that behaves so."""
        whole = parts.digest
        return cls(
            schema=RELEASE_SCHEMA, release=release_name(at.date(), whole), team=team,
            digest=whole, created=at, by=by, notes=notes, parts=parts,
        )  # fmt: skip

    def checked(self) -> "Release":
        """Itself. Raises InvalidRelease where its parts are not those it was made with."""
        if self.parts.digest != self.digest or not self.release.endswith(self.digest[:8]):
            raise InvalidRelease(
                f"Release {self.release} of team {self.team!r} was changed after it was made: its"
                " parts have another digest.",
                hint="Take the file back from version control, or create a new release.",
            )
        return self


def release_name(day: date, whole: str) -> str:
    """The name of a release that was made on that day and has this digest."""
    return f"{day.isoformat()}.{whole[:8]}"
