"""Resources: one owner each, and no two that change one at the same time."""

from collections.abc import Iterator
from functools import cache
from itertools import combinations, product

from pointsman.nodes.specialist import Specialist
from pointsman.teams.blackboard import EVERYONE
from pointsman.teams.check.finding import Finding, found
from pointsman.teams.check.work import branches
from pointsman.teams.spec import TeamSpec


def resources(spec: TeamSpec) -> Iterator[Finding]:
    """Resources with two owners, writes by others, and parallel branches that share one."""
    for one, other in combinations(spec.specialists, 2):
        for mine in one.owns:
            for theirs in other.owns:
                if overlap(mine, theirs):
                    same = mine if mine == theirs else f"what both {mine!r} and {theirs!r} name"
                    yield found(
                        "owned-twice",
                        f"{one.name} and {other.name}",
                        f"Both own {same}.",
                        "Leave it to one of them; the other asks it, or hands off.",
                    )
    for s in spec.specialists:
        yield from _writes(spec, s)
    yield from _parallel(spec)
    yield from _entries(spec)


def _entries(spec: TeamSpec) -> Iterator[Finding]:
    """Entries of the blackboard: whose they are, and who writes them side by side."""
    known = {s.name for s in spec.specialists}
    for entry in spec.blackboard.entries:
        place = f"blackboard {entry.name}"
        named = {name for name in (entry.owner, *entry.writers, *entry.readers) if name}
        for name in sorted(named - known - {EVERYONE}):
            yield found(
                "entry-of-nobody",
                place,
                f"There is no specialist {name!r}.",
                f"Name one of: {', '.join(sorted(known))}.",
            )
        if entry.resolver is not None or entry.leased:
            continue
        for giver, sides in branches(spec):
            writing = [n for side in sides for n in side if n in known and entry.may_write(n)]
            if len(set(writing)) > 1:
                yield found(
                    "parallel-entry",
                    place,
                    f"{' and '.join(dict.fromkeys(writing))} may write it side by side in the work"
                    f" of {giver}, and the later write is refused.",
                    "Give the entry a resolver, or one writer.",
                )


def _writes(spec: TeamSpec, s: Specialist) -> Iterator[Finding]:
    for tool in s.tools:
        place = f"{s.name}.{tool.name}"
        if tool.writes and tool.effect == "read":
            yield found(
                "writes-by-read",
                place,
                f"It is declared a read, and names what it changes: {', '.join(tool.writes)}.",
                'Declare it tool(effect="write"), or take `writes` away.',
            )
        for resource in tool.writes:
            owner = next(
                (o for o in spec.specialists if any(overlap(own, resource) for own in o.owns)), None
            )
            if owner is not None and not any(overlap(own, resource) for own in s.owns):
                yield found(
                    "write-unowned",
                    place,
                    f"It changes {resource!r}, which {owner.name!r} owns.",
                    f"Leave the tool to {owner.name!r}, or let {s.name!r} own the resource.",
                )


def _parallel(spec: TeamSpec) -> Iterator[Finding]:
    by_name = {s.name: s for s in spec.specialists}
    for giver, sides in branches(spec):
        for one, other in combinations(sides, 2):
            for mine, theirs in product(one, other):
                if mine == theirs or not {mine, theirs} <= by_name.keys():
                    continue
                for rule, what in shared(by_name[mine], by_name[theirs]):
                    yield found(
                        rule,
                        f"{giver}: {mine} and {theirs}",
                        f"They may run side by side, and both can change {what}.",
                        "Leave it to one of them, or let a specialist outside the work do it.",
                    )


def shared(one: Specialist, other: Specialist) -> Iterator[tuple[str, str]]:
    """What tools of both can change, with the rule that says so: a resource by its name, else what
    a write tool of one name changes."""
    for mine, theirs in product(one.tools, other.tools):
        if "read" in (mine.effect, theirs.effect):
            continue
        for resource, same in product(mine.writes, theirs.writes):
            if overlap(resource, same):
                yield "parallel-writes", repr(resource)
        if mine.name == theirs.name and not (mine.writes and theirs.writes):
            yield "parallel-tools", f"what {mine.name!r} changes"


def overlap(one: str, other: str) -> bool:
    """Whether some name fits both globs. `*` is any text and `?` any character; all else is
    itself."""

    @cache
    def meet(i: int, j: int) -> bool:
        if i == len(one) and j == len(other):
            return True
        if i < len(one) and one[i] == "*":
            return meet(i + 1, j) or (j < len(other) and meet(i, j + 1))
        if j < len(other) and other[j] == "*":
            return meet(i, j + 1) or (i < len(one) and meet(i + 1, j))
        if i == len(one) or j == len(other):
            return False
        return (one[i] == other[j] or "?" in (one[i], other[j])) and meet(i + 1, j + 1)

    return meet(0, 0)
