"""Bounds: time, steps, rate limits and budgets, and what answers when they are reached."""

import math
from collections import Counter
from collections.abc import Iterator

from pointsman.nodes.limits import Use
from pointsman.nodes.specialist import Specialist
from pointsman.teams.check.finding import Finding, found
from pointsman.teams.spec import TeamSpec


def bounds(spec: TeamSpec) -> Iterator[Finding]:
    """Faults of every bound of the team and of its specialists."""
    least = (
        ("max_hops", spec.max_hops), ("max_rounds", spec.max_rounds),
        ("max_tasks", spec.max_tasks), ("max_parallel", spec.max_parallel),
        ("max_depth", spec.max_depth),
        *((f"edge_limits {a} -> {b}", most) for (a, b), most in spec.edge_limits.items()),
    )  # fmt: skip
    for name, value in least:
        if value < 1:
            yield found("bound", name, f"{name} is {value}.", "Give at least 1.")
    if spec.window < 0:
        yield found("bound", "window", f"window is {spec.window}.", "Give 0 or more.")
    for s in spec.specialists:
        yield from _specialist(s)
    yield from _limits(spec)
    yield from _budgets(spec)


def _specialist(s: Specialist) -> Iterator[Finding]:
    if s.max_concurrent is not None and s.max_concurrent < 1:
        yield found(
            "bound", s.name, f"max_concurrent is {s.max_concurrent}.", "Give at least 1, or None."
        )
    if s.timeout <= 0 or math.isnan(s.timeout) or s.max_steps < 1 or s.max_tokens < 1:
        yield found(
            "bound", s.name, "timeout, max_steps and max_tokens must be above 0.", "Correct them."
        )
    elif math.isinf(s.timeout):
        yield found("no-time-out", s.name, "A visit may take for ever.", "Give `timeout=` seconds.")
    for tool in s.tools:
        place = f"{s.name}.{tool.name}"
        if tool.timeout <= 0 or math.isnan(tool.timeout):
            yield found("bound", place, f"timeout is {tool.timeout}.", "Give seconds above 0.")
        elif math.isinf(tool.timeout):
            yield found("no-time-out", place, "A call may take for ever.", "Give tool(timeout=…).")
        elif tool.effect == "read" and tool.timeout > s.timeout:
            yield found(
                "tool-outlasts",
                place,
                f"A call may take {tool.timeout:g} s, and the visit that makes it {s.timeout:g} s.",
                "Give the tool less time, or the specialist more.",
            )
    if s.fallback is None:
        yield found(
            "no-fallback",
            s.name,
            "It has no rule-based fallback: bad output, time-outs and an open circuit breaker end"
            " the run as failed.",
            "Give `fallback=`.",
        )


def _limits(spec: TeamSpec) -> Iterator[Finding]:
    if not isinstance(spec.limits, tuple):
        return
    for quota, count in Counter(quota.id for quota in spec.limits).items():
        if count > 1:
            same = next(str(q) for q in spec.limits if q.id == quota)
            yield found("quota-twice", "limits", f"{count} are {same}.", "Remove all but one.")
    for quota in spec.limits:
        yield from _only(spec, quota.only, str(quota))


def _budgets(spec: TeamSpec) -> Iterator[Finding]:
    for budget, count in Counter(allowance.id for allowance in spec.budgets).items():
        if count > 1:
            same = next(a for a in spec.budgets if a.id == budget)
            yield found(
                "budget-twice",
                spec.name,
                f"{count} budgets count alike: {same}.",
                "Put their bounds into one Allowance.",
            )
    for allowance in spec.budgets:
        yield from _only(spec, allowance.only, str(allowance))
    if spec.budget.usd is None and spec.budget.calls is None and not spec.budgets:
        yield found(
            "no-budget",
            spec.name,
            "Nothing bounds the money or the model calls of a run.",
            "Give Budget(usd=…) or Budget(calls=…).",
        )


def _only(spec: TeamSpec, only: Use, what: str) -> Iterator[Finding]:
    """Whether a limit is for a team, specialist or tool that there is."""
    tools = {tool.name for s in spec.specialists for tool in s.tools}
    for part, name, known in (
        ("specialist", only.specialist, {s.name for s in spec.specialists}),
        ("tool", only.tool, tools),
    ):
        if name and name not in known:
            yield found(
                "limit-of-nobody",
                what,
                f"It is only for the {part} {name!r}, which there is not.",
                f"Name one of: {', '.join(sorted(known)) or 'none'}.",
            )
