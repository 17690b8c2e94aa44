"""Forks: a recorded run gone over again, another way from one of its steps on."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from uuid import uuid4

from pointsman.errors import BadInput, Conflict
from pointsman.nodes.digest import digest
from pointsman.prompts.library import SUFFIX, PromptLibrary
from pointsman.teams.checkpoint import open_saver
from pointsman.teams.record import Recorder
from pointsman.teams.releases.behaviour import behaviour
from pointsman.teams.releases.release import Parts, PinnedPrompt, PinnedTier, Release
from pointsman.teams.releases.released import known_release
from pointsman.teams.replay.engine import PlayEngine, engine_on, play_services
from pointsman.teams.replay.gateway import PlayGateway
from pointsman.teams.replay.play import Play
from pointsman.teams.replay.recording import Recording, load
from pointsman.teams.replay.replay import decide
from pointsman.teams.replay.store import PlayStore
from pointsman.teams.services import Opened, Services
from pointsman.teams.sessions import Sessions
from pointsman.teams.store.rows import RunRow
from pointsman.teams.tickets import Ticket

BY_FORK = "fork"
"""Who approves what a fork only seems to do."""


@dataclass(frozen=True)
class Fork:
    """How a fork goes its own way."""

    at: str
    """The step from which on, as the run's record names it."""
    prompts: Mapping[str, str] = field(default_factory=dict[str, str])
    """By specialist, or `route` for the router: the text of a prompt file in place of its own.
    Empty name: of the step's. Others that have the same prompt file get it too."""
    models: Mapping[str, str] = field(default_factory=dict[str, str])
    """The same: the only model of the tier that it asks."""
    answers: Literal["recorded", "live"] = "recorded"
    """`recorded`: what is asked for again is answered from the record until something else is
    asked for, and all after that is live."""
    effects: Literal["simulate", "allow"] = "simulate"
    """`simulate`: no write happens, and nobody is asked. `allow`: as in any run, with tickets."""
    by: str = ""


async def fork(sessions: Sessions, services: Services, row: RunRow, wanted: Fork) -> str:
    """Go over a run until a step, as recorded, and on from there another way, as a run of its own
    that is no part of its thread. Gives the new run's id.

    Raises BadInput for a step that the run had not, or a change that fits nobody, Conflict for a
    run that is under way or is a fork itself, and PromptError.
    """
    then = await _forkable(services, row, wanted)
    release = await _release(services, then, wanted)
    name = "r" + digest("fork", row.run, wanted.at, uuid4().hex)[:15]
    begun = replace(
        row, run=name, thread=f"fork:{name}", root_thread=name, nested=False, state="running",
        request=row.request.model_copy(update={"id": name}), result=None, seconds=0.0,
        seconds_left=services.spec.max_seconds, cancelled_by="", dropped="", attempt=1,
        fork_of=row.run, fork_at=wanted.at, simulated=wanted.effects == "simulate",
        release=release.release if release else row.release,
    )  # fmt: skip
    play = Play(
        {name: then}, fork=name, at=wanted.at, answers=wanted.answers, simulated=begun.simulated
    )
    async with _engine(sessions, services, play) as (engine, store):
        if release is not None:
            await store.keep_release(release)
        await store.add_run(begun)
        async with engine.alone(begun):
            await _go(engine, store, play, begun)
    return name


async def _forkable(services: Services, row: RunRow, wanted: Fork) -> Recording:
    if row.fork_of or row.parent:
        whose = f"is a fork of {row.fork_of}" if row.fork_of else f"works for run {row.top}"
        raise Conflict(f"Run {row.run} {whose}.", hint="Fork that one.")
    if row.state == "running":
        raise Conflict(f"Run {row.run} is under way.", hint="Fork it when it has ended or waits.")
    if row.attempt > 1:
        raise Conflict(
            f"Run {row.run} was driven again: its present attempt begins after writes of another.",
            hint="Run its message anew to try another way.",
        )
    then = await load(services.store, row, parts=True)
    names = [name for name in then.groups if name not in ("intake", "finish")]
    if wanted.at not in names:
        raise BadInput(
            f"Run {row.run} has no step {wanted.at!r}.",
            hint=f"It has: {', '.join(names) or 'none on record'}.",
        )
    return then


@asynccontextmanager
async def _engine(
    sessions: Sessions, services: Services, play: Play
) -> AsyncGenerator[tuple[PlayEngine, PlayStore]]:
    path = services.home / "pointsman.db"
    store = PlayStore(play, source=None, path=path, clock=services.clock)
    recorder = Recorder(store, clock=services.clock, tenants=services.tenants)
    recorder.tapes = play
    opened = Opened(store=store, gateway=PlayGateway, recorder=recorder)
    async with AsyncExitStack() as stack:
        made = await asyncio.to_thread(
            play_services, sessions, store, opened, clock=services.clock, tells=True
        )
        stack.push_async_callback(made.aclose)
        for one in (made, *made.kin.values()):
            if isinstance(one.gateway, PlayGateway):
                one.gateway.fork = play
                if play.answers == "live":
                    one.gateway.asks_anew()
        saver = await stack.enter_async_context(open_saver(services.home / "checkpoints.db"))
        yield engine_on(made, saver), store


async def _go(engine: PlayEngine, store: PlayStore, play: Play, row: RunRow) -> None:
    await engine.play(row)
    # What is to happen is for people to decide, whatever they said then.
    while (row.simulated or not play.live) and (
        await decide(store, play) or await _seem(store, play, row)
    ):
        await engine.play(row)


async def _seem(store: PlayStore, play: Play, row: RunRow) -> bool:
    """Approve what would only seem to happen. Whether there was any."""
    if not row.simulated or not play.live:
        return False
    pending: list[Ticket] = []
    for run in (row, *await store.offspring(row.run)):
        pending += await store.tickets(run.team, status="pending", run=run.run)
    for ticket in pending:
        why = "Nothing will happen: the writes of this fork are simulated."
        approved: dict[str, object] = {
            "status": "approved", "decision": "approve", "by": BY_FORK, "decision_reason": why,
            "approved_digest": ticket.shows, "decided": datetime.now(UTC),
        }  # fmt: skip
        await store.adopt(ticket.model_copy(update=approved))
    return bool(pending)


async def _release(services: Services, then: Recording, wanted: Fork) -> Release | None:
    """What the fork runs on, pinned, so that it can go on later; None where nothing is changed."""
    if not wanted.prompts and not wanted.models:
        return None
    spec, chains = services.spec, services.gateway.chains
    if then.row.release:
        parts = (await known_release(services, then.row.release)).parts
    else:
        parts = await asyncio.to_thread(behaviour, spec, chains)
    prompts = {_prompt(services, wanted.at, n): text for n, text in wanted.prompts.items()}
    models = {
        _tier(services, parts, wanted.at, n): PinnedTier(models=(model,))
        for n, model in wanted.models.items()
    }
    changed = parts.model_copy(update={"models": {**parts.models, **models}})
    if prompts:
        pinned = await asyncio.to_thread(_pinned, changed, prompts)
        changed = changed.model_copy(update={"prompts": pinned})
    changed = Parts.model_validate(changed.model_dump())
    notes = f"Fork of {then.row.run} at {wanted.at}."
    return Release.of(spec.name, changed, at=services.now(), by=wanted.by or BY_FORK, notes=notes)


def _whose(services: Services, at: str, name: str) -> str:
    """The specialist that a change is for; `route` for the router."""
    of = name or at.partition(":")[2]
    known = [s.name for s in services.spec.specialists]
    if of not in ("route", *known):
        raise BadInput(
            f"Step {at!r} asks no model of its own, or there is no specialist {of!r}.",
            hint=f"Say whose: {', '.join(f'{one}.prompt=FILE' for one in known[:3])}.",
        )
    return of


def _prompt(services: Services, at: str, name: str) -> str:
    of = _whose(services, at, name)
    if of == "route":
        return services.spec.router.prompt
    return services.spec.specialist(of).prompt or "specialist/default"


def _tier(services: Services, parts: Parts, at: str, name: str) -> str:
    of = _whose(services, at, name)
    tier = services.spec.router.tier if of == "route" else services.spec.specialist(of).tier
    there = parts.models.get(tier)
    if there is None or there.strong or there.how:
        raise BadInput(
            f"Tier {tier!r} of {of!r} is a cascade or a hedge, or is none.",
            hint="Only a plain tier can be given another model.",
        )
    return tier


def _pinned(parts: Parts, changed: Mapping[str, str]) -> dict[str, PinnedPrompt]:
    """The prompts, some with another text, each with its version. Raises PromptError."""
    texts = {name: prompt.text for name, prompt in parts.prompts.items()} | dict(changed)
    with TemporaryDirectory() as made:
        for name, text in texts.items():
            path = Path(made) / f"{name}{SUFFIX}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8"))
        library = PromptLibrary((Path(made),))
        return {
            name: PinnedPrompt(version=library.get(name).version, text=text)
            for name, text in texts.items()
        }
