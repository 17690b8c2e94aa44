"""The door to models for judges: opened when the first one asks, taped like a team's."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

from pointsman.evals.scorers.bench import Bench
from pointsman.evals.suite import Suite
from pointsman.evals.tap import Deck, Listening, Tapped, Through
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.transports import Transports
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.settings import Settings
from pointsman.teams.team import Team


@asynccontextmanager
async def judging(
    suite: Suite, team: Team | None, *, deck: Deck | None = None, listening: Listening | None = None
) -> AsyncGenerator[Bench]:
    """What scorers are made with: the models, prices and prompts of the team, where the suite is
    put to one of the project's, else those of the environment. No answer is cached or shared."""
    settings = Settings.read()
    chains = {"fast": settings.fast, "strong": settings.strong}
    spec = team.spec if team is not None else None
    inner = team.sessions.transports if team is not None else None
    inner = inner or Transports()
    inner.read_with(settings.lookup)
    made: list[ModelGateway] = []

    def gateway() -> ModelGateway:
        if not made:
            tapped = Tapped(inner, deck or Through(), listening or Listening())
            made.append(
                ModelGateway(
                    chains=(spec.models if spec else None) or chains,
                    transports=tapped,
                    journal=MemoryJournal(),
                    prices=spec.prices if spec else None,
                    timeout=settings.model_timeout,
                    flights=False,
                )
            )
        return made[0]

    bench = Bench(gateway=gateway, models=chains, folder=suite.folder)
    if spec is not None:
        named = {t: tuple(c) for t, c in (spec.models or chains).items() if isinstance(c, tuple)}
        folders = (spec.prompts,) if spec.prompts else ()
        bench = replace(bench, models=named, prompts=PromptLibrary(folders))
    try:
        yield bench
    finally:
        for one in made:
            await one.aclose()
