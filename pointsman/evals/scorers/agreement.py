"""How far raters agree beyond chance. Pure Python; labels are strings."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import fsum
from typing import Literal

from pointsman.errors import BadInput
from pointsman.evals.record import Sample, Score

Weights = Literal["none", "linear", "quadratic"]


def cohen_kappa(
    first: Sequence[str],
    second: Sequence[str],
    *,
    order: Sequence[str] = (),
    weights: Weights = "none",
) -> float | None:
    """Cohen's kappa of two raters' labels of the same items, -1 to 1; None where it is not defined
    (no items, or both raters always gave one and the same label).

    J. Cohen, Educational and Psychological Measurement 20 (1960); with `weights` the weighted kappa
    of Psychological Bulletin 70 (1968), whose distances are those of places in `order`, the labels
    from the lowest to the highest. Raises BadInput for lists of different lengths, and for a label
    that `order` does not have.
    """
    if len(first) != len(second):
        raise BadInput(f"{len(first)} and {len(second)} labels are not of the same items.")
    distance = _distance(order, weights, {*first, *second})
    n = len(first)
    if n == 0:
        return None
    observed = fsum(distance(a, b) for a, b in zip(first, second, strict=True)) / n
    ones, others = Counter(first), Counter(second)
    chance = fsum(distance(a, b) * m * k for a, m in ones.items() for b, k in others.items()) / (
        n * n
    )
    return 1 - observed / chance if chance else None


def _distance(
    order: Sequence[str], weights: Weights, labels: set[str]
) -> Callable[[str, str], float]:
    if weights == "none":
        return lambda a, b: float(a != b)
    place = {label: i for i, label in enumerate(order)}
    unknown = sorted(labels - place.keys())
    if unknown:
        raise BadInput(
            f"The label {unknown[0]!r} is not in the order of labels.",
            hint="Give all labels, the lowest first.",
        )
    power = 1 if weights == "linear" else 2
    return lambda a, b: float(abs(place[a] - place[b]) ** power)


def fleiss_kappa(items: Sequence[Mapping[str, int]]) -> float | None:
    """Fleiss' kappa: each item with how many raters gave it which label; every item has the same
    number of raters. None where it is not defined (no items, or only one label was ever given).

    J. L. Fleiss, Psychological Bulletin 76 (1971). Raises BadInput for items with different numbers
    of raters, or fewer than two.
    """
    raters = {sum(item.values()) for item in items}
    if not items:
        return None
    if len(raters) > 1 or min(raters) < 2:
        raise BadInput(
            "Fleiss' kappa needs the same number of raters for every item, and at least two.",
            hint="Leave out the items that somebody did not rate.",
        )
    n, k = len(items), raters.pop()
    observed = fsum((sum(c * c for c in item.values()) - k) / (k * (k - 1)) for item in items) / n
    totals = Counter[str]()
    for item in items:
        totals.update(item)
    chance = fsum((count / (n * k)) ** 2 for count in totals.values())
    return None if chance >= 1 else (observed - chance) / (1 - chance)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far several judges of one scorer agree over a run."""

    judges: tuple[str, ...]
    rated: int
    """Samples that every judge rated: what the figures are of."""
    total: int
    """Samples that at least one judge should have rated."""
    same: float | None
    """Share of the rated samples on which all gave the same."""
    kappa: float | None
    """Cohen's for two judges, Fleiss' for more; None where it is not defined."""
    pairs: Mapping[tuple[str, str], float | None]
    """Cohen's kappa of every two judges."""


def judges_agreement(
    samples: Sequence[Sample], scorer: str, *, weights: Weights = "none", order: Sequence[str] = ()
) -> Agreement:
    """The agreement of the judges of a scorer that has several: from the scores that each left as
    `<scorer>.judge.<tier>`. Numbers count as labels, ordered by size with `weights`."""
    head = f"{scorer}.judge."
    held = [s for s in samples if any(n.startswith(head) for n in (*s.scores, *s.unscored))]
    judges = tuple(
        sorted({n for s in held for n in (*s.scores, *s.unscored) if n.startswith(head)})
    )
    rows = [[s.scores.get(judge) for judge in judges] for s in held]
    rated = [[_label(v) for v in row if v is not None] for row in rows if None not in row]
    columns = list(zip(*rated, strict=True)) or [()] * len(judges)
    order = order or sorted({v for row in rated for v in row}, key=_by_size)
    pairs = {
        (judges[a].removeprefix(head), judges[b].removeprefix(head)): cohen_kappa(
            columns[a], columns[b], order=order, weights=weights
        )
        for a, b in combinations(range(len(judges)), 2)
    }
    if len(judges) == 2:
        [kappa] = pairs.values()
    else:
        kappa = fleiss_kappa([Counter(row) for row in rated]) if len(judges) > 2 else None
    return Agreement(
        judges=tuple(judge.removeprefix(head) for judge in judges),
        rated=len(rated),
        total=len(held),
        same=sum(len(set(row)) == 1 for row in rated) / len(rated) if rated else None,
        kappa=kappa,
        pairs=pairs,
    )


def _label(value: Score) -> str:
    if isinstance(value, bool):
        return "pass" if value else "fail"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _by_size(label: str) -> tuple[float, str]:
    try:
        return float(label), label
    except ValueError:
        return 0.0, label
