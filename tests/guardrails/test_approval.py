"""The approval guard: every call of a proposal leaves with this policy's ruling, and no other."""

from pointsman.guardrails.approval import ApprovalGuard
from pointsman.guardrails.policy import ApprovalPolicy, Limit, PolicyRule
from pointsman.nodes.message import Proposal, Request, Ruling, ToolCall
from pointsman.nodes.tool import tool
from tests.guardrails.bench import Bench, Inner, ask


@tool(effect="write")
def refund(usd: float) -> str:
    """Refund."""
    raise AssertionError("a guard never runs a tool")


@tool(effect="write", stakes="high")
def close_account(name: str) -> str:
    """Close an account."""
    raise AssertionError("a guard never runs a tool")


POLICY = ApprovalPolicy((PolicyRule("small", "allow", when=(Limit("usd", at_most=50),)),))
GUARD = ApprovalGuard(POLICY, {t.name: t for t in (refund, close_account)})


async def rulings(*calls: ToolCall, given: tuple[Ruling, ...] = ()) -> tuple[Bench, Proposal]:
    """The proposal after the guard."""
    bench = Bench()
    gives = Proposal(request=Request(text="x"), calls=calls, transcript=(), rulings=given)
    reply = await GUARD.wrap(Inner(gives))(ask(), bench.run())
    assert isinstance(reply.payload, Proposal)
    return bench, reply.payload


async def test_each_call_gets_its_own_ruling() -> None:
    """In the calls' order, each recorded as an action's verdict."""
    bench, left = await rulings(
        ToolCall(id="a", name="refund", args={"usd": 20}),
        ToolCall(id="b", name="refund", args={"usd": 80}),
        ToolCall(id="c", name="close_account", args={"name": "x"}),
    )
    assert [(r.call_id, r.verdict, r.rule) for r in left.rulings] == [
        ("a", "allow", "small"), ("b", "ask", "default"), ("c", "ask", "default"),
    ]  # fmt: skip
    assert [verdict for verdict, _, _ in bench.judged] == ["allow", "escalate", "escalate"]


async def test_a_ruling_that_came_with_the_proposal_is_thrown_away() -> None:
    """Only the guard may rule: a specialist cannot allow its own action."""
    own = Ruling(call_id="b", verdict="allow", rule="mine", policy_version="0")
    _, left = await rulings(ToolCall(id="b", name="refund", args={"usd": 80}), given=(own,))
    assert [(r.verdict, r.rule) for r in left.rulings] == [("ask", "default")]


async def test_a_tool_the_specialist_does_not_have_is_denied() -> None:
    """Whatever the rules allow."""
    bench, left = await rulings(ToolCall(id="a", name="drop", args={"usd": 1}))
    assert [(r.verdict, r.rule) for r in left.rulings] == [("deny", "unknown-tool")]
    assert bench.judged == [("block", "unknown-tool", 0)]
