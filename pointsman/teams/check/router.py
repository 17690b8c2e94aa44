"""The router: its targets, and specialists that are hard to tell apart by what they say."""

from collections import defaultdict
from collections.abc import Iterator

from pointsman.teams.check.finding import Finding, found
from pointsman.teams.spec import ROUTE, TeamSpec


def router(spec: TeamSpec) -> Iterator[Finding]:
    """Faults of the router's rules and targets, and of what the specialists say they handle."""
    known = {s.name for s in spec.specialists}
    routed = known.intersection(spec.transitions.get(ROUTE, ()))
    targets = [(f"rule {rule.name}", rule.to) for rule in spec.router.rules]
    targets += [("router", spec.router.otherwise)] if spec.router.otherwise else []
    for place, to in targets:
        if to in known - routed:
            yield found(
                "route-past-table",
                place,
                f"It routes to {to!r}, which the row of `route` does not hold.",
                "Add it to the row.",
            )
    for rule in spec.router.rules:
        if rule.to not in known:
            yield found(
                "rule-to-nobody",
                f"rule {rule.name}",
                f"There is no specialist {rule.to!r}.",
                f"Name one of: {', '.join(sorted(known))}.",
            )
    if spec.router.otherwise and spec.router.otherwise not in known:
        yield found(
            "otherwise-nobody",
            "router",
            f"`otherwise` names {spec.router.otherwise!r}, who is not in the team.",
            "Name a specialist, or leave it empty to end such runs as no_route.",
        )
    yield from _rules(spec)
    yield from _said(spec)


def _rules(spec: TeamSpec) -> Iterator[Finding]:
    """Rules that never match, since an earlier one has the same conditions."""
    seen: dict[tuple[object, ...], str] = {}
    for rule in spec.router.rules:
        conditions = (rule.pattern, rule.keywords, rule.predicate, rule.schema)
        first = seen.setdefault(conditions, rule.name)
        if first != rule.name or list(spec.router.rules).count(rule) > 1:
            yield found(
                "rule-twice",
                f"rule {rule.name}",
                f"It never matches: rule {first!r} before it has the same conditions.",
                "Remove one of them.",
            )


def _said(spec: TeamSpec) -> Iterator[Finding]:
    """Specialists that say the same of themselves."""
    handled: dict[str, list[str]] = defaultdict(list)
    shown: dict[str, dict[str, str]] = defaultdict(dict)
    for s in spec.specialists:
        if not s.handles.strip():
            yield found("no-handles", s.name, "It does not say what it handles.", "Fill `handles`.")
        else:
            handled[_plain(s.handles)].append(s.name)
        for example in s.examples:
            shown[_plain(example)].setdefault(s.name, example)
    for names in handled.values():
        if len(names) > 1:
            yield found(
                "handles-twice",
                " and ".join(names),
                "They say that they handle the same, so the router can only guess.",
                "Say what sets each apart.",
            )
    for by in shown.values():
        if len(by) > 1:
            yield found(
                "example-twice",
                " and ".join(by),
                f"{next(iter(by.values()))[:80]!r} is an example of each.",
                "Leave it to one of them.",
            )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!?")
