"""Fitting the classifier on the examples of the specialists. Needs the extra `classifier`.

One linear support vector machine for each label against the rest (Fan et al. 2008, LIBLINEAR), so
that a text can be far from all of them. What their scores are worth is learnt on examples that were
held out: a temperature for the labels (Guo et al. 2017), and a logistic model of "nobody's".
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# scikit-learn and SciPy ship no types; what leaves this module is typed.

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from pointsman.errors import Misconfigured, MissingExtra
from pointsman.nodes.routing.features import grams, weighed
from pointsman.nodes.routing.fitted import (
    SCHEMA,
    Arrays,
    FittedClassifier,
    Outside,
    PricedCosts,
    digest_of,
    traits,
)
from pointsman.nodes.routing.threshold import Costs
from pointsman.nodes.routing.vectors import WIDTH, word_vectors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from scipy.sparse import csr_matrix

    Floats: TypeAlias = npt.NDArray[np.float64]
    Places: TypeAlias = npt.NDArray[np.intp]

INSTALL = 'pip install "pointsman[classifier]"'
C = 0.5
"""The machines' cost of a violation."""
FOLDS = 5
MANY = 3000
"""Examples from which on one fold in FOLDS is held out, in place of each in turn."""
COMMON = 2000
"""Examples from which on a feature must occur twice: seen once it says little, and most are."""
ENOUGH = 30
"""Out-of-scope examples below which labels are held out as well, to stand for what is nobody's."""
STANDS_FOR = 0.3
"""Weight of a held-out label's example beside a given out-of-scope example."""
DECIMALS = 10
"""Places kept of a weight."""
_ONE_AT_A_TIME = Lock()
"""LIBLINEAR's random numbers are the process's: two fits at once would not be repeatable."""


@dataclass(frozen=True)
class _Texts:
    """The examples as a matrix."""

    x: "csr_matrix"
    y: "Places"
    """Place of each row's label; `width` for nobody's."""
    width: int
    """Labels."""
    scores: int
    """Labels, and one more with out-of-scope examples."""
    features: tuple[str, ...]
    idf: tuple[float, ...]


def fit(
    examples: Mapping[str, Sequence[str]],
    out_of_scope: Sequence[str] = (),
    *,
    costs: Costs | None = None,
    seed: int = 0,
    vectors: bool = False,
) -> FittedClassifier:
    """A classifier of the examples' labels. The same examples, costs and seed give the same bytes.

    `vectors` adds static word vectors, which help where a label has few examples; serving then
    needs the extra `vectors`. Raises MissingExtra without scikit-learn (or the vectors), and
    Misconfigured for a label without an example, or where there is nothing to tell apart.
    """
    costs = costs or Costs()
    with _ONE_AT_A_TIME:
        texts = _read(examples, out_of_scope, vectors=vectors)
        coef, bias = _solve(texts.x, texts.y, range(texts.scores), seed)
        held = _held_out(texts, seed)
        outside = _outside(texts, held, costs, seed)
    return FittedClassifier(
        Arrays(
            schema=SCHEMA,
            digest=digest_of(examples, out_of_scope, costs=costs, seed=seed, vectors=vectors),
            costs=PricedCosts(**asdict(costs)),
            labels=tuple(sorted(examples)),
            counts=tuple(len(set(examples[label])) for label in sorted(examples)),
            temperature=_temperature(*held, texts.width),
            outside=outside,
            bias=tuple(bias.tolist()),
            vectors=word_vectors().digest if vectors else "",
            vector_weights=tuple(map(tuple, coef[:, :WIDTH].tolist())) if vectors else (),
            features=texts.features,
            idf=texts.idf,
            weights=tuple(map(tuple, coef[:, WIDTH if vectors else 0 :].T.tolist())),
        )
    )


def held_out(examples: Mapping[str, Sequence[str]], *, seed: int = 0) -> dict[str, dict[str, int]]:
    """For each label, how often its held-out examples are taken for each label, by classifiers
    fitted without them. Raises what `fit` raises."""
    with _ONE_AT_A_TIME:
        texts = _read(examples, (), vectors=False)
        scores, y = _held_out(texts, seed)
    labels = sorted(examples)
    found = {label: dict.fromkeys(labels, 0) for label in labels}
    for of, best in zip(y.tolist(), scores.argmax(1).tolist(), strict=True):
        found[labels[of]][labels[best]] += 1
    return found


def _read(
    examples: Mapping[str, Sequence[str]], out_of_scope: Sequence[str], *, vectors: bool
) -> _Texts:
    try:
        import numpy as np
        import sklearn.svm  # noqa: F401  # pyright: ignore[reportUnusedImport] (is it there?)
        from scipy.sparse import csr_matrix, hstack
    except ImportError as error:
        raise MissingExtra("Fitting the classifier needs scikit-learn.", hint=INSTALL) from error
    groups = [sorted(set(examples[label])) for label in sorted(examples)]
    width = len(groups)
    for label, group in zip(sorted(examples), groups, strict=True):
        if not group:
            raise Misconfigured(f"The label {label!r} has no example.", hint="Give it some.")
    if out_of_scope:
        groups.append(sorted(set(out_of_scope)))
    if len(groups) < 2:
        raise Misconfigured(
            f"There is nothing to tell apart: examples of {width} label and none out of scope.",
            hint="Give examples of two labels, or out-of-scope examples.",
        )
    counted = [grams(text) for group in groups for text in group]
    found = Counter(name for counts in counted for name in counts)
    least = 2 if len(counted) >= COMMON else 1
    features = tuple(sorted(name for name, n in found.items() if n >= least))
    if not features:
        raise Misconfigured(
            "The examples have no words.", hint="Give messages as users write them."
        )
    idf = {name: math.log((1 + len(counted)) / (1 + found[name])) + 1 for name in features}
    place = {name: n for n, name in enumerate(features)}
    rows = [weighed(counts, idf) for counts in counted]
    ends = np.cumsum([0, *map(len, rows)])
    values = np.fromiter((v for row in rows for v in row.values()), float)
    columns = np.fromiter((place[name] for row in rows for name in row), np.int64)
    x = csr_matrix((values, columns, ends), shape=(len(rows), len(features)))
    if vectors:
        table = word_vectors()
        dense = np.array([table.embed(text) for group in groups for text in group])
        x = csr_matrix(hstack([csr_matrix(dense), x]))
    y = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return _Texts(x, y, width, len(groups), features, tuple(idf.values()))


def _solve(
    x: "csr_matrix", y: "Places", places: Sequence[int], seed: int
) -> tuple["Floats", "Floats"]:
    """One machine for each place: weights (a row each) and biases."""
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    rows: list[Floats] = []
    bias: list[float] = []
    with warnings.catch_warnings():
        # A machine that stops at its last step serves as well; its score is calibrated.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for n in places:
            machine = LinearSVC(C=C, class_weight="balanced", max_iter=2000, random_state=seed)
            machine.fit(x, y == n)
            rows.append(np.asarray(machine.coef_, float)[0])
            bias.append(float(np.asarray(machine.intercept_, float)[0]))
    return np.array(rows).round(DECIMALS), np.array(bias, float).round(DECIMALS)


def _held_out(texts: _Texts, seed: int) -> tuple["Floats", "Places"]:
    """Scores of examples by machines that were fitted without them, and their places. A label's
    only example is never held out."""
    import numpy as np

    order = np.random.default_rng(seed)
    fold = np.full(len(texts.y), -1)
    for n in range(texts.scores):
        (of,) = np.nonzero(texts.y == n)
        if len(of) > 1:
            fold[order.permutation(of)] = (np.arange(len(of)) + n) % FOLDS
    turns = range(1) if len(texts.y) >= MANY else range(FOLDS)
    scores, places = [np.zeros((0, texts.scores))], [np.zeros(0, np.intp)]
    for turn in turns:
        out = fold == turn
        if out.any():
            coef, bias = _solve(texts.x[~out], texts.y[~out], range(texts.scores), seed)
            scores.append(np.asarray(texts.x[out] @ coef.T + bias))
            places.append(texts.y[out])
    return np.concatenate(scores), np.concatenate(places)


def _strangers(texts: _Texts, seed: int) -> "Floats":
    """Traits of examples whose label the machines were fitted without: a stand-in for what is
    nobody's. None with fewer than three labels."""
    import numpy as np

    order = np.random.default_rng(seed)
    labels = order.permutation(texts.width)
    keep = np.sort(order.permutation(len(texts.y))[:MANY])
    x, y = texts.x[keep], texts.y[keep]
    found: list[tuple[float, ...]] = []
    for away in np.array_split(labels, min(FOLDS, texts.width)) if texts.width > 2 else ():
        out = np.isin(y, away)
        left = [n for n in range(texts.scores) if n not in away and (y == n).any()]
        labels_left = sum(n < texts.width for n in left)
        if out.any() and labels_left:
            coef, bias = _solve(x[~out], y[~out], left, seed)
            scores = np.asarray(x[out] @ coef.T + bias).tolist()
            found += [traits(row, labels_left) for row in scores]
    return np.array(found).reshape(len(found), 4)


def _outside(
    texts: _Texts, held: tuple["Floats", "Places"], costs: Costs, seed: int
) -> Outside | None:
    """The model of what is nobody's, for the share of such messages that is expected."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    scores, places = held
    given = texts.scores > texts.width
    known = np.array([traits(row, texts.width) for row in scores.tolist()]).reshape(-1, 4)
    nobodys = places == texts.width
    weight = np.ones(len(known))
    if not given or np.count_nonzero(texts.y == texts.width) < ENOUGH:
        more = _strangers(texts, seed)
        known = np.concatenate([known, more])
        nobodys = np.concatenate([nobodys, np.ones(len(more), bool)])
        weight = np.concatenate([weight, np.full(len(more), STANDS_FOR)])
    if costs.out_of_scope == 0 or nobodys.all() or not nobodys.any():
        return None
    odds = costs.out_of_scope / (1 - costs.out_of_scope)
    weight[nobodys] *= odds * np.count_nonzero(~nobodys) / weight[nobodys].sum()
    model = LogisticRegression(max_iter=1000).fit(known, nobodys, sample_weight=weight)
    best, gap, mass, nobody = (round(float(n), DECIMALS) for n in model.coef_[0])
    return Outside(
        bias=round(float(model.intercept_[0]), DECIMALS),
        best=best, gap=gap, mass=mass, nobody=nobody if given else 0.0,
    )  # fmt: skip


def _temperature(scores: "Floats", places: "Places", width: int) -> float:
    """The temperature under which the held-out examples of labels are likeliest, by golden section
    on its logarithm."""
    import numpy as np

    ours = places < width
    if width < 2 or not ours.any():
        return 1.0
    own, place = scores[ours][:, :width], places[ours]

    def loss(log: float) -> float:
        z = own / math.exp(log)
        z = z - z.max(1, keepdims=True)
        chances = np.log(np.exp(z).sum(1)) - z[np.arange(len(place)), place]
        return float(chances.mean())

    low, high, ratio = math.log(0.02), math.log(20), (math.sqrt(5) - 1) / 2
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) <= loss(right) else (left, high)
    return round(math.exp((low + high) / 2), DECIMALS)
