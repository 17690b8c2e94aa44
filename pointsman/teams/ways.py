"""Which ways of a team's graph its events went: what the picture of a team is labelled with."""

from collections import Counter
from collections.abc import Iterable, Iterator

from pointsman.teams.spec import END, ROUTE
from pointsman.teams.usage import AT_ONCE, ROUTER, Tally, UsageDimension, UsageKind

GATE = "gate"
"""Where the policy or a person decides on an action."""
EXECUTE = "execute"
COUNTED: tuple[UsageKind, ...] = ("routed", "ticket_opened", "ticket_decided", "run_ended")
TOLD_BY: tuple[UsageDimension, ...] = ("kind", "specialist", "key", "outcome")
_ANSWERED = ("done", "partial", "blocked", "no_route", "failed")
"""How a run ends whose last word went out; not one that somebody cancelled."""


def ways(tallies: Iterable[Tally]) -> Counter[tuple[str, str]]:
    """How often something went from one to another: `router`, specialists, `gate`, `execute` and
    `end`. `tallies` are those of COUNTED, told apart by TOLD_BY.

    Each action goes to the gate once, from there back or on to `execute`, and its outcome back.
    Runs that other runs gave work to end in those, and not in an answer.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for tally in tallies:
        kind, who, key, outcome = tally.of
        for way in _of(kind, ROUTER if who == ROUTE else who, key, outcome):
            counts[way] += tally.count
    return counts


def _of(kind: str, who: str, key: str, outcome: str) -> Iterator[tuple[str, str]]:
    match kind:
        case "routed" if key:
            yield who, key
        case "run_ended" if not key and outcome in _ANSWERED:
            yield who or ROUTER, END
        case "ticket_opened" if who:
            yield who, GATE
        case "ticket_decided" if who:
            yield from _decided(who, key, outcome)
        case _:
            pass


def _decided(who: str, key: str, outcome: str) -> Iterator[tuple[str, str]]:
    if key == AT_ONCE:  # it was never opened for anybody
        yield who, GATE
    if outcome in ("approve", "edit"):
        yield from ((GATE, EXECUTE), (EXECUTE, who))
    elif outcome != "escalate":
        yield GATE, who
