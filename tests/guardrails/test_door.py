"""The one door to a tool: what stands before it, in which order, and who has the last word."""

from dataclasses import dataclass, field

import pytest

from pointsman.errors import BadOutput, Misconfigured
from pointsman.guardrails.door import door
from pointsman.guardrails.guard import Guard
from pointsman.guardrails.policy import Is, Limit
from pointsman.guardrails.vault import RevealGuard
from pointsman.nodes.contract import Contract
from pointsman.nodes.message import Invocation, Message, Refusal, Returned, ToolCall
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.nodes.toolnode import invocation
from pointsman.nodes.vault import Hidden
from tests.guardrails.bench import Bench, ask

CALLED: list[tuple[str, float]] = []


@tool(effect="read", returns="document", reveals=("email",))
def rate(to: str, usd: float = 1.0) -> str:
    """A read with a number."""
    CALLED.append((to, usd))
    return f"{usd:g} for {to}"


@dataclass
class Spy:
    """A guard that notes what passes."""

    name: str
    seen: list[str] = field(default_factory=list[str])

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def noted(message: Message, run: Run) -> Message:
            self.seen.append(self.name)
            return await inner(message, run)

        return noted


@pytest.fixture(autouse=True)
def nothing_called() -> None:
    """A fresh record of the tool's calls."""
    CALLED.clear()


def role(*limits: Limit | Is, actions: tuple[str, ...] = ("rate",)) -> Contract:
    """Billing's contract."""
    return Contract(
        "billing", actions=frozenset(actions), limits={"rate": limits}, reveals={"rate": ("email",)}
    )


async def through(
    contract: Contract, *filters: Guard, name: str = "rate", run: Run | None = None, **args: object
) -> object:
    """What the door gives back for a call."""
    call = ToolCall(id="c", name=name, args=args)  # pyright: ignore[reportArgumentType]
    node = door(rate, contract, filters=filters).node
    reply = await node(ask(Invocation(call=call, effect="write")), run or Bench().run())
    return reply.payload


async def test_a_call_within_the_role_runs_with_its_defaults() -> None:
    """The result says that strangers wrote it, as the tool declares."""
    came = await through(role(Limit("usd", at_most=5)), to="ana")
    assert came == Returned(call_id="c", tool="rate", text="1 for ana", document=True)


@pytest.mark.parametrize(
    ("contract", "name", "rule"),
    [
        (role(actions=()), "rate", "foreign-tool"),
        (role(actions=("other",)), "other", "foreign-tool"),
        (role(Limit("usd", at_most=5)), "rate", "limit"),
        (role(Limit("usd", at_most=50), Is("to", ("bob",))), "rate", "limit"),
    ],
)
async def test_what_the_role_does_not_hold_never_reaches_the_tool(
    contract: Contract, name: str, rule: str
) -> None:
    """A tool of somebody else's, one of another name, an argument beyond a limit."""
    bench = Bench()
    came = await through(contract, name=name, run=bench.run(), to="ana", usd=7)
    assert isinstance(came, Refusal)
    assert (came.guard, came.rule) == ("role", rule)
    assert bench.judged == [("block", rule, 1)]
    assert CALLED == []


async def test_the_teams_guards_stand_outside_of_the_tools_own_and_the_filters_inside() -> None:
    """Role, then the team's, then the tool's, then the filters."""
    order: list[str] = []
    team, own, text = (Spy(name, order) for name in ("team", "own", "text"))
    guarded = tool(effect="read", guards=(own,), name="rate")(rate.fn)
    node = door(guarded, role(), around=(team,), filters=(text,)).node
    run = Bench().run()
    await node(invocation(guarded, ToolCall(id="c", name="rate", args={"to": "ana"}), run), run)
    assert order == ["team", "own", "text"]
    foreign = door(guarded, role(actions=()), around=(team,)).node
    call = ToolCall(id="c", name="rate", args={"to": "ana"})
    await foreign(invocation(guarded, call, run), run)
    assert order == ["team", "own", "text"]


async def test_a_call_cannot_say_itself_what_it_may_see() -> None:
    """Effect and kinds are the tool's, whatever the message claims."""
    seen: list[Invocation] = []

    async def inner(message: Message, run: Run) -> Message:
        assert isinstance(message.payload, Invocation)
        seen.append(message.payload)
        return message

    claims = Invocation(
        call=ToolCall(id="c", name="rate", args={"to": "ana"}), effect="write", reveals=("SECRET",)
    )
    await door(rate, role()).around(inner)(ask(claims), Bench().run())
    assert [(one.effect, one.reveals) for one in seen] == [("read", ("email",))]


async def test_a_limit_holds_for_the_value_behind_a_placeholder() -> None:
    """The role has the last word on what the vault puts back."""
    run = Bench().run()
    await run.vault.hide(run.id, [Hidden("EMAIL", "k", "bob@shop.example")])
    for allowed, calls in (("bob@shop.example", 1), ("ana@shop.example", 0)):
        CALLED.clear()
        contract = role(Is("to", (allowed,)))
        came = await through(contract, RevealGuard(), run=run, to="[EMAIL_1]")
        assert len(CALLED) == calls
        assert isinstance(came, Returned if calls else Refusal)


async def test_arguments_that_do_not_fit_raise() -> None:
    """The tool's schema is checked at the door."""
    with pytest.raises(BadOutput, match="usd"):
        await through(role(), to="ana", usd="much")
    assert CALLED == []


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"pay": (Limit("usd", at_most=5),)}, "no tool 'pay'"),
        ({"rate": (Limit("eur", at_most=5),)}, "no argument 'eur'"),
        ({"rate": Limit("usd", at_most=5)}, "no tuple"),
    ],
)
def test_limits_that_limit_nothing_are_refused(limits: object, why: str) -> None:
    """A limit on a tool or an argument that is not there would hold nobody back."""
    with pytest.raises(Misconfigured, match=why):
        Specialist("billing", handles="x", tools=(rate,), limits=limits)  # pyright: ignore[reportArgumentType]
