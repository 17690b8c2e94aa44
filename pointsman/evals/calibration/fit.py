"""Fitting a selector on recorded rows: linear scores, mixed by how well they foretell the gain.

Each part is fitted by itself; their scores on folds they were not fitted on are mixed by
non-negative least squares (stacking, Breiman 1996). All of it serves as plain arrays.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# scikit-learn and SciPy ship no types; what leaves this module is typed.

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from pointsman.evals.calibration.rows import Row
from pointsman.nodes.gateway.selector import CLIP, GramsPart, GroupPart, Kind, Part, TraitsPart
from pointsman.nodes.gateway.traits import (
    BUCKETS,
    answer_traits,
    character_grams,
    prompt_traits,
    word_grams,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

LEAST_TEXTS = 2
"""A bucket that fewer texts have does not count."""
SHRINK = 20
"""A group's mean gain is drawn towards the mean of all as if so many rows had that one."""


@dataclass(frozen=True)
class Texts:
    """The rows as numbers, made once and used by every fold."""

    traits: Floats
    words: "csr_matrix"
    characters: "csr_matrix | None"
    """Of the weak answers; None where the selector reads prompts only."""
    groups: tuple[str, ...]
    weak: Floats
    strong: Floats
    weak_usd: Floats
    strong_usd: Floats
    lengths: Floats
    kind: Kind

    @property
    def gain(self) -> Floats:
        """How much better the strong answer is."""
        return self.strong - self.weak

    @property
    def extra(self) -> Floats:
        """What asking the strong model costs on top: a cascade has paid the weak one already."""
        return self.strong_usd if self.kind == "cascade" else self.strong_usd - self.weak_usd


def texts(rows: Sequence[Row], kind: Kind) -> Texts:
    """The rows as numbers. `cascade` needs every weak answer."""
    cascade = kind == "cascade"
    answers = [row.weak.answer or "" for row in rows]
    if cascade:
        traits = [answer_traits(r.prompt, a) for r, a in zip(rows, answers, strict=True)]
    else:
        traits = [prompt_traits(row.prompt) for row in rows]
    return Texts(
        traits=np.asarray(traits, float),
        words=_counts([word_grams(row.prompt) for row in rows]),
        characters=_counts([character_grams(answer) for answer in answers]) if cascade else None,
        groups=tuple(row.group for row in rows),
        weak=np.asarray([row.weak.correct for row in rows], float),
        strong=np.asarray([row.strong.correct for row in rows], float),
        weak_usd=np.asarray([row.weak.usd for row in rows], float),
        strong_usd=np.asarray([row.strong.usd for row in rows], float),
        lengths=np.asarray([len(row.prompt) for row in rows], float),
        kind=kind,
    )


def fit_parts(all_: Texts, train: Places) -> tuple[Part, ...]:
    """Each part, fitted on the rows at `train`."""
    wrong = all_.weak[train] < 0.5
    parts: list[Part] = [_traits_part(all_, train, None)]
    both = bool(wrong.any()) and not bool(wrong.all())
    if both:
        parts.append(_traits_part(all_, train, wrong))
    parts.append(_grams_part("words", all_.words, all_, train, None))
    if all_.characters is not None and both:
        parts.append(_grams_part("characters", all_.characters, all_, train, wrong))
    if len(set(all_.groups)) > 1:
        parts.append(_group_part(all_, train))
    return tuple(parts)


def scores(parts: Sequence[Part], all_: Texts, places: Places) -> Floats:
    """The parts' scores of the rows at `places`, one column each. As `Part.score` gives them."""
    return np.column_stack([_score(part, all_, places) for part in parts])


def out_of_fold(
    all_: Texts, train: Places, *, folds: int, seed: int, done: Callable[[], None]
) -> Floats:
    """Scores of the rows at `train` by parts that were not fitted on them."""
    made: Floats | None = None
    for inner, held in split(len(train), folds=folds, seed=seed):
        found = scores(fit_parts(all_, train[inner]), all_, train[held])
        if made is None:
            made = np.zeros((len(train), found.shape[1]))
        made[held, : found.shape[1]] = found[:, : made.shape[1]]
        done()
    if made is None:
        raise ValueError("no rows to fit on")
    return made


def plain_words(all_: Texts, train: Places, places: Places) -> Floats:
    """The dumb learned rule: whether the weak model is wrong, by TF-IDF and logistic regression
    over the weak answers in a cascade and over the prompts else. Zeros where there is nothing to
    learn."""
    wrong = all_.weak[train] < 0.5
    if wrong.all() or not wrong.any():
        return np.zeros(len(places))
    if all_.characters is None:
        part = _grams_part("words", all_.words, all_, train, wrong)
    else:
        part = _grams_part("characters", all_.characters, all_, train, wrong)
    return _score(part, all_, places)


def mix(found: Floats, gain: Floats) -> tuple[Floats, Floats, float]:
    """Weights and centres of the scores, and the mean gain: non-negative least squares, with a
    little of every weight's square added."""
    from scipy.optimize import nnls

    centre = found.mean(0)
    apart = found - centre
    ridge = np.diag(0.02 * math.sqrt(len(gain)) * apart.std(0))
    wanted = np.concatenate([gain - gain.mean(), np.zeros(found.shape[1])])
    weights, _ = nnls(np.vstack([apart, ridge]), wanted)
    return np.asarray(weights, float), centre, float(gain.mean())


def split(count: int, *, folds: int, seed: int) -> list[tuple[Places, Places]]:
    """Shuffled folds: places to fit on and places held out."""
    from sklearn.model_selection import KFold

    return list(KFold(folds, shuffle=True, random_state=seed).split(np.arange(count)))


def _counts(grams: Sequence[dict[int, float]]) -> "csr_matrix":
    from scipy.sparse import csr_matrix

    ends = np.cumsum([0, *(len(one) for one in grams)])
    buckets = np.fromiter((b for one in grams for b in one), np.int32, int(ends[-1]))
    values = np.fromiter((v for one in grams for v in one.values()), float, int(ends[-1]))
    return csr_matrix((values, buckets, ends), shape=(len(grams), BUCKETS))


def _standard(all_: Texts, train: Places) -> tuple[Floats, Floats]:
    traits = all_.traits[train]
    return traits.mean(0), traits.std(0) + 1e-9


def _traits_part(all_: Texts, train: Places, wrong: npt.NDArray[np.bool_] | None) -> TraitsPart:
    mean, scale = _standard(all_, train)
    given = np.clip((all_.traits[train] - mean) / scale, -CLIP, CLIP)
    weights, bias = _linear(given, wrong, all_.gain[train], c=0.05, alpha=50.0)
    return TraitsPart(
        logistic=wrong is not None,
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        weights=tuple(weights.tolist()),
        bias=bias,
    )


def _grams_part(
    part: Literal["words", "characters"],
    counts: "csr_matrix",
    all_: Texts,
    train: Places,
    wrong: npt.NDArray[np.bool_] | None,
) -> GramsPart:
    mine = counts[train]
    texts_with = np.bincount(mine.indices, minlength=BUCKETS)
    kept = np.flatnonzero(texts_with >= LEAST_TEXTS)
    idf = np.log((1 + len(train)) / (1 + texts_with[kept])) + 1
    given = _unit(mine[:, kept].multiply(idf).tocsr())
    weights, bias = _linear(given, wrong, all_.gain[train], c=3.0, alpha=4.0)
    return GramsPart(
        part=part,
        logistic=wrong is not None,
        idf=dict(zip(kept.tolist(), idf.tolist(), strict=True)),
        weights=dict(zip(kept.tolist(), weights.tolist(), strict=True)),
        bias=bias,
    )


def _group_part(all_: Texts, train: Places) -> GroupPart:
    gain = all_.gain[train]
    groups = np.asarray(all_.groups)[train]
    mean = float(gain.mean())
    gains = {
        str(name): float(gain[groups == name].sum() + SHRINK * mean)
        / (int((groups == name).sum()) + SHRINK)
        for name in sorted(set(groups.tolist()))
    }
    return GroupPart(gains=gains, otherwise=mean)


def _linear(
    given: Any, wrong: npt.NDArray[np.bool_] | None, gain: Floats, *, c: float, alpha: float
) -> tuple[Floats, float]:
    from sklearn.linear_model import LogisticRegression, Ridge

    if wrong is not None:
        model = LogisticRegression(C=c, max_iter=300).fit(given, wrong)
        return np.asarray(model.coef_[0], float), float(model.intercept_[0])
    solver = "auto" if isinstance(given, np.ndarray) else "sparse_cg"
    fitted = Ridge(alpha=alpha, solver=solver).fit(given, gain)
    return np.asarray(fitted.coef_, float), float(fitted.intercept_)


def _unit(given: "csr_matrix") -> "csr_matrix":
    from scipy.sparse import csr_matrix

    length = np.sqrt(np.asarray(given.multiply(given).sum(1)).ravel())
    length[length == 0] = 1.0
    data = given.data / np.repeat(length, np.diff(given.indptr))
    return csr_matrix((data, given.indices, given.indptr), shape=given.shape)


def _score(part: Part, all_: Texts, places: Places) -> Floats:
    match part:
        case TraitsPart():
            standard = (all_.traits[places] - np.asarray(part.mean)) / np.asarray(part.scale)
            total = np.clip(standard, -CLIP, CLIP) @ np.asarray(part.weights) + part.bias
        case GramsPart():
            counts = all_.words if part.part == "words" else all_.characters
            if counts is None:
                raise ValueError("a selector that reads answers needs them")
            kept = np.fromiter(part.idf, np.intp, len(part.idf))
            idf = np.fromiter(part.idf.values(), float, len(part.idf))
            weights = np.fromiter(part.weights.values(), float, len(part.weights))
            total = _unit(counts[places][:, kept].multiply(idf).tocsr()) @ weights + part.bias
        case GroupPart():
            gains = part.gains
            return np.asarray([gains.get(all_.groups[p], part.otherwise) for p in places], float)
    return 1 / (1 + np.exp(-total)) if part.logistic else np.asarray(total, float)
