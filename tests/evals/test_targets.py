"""Targets by name, and the version of what they do."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from pointsman import Specialist, Team
from pointsman.errors import BadInput, Misconfigured
from pointsman.evals.behaviour import behaviour_digest
from pointsman.evals.runner import run
from pointsman.evals.suite import Case, Suite
from pointsman.evals.targets import Where, resolve
from pointsman.evals.trial import Target, function_target
from pointsman.guardrails.content import ContentFilter
from pointsman.nodes.routing.router import Router, Rule
from tests.evals.till import till

TARGETS = """
from pathlib import Path
from pointsman import Specialist
from pointsman.evals.suite import Case
from pointsman.guardrails.content import ContentFilter
from pointsman.nodes.routing.router import Router, Rule
from tests.evals.till import till

guard = ContentFilter(secrets="block")
router = Router(rules=(Rule("x", to="cash", pattern="x"),), otherwise="cash")
specialist = Specialist("cash", handles="money")
number = 5

async def upper(text: str) -> str:
    return text.upper()

async def tags(case: Case) -> list[str]:
    return list(case.tags)

async def total(amounts: dict[str, int]) -> int:
    return sum(amounts.values())

def made():
    return till(Path("unused"), [])
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite's folder with a module of targets."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "targets_e1", raising=False)
    (tmp_path / "targets_e1.py").write_text(TARGETS, "utf-8")
    return tmp_path


def target_of(folder: Path, name: str) -> Target:
    """The target of that name, in a project whose team is the till."""
    suite = Suite("s", (Case(id="a", text="x"),), target=name, folder=folder)
    team = till(folder / "own", [])
    return resolve(suite, Where(team=lambda: team, home=folder / "state"))


def outputs(folder: Path, name: str, *cases: Case) -> list[object]:
    """What the target gives for each case."""
    suite = Suite("s", cases)
    record = folder / f"{abs(hash(name))}.jsonl"
    ran = asyncio.run(run(suite, target_of(folder, name), record=record))
    return [sample.error or sample.output for sample in ran]


@pytest.mark.parametrize(
    "name", ["team", "specialist:cash", "targets_e1:made", "targets_e1:specialist"]
)
def test_teams_and_specialists_answer(folder: Path, name: str) -> None:
    """Each is asked as the team is, within its guards."""
    assert outputs(folder, name, Case(id="a", text="hello")) == ["You said: hello"]


@pytest.mark.parametrize("name", ["router", "targets_e1:router"])
def test_a_router_gives_a_route(folder: Path, name: str) -> None:
    """Nothing runs; the output is to whom."""
    assert outputs(folder, name, Case(id="a", text="x")) == ["cash"]


def test_a_guard_gives_its_gravest_verdict(folder: Path) -> None:
    """On what comes in, and on the answer that the case gives."""
    secret = "AKIA" + "IOSFODNN7" + "ABCDEFG"
    cases = (
        Case(id="a", text="hello"),
        Case(id="b", text=f"key {secret}"),
        Case(id="c", text="mail jane@example.com"),
        Case.model_validate({"id": "d", "text": "hi", "input": {"answer": f"key {secret}"}}),
    )
    assert outputs(folder, "targets_e1:guard", *cases) == ["allow", "block", "redact", "block"]


def test_functions_take_text_input_or_the_case(folder: Path) -> None:
    """By the annotation of their first parameter, and by what the case gives."""
    assert outputs(folder, "targets_e1:upper", Case(id="a", text="x")) == ["X"]
    tagged = Case(id="a", text="x", tags=("t",))
    assert outputs(folder, "targets_e1:tags", tagged) == [["t"]]
    given = Case.model_validate({"id": "a", "input": {"a": 1, "b": 2}})
    assert outputs(folder, "targets_e1:total", given) == [3]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("teem", "target 'teem', which is none"),
        ("specialist:bank", "has no specialist 'bank'"),
        ("targets_e1:number", "is a int, which no suite can be put to"),
        ("targets_e1:nobody", "cannot be loaded"),
    ],
)
def test_a_name_for_nothing_is_refused(folder: Path, name: str, said: str) -> None:
    """The error names it."""
    with pytest.raises(BadInput, match=said):
        target_of(folder, name)


def test_a_model_comes_back_as_json(tmp_path: Path) -> None:
    """What a function gives is stored as JSON; what is none is the sample's error."""

    class Found(BaseModel):
        """A model."""

        n: int

    async def model(text: str) -> object:
        return Found(n=len(text)) if text == "xx" else object()

    suite = Suite("s", (Case(id="a", text="xx"), Case(id="b", text="y")))
    good, bad = asyncio.run(run(suite, model, record=tmp_path / "r"))
    assert good.output == {"n": 2}
    assert bad.error.startswith("ValidationError")
    assert function_target(model, version="7").version == "7"


CHANGES: dict[str, Callable[[Team], Team]] = {
    "a prompt's variable": lambda team: with_cash(team, variables={"x": "y"}),
    "what it handles": lambda team: with_cash(team, handles="other"),
    "a tool less": lambda team: with_cash(team, tools=()),
    "a tier": lambda team: with_cash(team, tier="strong"),
    "models": lambda team: spec(team, models={"fast": ("a",), "strong": ("b",)}),
    "guards": lambda team: spec(team, guards=(ContentFilter(pii="block"),)),
    "the router": lambda team: spec(
        team, router=Router(rules=(Rule("all", to="cash", pattern="x"),))
    ),
    "hops": lambda team: spec(team, max_hops=2),
}


def spec(team: Team, **changed: object) -> Team:
    """The team with another part."""
    other = team.apart()
    other.spec = replace(team.spec, **changed)  # type: ignore[arg-type]
    return other


def with_cash(team: Team, **changed: object) -> Team:
    """The team with its specialist changed."""
    one: Specialist = replace(team.spec.specialists[0], **changed)  # type: ignore[arg-type]
    return spec(team, specialists=(one,))


@pytest.mark.parametrize("what", CHANGES)
def test_a_version_changes_with_behaviour(tmp_path: Path, what: str) -> None:
    """Every part that decides what a team does is in its digest."""
    team = till(tmp_path, [])
    assert behaviour_digest(CHANGES[what](team).spec) != behaviour_digest(team.spec)


def test_a_version_is_the_same_elsewhere(tmp_path: Path) -> None:
    """Another folder, another process's objects: the same behaviour is the same version."""
    one, other = till(tmp_path / "a", []), till(tmp_path / "b", [1.0])
    assert behaviour_digest(one.spec) == behaviour_digest(other.spec)


def test_a_prompt_file_counts_by_its_content(tmp_path: Path) -> None:
    """An edited prompt is another version, and so is one that takes the place of a shipped one."""
    (tmp_path / "cash.md").write_text("---\ndescription: x\n---\nBe kind.\n", "utf-8")
    team = spec(with_cash(till(tmp_path, []), prompt="cash"), prompts=tmp_path)
    before = behaviour_digest(team.spec)
    (tmp_path / "cash.md").write_text("---\ndescription: x\n---\nBe curt.\n", "utf-8")
    assert behaviour_digest(team.spec) != before


def test_a_team_inside_counts(tmp_path: Path) -> None:
    """A change in it is a change of the team around it."""
    inner = till(tmp_path, [])
    around = spec(
        inner, specialists=(Specialist("desk", handles="all", does=inner),),  # type: ignore[arg-type]
        transitions={"route": ("desk", "end"), "desk": ("end",)},
    )  # fmt: skip
    other = spec(
        around,
        specialists=(replace(around.spec.specialists[0], does=with_cash(inner, tier="strong")),),
    )  # type: ignore[arg-type]
    assert behaviour_digest(around.spec) != behaviour_digest(other.spec)


def test_a_guard_that_asks_a_model_says_so(tmp_path: Path) -> None:
    """Alone it has no models: the error says where to measure it."""
    from pointsman.evals.guardtarget import guard_target

    class Asking:
        """A guard that asks."""

        name = "asking"

        def wrap(self, inner: object) -> object:
            """See `Guard.wrap`."""

            async def node(message: object, run: object) -> object:
                return await run.gateway.complete(None, run)  # type: ignore[attr-defined]

            return node

    target = guard_target(Asking())  # type: ignore[arg-type]
    [sample] = asyncio.run(
        run(Suite("s", (Case(id="a", text="x"),)), target, record=tmp_path / "r")
    )
    assert sample.error.startswith(Misconfigured.__name__)
    assert "stands alone" in sample.error
