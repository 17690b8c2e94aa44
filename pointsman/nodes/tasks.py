"""Whether a plan's tasks can be done: what is wrong with them, in words a model can act on."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from pydantic import ValidationError

from pointsman.nodes.message import Task
from pointsman.nodes.specialist import Specialist

MERGE = "merge"
"""The id of the task that makes one answer of all results; no task of a plan may have it."""


def faults(
    tasks: Sequence[Task],
    members: Mapping[str, Specialist],
    *,
    earlier: Collection[str] = (),
    max_tasks: int,
    max_depth: int,
) -> tuple[str, ...]:
    """What is wrong with a plan, one sentence each; empty for a plan that can be done.

    `earlier` are ids of results that stand: tasks may need them and may not have their ids.
    """
    found: list[str] = []
    if not 0 < len(tasks) <= max_tasks:
        found.append(f"There are {len(tasks)} tasks, and 1 to {max_tasks} are allowed.")
    ids = [task.id for task in tasks]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    found += [f"Two tasks have the id {one!r}." for one in twice]
    known = {*ids, *earlier}
    for task in tasks:
        found += _task_faults(task, members, known, earlier)
    if not found:
        found += _shape_faults(tasks, max_depth)
    return tuple(found)


def _task_faults(
    task: Task,
    members: Mapping[str, Specialist],
    known: Collection[str],
    earlier: Collection[str],
) -> Iterator[str]:
    if task.id in earlier:
        yield f"Task {task.id!r} is done already; leave it out, or give a new task another id."
    if task.id == MERGE:
        yield f"No task may have the id {MERGE!r}."
    unknown = sorted(set(task.needs) - set(known))
    if unknown:
        yield f"Task {task.id!r} needs {unknown[0]!r}, and there is no such task."
    if task.to not in members:
        yield f"Task {task.id!r} is for {task.to!r}, and there are only {', '.join(members)}."
        return
    yield from _input_faults(task, members[task.to])


def _input_faults(task: Task, receiver: Specialist) -> Iterator[str]:
    schema = receiver.input
    if schema is None:
        if task.data is not None:
            yield f"Task {task.id!r} has data, and {task.to!r} takes text only."
        elif not task.text.strip():
            yield f"Task {task.id!r} has no text."
        return
    try:
        if task.data is None:
            schema.model_validate_json(task.text)
        else:
            schema.model_validate(task.data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        yield f"Task {task.id!r} needs data that fit {schema.__name__}: {where}: {first['msg']}."


def _shape_faults(tasks: Sequence[Task], max_depth: int) -> Iterator[str]:
    levels = _levels(tasks)
    circle = [task.id for task in tasks if task.id not in levels]
    if circle:
        yield f"Tasks {', '.join(map(repr, circle))} wait for each other."
    deepest = max(levels.values(), default=0)
    if deepest > max_depth:
        yield f"{deepest} tasks wait one for another in a row, and at most {max_depth} may."


def _levels(tasks: Sequence[Task]) -> dict[str, int]:
    """Of each task the length of the longest chain of needs that ends with it, itself counted;
    without those that can never begin. (Kahn 1962.)"""
    ids = {task.id for task in tasks}
    left = {task.id: set(task.needs) & ids for task in tasks}
    levels: dict[str, int] = {}
    while free := [i for i, needs in left.items() if needs <= levels.keys()]:
        for i in free:
            levels[i] = 1 + max((levels[need] for need in left.pop(i)), default=0)
    return levels
