"""The page Team: its picture with what went which way today, its contracts, releases, prompts."""

import asyncio
from dataclasses import dataclass
from typing import cast

from pydantic import BaseModel, JsonValue
from starlette.responses import Response

from pointsman.errors import NotFound
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.releases.channels import Channels
from pointsman.teams.releases.release import Release
from pointsman.teams.spec import END, ROUTE
from pointsman.teams.team import Team
from pointsman.teams.usage import ROUTER
from pointsman.teams.ways import EXECUTE, GATE
from pointsman.views.design.blocks import Grid, Heading, Words
from pointsman.views.design.page import page
from pointsman.views.picture import picture_of
from pointsman.views.svg import svg
from pointsman.views.web.console import runshapes, shapes, teamshapes
from pointsman.views.web.guarded import Asked
from pointsman.views.web.problems import answer

CHANGES = 50
"""Changes of the channels that are shown."""


@dataclass(frozen=True, slots=True)
class TeamPages:
    """`GET /console/team`."""

    team: Team

    async def show(self, asked: Asked) -> Response:
        """The team as it is now."""
        team, tenant = self.team, asked.session.token.tenant
        channels = await team.channels()
        # Counts are of all tenants together: a session of one tenant sees none.
        found = () if tenant else (await team.overview()).edges
        edges = tuple(shapes.EdgeCount(frm=e.frm, to=e.to, count=e.count) for e in found)
        ways = _ways(team, edges)
        released = await self._released(channels)
        prompts = await asyncio.to_thread(_prompts, team, released)
        history = await team.channel_history(limit=CHANGES)
        return answer(
            teamshapes.TeamPage(
                name=team.name, svg=svg(picture_of(team)), edges=edges,
                places=_places(team, ways), ways=ways,
                specialists=tuple(_specialist(s) for s in team.spec.specialists),
                tables=tuple(_tables(team)), staging=channels.staging, canary=channels.canary,
                share=channels.share, production=channels.production,
                releases=tuple(_change(one) for one in history if one.action), prompts=prompts,
            )
        )  # fmt: skip

    async def _released(self, channels: Channels) -> Release | None:
        if not channels.production:
            return None
        try:
            return await self.team.release(channels.production)
        except NotFound:
            return None


def _places(team: Team, ways: tuple[shapes.EdgeCount, ...]) -> tuple[runshapes.Node, ...]:
    # A team whose tools do not write has these two once a guard or a bound asked a person.
    actions = (
        runshapes.Node(id=EXECUTE, label="execute", kind="effect"),
        runshapes.Node(id=GATE, label="approval", kind="person"),
    )
    middle = (
        runshapes.Node(id=s.name, label=s.name, kind="specialist") for s in team.spec.specialists
    )
    return (
        runshapes.Node(id=ROUTER, label="router", kind="router"),
        *middle,
        runshapes.Node(id=END, label="answer", kind="answer"),
        *(place for place in actions if any(place.id in (way.frm, way.to) for way in ways)),
    )


def _ways(team: Team, edges: tuple[shapes.EdgeCount, ...]) -> tuple[shapes.EdgeCount, ...]:
    counts = {(e.frm, e.to): e.count for e in edges}
    names = {ROUTE: ROUTER}
    allowed = [
        (names.get(frm, frm), to)
        for frm, targets in team.spec.transitions.items()
        for to in targets
    ]
    for s in team.spec.specialists:
        if any(tool.effect == "write" for tool in s.tools):
            allowed += [(s.name, GATE), (GATE, s.name), (GATE, EXECUTE), (EXECUTE, s.name)]
    allowed = list(dict.fromkeys(allowed))
    used = [pair for pair in counts if pair not in allowed]
    return tuple(
        shapes.EdgeCount(frm=frm, to=to, count=counts.get((frm, to), 0))
        for frm, to in (*allowed, *used)
    )


def _specialist(s: Specialist) -> teamshapes.SpecialistShown:
    return teamshapes.SpecialistShown(
        name=s.name, handles=s.handles,
        works_as="tools and a model" if s.does is None else type(s.does).__name__.lower(),
        takes=_schema(s.input), gives=_schema(s.output), owns=tuple(s.owns),
        tools=tuple(tool.name for tool in s.tools), prompt=s.prompt,
        fallback=s.fallback is not None,
    )  # fmt: skip


def _schema(model: type[BaseModel] | None) -> JsonValue:
    return None if model is None else cast("JsonValue", model.model_json_schema())


def _tables(team: Team) -> list[teamshapes.TableShown]:
    """The tables of the design page, under their headings."""
    found: list[teamshapes.TableShown] = []
    title, level, note = "", 2, ""
    for block in page(team):
        match block:
            case Heading():
                title, level, note = block.text, block.level, ""
            case Words():
                note = block.text
            case Grid():
                grid = block.filled()
                found.append(
                    teamshapes.TableShown(
                        title=title, columns=grid.columns, rows=grid.rows, level=level, note=note
                    )
                )
            case _:
                pass
    return found


def _change(one: Channels) -> teamshapes.ReleaseLine:
    return teamshapes.ReleaseLine(
        version=one.version, at=round(one.at.timestamp() * 1000) if one.at else None,
        action=one.action, release=one.release, channel=one.channel, by=one.by,
        reason=one.reason, gate=one.gate, share=one.share,
    )  # fmt: skip


def _prompts(team: Team, released: Release | None) -> tuple[teamshapes.PromptLine, ...]:
    library = PromptLibrary((team.spec.prompts,) if team.spec.prompts else ())
    pinned = released.parts.prompts if released else {}
    shown: list[teamshapes.PromptLine] = []
    for name in library.names():
        version = library.get(name).version
        there = pinned.get(name)
        shown.append(
            teamshapes.PromptLine(
                name=name, version=version, released=there.version if there else "",
                changed=there is not None and there.version != version,
            )
        )  # fmt: skip
    return tuple(shown)
