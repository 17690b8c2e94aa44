"""Scorers of other packages, by the interfaces they document. None of them is installed."""

import json
import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from pointsman.errors import BadInput, MissingExtra
from pointsman.evals.record import Step
from pointsman.evals.scorers.foreign import message
from pointsman.evals.scorers.registry import build
from pointsman.evals.scorers.scorer import Scorer
from pointsman.evals.suite import ScorerSpec
from pointsman.nodes.message import ToolCall, Turn
from tests.evals.scorers.builders import case, sample, scored


@dataclass
class Score:
    """The result of autoevals."""

    name: str
    score: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    error: Exception | None = None


class Like:
    """A scorer in the form of autoevals."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    async def eval_async(self, output: Any, expected: Any = None, **named: Any) -> Score:
        """1 for equal, skipped without an expectation."""
        if expected is None:
            return Score("Like", None)
        why = {"rationale": f"{named['input']} {named.get('context', '')}".strip()}
        return Score("Like", float(self.prefix + output == expected), why)


def exact_match(*, outputs: Any, reference_outputs: Any, **_named: Any) -> dict[str, object]:
    """An evaluator in the form of openevals."""
    return {"key": "equal", "score": outputs == reference_outputs, "comment": None}


def create_json_match() -> Any:
    """Makes an async evaluator that gives several results."""

    async def evaluate(*, outputs: Any, reference_outputs: Any) -> list[dict[str, object]]:
        return [
            {"key": name, "score": outputs[name] == wanted, "comment": f"of {name}"}
            for name, wanted in reference_outputs.items()
        ]

    return evaluate


def tool_names(messages: list[dict[str, Any]]) -> list[str]:
    """The tools that chat messages call."""
    return [call["function"]["name"] for m in messages for call in m.get("tool_calls", ())]


def create_trajectory_match_evaluator(*, trajectory_match_mode: str) -> Any:
    """Makes an evaluator in the form of agentevals."""

    def evaluate(*, outputs: Any, reference_outputs: Any, **_named: Any) -> dict[str, object]:
        same = tool_names(outputs) == tool_names(reference_outputs)
        return {"key": f"trajectory_{trajectory_match_mode}_match", "score": same, "comment": None}

    return evaluate


def graph_match(*, outputs: Any, reference_outputs: Any) -> dict[str, object]:
    """Compares graph trajectories."""
    return {"key": "graph", "score": outputs["steps"] == reference_outputs["steps"]}


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins under the packages' names: only what their documentation promises."""
    held = {
        "autoevals": (Like,),
        "openevals": (exact_match, create_json_match),
        "agentevals": (create_trajectory_match_evaluator, graph_match),
    }
    for name, content in held.items():
        module = ModuleType(name)
        for one in content:
            setattr(module, one.__name__, one)
        monkeypatch.setitem(sys.modules, name, module)


def made(name: str, **options: Any) -> Scorer:
    """The scorer as a suite names it."""
    [scorer] = build([ScorerSpec(name=name, options=options)])
    return scorer


async def test_autoevals_gives_a_number_and_its_rationale() -> None:
    """The output, the expected one, the input and named metadata are handed over."""
    scorer = made("autoevals", target="Like", arguments={"prefix": "a"}, fields=["context"])
    assert scorer.name == "Like"
    wanted = case(output="ab").model_copy(update={"metadata": {"context": "here"}})
    found = await scored(scorer, wanted, sample("b"))
    assert found.scores == {"Like": 1.0}
    assert found.notes == {"Like": "How much? here"}


async def test_what_autoevals_skips_is_unscored() -> None:
    """A score of None is none, and keeps its place."""
    found = await scored(made("autoevals", target="Like"), case(), sample("b"))
    assert found.unscored == {"Like": "the scorer skipped it"}


async def test_openevals_gives_pass_or_fail() -> None:
    """By outputs and reference_outputs; only what a function takes is handed over."""
    scorer = made("openevals", target="openevals:exact_match")
    assert (await scored(scorer, case(output={"a": 1}), sample({"a": 1}))).scores == {
        "exact_match": True
    }


async def test_several_results_are_several_scores() -> None:
    """Each by its key, of an evaluator that is made first, with its comment."""
    scorer = made("openevals", target="openevals:create_json_match", arguments={}, **{"as": "json"})
    found = await scored(scorer, case(output={"a": 1, "b": 2}), sample({"a": 1, "b": 3}))
    assert found.scores == {"json.a": True, "json.b": False}
    assert found.notes == {"json.a": "of a", "json.b": "of b"}


async def test_agentevals_compares_messages() -> None:
    """The transcript as chat messages, against the case's."""
    arguments = {"trajectory_match_mode": "strict"}
    target = "agentevals:create_trajectory_match_evaluator"
    scorer = made("agentevals", target=target, arguments=arguments, **{"as": "way"})
    call = ToolCall(id="1", name="refund", args={"usd": 20})
    got = sample(transcript=(Turn(role="assistant", tool_calls=(call,)),))
    same = [{"role": "assistant", "tool_calls": [{"function": {"name": "refund"}}]}]
    wanted = case().model_copy(update={"metadata": {"messages": same}})
    assert (await scored(scorer, wanted, got)).scores == {"way": True}
    assert (await scored(scorer, case(), got)).unscored == {
        "way": "the case gives no metadata.messages"
    }


async def test_agentevals_compares_steps() -> None:
    """As a graph trajectory, against the expected one."""
    scorer = made("agentevals", target="agentevals:graph_match", over="steps")
    got = sample(trajectory=(Step(kind="route", name="billing"),))
    found = await scored(scorer, case(trajectory=["billing"]), got)
    assert found.scores == {"graph_match": True}


def test_turns_become_chat_messages() -> None:
    """Arguments are JSON text, and a tool's answer names its call."""
    call = ToolCall(id="1", name="refund", args={"usd": 20})
    told = message(Turn(role="assistant", content="", tool_calls=(call,)))
    assert told == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "1", "type": "function",
             "function": {"name": "refund", "arguments": json.dumps({"usd": 20})}}
        ],
    }  # fmt: skip
    assert message(Turn(role="tool", content="ok", tool_call_id="1", name="refund")) == {
        "role": "tool", "content": "ok", "tool_call_id": "1", "name": "refund"
    }  # fmt: skip


def test_what_is_not_there_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package to install, or the form of a name."""
    with pytest.raises(BadInput, match="has no 'Unlike'"):
        made("autoevals", target="Unlike")
    with pytest.raises(BadInput, match="names no evaluator of openevals"):
        made("openevals", target="os:remove")
    monkeypatch.setitem(sys.modules, "autoevals", None)
    with pytest.raises(MissingExtra, match="pip install autoevals"):
        made("autoevals", target="Like")
