"""What people do with a team's releases: make them, promote them, take them back, watch them."""

import asyncio
from collections.abc import Sequence

from pointsman.errors import BadInput
from pointsman.teams.records import Records
from pointsman.teams.releases import moves, released
from pointsman.teams.releases.behaviour import behaviour
from pointsman.teams.releases.channels import Channel, Channels
from pointsman.teams.releases.release import Part, Release
from pointsman.teams.releases.watch import Band, Score, Standing, standings, worst
from pointsman.teams.services import Services
from pointsman.teams.spec import TeamSpec


class Releasing(Records):
    """The part of a Team where its releases are moved."""

    async def new_release(self, *, by: str, notes: str = "") -> Release:
        """The team's behaviour as it is now, pinned. Nothing is stored: it is a file to be reviewed
        (`releases.file.write`), and a candidate for `promote`. Raises PromptError."""
        async with self._sessions.services() as services:
            chains = services.gateway.chains
            parts = await asyncio.to_thread(behaviour, services.spec, chains)
            return Release.of(self.name, parts, at=services.now(), by=by, notes=notes)

    async def drift(self, release: Release) -> tuple[Part, ...]:
        """The parts that are code in which a release differs from this team. A run on it has its
        prompts and models, and this code."""
        async with self._sessions.services() as services:
            chains = services.gateway.chains
            parts = await asyncio.to_thread(behaviour, services.spec, chains)
            return released.drift(parts, release)

    async def spec_on(self, release: Release) -> TeamSpec:
        """The team's description with the prompts and models of a release, on this code: what a
        trial runs. Raises InvalidRelease."""
        async with self._sessions.services() as services:
            _own(services, release)
            return await asyncio.to_thread(
                released.released_spec, services.spec, services.gateway.chains, release,
                home=services.home,
            )  # fmt: skip

    async def promote(
        self, release: Release | str, *, by: str, to: Channel | None = None, share: float = 0.0,
        reason: str = "", gate: str = "",
    ) -> Channels:  # fmt: skip
        """Bring a release, or one that was promoted before by its name, into a channel; by default
        the next one. Threads that began stay with their release; others begin with what `Channels`
        says. `share`: of new threads, for the canary. `gate`: what the gate said, for the audit
        log.

        Raises NotFound, InvalidRelease, BadInput for a share that is none, and Conflict.
        """
        async with self._sessions.services() as services:
            given = await _known(services, release)
            _own(services, given)
            where = to or moves.next_channel(
                await services.store.channels(self.name), given.release
            )
            return await moves.promote(
                services.store, given, to=where, share=share, by=by, at=services.now(),
                reason=reason, gate=gate,
            )  # fmt: skip

    async def rollback(self, *, by: str, reason: str, to: str = "") -> Channels:
        """Withdraw the canary; without one, what is in production, for what was there before it or
        for `to`. Raises NotFound, Conflict."""
        async with self._sessions.services() as services:
            return await moves.rollback(
                services.store, self.name, by=by, at=services.now(), reason=reason, to=to
            )

    async def channels(self) -> Channels:
        """Where the team's releases stand now."""
        async with self._sessions.services() as services:
            return await services.store.channels(self.name)

    async def channel_history(self, *, limit: int = 100) -> tuple[Channels, ...]:
        """How they stood after each change, newest first."""
        async with self._sessions.services() as services:
            return await services.store.channel_history(self.name, limit=limit)

    async def release(self, name: str) -> Release:
        """A release that was ever promoted here, whole. Raises NotFound, InvalidRelease."""
        async with self._sessions.services() as services:
            return await released.known_release(services, name)

    async def standings(
        self, bands: Sequence[Band], *, score: Score | None = None, sample: float = 0.1
    ) -> tuple[Standing, ...]:
        """How the release that is on trial (the canary, else production) stands in each band, by
        its ended runs. Empty where there is none. `score` is asked for a `sample` of the runs, and
        is needed for bands of scores: BadInput without it."""
        async with self._sessions.services() as services:
            return await standings(services.store, self.name, bands, score=score, sample=sample)

    async def watch(
        self, bands: Sequence[Band], *, score: Score | None = None, sample: float = 0.1
    ) -> tuple[tuple[Standing, ...], Channels | None]:
        """`standings`, and a rollback by `watch` where a band was left. Raises Conflict where
        somebody moved the releases meanwhile, NotFound where there is nothing to go back to."""
        async with self._sessions.services() as services:
            store = services.store
            found = await standings(store, self.name, bands, score=score, sample=sample)
            left = worst(found)
            if left is None:
                return found, None
            moved = await moves.rollback(
                store, self.name, by="watch", at=services.now(), reason=str(left),
                expect=left.release,
            )  # fmt: skip
            return found, moved


async def _known(services: Services, release: Release | str) -> Release:
    if isinstance(release, Release):
        return release
    return await released.known_release(services, release)


def _own(services: Services, release: Release) -> None:
    if release.team != services.spec.name:
        raise BadInput(
            f"Release {release.release} is of team {release.team!r}, and this is team"
            f" {services.spec.name!r}.",
            hint="Give --team, or another file.",
        )
