"""One outcome out of the grades of several judges."""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from math import fsum

from pointsman.evals.scorers.judging import Bill, Judged
from pointsman.evals.scorers.scorer import Outcome, Scores, Unscored

PLACE = "judge."
"""`<scorer>.judge.<tier>` is what one of several judges said; see `agreement`."""


def majority(grades: Mapping[str, Judged | Unscored]) -> str | Unscored:
    """The grade that more than half of all judges gave, failed ones counted in; with fewer, there
    is none."""
    counts = Counter(given.grade for given in grades.values() if isinstance(given, Judged))
    for grade, count in counts.most_common(1):
        if 2 * count > len(grades):
            return grade
    return _none(grades, "no grade has a majority of the judges")


def mean(grades: Mapping[str, Judged | Unscored]) -> float | Unscored:
    """The mean of the numbers of all judges. With one missing there is none: its absence would
    move it."""
    held = [float(given.grade) for given in grades.values() if isinstance(given, Judged)]
    if not held or len(held) < len(grades):
        return _none(grades, "a judge gave no grade")
    return fsum(held) / len(held)


def _none(grades: Mapping[str, Judged | Unscored], why: str) -> Unscored:
    failed = {tier: given.reason for tier, given in grades.items() if isinstance(given, Unscored)}
    if len(grades) == 1 and failed:
        return Unscored(next(iter(failed.values())))
    said = "; ".join(f"{tier}: {reason}" for tier, reason in failed.items())
    return Unscored(f"{why}{f' ({said})' if said else ''}")


def verdict(
    outcome: Outcome,
    grades: Mapping[str, Judged | Unscored],
    each: Mapping[str, Outcome],
    bill: Bill,
) -> Scores:
    """The jury's outcome as the scorer's own; where there are several judges, also what `each` of
    them said and `agree`, the share of pairs of judges that gave the same grade, 0 to 1."""
    outcomes: dict[str, Outcome] = {"": outcome}
    if len(grades) > 1:
        outcomes |= {f"{PLACE}{tier}": one for tier, one in each.items()}
        outcomes["agree"] = _agree(grades)
    reasons = {tier: one.reason for tier, one in grades.items() if one.reason}
    if len(grades) == 1:
        note = next(iter(reasons.values()), "")
    else:
        note = "\n".join(f"{tier}: {reason}" for tier, reason in reasons.items())
    return Scores(outcomes, {"": note}, usd=bill.usd, tokens=bill.tokens)


def _agree(grades: Mapping[str, Judged | Unscored]) -> float:
    """A judge that failed agrees with nobody."""
    pairs = list(combinations(grades.values(), 2))
    same = sum(
        isinstance(a, Judged) and isinstance(b, Judged) and a.grade == b.grade for a, b in pairs
    )
    return same / len(pairs)
