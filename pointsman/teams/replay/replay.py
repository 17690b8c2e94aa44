"""Replaying a run: the graph again, against journal, ledger and tape, and what differs now."""

from dataclasses import dataclass, replace

from pointsman.errors import BadInput, Conflict
from pointsman.nodes import telemetry
from pointsman.nodes.event import TicketDecided
from pointsman.teams import closing
from pointsman.teams.replay.compare import Divergence, divergences
from pointsman.teams.replay.engine import PlayEngine, play_engine
from pointsman.teams.replay.play import Play
from pointsman.teams.replay.recording import Recording, load
from pointsman.teams.replay.store import PlayStore, decided
from pointsman.teams.sessions import Sessions
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import RunRow
from pointsman.teams.tickets import DECIDED, Ticket


@dataclass(frozen=True)
class Replay:
    """What a replay came to."""

    then: Recording
    now: Recording
    divergences: tuple[Divergence, ...]
    """The first one first; empty: nothing differs."""


async def replay(sessions: Sessions, source: Store, row: RunRow) -> Replay:
    """Play a run that has ended or waits, with all that it gave to others, in a store in memory.

    Asks no model, reads nothing outside, writes nothing, and is in no trace or metric. Raises
    BadInput for a run that nothing was kept of, and Conflict for one that is under way.
    """
    then = await load(source, row, parts=True)
    if row.state == "running":
        raise Conflict(
            f"Run {row.run} of team {row.team!r} is under way, or was cut short.",
            hint="`pointsman resume` takes it on; replay it when it has ended or waits.",
        )
    if not then.steps:
        raise BadInput(
            f"Of run {row.run} of team {row.team!r} no steps are kept: it is older than they are,"
            " or ended before its first.",
            hint="Runs of this version can be replayed.",
        )
    play = Play({row.run: then})
    with telemetry.silenced():
        now = await _played(sessions, source, then, play)
    return Replay(then, now, divergences(then, now))


async def _played(sessions: Sessions, source: Store, then: Recording, play: Play) -> Recording:
    row = then.row
    async with play_engine(sessions, play, source) as (engine, store):
        begun = replace(row, state="running", result=None, seconds=0.0, cancelled_by="", dropped="")
        await _seed(store, source, then, begun)
        await _to_the_end(engine, store, play, begun)
        now = await load(store, begun, parts=True)
        return replace(now, row=await store.find_run(row.run) or begun)


async def _seed(store: PlayStore, source: Store, then: Recording, row: RunRow) -> None:
    """The run as it was before its present attempt began."""
    await store.add_run(row)
    await store.vault_add(row.top, await source.vault(row.top))
    before = [ticket for ticket in then.tickets if ticket.run_attempt < row.attempt]
    if not before:
        return
    await store.freeze(before)
    for effect in then.effects:
        if any(ticket.id == effect.ticket for ticket in before):
            key = (effect.key, effect.ticket, effect.run, effect.tool, effect.digest)
            await store.intend(*key)
            if effect.state != "intended":
                await store.effect_ended(effect.key, effect.state, effect.result)
    first = next((s.body.first for s in then.steps if s.step.startswith(f"{row.attempt}~")), 0)
    await store.record(row.run, then.events[:first], seconds=0.0)


async def _to_the_end(engine: PlayEngine, store: PlayStore, play: Play, row: RunRow) -> None:
    await engine.play(row)
    while await decide(store, play) or await _cancelled(engine, store, play):
        await engine.play(row)
    for run in [*play.runs]:
        found = await store.find_run(run)
        while found is not None and await decide(store, play, ended=True):
            await closing.compensate(engine.services.of(found.team), found)
        if found is not None and found.state == "waiting":
            await _unheard(store, play, found, all_closed=True)


async def _cancelled(engine: PlayEngine, store: PlayStore, play: Play) -> bool:
    """Cancel the next run that waits and was cancelled while it waited. Whether there was one."""
    for name, recording in [*play.runs.items()]:
        run, by = await store.find_run(name), recording.row.cancelled_by
        if run is not None and run.state == "waiting" and by and recording.row.state == "cancelled":
            await _unheard(store, play, run)
            await closing.cancel(engine.services.of(run.team), run, by)
            return True
    return False


async def _unheard(store: PlayStore, play: Play, run: RunRow, *, all_closed: bool = False) -> None:
    """What became of tickets that the run did not act on (any more): decisions, and with
    `all_closed` whatever closed them."""
    for ticket in await store.tickets(run.team, status="pending", run=run.run):
        then = play.ticket(ticket)
        if then is not None and not then.open and (then.decision or all_closed):
            await store.adopt(decided(ticket, then))


async def decide(store: PlayStore, play: Play, *, ended: bool = False) -> bool:
    """Put the next recorded decisions on the tickets that are pending: those that stood there when
    the recorded run went on. Whether there were any."""
    waiting: list[tuple[Ticket, Ticket]] = []
    for run, recording in [*play.runs.items()]:
        for ticket in await store.tickets(recording.row.team, status="pending", run=run):
            then = play.ticket(ticket)
            apart = ticket.kind == "compensate"
            if then is not None and _closed(then, recording) and apart <= ended:
                waiting.append((ticket, then))
    if not waiting:
        return False
    waiting.sort(key=lambda pair: _when(pair[1]))
    first = waiting[0][1]
    until = _went_on(first, play)
    for ticket, then in waiting:
        if then is first or _when(then) <= until:
            await store.adopt(decided(ticket, then))
    return True


def _closed(then: Ticket, recording: Recording) -> bool:
    """Whether the recorded run acted on the ticket: it was decided, or closed under its feet."""
    if then.status in ("pending", "cancelled"):
        return False
    told = (r.event for r in recording.events)
    heard = any(isinstance(e, TicketDecided) and e.ticket == then.id for e in told)
    if then.status in DECIDED and then.settled is None and not heard:
        return False  # nobody woke the run after it
    if then.decided is not None or then.status == "expired":
        return True
    return then.status == "superseded" and any(
        then.id in step.body.open and step.step.partition(":")[2] == "execute"
        for step in recording.steps
    )


def _when(then: Ticket) -> float:
    at = then.decided or then.settled
    return at.timestamp() if at else float("inf")


def _went_on(then: Ticket, play: Play) -> float:
    """When the recorded run acted on the ticket."""
    at = _when(then)
    recording = next((r for r in play.runs.values() if r.row.run == then.run), None)
    after = [s.at for s in recording.steps if s.at >= at] if recording else []
    return min(after, default=at)
