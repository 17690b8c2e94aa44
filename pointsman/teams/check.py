"""What is wrong with a team's definition, found before it runs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pointsman.errors import PromptError
from pointsman.nodes.gateway.cascade import Cascade
from pointsman.nodes.specialist import HANDOFF, Specialist
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.approvals.lifecycle import people
from pointsman.teams.spec import END, RESERVED, ROUTE, TeamSpec

FORBIDDEN = "|:"
"""Characters that LangGraph keeps for itself in the names of nodes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: the rule's id, where, what, and how to mend it. An error stops the build."""

    rule: str
    place: str
    message: str
    fix: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.message} {self.fix} [{self.rule}]"


def findings(spec: TeamSpec) -> tuple[Finding, ...]:
    """Every fault of the team that can be seen without running it; errors first."""
    found = [
        *_names(spec),
        *_transitions(spec),
        *_router(spec),
        *_bounds(spec),
        *_approvals(spec),
        *(fault for s in spec.specialists for fault in _specialist(s)),
        *_cascades(spec),
        *_budgets(spec),
        *_prompts(spec),
    ]
    return tuple(sorted(found, key=lambda f: f.severity != "error"))


def _names(spec: TeamSpec) -> Iterator[Finding]:
    if not spec.specialists:
        yield Finding(
            "team-empty", spec.name, "The team has no specialist.", "Give it at least one."
        )
    names = [s.name for s in spec.specialists]
    for name in (spec.name, *names):
        if not name.strip() or any(c in FORBIDDEN for c in name):
            yield Finding(
                "name-forbidden",
                repr(name),
                "The name is empty or holds '|' or ':', which LangGraph keeps for itself.",
                "Rename it.",
            )
    for name, count in Counter(names).items():
        if count > 1:
            yield Finding(
                "name-twice", name, f"{count} specialists have this name.", "Rename all but one."
            )
        if name in RESERVED or name.startswith("__"):
            yield Finding(
                "name-reserved",
                name,
                "LangGraph, or a step of every team's graph, has this name.",
                "Rename it.",
            )


def _transitions(spec: TeamSpec) -> Iterator[Finding]:
    known = {s.name for s in spec.specialists}
    for frm, targets in spec.transitions.items():
        if frm not in known | {ROUTE}:
            yield Finding(
                "transition-from-nobody", frm, "The table has a row for nobody.", "Remove the row."
            )
        for to in targets:
            if to not in known | {ROUTE, END}:
                yield Finding(
                    "transition-to-nobody",
                    f"{frm} -> {to}",
                    f"There is no specialist {to!r}.",
                    f"Name one of: {', '.join(sorted(known))}.",
                )
            if to == frm:
                yield Finding(
                    "transition-to-self", frm, "It hands off to itself.", "Remove the transition."
                )
    for s in spec.specialists:
        for to in s.hands_off_to:
            if to == END or to not in spec.transitions.get(s.name, ()):
                yield Finding(
                    "hand-off-past-table",
                    f"{s.name} -> {to}",
                    "It may hand off there, and its row of the transition table does not hold it.",
                    "Add it to the row, or remove it from hands_off_to.",
                )
    yield from _unreachable(spec, known)


def _unreachable(spec: TeamSpec, known: set[str]) -> Iterator[Finding]:
    reached = {ROUTE}
    todo = [ROUTE]
    while todo:
        for to in spec.transitions.get(todo.pop(), ()):
            if to not in reached:
                reached.add(to)
                todo.append(to)
    for name in sorted(known - reached):
        yield Finding(
            "unreachable", name, "Nobody can route or hand off to it.", "Add a transition to it."
        )


def _router(spec: TeamSpec) -> Iterator[Finding]:
    known = {s.name for s in spec.specialists}
    routed = known.intersection(spec.transitions.get(ROUTE, ()))
    targets = [(f"rule {rule.name}", rule.to) for rule in spec.router.rules]
    targets += [("router", spec.router.otherwise)] if spec.router.otherwise else []
    for place, to in targets:
        if to in known - routed:
            yield Finding(
                "route-past-table",
                place,
                f"It routes to {to!r}, which the row of `route` does not hold.",
                "Add it to the row.",
            )
    for rule in spec.router.rules:
        if rule.to not in known:
            yield Finding(
                "rule-to-nobody",
                f"rule {rule.name}",
                f"There is no specialist {rule.to!r}.",
                f"Name one of: {', '.join(sorted(known))}.",
            )
    if spec.router.otherwise and spec.router.otherwise not in known:
        yield Finding(
            "otherwise-nobody",
            "router",
            f"`otherwise` names {spec.router.otherwise!r}, who is not in the team.",
            "Name a specialist, or leave it empty to end such runs as no_route.",
        )


def _bounds(spec: TeamSpec) -> Iterator[Finding]:
    for name, value in (("max_hops", spec.max_hops), ("max_rounds", spec.max_rounds)):
        if value < 1:
            yield Finding("bound", name, f"{name} is {value}.", "Give at least 1.")
    if spec.window < 0:
        yield Finding("bound", "window", f"window is {spec.window}.", "Give 0 or more.")
    if isinstance(spec.limits, tuple):
        for quota, count in Counter(quota.id for quota in spec.limits).items():
            if count > 1:
                same = next(str(q) for q in spec.limits if q.id == quota)
                yield Finding(
                    "quota-twice", "limits", f"{count} are {same}.", "Remove all but one."
                )
    for s in spec.specialists:
        if s.max_concurrent is not None and s.max_concurrent < 1:
            yield Finding(
                "bound",
                s.name,
                f"max_concurrent is {s.max_concurrent}.",
                "Give at least 1, or None.",
            )
        if s.timeout <= 0 or s.max_steps < 1 or s.max_tokens < 1:
            yield Finding(
                "bound",
                s.name,
                "timeout, max_steps and max_tokens must be above 0.",
                "Correct them.",
            )


def _approvals(spec: TeamSpec) -> Iterator[Finding]:
    for name, members in spec.reviewers.items():
        if not members:
            yield Finding(
                "group-empty", f"reviewers {name}", "The group is empty.", "Name its people."
            )
    given = [("policy", spec.policy.terms)]
    rules = spec.policy.rules
    given += [(f"policy rule {rule.name}", spec.policy.terms_of(rule)) for rule in rules]
    for place, terms in given:
        able = people(terms.reviewers, spec.reviewers)
        if terms.reviewers and len(able) < terms.approvals:
            yield Finding(
                "too-few-reviewers",
                place,
                f"It wants {terms.approvals} approvals; its reviewers are {len(able)}.",
                "Name more reviewers, or want fewer approvals.",
            )
        if terms.escalate_to and terms.expires_after is None:
            yield Finding(
                "never-escalates",
                place,
                "It names who is asked next and gives nobody a time.",
                "Give `expires_after`.",
                severity="warning",
            )


def _specialist(s: Specialist) -> Iterator[Finding]:
    for name, count in Counter(t.name for t in s.tools).items():
        if count > 1:
            yield Finding(
                "tool-twice", s.name, f"Two tools are named {name!r}.", "Rename one: tool(name=…)."
            )
        if name.startswith(HANDOFF):
            yield Finding(
                "tool-reserved", s.name, f"{name!r} reads as a hand-off.", "Rename the tool."
            )
    if not s.handles.strip():
        yield Finding("no-handles", s.name, "It does not say what it handles.", "Fill `handles`.")
    if s.fallback is None:
        yield Finding(
            "no-fallback",
            s.name,
            "It has no rule-based fallback: bad output, time-outs and an open circuit breaker end"
            " the run as failed.",
            "Give `fallback=`.",
            severity="warning",
        )


def _cascades(spec: TeamSpec) -> Iterator[Finding]:
    for s in spec.specialists:
        tier = (spec.models or {}).get(s.tier)
        writes = any(t.effect == "write" for t in s.tools)
        if writes and isinstance(tier, Cascade) and not tier.writes:
            yield Finding(
                "cascade-writes",
                s.name,
                f"It has tools that write, and its tier {s.tier!r} lets cheap models answer first.",
                "Give it another tier, or say so: Cascade(..., writes=True).",
            )


def _budgets(spec: TeamSpec) -> Iterator[Finding]:
    for budget, count in Counter(allowance.id for allowance in spec.budgets).items():
        if count > 1:
            same = next(a for a in spec.budgets if a.id == budget)
            yield Finding(
                "budget-twice",
                spec.name,
                f"{count} budgets count alike: {same}.",
                "Put their bounds into one Allowance.",
            )


def _prompts(spec: TeamSpec) -> Iterator[Finding]:
    library = PromptLibrary((spec.prompts,) if spec.prompts else ())
    router = (spec.router.prompt, frozenset({"specialists", "team"}), "router")
    own = [
        (
            s.prompt or "specialist/default",
            frozenset({"name", "handles", "team", *s.variables}),
            s.name,
        )
        for s in spec.specialists
    ]
    for name, given, place in (router, *own):
        try:
            prompt = library.get(name)
        except PromptError as error:
            yield Finding("prompt", place, error.message, error.hint)
            continue
        for variable in sorted(set(prompt.variables) - given):
            yield Finding(
                "prompt-variable",
                place,
                f"Prompt {name!r} wants a value for {variable!r}.",
                f"Give it: variables={{{variable!r}: …}}.",
            )
