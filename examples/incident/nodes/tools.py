"""The tools: one read for each diagnostician, two writes of high stakes for the operator."""

from typing import Annotated

from pointsman import tool
from pointsman.nodes.message import Change
from pointsman.nodes.specialist import AnyTool
from pydantic import BaseModel, ConfigDict, Field

from nodes.fleet import Fleet
from nodes.incidents import IncidentNumber, Incidents, Service


class IncidentCall(BaseModel):
    """Which incident."""

    model_config = ConfigDict(extra="forbid")

    incident: IncidentNumber


class FixCall(IncidentCall):
    """Which service, for which incident."""

    service: Annotated[Service, Field(description="the service that the diagnosis points to")]


def log_tools(incidents: Incidents) -> tuple[AnyTool, ...]:
    """What the logs say."""

    @tool(effect="read")
    async def read_logs(call: IncidentCall) -> str:
        """Read what the logs of an incident point to."""
        return incidents.seen(call.incident, "logs")

    return (read_logs,)


def metric_tools(incidents: Incidents) -> tuple[AnyTool, ...]:
    """What the metrics say."""

    @tool(effect="read")
    async def read_metrics(call: IncidentCall) -> str:
        """Read what the metrics of an incident point to."""
        return incidents.seen(call.incident, "metrics")

    return (read_metrics,)


def change_tools(incidents: Incidents) -> tuple[AnyTool, ...]:
    """What was changed."""

    @tool(effect="read")
    async def list_changes(call: IncidentCall) -> str:
        """List what was changed before an incident."""
        return incidents.seen(call.incident, "changes")

    return (list_changes,)


def fixing_tools(fleet: Fleet) -> tuple[AnyTool, ...]:
    """What changes the fleet. Both are of high stakes: a person decides, always."""

    def restarted(call: FixCall) -> str | None:
        done = fleet.fixed(call.service, call.incident)
        return f"The {call.service} was restarted for {call.incident}." if done else None

    def rolled_back(call: FixCall) -> str | None:
        release = fleet.services()[call.service].release
        text = f"The {call.service} was rolled back to release {release} for {call.incident}."
        return text if fleet.fixed(call.service, call.incident) else None

    def restart_preview(call: FixCall) -> Change:
        count = fleet.services()[call.service].restarts
        what = f"restarts of the {call.service}, which is away for about a minute"
        return Change(what=what, before=count, after=count + 1)

    def roll_back_preview(call: FixCall) -> Change:
        now = fleet.services()[call.service]
        what = f"release of the {call.service}"
        return Change(what=what, before=now.release, after=now.before)

    @tool(
        effect="write",
        stakes="high",
        preview=restart_preview,
        reconcile=restarted,
    )
    async def restart_service(call: FixCall) -> str:
        """Restart a service."""
        return fleet.restart(call.service, call.incident)

    @tool(
        effect="write",
        stakes="high",
        preview=roll_back_preview,
        reconcile=rolled_back,
    )
    async def roll_back(call: FixCall) -> str:
        """Put a service back to the release before."""
        return fleet.roll_back(call.service, call.incident)

    return (restart_service, roll_back)
