"""Every name that telemetry uses: spans, attributes, events and metrics.

Names that begin with `gen_ai.` are those of OpenTelemetry's semantic conventions for generative AI
as they stood at CONVENTION (all "Development"), `openinference.` those of OpenInference, which
viewers read; pointsman's own begin with `pointsman.`. Changed here, they change everywhere; a test
holds them against a golden file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

CONVENTION = "semantic-conventions-genai 1.42-dev"
SCOPE = "pointsman"
"""Name of the tracer, the meter and the logger."""

# Attributes of the conventions

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
MAX_TOKENS = "gen_ai.request.max_tokens"
TEMPERATURE = "gen_ai.request.temperature"
OUTPUT_TYPE = "gen_ai.output.type"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
AGENT = "gen_ai.agent.name"
WORKFLOW = "gen_ai.workflow.name"
CONVERSATION = "gen_ai.conversation.id"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 (no password)
DIMENSIONS = "gen_ai.embeddings.dimension.count"
TOOL = "gen_ai.tool.name"
TOOL_CALL = "gen_ai.tool.call.id"
TOOL_TYPE = "gen_ai.tool.type"
ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
EVALUATION = "gen_ai.evaluation.name"
EVALUATION_SCORE = "gen_ai.evaluation.score.value"
EVALUATION_LABEL = "gen_ai.evaluation.score.label"
EVALUATION_WHY = "gen_ai.evaluation.explanation"

# Content: only where a setting asks for it, and filtered

INSTRUCTIONS = "gen_ai.system_instructions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_RESULT = "gen_ai.tool.call.result"
CONTENT = (INSTRUCTIONS, INPUT_MESSAGES, OUTPUT_MESSAGES, TOOL_ARGUMENTS, TOOL_RESULT)

SPAN_KIND = "openinference.span.kind"
"""CHAIN | AGENT | LLM | TOOL | EMBEDDING | GUARDRAIL | EVALUATOR."""

# pointsman's own

TEAM = "pointsman.team"
TENANT = "pointsman.tenant"
RELEASE = "pointsman.release"
RUN = "pointsman.run.id"
PARENT_RUN = "pointsman.run.parent"
STATUS = "pointsman.run.status"
PURPOSE = "pointsman.model.purpose"
TIER = "pointsman.model.tier"
SOURCE = "pointsman.model.source"
"""model | cache | journal | flight."""
SIMILARITY = "pointsman.model.similarity"
FALLBACKS = "pointsman.model.fallbacks"
"""How many models of the chain failed before."""
FALLBACK_TO = "pointsman.model.fallback_to"
HEDGE = "pointsman.model.hedge"
"""Whether the call was made beside one that took long."""
USD = "pointsman.usd"
ROUTE_TIER = "pointsman.route.tier"
ROUTE_TO = "pointsman.route.to"
ROUTE_CONFIDENCE = "pointsman.route.confidence"
GUARD = "pointsman.guard.name"
GUARD_RULE = "pointsman.guard.rule"
GUARD_STAGE = "pointsman.guard.stage"
GUARD_COUNT = "pointsman.guard.count"
GUARD_SHADOW = "pointsman.guard.shadow"
VERDICT = "pointsman.guard.verdict"
TICKET = "pointsman.ticket.id"
DECISION = "pointsman.ticket.decision"
EFFECT = "pointsman.effect"
"""read | write."""
EFFECT_ENDED = "pointsman.effect.ended"
"""done | failed | ambiguous."""
BOARD_KEY = "pointsman.blackboard.key"
BOARD_ACTION = "pointsman.blackboard.action"
"""read | write."""
WAITED = "pointsman.queue.seconds"
CASE = "pointsman.evaluation.case"
SUITE = "pointsman.evaluation.suite"
BREAKER = "pointsman.breaker.key"
BREAKER_OF = "pointsman.breaker.of"
STATE = "pointsman.breaker.state"
BOUND = "pointsman.bound"
BOUND_THEN = "pointsman.bound.then"

EVALUATION_EVENT = "gen_ai.evaluation.result"

# Operations, and what the conventions ask of their spans

Operation = Literal["invoke_workflow", "invoke_agent", "chat", "execute_tool", "embeddings", "plan"]
Kind = Literal["internal", "client"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a span of an operation must be: its kind, and the attributes that it always has."""

    kind: Kind
    openinference: str
    required: tuple[str, ...]
    named_by: str
    """The attribute that follows the operation in the span's name."""


SHAPES: Mapping[Operation, Shape] = {
    "invoke_workflow": Shape("internal", "CHAIN", (OPERATION, WORKFLOW, CONVERSATION), WORKFLOW),
    "invoke_agent": Shape("internal", "AGENT", (OPERATION, PROVIDER, AGENT, CONVERSATION), AGENT),
    "chat": Shape(
        "client", "LLM", (OPERATION, PROVIDER, REQUEST_MODEL, CONVERSATION), REQUEST_MODEL
    ),
    "execute_tool": Shape("internal", "TOOL", (OPERATION, TOOL, TOOL_CALL, TOOL_TYPE), TOOL),
    "embeddings": Shape("client", "EMBEDDING", (OPERATION, PROVIDER, REQUEST_MODEL), REQUEST_MODEL),
    "plan": Shape("internal", "CHAIN", (OPERATION, AGENT), AGENT),
}
OWN_PROVIDER = "pointsman"
"""`gen_ai.provider.name` of an agent: it runs here, and its models are on spans of their own."""

PROVIDERS: Mapping[str, str] = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""By a model name's first part, where the conventions call the provider something else."""

# Spans of our own

ROUTE_SPAN = "route"
GATEWAY_SPAN = "gateway"
GUARD_SPAN = "guard"
TICKET_SPAN = "ticket"
DECIDED_SPAN = "ticket decided"
BOARD_SPAN = "blackboard"
QUEUE_SPAN = "queue"
EVALUATE_SPAN = "evaluate"
OWN_SPANS: Mapping[str, str] = {
    ROUTE_SPAN: "CHAIN",
    GATEWAY_SPAN: "CHAIN",
    GUARD_SPAN: "GUARDRAIL",
    TICKET_SPAN: "CHAIN",
    DECIDED_SPAN: "CHAIN",
    BOARD_SPAN: "CHAIN",
    QUEUE_SPAN: "CHAIN",
    EVALUATE_SPAN: "EVALUATOR",
}
"""Their OpenInference kinds."""

# Metrics

Instrument = Literal["counter", "histogram", "gauge", "observed"]

FAST = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
LONG = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
TOKENS = (
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
)  # fmt: skip
PEOPLE = (60, 300, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800, 2592000)
"""Seconds: a minute to a month."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One instrument: `labels` are all the attributes that its points may have."""

    name: str
    instrument: Instrument
    unit: str
    text: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()


_WHOSE = (TEAM, TENANT)
_CALL = (*_WHOSE, AGENT, OPERATION, PROVIDER, REQUEST_MODEL, RESPONSE_MODEL)

METRICS: tuple[Metric, ...] = (
    # Of the conventions
    Metric(
        "gen_ai.client.operation.duration", "histogram", "s", "Calls of models.",
        (*_CALL, ERROR_TYPE), FAST,
    ),
    Metric(
        "gen_ai.client.token.usage", "histogram", "{token}", "Tokens of a call, by type.",
        (*_CALL, TOKEN_TYPE), TOKENS,
    ),
    Metric(
        "gen_ai.invoke_agent.duration", "histogram", "s", "Visits to specialists.",
        (*_WHOSE, OPERATION, PROVIDER, AGENT, ERROR_TYPE), LONG,
    ),
    Metric(
        "gen_ai.invoke_workflow.duration", "histogram", "s",
        "Runs, from where they begin or go on to where they end or wait.",
        (*_WHOSE, OPERATION, WORKFLOW, STATUS, ERROR_TYPE), LONG,
    ),
    Metric(
        "gen_ai.execute_tool.duration", "histogram", "s", "Calls of tools.",
        (*_WHOSE, AGENT, OPERATION, TOOL, TOOL_TYPE, EFFECT, ERROR_TYPE), FAST,
    ),
    # Runs
    Metric("pointsman.runs.started", "counter", "{run}", "Runs that began.", (*_WHOSE, RELEASE)),
    Metric(
        "pointsman.runs", "counter", "{run}", "Runs that ended or began to wait, by status.",
        (*_WHOSE, RELEASE, AGENT, STATUS, ERROR_TYPE),
    ),
    Metric("pointsman.routes", "counter", "{route}", "Decisions of the router.",
           (*_WHOSE, ROUTE_TO, ROUTE_TIER)),
    Metric("pointsman.bounds", "counter", "{hit}", "Bounds of runs that were hit.",
           (*_WHOSE, BOUND, BOUND_THEN)),
    Metric("pointsman.specialist.fallbacks", "counter", "{fallback}",
           "Rule-based fallbacks that took over.", (*_WHOSE, AGENT, ERROR_TYPE)),
    # Models
    Metric("pointsman.cost", "counter", "{USD}", "What model calls cost, in US dollars.", _CALL),
    Metric("pointsman.cost.unknown", "counter", "{call}", "Model calls whose price is unknown.",
           _CALL),
    Metric("pointsman.model.answers", "counter", "{answer}",
           "Answers to model calls, by where they came from.",
           (*_WHOSE, AGENT, RESPONSE_MODEL, SOURCE)),
    Metric("pointsman.model.saved", "counter", "{USD}",
           "What cached answers had cost, in US dollars.", (*_WHOSE, AGENT, RESPONSE_MODEL)),
    Metric("pointsman.model.fallbacks", "counter", "{fallback}",
           "Models that failed and were followed by another.",
           (*_WHOSE, AGENT, REQUEST_MODEL, FALLBACK_TO, ERROR_TYPE)),
    Metric("pointsman.model.hedges", "counter", "{call}", "Models asked beside one that took long.",
           (*_WHOSE, AGENT, REQUEST_MODEL)),
    Metric("pointsman.breaker.moves", "counter", "{move}", "Circuit breakers that changed.",
           (*_WHOSE, BREAKER_OF, BREAKER, STATE)),
    Metric("pointsman.breaker.state", "gauge", "{state}",
           "A circuit breaker: 0 closed, 1 half open, 2 open, as this process last saw it.",
           (TEAM, BREAKER_OF, BREAKER)),
    # Guards
    Metric("pointsman.guard.verdicts", "counter", "{verdict}", "Verdicts of guards, by rule.",
           (*_WHOSE, AGENT, GUARD, GUARD_RULE, GUARD_STAGE, VERDICT, GUARD_SHADOW)),
    # People
    Metric("pointsman.tickets.opened", "counter", "{ticket}", "Actions that had to wait.",
           (*_WHOSE, AGENT, TOOL)),
    Metric("pointsman.tickets.decided", "counter", "{ticket}", "Decisions on tickets.",
           (*_WHOSE, DECISION)),
    Metric("pointsman.tickets.reminded", "counter", "{reminder}", "Reminders of reviewers.",
           _WHOSE),
    Metric("pointsman.ticket.wait", "histogram", "s", "From a ticket's opening to its decision.",
           (*_WHOSE, DECISION), PEOPLE),
    # Queues
    Metric("pointsman.queue.wait", "histogram", "s", "From a message's arrival to its run's start.",
           _WHOSE, LONG),
    Metric("pointsman.queue.depth", "observed", "{run}", "Runs that are not held and could go on.",
           (TEAM,)),
    Metric("pointsman.queue.age", "observed", "s", "Age of the oldest of them.", (TEAM,)),
    Metric("pointsman.tickets.waiting", "observed", "{ticket}", "Tickets that wait for people.",
           (TEAM,)),
    Metric("pointsman.tickets.age", "observed", "s", "Age of the oldest of them.", (TEAM,)),
    Metric("pointsman.dead_letters", "observed", "{run}", "Failed runs that nobody has dealt with.",
           (TEAM,)),
)  # fmt: skip
BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}


def provider_name(provider: str) -> str:
    """A provider as the conventions call it."""
    return PROVIDERS.get(provider, provider)
