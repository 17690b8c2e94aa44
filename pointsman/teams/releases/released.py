"""A team's services on a release: its prompts and models, on the code that is there."""

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from pointsman.errors import InvalidRelease, NotFound, ReleaseDrift
from pointsman.nodes.gateway.cascade import Tier
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.node import Node
from pointsman.nodes.routing.tiers import RouterNode
from pointsman.prompts.library import SUFFIX, PromptLibrary
from pointsman.teams.releases.behaviour import behaviour, with_models
from pointsman.teams.releases.release import CODE, Part, Parts, Release
from pointsman.teams.services import Services, nodes_of
from pointsman.teams.spec import TeamSpec

log = logging.getLogger("pointsman.teams")

FOLDER = "releases"
MOST_KEPT = 8
"""Releases whose nodes are kept by one process; the one used longest ago is made anew."""


@dataclass(frozen=True)
class Variant:
    """What differs on a release."""

    spec: TeamSpec
    gateway: ModelGateway
    router: RouterNode
    nodes: Mapping[str, Node]


async def on_release(services: Services, name: str) -> Services:
    """The services with the prompts and models of a release. What they share is closed once, by
    those they were made from.

    Raises NotFound for a release that was never promoted here, InvalidRelease, ReleaseDrift (see
    `Rollout.drift`), and PromptError for a prompt that does not fit this code.
    """
    kept = services.variants
    made = kept.get(name)
    if made is None:
        release = await known_release(services, name)
        made = await asyncio.to_thread(_made, services, release)
        kept[name] = made
        while len(kept) > MOST_KEPT:
            kept.popitem(last=False)
    kept.move_to_end(name)
    return replace(
        services, spec=made.spec, gateway=made.gateway, router=made.router, nodes=made.nodes
    )


async def known_release(services: Services, name: str) -> Release:
    """A release that was ever promoted here. Raises NotFound and InvalidRelease."""
    release = await services.store.find_release(services.spec.name, name)
    if release is None:
        raise NotFound(
            f"Team {services.spec.name!r} has no release {name!r} in {services.home}.",
            hint="`pointsman release list` shows those that are there.",
        )
    return release


def released_spec(
    spec: TeamSpec, chains: Mapping[str, Tier], release: Release, *, home: Path
) -> TeamSpec:
    """The team's description with the prompts and models of a release in place of its own and of
    `chains`. Writes the prompts below `home`. Raises InvalidRelease."""
    if chains.keys() != release.parts.models.keys():
        raise InvalidRelease(
            f"Release {release.release} of team {spec.name!r} has the tiers"
            f" {', '.join(release.parts.models) or 'none'}, and the team {', '.join(chains)}.",
            hint="Create a new release.",
        )
    models = {
        tier: with_models(given, release.parts.models[tier]) for tier, given in chains.items()
    }
    return replace(spec, prompts=_unpacked(release, home), models=models)


def drift(parts: Parts, release: Release) -> tuple[Part, ...]:
    """The parts that are code in which a release differs from what runs now."""
    return tuple(part for part in parts.differs(release.parts) if part in CODE)


def _made(services: Services, release: Release) -> Variant:
    chains = services.gateway.chains
    drifted = drift(behaviour(services.spec, chains), release)
    if drifted:
        _tell(services, release, drifted)
    spec = released_spec(services.spec, chains, release, home=services.home)
    library = PromptLibrary((spec.prompts,) if spec.prompts else ())
    router, nodes = nodes_of(
        spec, prompts=library, bounds=services.bounds, doors=services.doors, home=services.home
    )
    gateway = services.gateway.leading_to(spec.models or {})
    return Variant(spec, gateway, router, nodes)


def _tell(services: Services, release: Release, drifted: tuple[Part, ...]) -> None:
    error = ReleaseDrift(
        f"Release {release.release} of team {release.team!r} was made of other code than this:"
        f" {', '.join(drifted)} differ.",
        parts=drifted,
        hint="Its prompts and models are used, its code cannot be. Create and promote a release of"
        " this code, or run the code it was made of; POINTSMAN_RELEASE_DRIFT says what happens.",
    )
    if services.rollout.drift == "refuse":
        raise error
    log.warning("%s", error)


def _unpacked(release: Release, home: Path) -> Path:
    """The release's prompts as files, each exactly as it was."""
    team = re.sub(r"[^\w-]", "_", release.team)
    folder = home / FOLDER / team / release.release
    for name, prompt in release.parts.prompts.items():
        _write(folder / f"{name}{SUFFIX}", prompt.text.encode("utf-8"))
    library = PromptLibrary((folder,))
    for name, prompt in release.parts.prompts.items():
        # Who may write into the folder of state could change what a release says.
        if library.get(name).version != prompt.version:
            raise InvalidRelease(
                f"Prompt {name!r} of release {release.release} is not what the release says.",
                hint=f"Delete {folder} and try again; else create a new release.",
            )
    return folder


def _write(path: Path, data: bytes) -> None:
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    part.write_bytes(data)
    part.replace(path)
