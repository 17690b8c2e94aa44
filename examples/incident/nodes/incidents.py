"""What was seen of each incident: by the logs, by the metrics, and in the list of changes."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field, TypeAdapter

IncidentNumber = Annotated[str, Field(pattern=r"^INC-\d{3}$", description="e.g. INC-204")]
Service = Literal["checkout", "database", "cache", "mailer"]
SERVICES: tuple[Service, ...] = get_args(Service)
Kind = Literal["logs", "metrics", "changes"]
FILE = Path(__file__).parents[1] / "incidents.json"

NUMBER = re.compile(r"\bINC-\d{3}\b")
POINTS = re.compile(r"\bpoints? to the (" + "|".join(SERVICES) + r")\b")
NAMED = re.compile(r"\b(" + "|".join(SERVICES) + r")\b", re.IGNORECASE)


class Unseen(Exception):
    """There is no such incident, or nothing was collected of that kind."""


class Incident(BaseModel):
    """One incident: the alert, and of each kind the service it points to and why."""

    number: IncidentNumber
    alert: str
    logs: tuple[Service, str] | None
    metrics: tuple[Service, str] | None
    changes: tuple[Service, str] | None


@dataclass(frozen=True)
class Incidents:
    """The incidents of a file."""

    file: Path = FILE

    @cached_property
    def all(self) -> tuple[Incident, ...]:
        """Every incident."""
        text = self.file.read_text(encoding="utf-8")
        return TypeAdapter(tuple[Incident, ...]).validate_json(text)

    def seen(self, number: str, kind: Kind) -> str:
        """What was seen, in a sentence that names the service. Raises Unseen."""
        incident = next((one for one in self.all if one.number == number), None)
        if incident is None:
            raise Unseen(f"There is no incident {number or 'without a number'}.")
        found: dict[Kind, tuple[Service, str] | None] = {
            "logs": incident.logs,
            "metrics": incident.metrics,
            "changes": incident.changes,
        }
        pair = found[kind]
        if pair is None:
            raise Unseen(f"No {kind} of {number} were collected.")
        service, why = pair
        verb = "points" if kind == "changes" else "point"
        whose = {"logs": "The logs", "metrics": "The metrics", "changes": "The list of changes"}
        return f"{whose[kind]} of {number} {verb} to the {service}: {why}."


def number_in(text: str) -> str:
    """The incident's number in a text; empty where there is none."""
    found = NUMBER.search(text)
    return found.group() if found else ""


def blamed(text: str) -> str:
    """The service that a diagnosis points to; empty where it points to none or to several.

    A person need not write `points to`: one service's name is enough.
    """
    found = set(POINTS.findall(text)) or {name.lower() for name in NAMED.findall(text)}
    return found.pop() if len(found) == 1 else ""
