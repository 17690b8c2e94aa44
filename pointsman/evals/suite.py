"""Suites: cases, what is expected of each, and how they are run.

Only types here; `casefile` reads cases and `suitefile` reads suites. `pointsman eval schema` writes
their JSON Schemas, so that an editor completes and checks the files.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self, cast

from pydantic import Field, JsonValue, model_validator

from pointsman.errors import BadInput
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.message import Frozen, Status, Turn


class ExpectedCall(Frozen):
    """A tool call, a ticket or a write that a case expects. `args` names those that matter: each a
    value that must be equal, or a matcher (see `matching`); others may be anything."""

    tool: str = Field(min_length=1)
    args: JsonObject = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"tool": given} if isinstance(given, str) else cast("object", given)


class Expected(Frozen):
    """What a case expects. What is left out is not scored."""

    route: str | None = None
    """The router's choice; empty for "nobody's"."""
    status: Status | None = None
    contains: tuple[str, ...] = ()
    """Texts that the answer must hold, case ignored."""
    not_contains: tuple[str, ...] = ()
    tickets: tuple[str, ...] | None = None
    """Tools of the tickets on which a person must be asked, in order; empty for none."""
    output: JsonValue = None
    """The answer or value, for scorers that compare. None: not given."""
    trajectory: tuple[str, ...] | None = None
    """Steps in order: specialists and tools by name."""
    tool_calls: tuple[ExpectedCall, ...] | None = None
    effects: tuple[ExpectedCall, ...] | None = None
    """Writes that must have been done, and no others; empty for none. The oracle approves these."""
    asks: bool | None = None
    """Whether a person must be asked."""
    verdict: Literal["allow", "redact", "block", "escalate"] | None = None
    """The gravest verdict that the guards give."""


class Case(Frozen):
    """One thing to ask and what is expected. `text` is the message; functions that take something
    else get `input`. Cases of one `thread` run in order and see each other's messages."""

    id: str = Field(min_length=1)
    text: str = ""
    input: JsonValue = None
    """What a function is called with, where that is no text. A text given here is `text`."""
    thread: str = ""
    tenant: str = "default"
    history: tuple[Turn, ...] = ()
    """What was said in the thread before: user and assistant turns."""
    then: tuple[str, ...] = ()
    """What a scripted user says next, once per turn, as long as runs end well."""
    goal: str = ""
    """What a model-driven user wants; it goes on until it has it."""
    expected: Expected = Expected()
    tags: tuple[str, ...] = ()
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    metadata: JsonObject = Field(default_factory=dict)
    """Anything, for scorers and reports. Not part of what is asked."""

    @model_validator(mode="before")
    @classmethod
    def _text_as_input(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return cast("object", given)
        row = dict(cast("dict[str, Any]", given))
        if isinstance(row.get("input"), str) and "text" not in row:
            row["text"] = row.pop("input")
        return row

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if "text" not in self.model_fields_set and self.input is None:
            raise ValueError("neither text nor input is given")
        return self

    @property
    def digest(self) -> str:
        """Digest of what is asked and expected: part of the record's key, so that a changed case
        runs again. Tags, weight and metadata are not in it; nor is what has its default."""
        asked = self.model_dump(
            mode="json", exclude={"tags", "weight", "metadata"}, exclude_defaults=True
        )
        return digest(asked)[:16]


class ScorerSpec(Frozen):
    """A scorer by name, with its options; a name alone is short for it."""

    name: str = Field(min_length=1)
    """One of the shipped ones, or `module:name` of a callable."""
    options: JsonObject = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"name": given}
        if isinstance(given, dict) and len(cast("dict[str, Any]", given)) == 1:
            [(name, options)] = cast("dict[str, Any]", given).items()
            if name != "name" and isinstance(options, dict):
                return {"name": name, "options": cast("dict[str, Any]", options)}
        return cast("object", given)


class ApproverSpec(Frozen):
    """Who decides the tickets of a run: a policy by name; see `approvers`."""

    policy: Literal["never_decide", "always", "never", "oracle", "random"] = "never_decide"
    """`never_decide` leaves tickets open; `always` approves, `never` rejects; `oracle` approves
    what the case expects as an effect and rejects the rest; `random` draws with the seed."""
    rate: float = Field(default=0.5, ge=0, le=1)
    """Share that `random` approves."""
    rounds: int = Field(default=20, ge=1, le=1000)
    """Decisions one sample may take; then it stays as it is."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"policy": given} if isinstance(given, str) else cast("object", given)


class UserSpec(Frozen):
    """A model that plays the user, for cases with a `goal`."""

    tier: str = "fast"
    """Of the team's models."""
    turns: int = Field(default=4, ge=1, le=50)
    """Messages that it may send after the first."""
    style: str = ""
    """How it speaks, in a sentence."""


class RunOptions(Frozen):
    """How a suite is run; options of the command line win."""

    epochs: int = Field(default=1, ge=1, le=1000)
    """How often each case is asked."""
    concurrency: int = Field(default=4, ge=1, le=1000)
    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Seconds a sample may take."""
    budget: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """US dollars for the whole run. No sample is begun once they are spent."""
    seed: int = 0


@dataclass(frozen=True)
class Suite:
    """Cases with a name, the target they are put to, and how."""

    name: str
    cases: tuple[Case, ...]
    target: str = "team"
    """See `targets.resolve`."""
    scorers: tuple[ScorerSpec, ...] = ()
    """Empty: those that every suite gets."""
    options: RunOptions = field(default_factory=RunOptions)
    approver: ApproverSpec = field(default_factory=ApproverSpec)
    user: UserSpec | None = None
    setup: str = ""
    """`module:name` of an async context manager of a `trial.Trial`, entered around each sample:
    what puts the world back as it was. With one world for all, let concurrency be 1."""
    tags: tuple[str, ...] = ()
    gate: JsonValue = None
    """As the file has it; `gate` reads it."""
    folder: Path | None = field(default=None, compare=False)
    """Where the suite's file lies: its modules are found from there."""

    @classmethod
    def load(cls, path: Path) -> "Suite":
        """Read a suite (YAML), or cases alone (JSONL, CSV, YAML list). See `suitefile.read`.

        Raises BadInput naming the file, the line and the field.
        """
        from pointsman.evals.suitefile import read

        return read(path)

    @property
    def digest(self) -> str:
        """Digest of the cases in order: what two runs must share to be paired case by case."""
        return digest([[case.id, case.digest] for case in self.cases])[:16]

    def only(self, *, tags: tuple[str, ...] = (), limit: int | None = None) -> "Suite":
        """The suite with the cases that have one of the tags (none given: all), at most `limit`.
        Cases of a thread are not torn apart by tags: those before one that is kept are kept.

        Raises BadInput when nothing is left.
        """
        kept = self.cases
        if tags:
            chosen = {i for i, case in enumerate(kept) if set(case.tags) & set(tags)}
            last = {kept[i].thread: i for i in sorted(chosen) if kept[i].thread}
            kept = tuple(
                case
                for i, case in enumerate(kept)
                if i in chosen or (case.thread and i < last.get(case.thread, -1))
            )
        kept = kept if limit is None else kept[:limit]
        if not kept:
            raise BadInput(
                f"No case of suite {self.name!r} has a tag of {', '.join(tags) or 'none'}.",
                hint="See `pointsman eval list`.",
            )
        return replace(self, cases=kept)
