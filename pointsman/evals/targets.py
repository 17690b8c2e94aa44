"""What a suite is put to: a team, a specialist, a router, a guard, or any async function."""

import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from pointsman.errors import BadInput
from pointsman.evals.behaviour import behaviour_digest
from pointsman.evals.guardtarget import guard_target, is_guard
from pointsman.evals.record import Step
from pointsman.evals.suite import Suite
from pointsman.evals.suitefile import loaded
from pointsman.evals.tap import Deck, uncached
from pointsman.evals.teamtarget import team_target
from pointsman.evals.trial import AnyFunction, Observed, Target, Trial, function_target
from pointsman.nodes.digest import digest
from pointsman.nodes.routing.router import Router, Rule
from pointsman.nodes.specialist import Specialist
from pointsman.teams.deciding import Decide, deciding
from pointsman.teams.spec import default_transitions
from pointsman.teams.team import Team

__all__ = ["Target", "behaviour_digest", "function_target", "resolve", "team_target"]


@dataclass(frozen=True, kw_only=True)
class Where:
    """What a target's name is looked up in, and where what it leaves lies."""

    team: Callable[[], Team]
    """The project's team, loaded when it is wanted. Raises Misconfigured where there is none."""
    home: Path
    """Folder of state for the runs of the suite."""
    deck: Deck | None = None
    """A cassette that records or replays."""


def resolve(suite: Suite, where: Where) -> Target:
    """The suite's target by its name.

    `team`: the project's; `router`: that team's; `specialist:NAME`: one of it, alone;
    `module:name`: a Team, Specialist, Router or guard, an async function, or a function without
    parameters that gives one of these. Raises BadInput for a name that stands for nothing.
    """
    name = suite.target
    if name == "team":
        return _team(where.team(), suite, where)
    if name == "router":
        return router_target(where.team())
    kind, _, rest = name.partition(":")
    if kind == "specialist":
        return _team(alone(where.team(), rest), suite, where, name=name)
    if not rest:
        raise BadInput(
            f"Suite {suite.name!r} has the target {name!r}, which is none.",
            hint="Use team, router, specialist:NAME or module:name.",
        )
    return _of(loaded(name, suite.folder), name, suite, where)


def _of(thing: object, name: str, suite: Suite, where: Where) -> Target:
    if isinstance(thing, Target):
        return thing
    if isinstance(thing, Team):
        return _team(thing, suite, where, name=name)
    if isinstance(thing, Specialist):
        team = where.team()
        known = {s.name: s for s in team.spec.specialists}
        if thing.name not in known:
            raise BadInput(f"Team {team.name!r} has no specialist {thing.name!r}.")
        return _team(alone(team, thing.name), suite, where, name=name)
    if isinstance(thing, Router):
        team = where.team()
        other = team.apart()
        other.spec = replace(team.spec, router=thing)
        return router_target(other, name=name)
    if is_guard(thing):
        return guard_target(thing, name=name)
    if inspect.isroutine(thing) and not inspect.iscoroutinefunction(thing):
        try:
            plain = not inspect.signature(thing).parameters
        except (TypeError, ValueError):
            plain = False
        if plain:
            return _of(cast("Callable[[], object]", thing)(), name, suite, where)
    if callable(thing):
        return function_target(cast("AnyFunction", thing), name=name)
    raise BadInput(
        f"{name!r} is a {type(thing).__name__}, which no suite can be put to.",
        hint="Name a Team, Specialist, Router, guard or async function.",
    )


def _team(team: Team, suite: Suite, where: Where, *, name: str = "") -> Target:
    return team_target(
        team, home=where.home, approver=suite.approver, user=suite.user, deck=where.deck, name=name
    )


def alone(team: Team, specialist: str) -> Team:
    """The team with one specialist only, who gets every message, within the team's own guards and
    bounds. Raises BadInput for one that there is not."""
    found = next((s for s in team.spec.specialists if s.name == specialist), None)
    if found is None:
        raise BadInput(
            f"Team {team.name!r} has no specialist {specialist!r}.",
            hint=f"It has {', '.join(s.name for s in team.spec.specialists)}.",
        )
    one = (replace(found, hands_off_to=()),)
    other = team.apart()
    other.spec = replace(
        other.spec, specialists=one, transitions=default_transitions(one),
        router=Router(rules=(Rule("alone", to=specialist, pattern=".*"),)), edge_limits={},
        when_bound="partial",
    )  # fmt: skip
    other.sessions.spec = other.spec
    return other


def router_target(team: Team, *, name: str = "") -> Target:
    """A team's router alone: nothing runs. Its output is the route's name, empty for nobody's."""
    held: list[Decide] = []
    other = team.apart()
    other.sessions.settings = uncached

    @asynccontextmanager
    async def opened() -> AsyncGenerator[None]:
        async with deciding(other) as decide:
            held.append(decide)
            try:
                yield
            finally:
                held.clear()

    async def ask(trial: Trial) -> Observed:
        route = await held[0](trial.case.text)
        return Observed(
            output=route.to,
            usd=route.usd,
            model_calls=route.calls,
            route=route.to,
            trajectory=(Step(kind="route", name=route.to, by=route.tier),),
        )

    version = digest("router", behaviour_digest(team.spec))[:16]
    return Target(name or f"router:{team.name}", version, ask, opened)
