"""Work that specialists give to others: to whom, in circles, side by side, and for how long."""

from collections.abc import Iterator

from pointsman.errors import Misconfigured, PromptError
from pointsman.nodes.panel import Panel
from pointsman.nodes.plan import Plan
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.check.approvals import asks
from pointsman.teams.check.finding import Finding, found
from pointsman.teams.check.table import cycles
from pointsman.teams.family import nested
from pointsman.teams.spec import END, ROUTE, TeamSpec


def work(spec: TeamSpec) -> Iterator[Finding]:
    """Faults of plans, panels and teams that are specialists."""
    known = {s.name for s in spec.specialists}
    edges = given_by(spec)
    for giver, names in edges.items():
        for name in names:
            if name not in known:
                yield found(
                    "work-to-nobody",
                    f"{giver} -> {name}",
                    f"It gives tasks to {name!r}, who is not in the team.",
                    f"Name one of: {', '.join(sorted(known))}.",
                )
    deep = _depth(spec)
    if deep > spec.max_depth:
        yield found(
            "too-deep",
            "max_depth",
            f"Work is given on {deep} times, and max_depth is {spec.max_depth}.",
            f"Give max_depth={deep}, or let fewer give work on.",
        )
    yield from _twins(spec)
    for circle in cycles(edges):
        yield found(
            "work-in-circle",
            " -> ".join((*circle, circle[0])),
            "The work comes back to who gave it, and is given on again.",
            "Take one of them out of the other's work.",
        )
    for s in spec.specialists:
        if s.does is not None:
            yield from _work(spec, s)


def _depth(spec: TeamSpec) -> int:
    """How often work is given on at most; a circle counts once round."""
    edges = given_by(spec)
    inside = {name: 1 + _depth(team.spec) for name, team in nested(spec).items()}

    def below(name: str, seen: frozenset[str]) -> int:
        if name in seen:
            return 0
        steps = [1 + below(to, seen | {name}) for to in edges.get(name, ())]
        return max((inside.get(name, 0), *steps))

    return max((below(name, frozenset()) for name in edges), default=0)


def _twins(spec: TeamSpec) -> Iterator[Finding]:
    seen = {spec.name: spec}
    todo = [(f"{s}", team.spec) for s, team in nested(spec).items()]
    while todo:
        place, inner = todo.pop(0)
        if seen.setdefault(inner.name, inner) is not inner:
            yield found(
                "nested-twin",
                place,
                f"The team inside it and another one here are both named {inner.name!r}.",
                "Rename one of them: tickets and runs go by the name.",
            )
            continue
        todo += [(f"{place}/{s}", team.spec) for s, team in nested(inner).items()]


def given_by(spec: TeamSpec) -> dict[str, tuple[str, ...]]:
    """Who gives tasks to whom."""
    return {s.name: s.does.reaches() for s in spec.specialists if s.does is not None}


def branches(spec: TeamSpec) -> Iterator[tuple[str, tuple[tuple[str, ...], ...]]]:
    """Each who gives work, and the branches of it that may run side by side: the names of all who
    may act in each. A router that splits messages is one of them."""
    edges = given_by(spec)
    if spec.router.split:
        routed = [name for name in spec.transitions.get(ROUTE, ()) if name != END]
        yield "router", tuple(_acting(name, edges) for name in dict.fromkeys(routed))
    for s in spec.specialists:
        if s.does is None:
            continue
        names = s.does.reaches()
        if isinstance(s.does, Plan):  # who merges begins when the others have ended
            names = tuple(member.name for member in s.does.members)
        yield s.name, tuple(_acting(name, edges) for name in dict.fromkeys(names))


def _acting(name: str, edges: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    acting, todo = [name], [name]
    while todo:
        for to in edges.get(todo.pop(), ()):
            if to not in acting:
                acting.append(to)
                todo.append(to)
    return tuple(acting)


def _work(spec: TeamSpec, s: Specialist) -> Iterator[Finding]:
    yield from _made(spec, s)
    yield from _members(spec, s)
    if s.tools:
        yield found(
            "work-and-tools",
            s.name,
            f"It gives its work to others; its tools ({', '.join(t.name for t in s.tools)}) serve"
            " for nothing.",
            "Give the tools to those who do the work.",
        )
    waits = dict.fromkeys(_asking(spec, s))
    if waits:
        yield found(
            "join-waits",
            s.name,
            f"It waits for {', '.join(waits)}, and a person may be asked about it for ever.",
            "Give the policy's terms `expires_after`.",
        )


def _members(spec: TeamSpec, s: Specialist) -> Iterator[Finding]:
    """Members of a plan or panel that are others than the team's of that name, or too many."""
    match s.does:
        case Panel() as panel:
            members, most = [m.specialist for m in panel.weighed], len(panel.weighed)
        case Plan(members=given, merge=merge, max_tasks=most):
            members = [*given, *([merge] if isinstance(merge, Specialist) else [])]
        case _:
            return
    by_name = {one.name: one for one in spec.specialists}
    for member in members:
        if by_name.get(member.name, member) is not member:
            yield found(
                "member-differs",
                f"{s.name} -> {member.name}",
                "It is another object than the team's specialist of that name, who does the work.",
                "Give the same object to both, or another name.",
            )
    if most > spec.max_tasks:
        yield found(
            "too-many-tasks",
            s.name,
            f"It may give {most} tasks at once, and the team's max_tasks is {spec.max_tasks}.",
            f"Give Team(max_tasks={most}), or fewer tasks.",
        )


def _made(spec: TeamSpec, s: Specialist) -> Iterator[Finding]:
    """Whether the work can be made: its prompts, and what it says itself does not fit."""
    library = PromptLibrary((spec.prompts,) if spec.prompts else ())
    try:
        if s.does is not None:
            s.does.node(s, team=spec.name, prompts=library)
    except PromptError as error:
        yield found("prompt", s.name, error.message, error.hint or "Mend the prompt.")
    except Misconfigured as error:
        yield found("work-misfit", s.name, error.message, error.hint or "Mend the work.")


def _asking(spec: TeamSpec, s: Specialist) -> Iterator[str]:
    """Actions in the branches of its work on which a person may be asked without an end."""
    by_name = {one.name: one for one in spec.specialists}
    acting = {
        n for name in (s.does.reaches() if s.does else ()) for n in _acting(name, given_by(spec))
    }
    for name in sorted(acting & by_name.keys()):
        for tool in by_name[name].tools:
            terms = asks(spec.policy, tool, name) if tool.effect == "write" else ()
            if any(one.expires_after is None for one in terms):
                yield f"{name}.{tool.name}"
