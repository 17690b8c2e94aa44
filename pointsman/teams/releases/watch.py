"""Watching a release: bands for what its runs may come to, and whether they were left.

Every band bounds the share of bad runs: that failed, that a guard blocked, that cost or took more
than so much, that scored less. It is left when so many bad runs would be a rare sight at the
allowed share, however often one looks: the test is a mixture of likelihood ratios (Robbins 1970),
which under the allowed share exceeds 1/alpha at any time with a chance of at most alpha (Ville
1939). Looking every minute raises no more false alarms than looking once.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pointsman.errors import BadInput
from pointsman.nodes.digest import digest
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import RunRow

Metric = Literal["errors", "blocks", "usd", "seconds", "score"]
Score = Callable[[RunRow], Awaitable[float]]
"""Scores an ended run, 0 to 1: by a judge, or by what people said of it."""
MOST_RUNS = 10_000
_GRID = 200


@dataclass(frozen=True, slots=True)
class Band:
    """At most `share` of a release's runs may be bad by this metric.

        Band("errors", 0.02)              # failed, wholly or in part
        Band("blocks", 0.05)              # refused by a guard
        Band("usd", 0.1, beyond=0.05)     # cost more than 5 cents
        Band("seconds", 0.05, beyond=20)
        Band("score", 0.1, beyond=0.5)    # scored less than 0.5

    Raises BadInput for a share that is none, and for a limit that is missing or too much.
    """

    metric: Metric
    share: float
    beyond: float | None = None
    alpha: float = 0.05
    """Chance of a false alarm, over all looks together."""
    least: int = 20
    """Runs before anything is said."""

    def __post_init__(self) -> None:
        limited = self.metric in ("usd", "seconds", "score")
        if not 0.0 < self.share < 1.0 or not 0.0 < self.alpha < 1.0 or self.least < 1:
            raise BadInput(
                f"The band {self!r} cannot be.", hint="Its share and alpha lie between 0 and 1."
            )
        if limited != (self.beyond is not None):
            what = "needs a limit" if limited else "has no limit"
            raise BadInput(
                f"A band of {self.metric} {what}.", hint='Try Band("usd", 0.1, beyond=0.05).'
            )

    def __str__(self) -> str:
        word = "below" if self.metric == "score" else "above"
        limit = "" if self.beyond is None else f" {word} {self.beyond:g}"
        return f"{self.metric}{limit} in at most {self.share:.3g} of runs"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a release stands in a band."""

    release: str
    band: Band
    runs: int
    """Ended runs that the metric is known of."""
    unknown: int
    """Ended runs that it is not known of, such as the cost of a model without a price."""
    bad: int
    evidence: float
    """The likelihood ratio: how much better a greater share than the allowed one explains this."""

    @property
    def left(self) -> bool:
        """Whether the release left the band."""
        return self.runs >= self.band.least and self.evidence >= 1.0 / self.band.alpha

    def __str__(self) -> str:
        rate = self.bad / self.runs if self.runs else 0.0
        return f"{self.band}: {self.bad} of {self.runs} ({rate:.1%}), evidence {self.evidence:.3g}"


async def standings(
    store: Store,
    team: str,
    bands: Sequence[Band],
    *,
    score: Score | None = None,
    sample: float = 0.1,
) -> tuple[Standing, ...]:
    """How the release on trial stands: the canary, else production. Empty where there is none.

    Counts its ended runs since it came into use; at most MOST_RUNS, the newest.
    `score` is asked for a `sample` of runs, always the same ones. Raises BadInput for a band of
    scores without it.
    """
    channels = await store.channels(team)
    release = channels.canary or channels.production
    if not release:
        return ()
    if score is None and any(band.metric == "score" for band in bands):
        raise BadInput("A band of scores needs something that scores.", hint="Give score=.")
    began = await _began(store, team, release)
    rows = await store.release_runs(
        team, release, since=began.timestamp() if began else 0.0, limit=MOST_RUNS
    )
    ended = [row for row in rows if row.state != "cancelled"]
    scores = {} if score is None else await _scores(ended, score, sample)
    return tuple(_standing(release, band, ended, scores) for band in bands)


def worst(found: Iterable[Standing]) -> Standing | None:
    """The band that was left with the most evidence; None where none was."""
    return max((one for one in found if one.left), key=lambda s: s.evidence, default=None)


def evidence(bad: int, runs: int, share: float) -> float:
    """How much better greater shares than `share`, evenly mixed, explain `bad` of `runs`: a
    likelihood ratio. Under that share, or a lower one, it reaches 1/alpha ever with a chance of at
    most alpha."""
    logs: list[float] = []
    for n in range(_GRID):
        p = share + (1.0 - share) * (n + 0.5) / _GRID
        good = (runs - bad) * (math.log1p(-p) - math.log1p(-share))
        logs.append(bad * (math.log(p) - math.log(share)) + good)
    top = max(logs)
    total = top + math.log(sum(math.exp(one - top) for one in logs) / _GRID)
    return math.exp(min(total, 700.0))


async def _began(store: Store, team: str, release: str) -> datetime | None:
    """When the release came to where it is."""
    began: datetime | None = None
    for channels in await store.channel_history(team, limit=1_000):
        if release not in (channels.canary, channels.production):
            break
        began = channels.at
    return began


async def _scores(rows: Sequence[RunRow], score: Score, sample: float) -> dict[str, float]:
    drawn = [row for row in rows if int(digest("scored", row.run)[:13], 16) / 16**13 < sample]
    return {row.run: await score(row) for row in drawn}


def _standing(
    release: str, band: Band, rows: Sequence[RunRow], scores: Mapping[str, float]
) -> Standing:
    seen = [_bad(band, row, scores) for row in rows]
    known = [one for one in seen if one is not None]
    bad = sum(known)
    return Standing(
        release=release, band=band, runs=len(known), unknown=len(seen) - len(known), bad=bad,
        evidence=evidence(bad, len(known), band.share),
    )  # fmt: skip


def _bad(band: Band, row: RunRow, scores: Mapping[str, float]) -> bool | None:
    result, limit = row.result, band.beyond or 0.0
    match band.metric:
        case "errors":
            return row.state == "failed" or bool(result and result.error)
        case "blocks":
            return row.state == "blocked"
        case "usd":
            return None if result is None or result.usd is None else result.usd > limit
        case "seconds":
            return row.seconds > limit
        case "score":
            return scores[row.run] < limit if row.run in scores else None
