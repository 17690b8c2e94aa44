"""The classifier's file, and serving it."""

import json
import math
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from pointsman.errors import Misconfigured
from pointsman.nodes.routing.fit import fit
from pointsman.nodes.routing.fitted import FittedClassifier, digest_of, traits
from pointsman.nodes.routing.threshold import Abstained, Classified, Costs, decide
from tests.nodes.routing.shop import NOBODYS, SHOP


@cache
def shop() -> FittedClassifier:
    """Fitted once for all tests: it cannot be changed."""
    return fit(SHOP, NOBODYS)


def saved(folder: Path) -> Path:
    """The shop's file."""
    shop().save(folder / "shop.json")
    return folder / "shop.json"


def test_a_loaded_classifier_is_the_saved_one(tmp_path: Path) -> None:
    """Nothing is lost in the file: probabilities, digest and costs are the same."""
    loaded = FittedClassifier.load(saved(tmp_path))
    for text in ("where is my invoice", "", "sing"):
        assert loaded.classify(text) == shop().classify(text)
    assert (loaded.digest, loaded.costs) == (shop().digest, shop().costs)
    assert [file.name for file in tmp_path.iterdir()] == ["shop.json"]


@given(st.text(max_size=200))
def test_probabilities_of_any_text_sum_to_one(text: str) -> None:
    """Whatever the text, the labels and nobody share one whole, and the best comes first."""
    seen = shop().classify(text)
    chances = [chance for _, chance in seen.probabilities]
    assert math.isclose(sum(chances) + seen.out_of_scope, 1, abs_tol=1e-9)
    assert all(0 <= chance <= 1 for chance in chances)
    assert chances == sorted(chances, reverse=True)
    assert (seen.label, seen.probability) == seen.probabilities[0]
    assert (seen.runner_up, seen.runner_up_probability) == seen.probabilities[1]


def damaged(content: bytes, how: str) -> bytes:
    """The file's content, spoilt."""
    data: dict[str, JsonValue] = json.loads(content)
    weights, outside = data["weights"], data["outside"]
    assert isinstance(weights, list)
    assert isinstance(outside, dict)
    match how:
        case "truncated":
            return content[: len(content) // 2]
        case "foreign":
            return b'{"schema": "pointsman.selector@1"}'
        case "binary":
            return b"\x80\x04\x95pickle"
        case "another version":
            data["schema"] = "pointsman.classifier@2"
        case "a row of weights too few":
            data["weights"] = weights[1:]
        case "a weight too few":
            data["weights"] = [[1.0], *weights[1:]]
        case "a label too many":
            data["labels"] = ["access", "billing", "delivery", "fourth", "fifth"]
        case "a label twice":
            data["labels"] = ["access", "access", "delivery"]
        case "no temperature":
            data["temperature"] = 0
        case "not a number":
            return content.replace(b'"bias":[', b'"bias":[NaN,', 1)
        case "a further field":
            data["more"] = 1
        case _:
            outside["gap"] = "high"
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    "how",
    [
        "truncated", "foreign", "binary", "another version", "a row of weights too few",
        "a weight too few", "a label too many", "a label twice", "no temperature", "not a number",
        "a further field", "text for a number",
    ],
)  # fmt: skip
def test_a_spoilt_file_is_refused(tmp_path: Path, how: str) -> None:
    """The error names the file and says what to do."""
    path = saved(tmp_path)
    path.write_bytes(damaged(path.read_bytes(), how))
    with pytest.raises(Misconfigured, match=r"shop\.json is no fitted classifier.*Fit it again"):
        FittedClassifier.load(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(Misconfigured, match=r"none\.json.*No such file"):
        FittedClassifier.load(tmp_path / "none.json")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_content_gets_past_the_parser(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Any content that is no classifier raises the one error."""
    path = tmp_path_factory.mktemp("any") / "file.json"
    path.write_bytes(content)
    with pytest.raises(Misconfigured):
        FittedClassifier.load(path)


SERVING = """
import sys
from pathlib import Path
from pointsman.nodes.routing.fitted import FittedClassifier
print(FittedClassifier.load(Path(sys.argv[1])).decide("where is my parcel"))
print(sorted({"numpy", "scipy", "sklearn", "tokenizers", "wordllama"} & set(sys.modules)))
"""


def test_serving_needs_python_alone(tmp_path: Path) -> None:
    """A fresh interpreter that loads and decides has none of the packages that fitting needs."""
    command = [sys.executable, "-c", SERVING, str(saved(tmp_path))]
    done = subprocess.run(command, capture_output=True, check=True, timeout=100, text=True)
    assert done.stdout.splitlines() == ["delivery", "[]"]


def test_it_decides_what_it_knows_and_abstains_from_the_rest() -> None:
    """A message like the examples has its label; one like nobody's, or like nothing, has none."""
    assert shop().decide("the invoice is wrong") == "billing"
    assert shop().decide("i forgot the password") == "access"
    for text in ("tell me a joke about cats", "xyzzy plugh"):
        assert isinstance(shop().decide(text), Abstained)


def test_a_label_with_few_examples_is_not_trusted() -> None:
    """Its own example, word for word, is not decided, and the reason says why."""
    told = "close down my subscription for ever"
    few = fit({**SHOP, "leaving": (told,)}, NOBODYS, costs=Costs(wrong=1.1))
    said = few.decide(told)
    assert isinstance(said, Abstained)
    assert (said.because, said.seen.label) == ("too few examples", "leaving")


def seen(probability: float, out_of_scope: float) -> Classified:
    """What a classifier might have made of a text."""
    return Classified("a", probability, "b", 0.0, out_of_scope, (("a", probability), ("b", 0.0)))


@given(
    st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 100), st.floats(0.1, 100),
    st.floats(0.1, 100),
)  # fmt: skip
def test_the_costs_decide(p: float, o: float, wrong: float, ask: float, refused: float) -> None:
    """A label is given only where a wrong one is expected to cost no more than asking, and a text
    is nobody's only where a wrong refusal is."""
    said = decide(seen(p, o), Costs(wrong=wrong, ask=ask, refused=refused))
    if isinstance(said, str):
        assert wrong * (1 - p) <= ask
    else:
        assert wrong * (1 - p) > ask
        assert (said.because == "out of scope") == (refused * (1 - o) <= ask)


@pytest.mark.parametrize(
    "given", [{"wrong": 0}, {"ask": -1}, {"refused": math.inf}, {"out_of_scope": 1}]
)
def test_costs_that_say_nothing_are_refused(given: dict[str, float]) -> None:
    """Prices must be above 0 and finite, the share below 1."""
    with pytest.raises(Misconfigured):
        Costs(**given)


def test_the_digest_follows_what_counts_and_nothing_else() -> None:
    """Order and repetition do not change it; a text, a label, the costs, the seed or the vectors
    do."""
    costs = Costs()
    of = digest_of({"a": ["x", "y"], "b": ["z"]}, ["o", "p"], costs=costs)
    assert of == digest_of({"b": ["z"], "a": ["y", "x", "x"]}, ["p", "o"], costs=costs)
    others = [
        digest_of({"a": ["x"], "b": ["z"]}, ["o", "p"], costs=costs),
        digest_of({"a": ["x", "y"], "c": ["z"]}, ["o", "p"], costs=costs),
        digest_of({"a": ["x", "y"], "b": ["z", "o"]}, ["p"], costs=costs),
        digest_of({"a": ["x", "y"], "b": ["z"]}, ["o", "p"], costs=Costs(wrong=11)),
        digest_of({"a": ["x", "y"], "b": ["z"]}, ["o", "p"], costs=costs, seed=1),
        digest_of({"a": ["x", "y"], "b": ["z"]}, ["o", "p"], costs=costs, vectors=True),
    ]
    assert len({of, *others}) == 7


def test_the_traits_of_scores() -> None:
    """Best, gap to the second, mass, and nobody's score."""
    best, gap, mass, nobody = traits([0.5, -1.0, 0.2, -0.7], 3)
    assert (best, round(gap, 12), nobody) == (0.5, 0.3, -0.7)
    assert math.isclose(mass, math.log(sum(math.exp(3 * n) for n in (0.5, -1.0, 0.2))))
    assert traits([0.5], 1) == (0.5, 0.0, 1.5, 0.0)
