"""The services that run, in a file: what is restarted and rolled back, each once for an incident.

`python -m nodes.fleet reset` puts the shipped state back.
"""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, TypeAdapter

from nodes.incidents import Service

PROJECT = Path(__file__).parents[1]
SHIPPED = PROJECT / "fleet.json"
STATE = PROJECT / ".pointsman" / "fleet.json"
Remedy = Literal["restart_service", "roll_back"]


class Running(BaseModel):
    """One service as it runs. `remedy` is what its runbook says to do first."""

    release: str
    before: str
    remedy: Remedy
    restarts: int
    fixed_for: tuple[str, ...] = ()
    """Incidents for which it was restarted or rolled back."""


@dataclass(frozen=True)
class Fleet:
    """The services of a file; a copy of what ships, made at first use."""

    path: Path = STATE

    def services(self) -> dict[str, Running]:
        """Every service as it runs now."""
        if not self.path.exists():
            reset(self.path)
        return TypeAdapter(dict[str, Running]).validate_json(self.path.read_bytes())

    def restart(self, service: Service, incident: str) -> str:
        """Restart a service."""
        now = self.services()[service]
        self._put(service, now.model_copy(update={"restarts": now.restarts + 1}), incident)
        return f"The {service} was restarted for {incident}."

    def roll_back(self, service: Service, incident: str) -> str:
        """Put a service back to the release before."""
        now = self.services()[service]
        self._put(service, now.model_copy(update={"release": now.before}), incident)
        return f"The {service} was rolled back to release {now.before} for {incident}."

    def fixed(self, service: Service, incident: str) -> bool:
        """Whether either was done for that incident: what `reconcile` asks."""
        return incident in self.services()[service].fixed_for

    def _put(self, service: str, changed: Running, incident: str) -> None:
        changed = changed.model_copy(update={"fixed_for": (*changed.fixed_for, incident)})
        every = {name: one.model_dump() for name, one in self.services().items()}
        every[service] = changed.model_dump()
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(every, indent=2), encoding="utf-8")
        os.replace(new, self.path)


def reset(path: Path = STATE) -> None:
    """Put the shipped state there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(SHIPPED, path)


if __name__ == "__main__" and sys.argv[1:] == ["reset"]:
    reset()
