"""What a team's steps work with: what a run knows of its own record, and how nodes are wired."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.event import Event, Judged, Routed
from pointsman.nodes.gateway.scripted import ScriptedTransport, tool_reply
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import Answer, Message, Proposal, Request, ToolCall
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.services import Services, open_services
from pointsman.teams.settings import Settings
from pointsman.teams.store.rows import RunRow
from pointsman.teams.team import Team

RAN: list[str] = []
ASKED = Message(id="m1", sender="user", receiver="shop", payload=Request(text="hello"))
ROW = RunRow(
    run="r1", team="shop", thread="t", tenant="default", request=ASKED, state="running",
    root_thread="t", nested=False, seconds_left=None, budget_usd=None, budget_calls=None,
)  # fmt: skip


@tool(effect="read")
def search(text: str) -> str:
    """Search."""
    RAN.append(text)
    return "found"


@pytest.fixture
def model() -> ScriptedTransport:
    """Searches, then answers."""
    call = ToolCall(id="a", name="search", args={"text": "shoes"})
    return ScriptedTransport([tool_reply(call), "done"])


@pytest.fixture
async def services(tmp_path: Path, model: ScriptedTransport) -> AsyncIterator[Services]:
    """Of a shop that denies searches once a filter has found something."""
    rule = PolicyRule("careful", "deny", tools=("search",), signals=("content:*",))
    spec = Team(
        "shop",
        specialists=[Specialist("billing", handles="money", tools=(search,))],
        policy=ApprovalPolicy((rule,)),
        models={"fast": ("scripted",), "strong": ("scripted",)},
        home=tmp_path,
    ).spec
    transports = Transports({"scripted": lambda: model})
    opened = open_services(spec, Settings.read({}), on_ticket=None, transports=transports)
    await opened.store.add_run(ROW)
    await opened.recorder.begin("r1")
    yield opened
    await opened.aclose()


def judged(guard: str, rule: str, stage: str, verdict: str) -> Judged:
    """A guard's verdict."""
    return Judged.model_validate({"guard": guard, "rule": rule, "stage": stage, "verdict": verdict})


@pytest.mark.parametrize(
    ("event", "signal"),
    [
        (judged("content", "email", "input", "redact"), "content:email"),
        (judged("content", "card", "output", "block"), "content:card"),
        (judged("content", "iban", "input", "escalate"), "content:iban"),
        (judged("content", "email", "input", "allow"), "content:email"),
        (judged("approval", "small", "action", "escalate"), ""),
        (Routed(to="billing", tier="rules"), ""),
    ],
)
async def test_a_run_knows_what_filters_found_in_it(
    services: Services, event: Event, signal: str
) -> None:
    """So far, this very step included: findings in texts that were not simply let through."""
    run = services.run_for(ROW, "1.0:billing", specialist="billing")
    assert run.signals() == frozenset()
    run.emit(event)
    assert run.signals() == ({signal} if signal else frozenset())
    assert services.run_for(ROW, "2:execute").signals() == run.signals()


@pytest.mark.parametrize("found", [False, True])
async def test_the_policy_rules_on_reads_before_they_run(services: Services, found: bool) -> None:
    """One that it denies is proposed, with its ruling, and has not run."""
    RAN.clear()
    run = services.run_for(ROW, "1.0:billing", specialist="billing")
    if found:
        run.emit(judged("content", "email", "input", "redact"))
    reply = await services.nodes["billing"](ASKED, run)
    if not found:
        assert (RAN, reply.payload.kind) == (["shoes"], Answer(text="x").kind)
        return
    assert RAN == []
    assert isinstance(reply.payload, Proposal)
    assert [(r.verdict, r.rule) for r in reply.payload.rulings] == [("deny", "careful")]
