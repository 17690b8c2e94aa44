"""Names, and the table of who may follow whom."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pointsman.teams.check.finding import Finding, found
from pointsman.teams.spec import END, RESERVED, ROUTE, FallBackTo, TeamSpec

FORBIDDEN = "|:"
"""Characters that LangGraph keeps for itself in the names of nodes."""

Edge = tuple[str, str]


def names(spec: TeamSpec) -> Iterator[Finding]:
    """Faults of the team's and the specialists' names."""
    if not spec.specialists:
        yield found("team-empty", spec.name, "The team has no specialist.", "Give it at least one.")
    given = [s.name for s in spec.specialists]
    for name in (spec.name, *given):
        if not name.strip() or any(c in FORBIDDEN for c in name):
            yield found(
                "name-forbidden",
                repr(name),
                "The name is empty or holds '|' or ':', which LangGraph keeps for itself.",
                "Rename it.",
            )
    for name, count in Counter(given).items():
        if count > 1:
            yield found(
                "name-twice", name, f"{count} specialists have this name.", "Rename all but one."
            )
        if name in RESERVED or name.startswith("__"):
            yield found(
                "name-reserved",
                name,
                "LangGraph, or a step of every team's graph, has this name.",
                "Rename it.",
            )


def transitions(spec: TeamSpec) -> Iterator[Finding]:
    """Faults of the table: targets, hand-offs past it, who cannot be reached, cycles."""
    known = {s.name for s in spec.specialists}
    for frm, targets in spec.transitions.items():
        if frm not in known | {ROUTE}:
            yield found(
                "transition-from-nobody", frm, "The table has a row for nobody.", "Remove the row."
            )
        for to in targets:
            if to not in known | {ROUTE, END}:
                yield found(
                    "transition-to-nobody",
                    f"{frm} -> {to}",
                    f"There is no specialist {to!r}.",
                    f"Name one of: {', '.join(sorted(known))}.",
                )
            if to == frm:
                yield found(
                    "transition-to-self", frm, "It hands off to itself.", "Remove the transition."
                )
    for s in spec.specialists:
        for to in s.hands_off_to:
            if to == END or to not in spec.transitions.get(s.name, ()):
                yield found(
                    "hand-off-past-table",
                    f"{s.name} -> {to}",
                    "It may hand off there, and its row of the transition table does not hold it.",
                    "Add it to the row, or remove it from hands_off_to.",
                )
    last = spec.when_bound
    if isinstance(last, FallBackTo) and last.to not in known:
        yield found(
            "last-word-nobody",
            "when_bound",
            f"There is no specialist {last.to!r}.",
            f"Name one of: {', '.join(sorted(known))}.",
        )
    yield from _unreachable(spec, known)
    yield from _cycles(spec, known)


def _unreachable(spec: TeamSpec, known: set[str]) -> Iterator[Finding]:
    tasks = {s.name: s.does.reaches() for s in spec.specialists if s.does is not None}
    reached = {ROUTE}
    if isinstance(spec.when_bound, FallBackTo):
        reached.add(spec.when_bound.to)
    todo = list(reached)
    while todo:
        at = todo.pop()
        for to in (*spec.transitions.get(at, ()), *tasks.get(at, ())):
            if to not in reached:
                reached.add(to)
                todo.append(to)
    for name in sorted(known - reached):
        yield found(
            "unreachable", name, "Nobody can route or hand off to it.", "Add a transition to it."
        )


def _cycles(spec: TeamSpec, known: set[str]) -> Iterator[Finding]:
    limits = spec.edge_limits
    edges = {
        frm: tuple(to for to in targets if to in known | {ROUTE} and to != frm)
        for frm, targets in spec.transitions.items()
        if frm in known | {ROUTE}
    }
    for frm, to in limits:
        if to not in edges.get(frm, ()):
            yield found(
                "edge-limit-nowhere",
                f"{frm} -> {to}",
                "edge_limits bounds it, and the transition table does not hold it.",
                "Remove the bound, or add the transition.",
            )
    free = {frm: [to for to in tos if (frm, to) not in limits] for frm, tos in edges.items()}
    for cycle in cycles(free):
        path = " -> ".join((*cycle, cycle[0]))
        yield found(
            "cycle-unbounded",
            path,
            f"Only max_hops ({spec.max_hops}) ends this cycle.",
            f"Bound one of its transitions: edge_limits={{({cycle[-1]!r}, {cycle[0]!r}): 2}}.",
        )


def cycles(edges: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """One cycle of each strongly connected part, as the names along it; those of one node too.

    Deterministic: by the order of `edges`. The shortest cycle through the part's first node.
    """
    found_in: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in edges:
        if start in done:
            continue
        path = _back_to(start, edges)
        if path:
            found_in.append(path)
            done |= {n for n in _from(start, edges) if start in _from(n, edges)}
    return tuple(found_in)


def _from(start: str, edges: Mapping[str, Sequence[str]]) -> set[str]:
    """Everything that can be reached in one step or more."""
    reached: set[str] = set()
    todo = [start]
    while todo:
        for to in edges.get(todo.pop(), ()):
            if to not in reached:
                reached.add(to)
                todo.append(to)
    return reached


def _back_to(start: str, edges: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The shortest way round from a node to itself; empty where there is none."""
    seen = {start}
    ways: list[tuple[str, ...]] = [(start,)]
    while ways:
        longer: list[tuple[str, ...]] = []
        for way in ways:
            for to in edges.get(way[-1], ()):
                if to == start:
                    return way
                if to not in seen:
                    seen.add(to)
                    longer.append((*way, to))
        ways = longer
    return ()
