"""Letters: envelopes that were refused, kept until a person says what becomes of them."""

import logging

from pointsman.errors import Conflict, NotFound, PointsmanError
from pointsman.nodes.cloudevent import MAX_EVENT
from pointsman.nodes.digest import digest
from pointsman.teams.services import Services
from pointsman.teams.store.crossings import LetterRow, LetterState

log = logging.getLogger("pointsman.teams")


async def keep_letter(services: Services, body: bytes, *, came: str, error: PointsmanError) -> str:
    """Keep an envelope that was refused. Its letter's id; empty when there are too many of them,
    which is logged."""
    team, why = services.spec.name, type(error).__name__
    text = body[:MAX_EVENT].decode("utf-8", "replace")
    row = LetterRow(
        id="l" + digest("letter", team, came, why, text)[:15], team=team, came=came, why=why,
        text=str(error), body=text, at=services.clock(),
    )  # fmt: skip
    if await services.store.add_letter(row):
        log.warning("letter %s of team %s (%s): %s", row.id, team, came, error)
        return row.id
    log.error("team %s has too many letters; this one is not kept: %s", team, error)
    return ""


async def find_letter(services: Services, name: str) -> LetterRow:
    """The letter of that id or unique beginning of one. Raises NotFound."""
    rows = await services.store.letters(services.spec.name, state=None, limit=100_000)
    found = [row for row in rows if name and row.id.startswith(name)]
    if len(found) != 1:
        raise NotFound(
            f"Team {services.spec.name!r} has {'no' if not found else 'several'} letters {name!r}.",
            hint="`pointsman dead letters` lists them.",
        )
    return found[0]


async def end_letter(
    services: Services, name: str, state: LetterState, *, by: str, reason: str
) -> LetterRow:
    """Note what became of a letter. Raises NotFound, and Conflict for one that is not open."""
    row = await find_letter(services, name)
    if not await services.store.end_letter(row.id, state, by=by, reason=reason):
        now = await find_letter(services, row.id)
        raise Conflict(
            f"Letter {row.id} of team {row.team!r} was {now.state} by {now.by!r} before.",
            hint="`pointsman dead letters --all` shows it.",
        )
    return row
