"""The page Costs: what calls cost over time, from the rollup."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from starlette.responses import Response

from pointsman.errors import BadInput
from pointsman.teams.team import Team
from pointsman.teams.usage import DAY, HOUR, Tally, UsageDimension, UsageKind
from pointsman.views.web.console import teamshapes
from pointsman.views.web.guarded import Asked
from pointsman.views.web.problems import answer

DAYS = 14
"""Days that are shown when nothing else is asked for."""
_KINDS: tuple[UsageKind, ...] = ("model_called", "model_failed", "hedged", "run_started")
_BY: dict[str, tuple[UsageDimension, ...]] = {
    "": (),
    "model": ("model",),
    "specialist": ("specialist",),
    "tenant": ("tenant",),
}


@dataclass(frozen=True, slots=True)
class Costs:
    """`GET /console/costs`."""

    team: Team

    async def show(self, asked: Asked) -> Response:
        """Points for a plot."""
        query = asked.request.query_params
        step: Literal["hour", "day"] = "hour" if query.get("step") == "hour" else "day"
        by = query.get("by", "")
        if by not in _BY or query.get("step", "day") not in ("hour", "day"):
            raise BadInput(
                "Costs are by model, specialist or tenant, and in steps of an hour or a day.",
                hint="Mend `by` or `step`.",
            )
        until = _ms(query.get("until", "")) or time.time()
        since = _ms(query.get("since", "")) or until - (DAYS - 1) * DAY
        tallies = await self.team.usage(
            since, until, HOUR if step == "hour" else DAY,
            by=("kind", "outcome", *_BY[by]), kinds=_KINDS, tenant=asked.session.token.tenant,
        )  # fmt: skip
        points = tuple(_points(tallies))
        priced = [p for p in points if p.calls]
        unknown = sum(p.unpriced for p in priced)
        calls = sum(p.calls for p in priced)
        return answer(
            teamshapes.CostsPage(
                since=round(since * 1000), until=round(until * 1000), step=step, by=by,
                points=points, calls=calls,
                usd=None if calls and calls == unknown else sum(p.usd or 0.0 for p in priced),
            )
        )  # fmt: skip


def _points(tallies: Iterable[Tally]) -> Iterable[teamshapes.CostPoint]:
    groups: dict[tuple[int, str], list[Tally]] = defaultdict(list)
    for tally in tallies:
        groups[tally.start, tally.of[2] if len(tally.of) > 2 else ""].append(tally)
    for (start, key), some in sorted(groups.items()):
        yield _point(start, key, some)


def _point(start: int, key: str, tallies: list[Tally]) -> teamshapes.CostPoint:
    called = [t for t in tallies if t.of[0] == "model_called"]
    paid = [t for t in called if t.of[1] == "model"]
    paid += [t for t in tallies if t.of[0] == "hedged"]
    hits = [t for t in called if t.of[1] in ("cache", "flight")]
    calls, unpriced = sum(t.count for t in paid), sum(t.unpriced for t in paid)
    return teamshapes.CostPoint(
        at=start * 1000, key=key, unpriced=unpriced, calls=calls,
        usd=None if calls and calls == unpriced else sum(t.usd for t in paid),
        errors=sum(t.count for t in tallies if t.of[0] == "model_failed"),
        tokens=sum(t.input_tokens + t.output_tokens for t in paid),
        runs=sum(t.count for t in tallies if t.of[0] == "run_started"),
        saved_usd=sum(t.saved_usd for t in hits), cache_hits=sum(t.count for t in hits),
    )  # fmt: skip


def _ms(text: str) -> float | None:
    """Seconds, from a query's milliseconds. Raises BadInput."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise BadInput(f"{text[:40]!r} is no time in milliseconds.", hint="Mend the query.")
    return int(text) / 1000
