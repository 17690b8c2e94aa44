"""What lists of runs are made of, whatever the database."""

from collections.abc import Sequence

from pydantic import TypeAdapter

from pointsman.nodes.message import Message, request_of
from pointsman.teams.search import RunFilter, RunLine
from pointsman.teams.store.rows import RunState

TEXT_SHOWN = 200
LOOKED = 2_000
"""How many runs one look goes through at most, fitting or not."""
_STATE: TypeAdapter[RunState] = TypeAdapter(RunState)


def fitting(wanted: RunFilter) -> tuple[str, Sequence[str]]:
    """The column after the team of the index that fits best, and the values there; no column and
    one empty value for the index of the team alone."""
    if wanted.thread:
        return "thread", (wanted.thread,)
    states = tuple(dict.fromkeys(wanted.states))
    if states and "done" not in states:
        return "state", states
    if wanted.release:
        return "release", (wanted.release,)
    if wanted.specialist:
        return "specialist", (wanted.specialist,)
    if wanted.tenant:
        return "tenant", (wanted.tenant,)
    if states:
        return "state", states
    return "", ("",)


def between(wanted: RunFilter, before: int) -> tuple[int, int]:
    """The first place at which a run that is wanted may stand, and the first at which none does."""
    low = 0 if wanted.since is None else place_at(wanted.since)
    if wanted.until is not None:
        # A place may be later than its run, by as many as were created in the same microsecond.
        before = min(before, place_at(wanted.until) + 1_000_000)
    return low, before


def place_at(seconds: float) -> int:
    """The first place of runs that are created then (seconds since the epoch)."""
    return int(min(max(seconds, 0.0), 1e12) * 1e6)


def request_text(message: Message) -> str:
    """What was asked for; empty where the message carries no request."""
    try:
        return request_of(message).text
    except TypeError:
        return ""


def line(row: Sequence[object]) -> RunLine:
    """A line from the columns of a run. Raises ValidationError."""
    (run, team, thread, tenant, state, specialist, text, created, ended, *rest) = row
    seconds, usd, calls, error, release, parent, fork_of = rest
    return RunLine(
        run=str(run),
        team=str(team),
        thread=str(thread),
        tenant=str(tenant),
        state=_STATE.validate_python(state),
        specialist=str(specialist),
        text=str(text),
        created=_float(created) or 0.0,
        ended=_float(ended),
        seconds=_float(seconds) or 0.0,
        usd=_float(usd),
        calls=calls if isinstance(calls, int) else 0,
        error=str(error),
        release=str(release),
        parent=str(parent),
        fork_of=str(fork_of),
    )


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
