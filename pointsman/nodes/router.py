"""The router: tiers from cheap to dear, each of which decides or abstains."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pointsman.errors import BadOutput, Misconfigured
from pointsman.nodes.event import Routed
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.message import Request, Turn
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import Prompt

NOBODY = "none"
"""The choice a model has for a message that is nobody's, where out-of-scope examples are given."""

_FOLLOW_UP = re.compile(
    r"(and|but|so|then|also|ok(ay)?|yes|no|thanks|thank you|(what|how) about|it|that|this|they)\b",
    re.IGNORECASE,
)
"""How a message begins that goes on with what was said before."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Sends a message that matches `pattern` (a regular expression, case ignored) to `to`."""

    name: str
    to: str
    pattern: str

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise Misconfigured(
                f"Rule {self.name!r} has a pattern that does not compile: {error}."
            ) from error

    def matches(self, text: str) -> bool:
        """Whether the pattern occurs in the text."""
        return re.search(self.pattern, text, re.IGNORECASE) is not None


@dataclass(frozen=True, kw_only=True)
class Router:
    """How messages find their specialist."""

    rules: tuple[Rule, ...] = ()
    """First match wins."""
    sticky: bool = True
    """A short follow-up in a thread goes to the specialist that answered last."""
    sticky_words: int = 8
    """The longest message, in words, that counts as a follow-up."""
    tier: str = "fast"
    prompt: str = "router/choose"
    out_of_scope: tuple[str, ...] = ()
    """Examples of messages that are nobody's. With them the model may choose nobody."""
    min_confidence: float = 0.0
    """Below this probability the model's choice counts as no route."""
    otherwise: str = ""
    """The specialist for messages without a route; empty: the run ends as `no_route`."""


@dataclass(frozen=True, slots=True)
class Route:
    """The decision: to whom (empty: nobody), by which tier, how sure, and why."""

    to: str
    tier: Literal["rules", "sticky", "model", "handoff", "person", "none"]
    confidence: float | None = None
    reason: str = ""

    def as_event(self) -> Routed:
        """The decision as an event of the run."""
        return Routed(to=self.to, tier=self.tier, confidence=self.confidence, reason=self.reason)


class RouterNode:
    """Decides where a request goes among the team's specialists."""

    def __init__(
        self, router: Router, specialists: Sequence[Specialist], *, team: str, prompt: Prompt
    ) -> None:
        self._router = router
        self._names = tuple(s.name for s in specialists)
        listed = "\n".join(f"{s.name}: {s.handles}" for s in specialists)
        given: Mapping[str, str] = {"specialists": listed, "team": team}
        self._system = Turn(
            role="system",
            content=prompt.render({n: given[n] for n in prompt.variables if n in given}),
        )
        self._version = f"{prompt.name}@{prompt.version}"
        labelled = [(text, s.name) for s in specialists for text in s.examples]
        labelled += [(text, NOBODY) for text in router.out_of_scope]
        self._choices = (*self._names, NOBODY) if router.out_of_scope else self._names
        self._examples = tuple(
            (Turn(role="user", content=text), Turn(role="assistant", content=label))
            for text, label in labelled
        )

    async def decide(self, request: Request, run: Run) -> Route:
        """The route for a request. Raises what the gateway raises, and BadOutput for a choice that
        was not offered."""
        route = self._by_rule(request) or self._by_thread(request, run)
        if route is None and len(self._names) == 1 and not self._router.out_of_scope:
            route = Route(self._names[0], "rules", 1.0, "the only specialist")
        if route is None:
            route = await self._by_model(request, run)
        if not route.to and self._router.otherwise:
            return Route(self._router.otherwise, "rules", route.confidence, route.reason)
        return route

    def _by_rule(self, request: Request) -> Route | None:
        for rule in self._router.rules:
            if rule.matches(request.text):
                return Route(rule.to, "rules", 1.0, f"rule {rule.name}")
        return None

    def _by_thread(self, request: Request, run: Run) -> Route | None:
        """A short message that begins as a follow-up stays where the thread is. Everything else
        abstains: a wrong stay costs more than one model call."""
        if not self._router.sticky or run.previous not in self._names or not request.history:
            return None
        text = request.text.strip()
        if len(text.split()) > self._router.sticky_words or not _FOLLOW_UP.match(text):
            return None
        return Route(run.previous, "sticky", None, "a short follow-up in the thread")

    async def _by_model(self, request: Request, run: Run) -> Route:
        asked = ModelRequest(
            turns=(self._system, Turn(role="user", content=request.text)),
            examples=self._examples,
            choices=self._choices,
            max_tokens=16,
            purpose="route",
            prompt_version=self._version,
            tier=self._router.tier,
        )
        reply = await run.gateway.complete(asked, run)
        if reply.text not in self._choices:
            raise BadOutput(
                f"The router's model {reply.model} chose {reply.text[:80]!r}, who is not in the"
                f" team ({', '.join(self._choices)})."
            )
        confidence = _probability(reply)
        if reply.text == NOBODY and NOBODY not in self._names:
            return Route("", "none", confidence, "the model found it to be nobody's")
        if confidence is not None and confidence < self._router.min_confidence:
            reason = f"{reply.text} at {confidence:.2f}, below {self._router.min_confidence:g}"
            return Route("", "none", confidence, reason)
        return Route(reply.text, "model", confidence, f"chosen by {reply.model}")


def _probability(reply: ModelReply) -> float | None:
    return dict(reply.probabilities).get(reply.text)
