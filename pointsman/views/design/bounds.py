"""The page's part on what is allowed: the approval policy, limits and budgets, guards."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pointsman.views.design.blocks import Block, Grid, Heading, Points, Words

if TYPE_CHECKING:
    from pointsman.nodes.message import Terms
    from pointsman.teams.spec import TeamSpec


def policy(spec: "TeamSpec") -> Iterator[Block]:
    """The approval policy, rule by rule, and who decides."""
    rules = spec.policy.rules
    yield Heading("Which actions a person decides")
    yield Words(
        f"Policy {spec.policy.version}. The first rule that matches decides; a high-stakes action"
        " asks always; what no rule names asks where it writes or leaves the machine."
        + _because(spec.policy.why)
    )
    if rules:
        yield Grid(
            ("rule", "says", "who decides", "told to reviewers", "why"),
            tuple(
                (
                    rule.name,
                    str(rule).partition(": ")[2],
                    "" if rule.then != "ask" else terms(spec.policy.terms_of(rule)),
                    rule.reason,
                    " ".join(filter(None, (rule.why, *(c.why for c in rule.when)))),
                )
                for rule in rules
            ),
        )
    yield Points((f"Where the rule does not say who decides: {terms(spec.policy.terms)}.",))
    if spec.reviewers:
        yield Grid(
            ("group", "people"),
            tuple((name, ", ".join(people)) for name, people in spec.reviewers.items()),
        )


def terms(given: "Terms") -> str:
    """Who decides and until when, in words."""
    who = " or ".join(given.reviewers) or "anybody"
    parts = [who if given.approvals == 1 else f"{given.approvals} of {who}"]
    if given.expires_after is not None:
        parts.append(f"within {given.expires_after:g} s each")
    if given.escalate_to:
        parts.append(f"then {', then '.join(given.escalate_to)}")
    if given.remind_after is not None:
        parts.append(f"reminded every {given.remind_after:g} s")
    return ", ".join(parts)


def bounds(spec: "TeamSpec") -> Iterator[Block]:
    """Every number that stops something, with its reason."""
    rows = [
        ("hops of a run", f"{spec.max_hops}", _why(spec, "max_hops")),
        ("rounds of proposals", f"{spec.max_rounds}", _why(spec, "max_rounds")),
        (
            "seen of the thread",
            f"{spec.window} messages, {spec.memory.tokens} tokens",
            _why(spec, "window"),
        ),
    ]
    if spec.max_seconds is not None:
        rows.append(("a run's work", f"{spec.max_seconds:g} s", _why(spec, "max_seconds")))
    rows += [
        (f"{frm} to {to}", f"{most} times a run", _why(spec, f"{frm} -> {to}"))
        for (frm, to), most in spec.edge_limits.items()
    ]
    last = spec.when_bound if isinstance(spec.when_bound, str) else f"{spec.when_bound.to} answers"
    rows.append(("a bound that is hit", last, _why(spec, "when_bound")))
    if any(s.does is not None for s in spec.specialists):
        rows += [
            ("tasks given at once", f"{spec.max_tasks}", _why(spec, "max_tasks")),
            ("of them side by side", f"{spec.max_parallel}", _why(spec, "max_parallel")),
            ("depth of runs below a run", f"{spec.max_depth}", _why(spec, "max_depth")),
        ]
    rows += [
        (
            f"a visit to {s.name}",
            f"{s.timeout:g} s, {s.max_steps} model calls, {s.max_tokens} tokens each"
            + (f", {s.max_concurrent} at once" if s.max_concurrent else ""),
            _why(spec, f"{s.name}.timeout"),
        )
        for s in spec.specialists
    ]
    rows += [("a run's budget", _budget(spec), spec.budget.why)]
    rows += [("shared budget", str(allowance), allowance.why) for allowance in spec.budgets]
    quotas = spec.limits if isinstance(spec.limits, tuple) else ()
    rows += [("rate limit", str(quota), quota.why) for quota in quotas]
    if not isinstance(spec.limits, tuple):
        rows.append(("rate limit", type(spec.limits).__name__, ""))
    if spec.breaker is not None:
        b = spec.breaker
        opens = f"opens when {b.failures:.0%} of at least {b.calls} calls in {b.window:g} s fail"
        rows.append(("circuit breaker", opens, b.why))
    over = spec.over_budget
    steps = [
        *([f"the tier {over.cheaper}"] if over.cheaper else []),
        *([f"a person may add {over.extend:.0%}"] if over.extend is not None else []),
        "the run ends",
    ]
    rows.append(("a budget that is spent", ", then ".join(steps), over.why))
    yield Heading("Limits and budgets")
    yield Grid(("what", "bound", "why"), tuple(rows))


def _why(spec: "TeamSpec", part: str) -> str:
    return spec.why.get(part, "")


def _budget(spec: "TeamSpec") -> str:
    from pointsman.nodes.budgets import wording

    bound = wording(spec.budget)
    return "none" if bound == "nothing" else bound


def guards(spec: "TeamSpec") -> Iterator[Block]:
    """What stands around each specialist, outermost first, and around each tool."""
    from pointsman.guardrails.guard import Guard
    from pointsman.guardrails.ladder import rung_of

    yield Heading("What stands around each specialist")
    yield Words(
        "Outermost first: fallback, breaker, bulkhead, rate, budget, filters, approval, time-out,"
        " contract, then the specialist's own."
    )
    rows = [
        ("all", rung_of(guard, "filter"), _named(guard), why_of(guard)) for guard in spec.guards
    ]
    for s in spec.specialists:
        for own in s.guards:
            if isinstance(getattr(own, "name", None), str):
                guard: Guard = own  # pyright: ignore[reportAssignmentType] (declared as object)
                rows.append((s.name, rung_of(guard, "inside"), _named(guard), why_of(guard)))
        if s.leak != "off":
            rows.append((s.name, "inside", f"leak of its prompt: {s.leak}", ""))
        for tool in s.tools:
            rows += [(f"{s.name}.{tool.name}", "tool", _named(g), why_of(g)) for g in tool.guards]
    yield Grid(("around", "rung", "guard", "why"), tuple(rows))


def _named(guard: object) -> str:
    name, kind = str(getattr(guard, "name", "")), type(guard).__name__
    return f"{kind} ({name})" if name else kind


def why_of(part: object) -> str:
    """The reason that a part of the team was given; empty without one."""
    return str(getattr(part, "why", ""))


def _because(why: str) -> str:
    return f" Why so: {why}" if why else ""
