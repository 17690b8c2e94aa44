"""The commander's plan, the same for every incident: diagnose, then fix what was found."""

from collections.abc import Sequence

from pointsman.nodes.message import Answer, Request, Task, TaskResult

from nodes.incidents import Incidents, blamed, number_in


def planned(incidents: Incidents, request: Request) -> tuple[Task, ...]:
    """Two tasks, one after the other; none for a message about no incident that there is."""
    number = number_in(request.text)
    alert = next((one.alert for one in incidents.all if one.number == number), "")
    if not alert:
        return ()
    return (
        Task(id="diagnosis", to="triage", text=f"{number}: {alert} Which service is at fault?"),
        Task(id="fix", to="repair", text=f"Fix {number}.", needs=("diagnosis",)),
    )


def reported(request: Request, results: Sequence[TaskResult]) -> Answer:
    """What was found, then what was done."""
    lines = [f"{r.text} [{r.task}]" for r in results if r.status in ("done", "partial")]
    return Answer(text="\n".join(lines), by="rules")


def pointed(result: TaskResult) -> str:
    """What the panel compares: the service, whatever the words."""
    return blamed(result.text)
