"""Scorers by name, as a suite's file names them, and functions as scorers."""

import json
import re
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import JsonValue

from pointsman.errors import BadInput
from pointsman.evals.record import Sample
from pointsman.evals.scorers.bench import Bench
from pointsman.evals.scorers.called import Called
from pointsman.evals.scorers.default import DEFAULT
from pointsman.evals.scorers.registry import BUILDERS, build
from pointsman.evals.scorers.scorer import Outcome, Scores, Unscored, named
from pointsman.evals.scoring import scored as all_scored
from pointsman.evals.suite import Case, ScorerSpec
from tests.evals.scorers.builders import case, sample, scored

NEEDED: dict[str, dict[str, JsonValue]] = {
    "json_schema": {"schema": {"type": "object"}},
    "state": {"read": "own_scorers:read"},
    "call": {"function": "own_scorers:polite"},
    "rubric": {"rubric": "Is it polite?"},
    "pairwise": {"criteria": "The right amount."},
}
"""Options that a scorer cannot do without."""

OWN = """
from pointsman.evals.scorers.texts import Exact

def polite(case, sample):
    return "please" in str(sample.output)

async def several(case, sample):
    return {"": 0.5, "length": len(sample.output)}

def read(case, sample):
    return {"balance": 20}

shipped = Exact(name="mine")
number = 5
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A folder with a module of the user's own."""
    (tmp_path / "own_scorers.py").write_text(OWN)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for module in ("own_scorers", "my_scorers"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    return Bench(folder=tmp_path)


def spec(name: str, **options: JsonValue) -> ScorerSpec:
    """A scorer as a suite names it."""
    return ScorerSpec(name=name, options=options)


def test_every_shipped_scorer_can_be_made_and_renamed(bench: Bench) -> None:
    """With its needed options; it stores under the name that it is given, and has a version."""
    foreign = {"autoevals", "openevals", "agentevals"}
    for name in BUILDERS.keys() - foreign:
        options = {**NEEDED.get(name, {}), "as": f"my_{name}"}
        [made] = build([spec(name, **options)], bench)
        assert made.name == f"my_{name}"
        assert len(made.version) == 12


def test_without_any_there_are_the_usual_ones() -> None:
    """Four that leave out what a case does not expect."""
    assert build([]) == DEFAULT
    assert [scorer.name for scorer in DEFAULT] == ["route", "status", "contains", "tickets"]


async def test_the_usual_ones_count_only_what_is_expected() -> None:
    """A case that expects a route alone has a score for the route alone."""
    found = await all_scored(case(route="a"), sample(route="a"), DEFAULT)
    assert found.scores == {"route": True}
    assert found.unscored == {}


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ([spec("exakt")], "no scorer 'exakt'.*'exact'"),
        ([spec("zzz")], "There are agentevals"),
        ([spec("number", tolerance=1)], "'number' cannot be made: tolerance"),
        ([spec("rubric")], "'rubric' cannot be made: rubric: Field required"),
        ([spec("exact"), spec("exact")], "Two scorers are called 'exact'"),
        ([spec("own_scorers:absent")], "cannot be loaded"),
        ([spec("own_scorers:number")], "neither a function nor a scorer"),
        ([spec("json_schema", file="none.json")], "cannot be read"),
    ],
)
def test_what_cannot_be_made_says_why(bench: Bench, specs: list[ScorerSpec], said: str) -> None:
    """The scorer, the field, and what there is instead."""
    with pytest.raises(BadInput, match=said):
        build(specs, bench)


async def test_own_functions_by_name(bench: Bench) -> None:
    """A function, an async one with several scores, and a scorer object."""
    made = build([spec("own_scorers:polite"), spec("own_scorers:several", **{"as": "s"})], bench)
    found = await all_scored(case(), sample("please"), made)
    assert found.scores == {"polite": True, "s": 0.5, "s.length": 6.0}
    [shipped] = build([spec("own_scorers:shipped")], bench)
    assert shipped.name == "mine"


async def test_a_schema_from_a_file(bench: Bench, tmp_path: Path) -> None:
    """Read from the suite's folder."""
    (tmp_path / "out.json").write_text(json.dumps({"type": "array"}))
    [made] = build([spec("json_schema", file="out.json")], bench)
    assert (await scored(made, case(), sample([1]))).scores == {"json_schema": True}


async def test_the_state_of_a_database_by_name(bench: Bench) -> None:
    """The function of the user's own reads it."""
    [made] = build([spec("state", read="own_scorers:read", exact=True)], bench)
    wanted = case().model_copy(update={"metadata": {"state": {"balance": 20}}})
    assert (await scored(made, wanted, sample())).scores == {"state": True}


@pytest.mark.parametrize(
    ("given", "scores", "unscored"),
    [
        (True, {"s": True}, {}),
        (3, {"s": 3.0}, {}),
        ("kind", {"s": "kind"}, {}),
        (None, {}, {}),
        (float("nan"), {}, {"s": "nan is no score"}),
        (float("-inf"), {}, {"s": "-inf is no score"}),
        (Unscored("no judge"), {}, {"s": "no judge"}),
        (Scores({"": 1.0, "part": Unscored("why")}), {"s": 1.0}, {"s.part": "why"}),
        ([1], {}, {"s": "[1] is no score"}),
    ],
)
def test_outcomes_are_stored_by_name(
    given: Outcome | Scores, scores: dict[str, object], unscored: dict[str, str]
) -> None:
    """bool, number, label, left out, or unscored with its reason."""
    found = named("s", given)
    assert (found.scores, found.unscored) == (scores, unscored)
    assert all(
        type(a) is type(b) for a, b in zip(found.scores.values(), scores.values(), strict=True)
    )


def test_a_functions_version_is_its_source() -> None:
    """Two functions are two versions; the same one is one, under any name."""

    def short(_case: Case, got: Sample) -> bool:
        return len(str(got.output)) < 9

    def long(_case: Case, got: Sample) -> bool:
        return len(str(got.output)) > 9

    assert Called("a", short).version == Called("b", short).version
    assert Called("a", short).version != Called("a", long).version
    assert Called("a", short).version != Called("a", short, revision="2").version


def test_the_page_shows_what_can_be_made(bench: Bench, tmp_path: Path) -> None:
    """Every scorer that docs/scorers.md shows is made as it stands there."""
    page = (Path(__file__).parents[3] / "docs" / "scorers.md").read_text("utf-8")
    (tmp_path / "my_scorers.py").write_text(
        re.findall(r"```python\n(from pointsman.evals.scorers.scorer.*?)```", page, re.DOTALL)[0]
    )
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "main.jsonl").write_text(sample("x").model_dump_json() + "\n")
    blocks = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    specs = [ScorerSpec.model_validate(one) for block in blocks for one in block["scorers"]]
    shown = {spec.name for spec in specs}
    foreign = {"autoevals", "openevals", "agentevals"}
    for one in specs:
        if one.name not in foreign:
            assert build([one], bench)
    assert foreign <= shown
    assert {"rubric", "pairwise", "state", "my_scorers:polite"} <= shown
    assert [name for name in BUILDERS if f"`{name}" not in page and name not in foreign] == []
