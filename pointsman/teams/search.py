"""Search in the runs of a team: what is looked for, and what is found."""

from dataclasses import dataclass, replace
from typing import Protocol

from pointsman.errors import BadInput
from pointsman.teams.store.rows import RunState

MAX_LIMIT = 500


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are looked for: those for which all of it holds. Times are seconds since the
    epoch, money is in US dollars."""

    text: str = ""
    """Words of the request or the answer, each given whole or by how it begins; case and accents do
    not matter. All of them must be there."""
    thread: str = ""
    specialist: str = ""
    states: tuple[RunState, ...] = ()
    """Empty: every state."""
    tenant: str = ""
    """Empty: every tenant."""
    release: str = ""
    since: float | None = None
    """Created then or later."""
    until: float | None = None
    """Created before."""
    usd_at_least: float | None = None
    usd_at_most: float | None = None
    """A run of unknown cost fits neither bound."""
    seconds_at_least: float | None = None
    seconds_at_most: float | None = None
    """Time it was worked on."""
    children: bool = False
    """Whether runs that other runs gave work to are found too."""
    forks: bool = False
    """Whether forks are found too."""


EVERY_RUN = RunFilter()


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as a list shows it."""

    run: str
    team: str
    thread: str
    tenant: str
    state: RunState
    specialist: str
    """Who answered; empty until somebody has."""
    text: str
    """The first 200 characters of its request."""
    created: float
    """Seconds since the epoch."""
    ended: float | None
    seconds: float
    """Time it was worked on."""
    usd: float | None
    """None while nothing has come of it, and where a price is unknown."""
    calls: int
    """Calls that a model answered."""
    error: str
    """Class of the error that ended it."""
    release: str
    parent: str
    """The run that gave it its work; empty for one that a message began."""
    fork_of: str = ""
    """The run of which it is a fork."""


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some of the runs that were looked for, newest first."""

    lines: tuple[RunLine, ...]
    next: str | None
    """Where the next page begins; None after the last one."""


class Searched(Protocol):
    """What looks at some runs at a time; a store."""

    async def search(self, team: str, wanted: RunFilter, *, before: int, limit: int) -> "Found": ...


@dataclass(frozen=True, slots=True)
class Found:
    """What one look at the store gave."""

    lines: tuple[RunLine, ...]
    next: int | None
    """The place where the next look begins; None when there is nothing more."""


NEWEST = 2**62
"""A place that no run has yet."""


async def search(
    store: Searched, team: str, wanted: RunFilter, after: str = "", limit: int = 50
) -> RunPage:
    """A page of runs, newest first, that begins where `RunPage.next` of another one says.

    Runs that begin meanwhile are on no later page; each other one is on exactly one. Raises
    BadInput for a place that no page gave, and for a limit outside 1 to 500.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise BadInput(
            f"A page of team {team!r}'s runs cannot have {limit} lines.",
            hint=f"Ask for 1 to {MAX_LIMIT}.",
        )
    place: int | None = _place(after)
    page = Found((), place)
    # One look is bounded, so that others get at the store between two of a long search.
    while place is not None and len(page.lines) < limit:
        found = await store.search(team, wanted, before=place, limit=limit - len(page.lines))
        page = replace(found, lines=page.lines + found.lines)
        place = found.next
    return RunPage(page.lines, None if page.next is None else f"{page.next:x}")


def _place(after: str) -> int:
    if not after:
        return NEWEST
    try:
        place = int(after, 16)
    except ValueError:
        place = -1
    if not 0 <= place <= NEWEST:
        raise BadInput(
            f"There is no page of runs that begins at {after[:40]!r}.",
            hint="Give `next` of the page before, or nothing for the first page.",
        )
    return place
