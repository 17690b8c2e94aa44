"""Whether tasks that somebody gives to others can be done at all."""

from collections.abc import Sequence

from pointsman.errors import BadOutput
from pointsman.nodes.message import Delegation, Task
from pointsman.teams.family import nested
from pointsman.teams.spec import ROUTE, TeamSpec


def check_tasks(spec: TeamSpec, name: str, delegation: Delegation) -> None:
    """Raises BadOutput for tasks that cannot be run: none or too many, an id twice, nobody or the
    wrong one to do them, needs that are unknown or go round in a circle. A task may need what
    came of an earlier round."""
    tasks, who = delegation.tasks, f"{name!r} gave work to others that cannot be done: "
    if not 0 < len(tasks) <= spec.max_tasks:
        raise BadOutput(f"{who}{len(tasks)} tasks; 1 to {spec.max_tasks} are taken at once.")
    ids = [task.id for task in tasks]
    if len(set(ids)) < len(ids):
        raise BadOutput(f"{who}a task's id stands twice in {', '.join(ids)}.")
    may = _targets(spec, name, delegation)
    for task in tasks:
        if task.to not in may:
            raise BadOutput(
                f"{who}task {task.id!r} is for {task.to!r}, and it may give work to"
                f" {', '.join(map(repr, sorted(may))) or 'nobody'}."
            )
        unknown = sorted(set(task.needs) - {*ids, *(r.task for r in delegation.earlier)})
        if unknown:
            raise BadOutput(f"{who}task {task.id!r} needs {unknown[0]!r}, which is no task of it.")
        if not task.text.strip() and task.data is None:
            raise BadOutput(f"{who}task {task.id!r} asks for nothing.")
    circle = in_circle(tasks)
    if circle:
        raise BadOutput(f"{who}tasks {', '.join(map(repr, circle))} wait for each other.")


def _targets(spec: TeamSpec, name: str, delegation: Delegation) -> set[str]:
    if delegation.of == "team":
        inner = nested(spec).get(name)
        return {inner.spec.name} if inner is not None else set()
    known = {s.name for s in spec.specialists}
    if name == ROUTE:
        return known & set(spec.transitions.get(ROUTE, ()))
    does = spec.specialist(name).does
    return known & set(does.reaches()) - {name} if does is not None else set()


def in_circle(tasks: Sequence[Task]) -> tuple[str, ...]:
    """The tasks that can never begin, as their needs go round; none in a good plan. (Kahn 1962.)"""
    left = {task.id: set(task.needs) for task in tasks}
    while free := [one for one, needs in left.items() if not needs & left.keys()]:
        for one in free:
            del left[one]
    return tuple(left)
