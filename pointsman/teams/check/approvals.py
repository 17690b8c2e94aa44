"""The approval policy and its reviewers: who is asked, whether anybody can answer in time."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.message import Terms
from pointsman.nodes.specialist import AnyTool
from pointsman.teams.approvals.lifecycle import people
from pointsman.teams.check.finding import Finding, found
from pointsman.teams.spec import TeamSpec


def approvals(spec: TeamSpec) -> Iterator[Finding]:
    """Faults of the policy's rules, of its terms and of the groups of reviewers."""
    for name, members in spec.reviewers.items():
        if not members:
            yield found(
                "group-empty", f"reviewers {name}", "The group is empty.", "Name its people."
            )
    given = [("policy", spec.policy.terms)]
    rules = spec.policy.rules
    given += [(f"policy rule {rule.name}", spec.policy.terms_of(rule)) for rule in rules]
    for place, terms in given:
        able = people(terms.reviewers, spec.reviewers)
        if terms.reviewers and len(able) < terms.approvals:
            yield found(
                "too-few-reviewers",
                place,
                f"It wants {terms.approvals} approvals; its reviewers are {len(able)}.",
                "Name more reviewers, or want fewer approvals.",
            )
        if terms.escalate_to and terms.expires_after is None:
            yield found(
                "never-escalates",
                place,
                "It names who is asked next and gives nobody a time.",
                "Give `expires_after`.",
            )
    yield from _high_stakes(spec)
    for rule in rules:
        yield from _rule(spec, rule)


def _high_stakes(spec: TeamSpec) -> Iterator[Finding]:
    for s in spec.specialists:
        for tool in s.tools:
            if tool.stakes == "high" and not any(
                rule.then != "allow" and may_match(rule, tool, s.name) for rule in spec.policy.rules
            ):
                yield found(
                    "high-stakes-unruled",
                    f"{s.name}.{tool.name}",
                    "It is high-stakes and no rule of the policy speaks of it: whoever looks"
                    " decides, without a reason to go by.",
                    "Add a PolicyRule that asks, with a reason and its reviewers.",
                )


def _rule(spec: TeamSpec, rule: PolicyRule) -> Iterator[Finding]:
    place = f"policy rule {rule.name}"
    have = [(s.name, tool) for s in spec.specialists for tool in s.tools]
    for part, globs, known in (
        ("tool", rule.tools, {tool.name for _, tool in have}),
        ("specialist", rule.specialists, {s.name for s in spec.specialists}),
    ):
        for glob in globs:
            if glob not in known and not any(c in glob for c in "*?["):
                yield found(
                    "policy-of-nobody",
                    place,
                    f"There is no {part} {glob!r}.",
                    f"Name one of: {', '.join(sorted(known)) or 'none'}.",
                )
    met = [tool for name, tool in have if may_match(rule, tool, name)]
    if rule.then == "allow" and met and all(tool.stakes == "high" for tool in met):
        yield found(
            "allow-in-vain",
            place,
            f"It allows {', '.join(sorted({t.name for t in met}))}, which is high-stakes and asks"
            " always.",
            'Declare the tool stakes="low", or remove the rule and let people grant it.',
        )


def may_match(rule: PolicyRule, tool: AnyTool, specialist: str) -> bool:
    """Whether some call of the tool by the specialist may match the rule."""
    return (
        any(fnmatchcase(tool.name, glob) for glob in rule.tools)
        and any(fnmatchcase(specialist, glob) for glob in rule.specialists)
        and rule.effect in (None, tool.effect)
        and rule.stakes in (None, tool.stakes)
        and (rule.egress is None or tool.egress in (None, rule.egress))
    )


def asks(policy: ApprovalPolicy, tool: AnyTool, specialist: str) -> tuple[Terms, ...]:
    """The terms on which calls of a write may be asked about; empty where none ever is."""
    on: list[Terms] = []
    for rule in policy.rules:
        if not may_match(rule, tool, specialist):
            continue
        if rule.then == "ask" or (rule.then == "allow" and tool.stakes == "high"):
            on.append(policy.terms_of(rule))
        if _always(rule):
            return tuple(on)
    return (*on, policy.terms)


def _always(rule: PolicyRule) -> bool:
    """Whether a rule that may match a tool matches each of its calls."""
    conditions = (
        rule.when, rule.signals, rule.every_origin, rule.any_origin, rule.content_origin,
    )  # fmt: skip
    free = not any(conditions) and not rule.named
    return free and rule.egress is None and "*" in rule.tenants
