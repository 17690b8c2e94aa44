"""The JSON of one run's page, of two side by side, and of what is done with a run. See `shapes`."""

from typing import Literal

from pydantic import Field, JsonValue

from pointsman.views.web.console.shapes import RunLine, Shape, State, Tone


class Node(Shape):
    """A place in the run's graph."""

    id: str
    label: str
    kind: Literal["message", "router", "specialist", "tool", "person", "effect", "run", "answer"]
    tone: Tone = "plain"
    count: int = 1
    """How often it was visited."""


class Edge(Shape):
    """Something that went from one place to another, in time order."""

    frm: str
    to: str
    label: str = ""
    step: int
    """Index into `steps`: show edges up to the step that is looked at."""
    message: str = ""
    """Id in `messages` of what went along it; empty: nothing that is stored."""


class Step(Shape):
    """One line of the timeline: an event."""

    index: int
    seq: int
    """Its number in the record."""
    at: int
    offset: float
    """Seconds since the run began."""
    seconds: float = 0.0
    """How long it took, where that is known: a call, a tool."""
    kind: str
    """`routed`, `judged`, `model_called`, `tool_called`, `ticket_opened`, ... as in the record."""
    label: str
    words: str
    tone: Tone = "plain"
    who: str = ""
    """The specialist, where it is one's."""
    node: str = ""
    """Where in the graph."""
    usd: float | None = 0.0
    call: str = ""
    """Name of the model call: in `calls` and `prompts`."""
    ticket: str = ""
    detail: JsonValue = None
    """The event itself, all its fields."""


class MessageShown(Shape):
    """A message that is stored: what went from one to another, in the order of time."""

    id: str
    frm: str
    to: str
    kind: str
    """Kind of its payload: `request`, `answer`, `proposal`, ..."""
    text: str
    data: JsonValue = None
    """What it holds beyond its text."""
    at: int | None = None
    left: int = 0
    """Characters that are not shown: the exported file has them."""
    message: str = ""
    """The message's own id. One that is passed on keeps it; empty: of a ticket."""
    correlation: str = ""
    """The message that began the run; empty for that one."""
    causation: str = ""
    """The message that it answers."""
    stage: str = ""
    """The step of the graph that was given it."""
    first: int | None = None
    """Index into `steps` of the first event of that step; null: nothing happened in it yet."""
    last: int | None = None


class CallShown(Shape):
    """A model call."""

    call: str
    step: int | None
    """Index into `steps`."""
    specialist: str
    purpose: str
    model: str
    source: str
    """`model`, `cache`, `journal` or `flight`."""
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    usd: float | None
    saved_usd: float | None = 0.0
    seconds: float
    text: str = ""
    """What it answered, as journalled; empty where it is not kept."""
    tools: JsonValue = None
    """The tool calls it asked for."""
    prompt: bool = False
    """Whether `GET /console/runs/{run}/prompts/{call}` has its prompt."""


class PromptTurn(Shape):
    """One turn of a rendered prompt."""

    role: str
    text: str


class DiffLine(Shape):
    """A line of a difference: ` ` the same, `-` only in the release, `+` only now, `@` a gap."""

    mark: Literal[" ", "-", "+", "@"]
    text: str


class PromptShown(Shape):
    """`GET /console/runs/{run}/prompts/{call}`: the prompt of a model call as it is rendered now
    from the stored run. Session with `read`. 404 with a Problem that says why, where it is not
    known."""

    call: str
    specialist: str
    name: str = ""
    """The prompt file's name; empty: not from a file."""
    version: str = ""
    release: str = ""
    """The release that it is compared with; empty: with none."""
    turns: tuple[PromptTurn, ...] = ()
    diff: tuple[DiffLine, ...] = ()
    """The prompt file to the release's; empty: the same, or nothing to compare with."""
    same: bool | None = None
    """Whether the digest of the prompt as rendered now is the one of the call; null: not known."""
    note: str = ""
    """Why something is missing."""


class VerdictShown(Shape):
    """A guard's verdict."""

    step: int
    guard: str
    specialist: str
    stage: str
    verdict: str
    rule: str
    count: int
    confidence: float | None = None
    shadow: bool = False


class ToolShown(Shape):
    """A tool call."""

    step: int
    tool: str
    specialist: str
    effect: str
    ok: bool
    error: str
    seconds: float
    args: JsonValue = None
    """Where they are stored: of reads, and in a write's ticket; else null."""
    text: str = ""
    """What the specialist got of it, at most 8,000 characters."""


class EffectShown(Shape):
    """A write of the effect ledger."""

    key: str
    ticket: str
    tool: str
    state: Literal["intended", "done", "failed", "undone"]
    result: str
    attempt: int
    intended: int | None


class RunPage(Shape):
    """`GET /console/runs/{run}`. Session with `read`. 404 for a run that is not there.

    `GET /console/runs/{run}/export` is the run as one HTML file, to download."""

    line: RunLine
    text: str
    """The whole request."""
    answer: str
    by: str = ""
    """Who wrote the answer: `model`, `rules`, `fallback`, `person`, `guard`."""
    route: str = ""
    route_tier: str = ""
    route_confidence: float | None = None
    cache_hits: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    saved_usd: float = 0.0
    attempt: int = 1
    cancelled_by: str = ""
    dropped: str = ""
    fork_of: str = ""
    """The run that it is a fork of."""
    simulated: bool = False
    """Its writes only seemed to happen."""
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    steps: tuple[Step, ...]
    messages: tuple[MessageShown, ...] = ()
    messages_left: int = 0
    """How many more there are: the exported file has them."""
    calls: tuple[CallShown, ...] = ()
    verdicts: tuple[VerdictShown, ...] = ()
    tools: tuple[ToolShown, ...] = ()
    tickets: tuple[JsonValue, ...] = ()
    """Cards, all of the run's, decided or not, oldest first: see `InboxPage.cards`."""
    effects: tuple[EffectShown, ...] = ()
    children: tuple[RunLine, ...] = ()
    can: tuple[Literal["cancel", "redrive", "drop", "fork"], ...] = ()
    """What this session may do with this run now."""


class RunDone(Shape):
    """The answer to what is done with a run. The page reads the run anew."""

    run: str
    state: State
    words: str = ""


class RunAct(Shape):
    """`POST /console/runs/{run}/cancel`, `/redrive`, `/drop`: scope `admin` (cancel also
    `submit`). Gives a RunDone; 202 where it goes on in the background."""

    reason: str = Field(default="", max_length=4000)


class ForkAsk(Shape):
    """`POST /console/runs/{run}/fork`: scope `submit`. The run again from a step, with another
    prompt or model; writes are simulated. Gives a RunDone with the new run."""

    at: int | str
    """`seq` of an event of the step it goes on from, or the step's name."""
    prompts: dict[str, str] = Field(default_factory=dict, max_length=20)
    """Prompt file's name, a specialist's, or `route`, to the new text of the prompt file."""
    models: dict[str, str] = Field(default_factory=dict, max_length=20)
    """Specialist, `route`, or a tier (of that step), to a model."""
    answers: Literal["recorded", "live"] = "recorded"


class Side(Shape):
    """One of two values side by side."""

    name: str
    a: str
    b: str
    same: bool


class PairLine(Shape):
    """One line of two timelines laid side by side: null where only the other run has it."""

    a: Step | None
    b: Step | None
    same: bool


class ComparePage(Shape):
    """`GET /console/compare?a=RUN&b=RUN`. Session with `read`."""

    a: RunLine
    b: RunLine
    sides: tuple[Side, ...]
    """Route, answer, state, cost, time, calls, tickets, effects, release ..."""
    steps: tuple[PairLine, ...]
    answer: tuple[DiffLine, ...]
