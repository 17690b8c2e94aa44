"""The JSON of the pages Team, Costs and Evals. See `shapes`."""

from typing import Literal

from pydantic import Field, JsonValue

from pointsman.views.web.console.runshapes import Node
from pointsman.views.web.console.shapes import EdgeCount, Shape


class TableShown(Shape):
    """A table: its title, column names, rows of cells."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    level: int = 2
    note: str = ""


class SpecialistShown(Shape):
    """A specialist and its contract."""

    name: str
    handles: str
    works_as: str
    takes: JsonValue = None
    """JSON Schema of its input; null: text."""
    gives: JsonValue = None
    owns: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    prompt: str = ""
    fallback: bool = False


class PromptLine(Shape):
    """A prompt file."""

    name: str
    version: str
    released: str = ""
    """The version in production; empty: none."""
    changed: bool = False
    """Whether its text differs from the one in production."""


class ReleaseLine(Shape):
    """A change of the channels, newest first."""

    version: int
    at: int | None
    action: str
    release: str
    channel: str
    by: str
    reason: str = ""
    gate: str = ""
    share: float = 0.0


class TeamPage(Shape):
    """`GET /console/team`. Session with `read`."""

    name: str
    svg: str
    """The team's picture, a whole `<svg>` without scripts: show it as an image (`data:` URL)."""
    edges: tuple[EdgeCount, ...]
    """Today's counts on the edges: `router`, specialists, `gate`, `execute`, `end`."""
    places: tuple[Node, ...]
    """The graph itself, to draw with counts: the same names as in `edges`."""
    ways: tuple[EdgeCount, ...]
    """Every way that the table of transitions allows, and through approval and execution, with
    today's count (0: not used)."""
    specialists: tuple[SpecialistShown, ...]
    tables: tuple[TableShown, ...]
    """The responsibility matrix, contracts, rules, guards: the design page's tables."""
    staging: str = ""
    canary: str = ""
    share: float = 0.0
    production: str = ""
    releases: tuple[ReleaseLine, ...] = ()
    prompts: tuple[PromptLine, ...] = ()


# Costs and evaluations


class CostPoint(Shape):
    """One bucket of time of one line of the plot."""

    at: int
    """Beginning of the bucket."""
    key: str
    """The model, specialist or tenant; empty where nothing was asked for."""
    usd: float | None
    unpriced: int
    calls: int
    errors: int
    tokens: int
    runs: int
    saved_usd: float | None = 0.0
    cache_hits: int = 0


class CostsPage(Shape):
    """`GET /console/costs?since=&until=&step=&by=`. Session with `read`. `step`: `hour` or `day`
    (default); `by`: empty, `model`, `specialist` or `tenant`; times in ms, default the last 14
    days."""

    since: int
    until: int
    step: Literal["hour", "day"]
    by: str
    points: tuple[CostPoint, ...]
    usd: float | None
    calls: int


class EvalRun(Shape):
    """A record of an evaluation."""

    id: str
    """Give it as `run` or `baseline`."""
    suite: str
    target: str
    version: str
    at: int
    samples: int
    errors: int
    partial: str = ""
    metrics: dict[str, float | None] = Field(default_factory=dict)
    """Pass rates and means by metric."""
    usd: float | None = None
    baseline: bool = False
    """Whether it is a baseline of the project."""


class EvalsPage(Shape):
    """`GET /console/evals`. Session with `read`. Newest first, at most 100."""

    runs: tuple[EvalRun, ...]
    folder: str = ""
    trouble: str = ""


class MetricChange(Shape):
    """What became of a metric between two runs."""

    metric: str
    run: float | None
    baseline: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    verdict: str
    words: str = ""


class EvalComparison(Shape):
    """`GET /console/evals/compare?run=ID&baseline=ID`. Session with `read`."""

    run: EvalRun
    baseline: EvalRun
    changes: tuple[MetricChange, ...]
    regressed: tuple[str, ...]
    improved: tuple[str, ...]
    pairs: int
    words: str = ""
    """Why they can not be compared, or only in part."""
