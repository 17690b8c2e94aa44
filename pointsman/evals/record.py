"""What an evaluation leaves behind: a JSONL file of a head, one sample a line, and how it ended.

Stored as they stand here: never moved or renamed without a migration. A file is only ever appended
to, so a crash costs the line that was being written and nothing else. Readers stream.
"""

from typing import Any, Literal, TypeAlias, cast

from pydantic import AwareDatetime, Field, JsonValue, model_validator

from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.message import Frozen, Turn
from pointsman.teams.result import Result

Score: TypeAlias = bool | float | str | None
"""bool: pass or fail; float: a number; str: a label; None: the case expects nothing of this kind.
What is None is not stored."""

SAMPLE_SCHEMA = "pointsman.sample@2"
HEAD_SCHEMA = "pointsman.evalrun@1"
END_SCHEMA = "pointsman.evalend@1"


class Step(Frozen):
    """One step of the way a run took, in order: a route, a hand-off, a tool call, a fallback."""

    kind: Literal["route", "handoff", "tool", "fallback", "bound", "blocked"]
    name: str
    """The specialist, the tool, the bound or the guard's rule."""
    by: str = ""
    """The router's tier, or the specialist that called the tool."""
    args: JsonObject | None = None
    """A tool's arguments; None where the run did not record them."""
    ok: bool = True


class TicketSeen(Frozen):
    """A ticket that the run opened, and what became of it."""

    tool: str
    kind: str = "action"
    specialist: str = ""
    args: JsonObject = Field(default_factory=dict)
    status: str = "pending"
    decision: str = ""
    by: str = ""
    """Who decided: `approver:oracle` and the like for a policy of the suite; empty: nobody."""
    rule: str = ""
    """The rule of the approval policy that asked."""


class EffectSeen(Frozen):
    """A write that the run began."""

    tool: str
    args: JsonObject = Field(default_factory=dict)
    state: str
    """`intended`, `done`, `failed` or `undone`, as in the effect ledger."""
    result: str = ""


class Verdict(Frozen):
    """What a guard said in the run; a plain allow is not recorded."""

    guard: str
    verdict: str
    rule: str = ""
    stage: str = ""


class Sample(Frozen):
    """One case, asked once: one line of a record. One with an `error` has no scores, and counts."""

    schema_version: Literal["pointsman.sample@2"] = SAMPLE_SCHEMA
    key: str
    """`sample_key(case digest, epoch, target version)`: unique in a record, and what two records
    of one target version are paired by. Two versions are paired by `case` and `epoch`."""
    case: str
    """The case's id."""
    epoch: int = Field(default=1, ge=1)
    """1 for the first time that the case is asked."""
    target: str = ""
    version: str = ""
    """The target's `behaviour_digest`, or what the caller called it."""
    case_digest: str = ""
    """Digest of the case: two runs of one id compare only where it is the same."""
    tags: tuple[str, ...] = ()
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    input: str = ""
    """The text that was asked first."""
    expected: JsonObject = Field(default_factory=dict)
    """What the case expects, without what it leaves open. See `suite.Expected`."""
    result: Result | None = None
    """Where the target is a team: where its last run ended."""
    output: JsonValue = None
    """What the target gave: a team's data or else its answer, a function's value."""
    scores: dict[str, bool | float | str] = Field(default_factory=dict)
    unscored: dict[str, str] = Field(default_factory=dict)
    """Scorers that failed on this sample, with the error. They count as not passed."""
    notes: dict[str, str] = Field(default_factory=dict)
    """Why, in words, by the names of scores: a judge's reasons."""
    error: str = ""
    """`Class: sentence` where the target raised or took too long; else empty."""
    usd: float | None = 0.0
    """What the target cost in US dollars; None as soon as one call's price is unknown."""
    eval_usd: float | None = 0.0
    """What the evaluation itself cost: a simulated user, a judge."""
    tokens: int = 0
    """Input and output tokens of all model calls."""
    seconds: float = 0.0
    """Time from asking the target to its end, by the clock on the wall."""
    model_calls: int = 0
    cache_hits: int = 0
    route: str = ""
    """The router's choice; empty for nobody's."""
    tickets: tuple[TicketSeen, ...] = ()
    """Every ticket on which somebody was asked, in order, decided or not."""
    effects: tuple[EffectSeen, ...] = ()
    """Every write, in the order it was begun."""
    trajectory: tuple[Step, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    transcript: tuple[Turn, ...] = ()
    """What was said, as far as the target tells: the user's and the assistant's turns, and the
    calls and results of tools."""

    @property
    def expected_route(self) -> str | None:
        """The route that the case expects; None where it leaves it open."""
        route = self.expected.get("route")
        return route if isinstance(route, str) else None

    @model_validator(mode="before")
    @classmethod
    def _from_1(cls, given: Any) -> Any:
        """Read `pointsman.sample@1`, of the releases before this one."""
        if not isinstance(given, dict):
            return cast("object", given)
        row = cast("dict[str, Any]", given)
        if row.get("schema_version") != "pointsman.sample@1":
            return row
        return _migrated(row)


class Head(Frozen):
    """The first line of a record: what was run."""

    schema_version: Literal["pointsman.evalrun@1"] = HEAD_SCHEMA
    run: str
    """A fresh id of this record."""
    suite: str
    suite_digest: str
    """Digest of the suite's cases, in order."""
    target: str
    version: str
    started: AwareDatetime
    scorers: tuple[str, ...] = ()
    scorer_versions: dict[str, str] = Field(default_factory=dict)
    """By scorer: its `version`. Scores of two versions do not compare."""
    epochs: int = Field(default=1, ge=1)
    seed: int = 0
    cases: int = 0
    """How many cases the suite has (after --tags and --limit): `cases * epochs` samples are due."""
    approver: str = ""
    user: str = ""
    replayed: str = ""
    """Name of the cassette that answered instead of models."""


class End(Frozen):
    """The line that a run writes when it stops. The last one counts; none: it was killed."""

    schema_version: Literal["pointsman.evalend@1"] = END_SCHEMA
    reason: Literal["complete", "budget", "stopped"]
    """`budget`: money was spent up, what is missing was not asked; `stopped`: from outside."""
    done: int
    due: int
    usd: float | None = 0.0
    """What all samples of the record cost; None where a price is unknown."""

    @property
    def partial(self) -> bool:
        """Whether samples are missing."""
        return self.done < self.due


def sample_key(case_digest: str, epoch: int, version: str) -> str:
    """A sample's name: the same for the same case, epoch and target version, on any machine."""
    return digest("sample", case_digest, epoch, version)[:32]


def _migrated(row: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in row.items() if k not in ("expected_route", "schema_version")}
    route, result = row.get("expected_route"), row.get("result")
    if route is not None:
        kept["expected"] = {"route": route}
    if isinstance(result, dict):
        known = cast("dict[str, Any]", result)
        kept["usd"] = known.get("usd", 0.0)
        kept["tokens"] = known.get("input_tokens", 0) + known.get("output_tokens", 0)
        kept["output"] = known.get("data") or known.get("answer", "")
        for name in ("seconds", "model_calls", "cache_hits", "route"):
            if name in known:
                kept[name] = known[name]
    return kept
