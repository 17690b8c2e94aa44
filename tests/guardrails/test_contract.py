"""The contract guard: input, answers, actions and hand-offs stay within the contract."""

import pytest
from pydantic import BaseModel

from pointsman.errors import BadOutput
from pointsman.guardrails.contract import ContractGuard
from pointsman.nodes.contract import Contract
from pointsman.nodes.message import (
    Answer,
    Handoff,
    Outcomes,
    Payload,
    Proposal,
    Refusal,
    Request,
    ToolCall,
)
from tests.guardrails.bench import Bench, Inner, ask


class Refund(BaseModel):
    """A schema."""

    invoice: str
    usd: float


CONTRACT = Contract(
    "billing", input=Refund, output=Refund, actions=frozenset({"refund"}),
    hands_off_to=frozenset({"tech"}),
)  # fmt: skip
FITS = '{"invoice": "INV-1", "usd": 2}'
DATA = {"invoice": "INV-1", "usd": 2.0}
CALLS = {n: Proposal(request=Request(text="x"), calls=(ToolCall(id="c", name=n),), transcript=())
         for n in ("refund", "drop")}  # fmt: skip


@pytest.mark.parametrize("text", ["hello", "{}", '{"invoice": "INV-1", "usd": "much"}'])
async def test_a_request_that_does_not_fit_is_refused(text: str) -> None:
    """The specialist never sees it; the refusal says where, not what stood there."""
    bench, inner = Bench(), Inner()
    reply = await ContractGuard(CONTRACT).wrap(inner)(ask(text), bench.run())
    assert inner.got == []
    assert isinstance(reply.payload, Refusal)
    assert "Refund" in reply.payload.text
    assert "much" not in reply.payload.text
    assert bench.judged == [("block", "input-schema", 1)]


async def test_outcomes_are_no_input() -> None:
    """The way back from an action is not checked against the input schema."""
    inner = Inner(Answer(text="done", data=DATA))
    back = Outcomes(request=Request(text="x"), transcript=(), outcomes=())
    reply = await ContractGuard(CONTRACT).wrap(inner)(ask(back), Bench().run())
    assert reply.payload is inner.gives


@pytest.mark.parametrize(
    "payload",
    [
        Answer(text="x", data=DATA),
        Answer(text="anything", by="fallback"),
        CALLS["refund"],
        Handoff(to="tech", reason="", request=Request(text="x")),
        Refusal(guard="g", rule="r", text="no"),
    ],
    ids=lambda p: p.kind,
)
async def test_what_the_contract_names_passes(payload: Payload) -> None:
    """Answers of the schema, its actions, its hand-offs; the schema binds the model only."""
    reply = await ContractGuard(CONTRACT).wrap(Inner(payload))(ask(FITS), Bench().run())
    assert reply.payload is payload


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (Answer(text="x", data={"invoice": 1}), "Refund"),
        (Answer(text="x"), "Refund"),
        (CALLS["drop"], "'drop'"),
        (Handoff(to="sales", reason="", request=Request(text="x")), "'sales'"),
    ],
    ids=["data", "no-data", "action", "hand-off"],
)
async def test_what_the_contract_does_not_name_is_bad_output(payload: Payload, says: str) -> None:
    """BadOutput, so that the specialist's fallback can take over."""
    with pytest.raises(BadOutput, match=says):
        await ContractGuard(CONTRACT).wrap(Inner(payload))(ask(FITS), Bench().run())
