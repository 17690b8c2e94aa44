"""Channels: which release new threads begin with, and how that came about.

staging ► canary ► production. A thread's place is a point in [0, 1) that comes from its name alone:
the canary takes the threads below its share, so a greater share only adds threads.
"""

from typing import Literal

from pydantic import AwareDatetime, Field

from pointsman.nodes.digest import digest
from pointsman.nodes.message import Frozen

CHANNELS_SCHEMA = "pointsman.channels@1"
Channel = Literal["staging", "canary", "production"]
LADDER: tuple[Channel, ...] = ("staging", "canary", "production")
Serves = Literal["production", "staging", "none"]
"""What a process serves: production with its canary, what is staged, or the files as they are."""


class Channels(Frozen):
    """Where each of a team's releases stands after one change. Rows are only ever added: the newest
    one counts, the older ones are the history."""

    schema_version: Literal["pointsman.channels@1"] = CHANNELS_SCHEMA
    team: str
    version: int = 0
    """How many changes there were; 0: the team has no releases."""
    staging: str = ""
    canary: str = ""
    share: float = Field(default=0.0, ge=0.0, le=1.0)
    """Of new threads that begin with the canary."""
    production: str = ""
    withdrawn: tuple[str, ...] = ()
    """Releases that were rolled back: their threads go on with another one."""
    action: Literal["", "promote", "rollback"] = ""
    release: str = ""
    """The one that was promoted or rolled back."""
    channel: Literal["", "staging", "canary", "production"] = ""
    """Where it came to, or was taken from."""
    at: AwareDatetime | None = None
    by: str = ""
    """A person, or `watch`."""
    reason: str = ""
    gate: str = ""
    """What the gate said; empty where none was asked."""

    def pick(self, tenant: str, thread: str, *, serves: Serves, share: float | None = None) -> str:
        """The release that a new thread begins with; empty: the files as they are. `share` stands
        in for the canary's own."""
        if serves == "none":
            return ""
        if serves == "staging" and self.staging:
            return self.staging
        below = self.share if share is None else share
        if self.canary and place(self.team, tenant, thread) < below:
            return self.canary
        return self.production

    def where(self, release: str) -> tuple[Channel, ...]:
        """The channels that a release is in."""
        held = {"staging": self.staging, "canary": self.canary, "production": self.production}
        return tuple(channel for channel in LADDER if held[channel] == release)


def place(*names: str) -> float:
    """A point in [0, 1) that is the same for the same names, on every machine."""
    # 52 bits: a float holds each of them, and none is rounded up to 1.
    return int(digest("place", *names)[:13], 16) / 16**13
