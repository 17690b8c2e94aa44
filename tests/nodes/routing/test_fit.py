"""Fitting the classifier."""

import builtins
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from pointsman.errors import Misconfigured, MissingExtra
from pointsman.nodes.routing import fit as fitting
from pointsman.nodes.routing.features import grams, weighed
from pointsman.nodes.routing.fit import fit, held_out
from pointsman.nodes.routing.fitted import Arrays
from pointsman.nodes.routing.threshold import Costs
from tests.nodes.routing.shop import NOBODYS, SHOP

ASKED = ("where is my invoice", "my parcel", "forgot", "", "tell a joke", "\u732b")


def written(folder: Path, examples: Mapping[str, Sequence[str]], *, seed: int = 0) -> bytes:
    """The bytes of the file of a classifier fitted on these."""
    fit(examples, NOBODYS, seed=seed).save(folder / "file.json")
    return (folder / "file.json").read_bytes()


def test_fitted_twice_is_the_same_file(tmp_path: Path) -> None:
    """Neither a second fit nor another order of the examples changes a byte."""
    turned = {label: tuple(reversed(texts)) for label, texts in reversed(SHOP.items())}
    assert written(tmp_path, SHOP) == written(tmp_path, SHOP) == written(tmp_path, turned)
    assert written(tmp_path, SHOP) != written(tmp_path, {**SHOP, "access": SHOP["access"][1:]})


def test_served_probabilities_are_scikit_learns(tmp_path: Path) -> None:
    """The plain-Python serving agrees to 1e-9 with scikit-learn's own machines, fitted here on the
    same matrix, and its own logistic regression and softmax on top."""
    classifier = fit(SHOP, NOBODYS, seed=3)
    classifier.save(tmp_path / "file.json")
    arrays = Arrays.model_validate_json((tmp_path / "file.json").read_bytes())
    idf = dict(zip(arrays.features, arrays.idf, strict=True))

    def matrix(texts: Sequence[str]) -> np.ndarray:
        rows = [weighed(grams(text), idf) for text in texts]
        return np.array([[row.get(name, 0.0) for name in arrays.features] for row in rows])

    groups = [sorted(SHOP[label]) for label in arrays.labels] + [sorted(NOBODYS)]
    y = np.repeat(range(4), [len(group) for group in groups])
    x, asked = matrix([text for group in groups for text in group]), matrix(ASKED)
    scores = np.array([
        LinearSVC(C=fitting.C, class_weight="balanced", max_iter=2000, random_state=3)
        .fit(x, y == n).decision_function(asked)
        for n in range(4)
    ]).T  # fmt: skip
    shares = np.exp(scores[:, :3] / arrays.temperature)
    shares /= shares.sum(1, keepdims=True)
    assert arrays.outside is not None
    nobody = LogisticRegression()
    nobody.classes_ = np.array([False, True])
    nobody.coef_ = np.array(
        [[getattr(arrays.outside, n) for n in ("best", "gap", "mass", "nobody")]]
    )
    nobody.intercept_ = np.array([arrays.outside.bias])
    ranked = np.sort(scores[:, :3], 1)
    mass = np.log(np.exp(3 * ranked).sum(1))
    outside = nobody.predict_proba(
        np.column_stack([ranked[:, 2], ranked[:, 2] - ranked[:, 1], mass, scores[:, 3]])
    )[:, 1]
    for n, text in enumerate(ASKED):
        seen = classifier.classify(text)
        assert math.isclose(seen.out_of_scope, outside[n], abs_tol=1e-9)
        for label, chance in seen.probabilities:
            expected = (1 - outside[n]) * shares[n, arrays.labels.index(label)]
            assert math.isclose(chance, expected, abs_tol=1e-9), (text, label)


def test_what_is_nobodys_is_found_without_an_example_of_it() -> None:
    """With three labels and no out-of-scope example, strange texts look strangest."""
    blind = fit(SHOP)
    known = max(blind.classify(texts[0]).out_of_scope for texts in SHOP.values())
    strange = min(blind.classify(text).out_of_scope for text in NOBODYS)
    assert known < strange


def test_one_label_is_told_from_what_is_nobodys() -> None:
    """A single specialist will do where out-of-scope examples are given."""
    alone = fit({"billing": SHOP["billing"]}, NOBODYS, costs=Costs(wrong=3))
    assert alone.decide("pay the invoice") == "billing"
    assert alone.decide("tell me a joke") != "billing"
    assert alone.classify("pay").runner_up == ""


def test_two_labels_without_out_of_scope_examples() -> None:
    """Nothing can stand for what is nobody's then, and nothing is called so."""
    two = fit({label: SHOP[label] for label in ("billing", "access")})
    assert two.classify("what is the weather").out_of_scope == 0
    assert two.decide("pay the invoice") == "billing"


def test_no_expected_out_of_scope_messages() -> None:
    """Costs that expect none make no message nobody's."""
    assert fit(SHOP, NOBODYS, costs=Costs(out_of_scope=0)).classify("a joke").out_of_scope == 0


@pytest.mark.parametrize(
    "examples",
    [{}, {"a": ["x"]}, {"a": ["x"], "b": []}, {"a": ["!"], "b": ["?"]}],
    ids=["none", "one label", "empty label", "no words"],
)
def test_nothing_to_tell_apart_is_refused(examples: dict[str, list[str]]) -> None:
    """The error says what is missing."""
    with pytest.raises(Misconfigured, match=r"[Nn]othing to tell apart|no example|no words"):
        fit(examples)


@pytest.mark.parametrize(
    "examples",
    [{"a": ["x"], "b": ["y"]}, {"a": ["x"], "b": ["!"]}, {"a": ["x y"], "b": ["x y"]}],
    ids=["one each", "one without words", "the same"],
)
def test_hopeless_examples_give_no_decision(examples: dict[str, list[str]]) -> None:
    """Examples that cannot be told apart, or are too few, fit without an error and decide
    nothing."""
    assert not isinstance(fit(examples).decide("x y"), str)


def test_without_scikit_learn_the_error_has_the_install_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the extra is not installed, the error names it."""
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name.partition(".")[0] == "sklearn":
            raise ImportError(name)
        return real(name, *rest)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r'pip install "pointsman\[classifier\]"'):
        fit(SHOP)


def test_held_out_examples_are_counted_by_what_they_are_taken_for() -> None:
    """Each example is judged once; twins of two labels are taken for each other."""
    twins = {**SHOP, "invoices": tuple(f"{text} now" for text in SHOP["billing"])}
    found = held_out(twins)
    assert {label: sum(row.values()) for label, row in found.items()} == dict.fromkeys(twins, 18)
    assert found["delivery"]["delivery"] >= 15
    assert found["access"]["billing"] + found["access"]["invoices"] <= 3
    assert held_out(twins) == found
