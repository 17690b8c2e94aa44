"""The team `research`: a desk that plans, readers of a small archive, and a ranking by rules."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from pointsman import GroundingGuard, Specialist, Team
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.plan import Plan

from guardrails.verbatim import Verbatim
from nodes.archive import Archive
from nodes.fallbacks import desk_fallback, ranking_fallback, reader_fallback
from nodes.planning import MOST, merged, planned, planned_again
from nodes.ranking import Ranking
from nodes.tools import reading_tools

PROJECT = Path(__file__).parents[1]


def reader(archive: Archive) -> Specialist:
    """Reads one section of one document, and quotes it."""
    return Specialist(
        "reader",
        handles="what one document says about cost, yield, time, noise or risk;"
        " name the document's number and the section in the task",
        prompt="research/reader",
        tools=reading_tools(archive),
        fallback=reader_fallback(archive),
        guards=(GroundingGuard(), Verbatim(archive)),
    )


def ranking() -> Specialist:
    """Puts readings in order. Rules only: it asks no model."""
    return Specialist(
        "ranking",
        handles="putting figures in order",
        does=Ranking(),
        fallback=ranking_fallback(),
    )


def desk(archive: Archive, members: tuple[Specialist, ...], *, model: bool) -> Specialist:
    """Takes the question, plans who reads what, and puts the answer together."""
    if model:
        does = Plan(members, prompt="research/plan", max_tasks=MOST, max_depth=2)
    else:
        does = Plan(
            members,
            make=partial(planned, archive),
            again=partial(planned_again, archive),
            merge=merged,
            max_tasks=MOST,
            max_depth=2,
        )
    return Specialist(
        "desk",
        handles="questions about the island's energy projects",
        variables={"documents": _listed(archive)} if model else {},
        does=does,
        fallback=desk_fallback(archive),
        guards=(GroundingGuard(),),
        tier="strong",
        timeout=120.0,
    )


def research_team(
    archive: Archive,
    *,
    model_plans: bool = False,
    home: Path | None = None,
    models: Mapping[str, Sequence[str]] | None = None,
    transports: Transports | None = None,
) -> Team:
    """The team over an archive. Nothing is opened until the first message.

    `model_plans`: a model plans and merges in place of the rules; the embedded one is too small for
    it. `home` is the folder of state; `models` and `transports` are for tests, as in `Team`.
    """
    members = (reader(archive), ranking())
    return Team(
        "research",
        specialists=(desk(archive, members, model=model_plans), *members),
        # Messages reach the desk only; the others get tasks from it.
        transitions={"route": ("desk",), "desk": ("end",), "reader": ("end",), "ranking": ("end",)},
        models=models,
        home=home,
        prompts=PROJECT / "prompts",
        transports=transports,
    )


def _listed(archive: Archive) -> str:
    return "\n".join(f"{e.number}: {', '.join(e.words)}" for e in archive.index)


team = research_team(Archive())
