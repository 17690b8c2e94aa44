"""Which release a run gets: decided once, when the run is made."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from pointsman.errors import Misconfigured
from pointsman.teams.flags import Asked, FileFlags, Flags, NoFlags
from pointsman.teams.releases.channels import Serves
from pointsman.teams.settings import Settings

if TYPE_CHECKING:
    from pointsman.teams.services import Services
    from pointsman.teams.store.rows import RunRow

SHARE_FLAG = "pointsman.canary"
"""The flag whose value, a number from 0 to 1, stands in for the canary's share."""


@dataclass(frozen=True)
class Rollout:
    """How a process serves releases."""

    serves: Serves = "production"
    drift: Literal["warn", "refuse"] = "warn"
    """What follows when a run's release was made of other code than this."""
    flags: Flags = field(default_factory=NoFlags)


def rollout_of(settings: Settings) -> Rollout:
    """What the environment says."""
    flags = FileFlags(settings.flags) if settings.flags else NoFlags()
    return Rollout(settings.serves, settings.release_drift, flags)


async def assigned(services: "Services", row: "RunRow") -> "RunRow":
    """The new run with the release of its thread: the one that the thread began with, unless it
    was withdrawn since. A child run comes with its parent's.

    A crash after this leaves a thread with its release noted and no run yet; the same message
    comes to the same release then. Raises Misconfigured for a share that is none.
    """
    store, rollout = services.store, services.rollout
    if row.parent or row.release or rollout.serves == "none":
        return row
    channels = await store.channels(row.team)
    if not channels.version:
        return row
    noted = await store.thread_release(row)
    if noted and noted not in channels.withdrawn:
        return replace(row, release=noted)
    share = await _share(rollout.flags, row) if channels.canary else None
    picked = channels.pick(row.tenant, row.thread, serves=rollout.serves, share=share)
    if not picked:
        return row
    return replace(row, release=await store.pin_thread(row, picked, over=channels.withdrawn))


async def _share(flags: Flags, row: "RunRow") -> float | None:
    asked = Asked(team=row.team, tenant=row.tenant, thread=row.thread)
    given = await flags.value(SHARE_FLAG, -1.0, asked)
    if isinstance(given, bool) or not isinstance(given, int | float) or given > 1:
        raise Misconfigured(
            f"Flag {SHARE_FLAG!r} is {given!r} for team {row.team!r}: it is a number from 0 to 1.",
            hint="Mend flags.yaml, or the flag service.",
        )
    return None if given < 0 else float(given)
