"""For each rule of the static check: teams that break it, and nothing that stops the search."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pointsman.errors import Misconfigured, PromptError
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.guardrails.quota import Quota
from pointsman.nodes.budgets import Allowance
from pointsman.nodes.gateway.cascade import Cascade
from pointsman.nodes.gateway.hedge import Hedge
from pointsman.nodes.limits import Use
from pointsman.nodes.message import Message, Terms
from pointsman.nodes.node import Node
from pointsman.nodes.panel import Panel
from pointsman.nodes.plan import Plan
from pointsman.nodes.routing.router import Router
from pointsman.nodes.routing.rules import Rule
from pointsman.nodes.run import Budget, Run
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.blackboard import Blackboard, Entry
from pointsman.teams.family import Nestable
from pointsman.teams.sessions import Sessions
from pointsman.teams.spec import FallBackTo, TeamSpec, default_transitions
from pointsman.teams.team import Team


@tool(effect="read")
def look(text: str) -> str:
    """Look."""
    return text


@tool(name="look", effect="read")
def look_again(text: str) -> str:
    """Look."""
    return text


@tool
def pay(usd: int) -> str:
    """Pay."""
    return str(usd)


@tool(stakes="high")
def wire(usd: int) -> str:
    """Pay much."""
    return str(usd)


@tool(name="transfer_to_tech")
def disguised(text: str) -> str:
    """Look."""
    return text


@tool(effect="read", timeout=90.0)
def slow(text: str) -> str:
    """Look for long."""
    return text


@tool(timeout=float("inf"))
def endless(text: str) -> str:
    """Never end."""
    return text


@tool(effect="read", egress=True, reveals=("EMAIL",))
def mail(text: str) -> str:
    """Send a mail."""
    return text


@tool(effect="read", writes=("orders",))
def secretly(text: str) -> str:
    """Look, it says."""
    return text


@tool(writes=("orders/open",))
def book(text: str) -> str:
    """Book."""
    return text


@tool(writes=("orders/open",))
def unbook(text: str) -> str:
    """Take back."""
    return text


class Diagnosis(BaseModel):
    """What was found."""

    device: str
    grade: Literal["a", "b", "c"] = "a"


class NoSchema(BaseModel):
    """What no JSON Schema can say."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    call: Callable[[], None]


class Needs(BaseModel):
    """Needs a field that a Diagnosis has not."""

    device: str
    address: str


class OtherType(BaseModel):
    """Takes the device as a number."""

    device: int


class Fewer(BaseModel):
    """Takes two of the three grades."""

    grade: Literal["a", "b"]


class Strict(BaseModel):
    """Forbids what it does not name."""

    model_config = ConfigDict(extra="forbid")
    device: str


async def stand_in(message: Message, run: Run) -> Message:
    """A fallback."""
    return message


@dataclass(frozen=True)
class Gives:
    """Work that goes to these."""

    to: tuple[str, ...]

    def node(self, specialist: Specialist, *, team: str, prompts: PromptLibrary) -> Node:
        """Never run here."""
        return stand_in

    def reaches(self) -> tuple[str, ...]:
        """To whom."""
        return self.to


@dataclass(frozen=True)
class Misfit:
    """Work that cannot be made."""

    error: Misconfigured

    def node(self, specialist: Specialist, *, team: str, prompts: PromptLibrary) -> Node:
        """Raises."""
        raise self.error

    def reaches(self) -> tuple[str, ...]:
        """Nobody."""
        return ()


def one(name: str = "billing", **change: object) -> Specialist:
    """A specialist without faults."""
    given = {"handles": f"the money of {name}", "fallback": stand_in, **change}
    return Specialist(name, **given)  # pyright: ignore[reportArgumentType]


def asking(**terms: object) -> ApprovalPolicy:
    """A policy whose rule `big` asks on these terms."""
    return ApprovalPolicy(rules=(PolicyRule("big", "ask", terms=Terms(**terms)),))  # pyright: ignore[reportArgumentType]


SOUND = Team("shop", specialists=[one()]).spec
SHORT = asking(expires_after=60.0)


@dataclass(frozen=True)
class Case:
    """A team with one fault: where the finding says it is, its specialists, its other parts."""

    place: str
    specialists: tuple[Specialist, ...] = field(default_factory=lambda: (one(),))
    change: Mapping[str, object] = field(default_factory=dict[str, object])

    def spec(self) -> TeamSpec:
        """The team's description, not refused."""
        parts = {"transitions": default_transitions(self.specialists), **self.change}
        return replace(SOUND, specialists=self.specialists, **parts)  # pyright: ignore[reportArgumentType]


def case(place: str, *specialists: Specialist, **change: object) -> Case:
    """A case with these specialists, one without faults if none is given."""
    return Case(place, specialists or (one(),), change)


def edge(giver: type[BaseModel], taker: type[BaseModel]) -> Case:
    """`billing` gives, `tech` takes."""
    return case(
        "billing -> tech",
        one(output=giver, hands_off_to=("tech",)),
        one("tech", input=taker),
    )


class Inner(Nestable):
    """A team inside another, as its description."""

    def __init__(self, spec: TeamSpec) -> None:
        self.spec = spec

    @property
    def sessions(self) -> Sessions:
        """As a team that nothing runs."""
        return Sessions(self.spec)


def inner(name: str, *specialists: Specialist) -> Inner:
    """A team to put into another."""
    return Inner(replace(Case("", specialists or (one(),)).spec(), name=name))


def panel(*members: Specialist) -> tuple[Specialist, ...]:
    """`head` asks all the members at once."""
    return (one("head", does=Gives(tuple(m.name for m in members))), *members)


def asked(*members: Specialist, **head: object) -> tuple[Specialist, ...]:
    """`head` asks a real panel of these."""
    return (one("head", does=Panel(members), **head), *members)


A, B = one("a"), one("b", input=Diagnosis)
RULED = Rule("r", to="tech", pattern="x")
PAST: Mapping[str, object] = {
    "transitions": {"route": ("billing",), "billing": ("tech",)},
}
MANY = (
    "billing -> tech -> billing",
    one(hands_off_to=("tech",)),
    one("tech", hands_off_to=("billing",)),
)
"""Place and specialists of a circle."""

CASES: dict[str, list[Case]] = {
    "team-empty": [Case("shop", ())],
    "name-forbidden": [
        case("'a|b'", one("a|b")),
        case("'a:b'", one("a:b")),
        case("' '", one(" ")),
        case("'s:t'", name="s:t"),
        case("''", name=""),
    ],
    "name-twice": [case("billing", one(), one())],
    "name-reserved": [case(n, one(n)) for n in ("gate", "none", "__start__", "checkpoint_ns")],
    "transition-from-nobody": [
        case("ghost", transitions={"route": ("billing",), "ghost": ("billing",)})
    ],
    "transition-to-nobody": [
        case("billing -> mars", transitions={"route": ("billing",), "billing": ("mars",)}),
        case("billing -> mars", one(hands_off_to=("mars",))),
    ],
    "transition-to-self": [case("billing", one(hands_off_to=("billing",)))],
    "hand-off-past-table": [
        case(
            "billing -> tech",
            one(hands_off_to=("tech",)),
            one("tech"),
            transitions={"route": ("billing", "tech"), "billing": ("end",)},
        ),
        case("billing -> end", one(hands_off_to=("end",))),
    ],
    "unreachable": [case("tech", one(), one("tech"), transitions={"route": ("billing",)})],
    "cycle-unbounded": [
        case(*MANY),
        case(*MANY, edge_limits={("route", "tech"): 1}),
        case("route -> tech -> route", one(), one("tech", hands_off_to=("route",))),
    ],
    "edge-limit-nowhere": [
        case("billing -> tech", one(), one("tech"), edge_limits={("billing", "tech"): 1})
    ],
    "last-word-nobody": [case("when_bound", when_bound=FallBackTo("mars"))],
    "rule-to-nobody": [
        case("rule r", router=Router(rules=(Rule("r", to="mars", pattern="x"),))),
    ],
    "rule-twice": [
        case(
            "rule s",
            router=Router(
                rules=(
                    Rule("r", to="billing", pattern="x"),
                    Rule("s", to="billing", pattern="x"),
                )
            ),
        )
    ],
    "route-past-table": [
        case("rule r", one(), one("tech"), router=Router(rules=(RULED,)), **PAST),
        case("router", one(), one("tech"), router=Router(otherwise="tech"), **PAST),
    ],
    "otherwise-nobody": [case("router", router=Router(otherwise="mars"))],
    "no-handles": [case("billing", one(handles="  "))],
    "handles-twice": [
        case("billing and tech", one(handles="All  things."), one("tech", handles="all things")),
    ],
    "example-twice": [
        case(
            "billing and tech",
            one(examples=("Where is it?", "Pay me")),
            one("tech", examples=("where is  it",)),
        )
    ],
    "no-schema": [
        case("billing", one(output=NoSchema)),
        case("billing", one(input=NoSchema)),
    ],
    "edge-missing": [
        edge(Diagnosis, Needs),
        case("head -> a", *asked(one("a", input=Needs), one("b"), input=Diagnosis)),
        case(
            "a -> head",
            *asked(one("a", output=Diagnosis), one("b", output=Needs), output=Needs),
        ),
    ],
    "edge-type": [edge(Diagnosis, OtherType)],
    "edge-unknown": [edge(Diagnosis, Strict)],
    "edge-narrower": [edge(Diagnosis, Fewer)],
    "edge-text": [
        case("head -> b", *asked(one("a"), one("b", input=Diagnosis))),
        case("a -> head", *asked(one("a"), one("b"), output=Diagnosis)),
        case(
            "head -> b",
            one("head", does=Plan((A,), make=lambda request: (), merge=B)),
            A,
            B,
        ),
        case("head/billing -> head", one("head", output=Diagnosis, does=inner("sub"))),
    ],
    "tool-twice": [case("billing", one(tools=(look, look_again)))],
    "tool-reserved": [case("billing", one(tools=(disguised,)))],
    "tool-outlasts": [case("billing.slow", one(tools=(slow,)))],
    "cascade-writes": [
        case("billing", one(tools=(pay,)), models={"fast": Cascade(("a", "b"), ("c",))})
    ],
    "hedge-writes": [case("billing", one(tools=(pay,)), models={"fast": Hedge(("a", "b"))})],
    "reveals-outside": [case("billing.mail", one(tools=(mail,)))],
    "owned-twice": [
        case("billing and tech", one(owns=("orders",)), one("tech", owns=("orders",))),
        case("billing and tech", one(owns=("orders/*",)), one("tech", owns=("*/open",))),
    ],
    "write-unowned": [
        case("tech.book", one(owns=("orders/*",)), one("tech", tools=(book,)), policy=SHORT)
    ],
    "writes-by-read": [case("billing.secretly", one(tools=(secretly,)))],
    "parallel-writes": [
        case(
            "head: a and b",
            *panel(one("a", tools=(book,)), one("b", tools=(unbook,))),
            policy=SHORT,
        ),
        case(
            "router: a and b",
            one("a", tools=(book,)),
            one("b", tools=(unbook,)),
            router=Router(split=True),
        ),
    ],
    "parallel-tools": [
        case("head: a and b", *panel(one("a", tools=(pay,)), one("b", tools=(pay,))), policy=SHORT)
    ],
    "parallel-entry": [
        case(
            "blackboard plan",
            *panel(one("a"), one("b")),
            blackboard=Blackboard((Entry("plan", str, owner="a", writers=("b",)),)),
        )
    ],
    "entry-of-nobody": [
        case("blackboard plan", blackboard=Blackboard((Entry("plan", str, owner="mars"),))),
        case("blackboard plan", blackboard=Blackboard((Entry("plan", str, readers=("mars",)),))),
    ],
    "high-stakes-unruled": [
        case("billing.wire", one(tools=(wire,))),
        case(
            "billing.wire",
            one(tools=(wire,)),
            policy=ApprovalPolicy((PolicyRule("r", "ask", specialists=("tech",)),)),
        ),
    ],
    "allow-in-vain": [
        case(
            "policy rule r",
            one(tools=(wire, pay)),
            policy=ApprovalPolicy((PolicyRule("r", "allow", tools=("wire",)),)),
        )
    ],
    "policy-of-nobody": [
        case("policy rule r", policy=ApprovalPolicy((PolicyRule("r", "deny", tools=("wyre",)),))),
        case(
            "policy rule r",
            policy=ApprovalPolicy((PolicyRule("r", "deny", specialists=("biling",)),)),
        ),
    ],
    "group-empty": [case("reviewers finance", reviewers={"finance": ()})],
    "too-few-reviewers": [
        case(
            "policy rule big",
            policy=asking(reviewers=("finance",), approvals=2),
            reviewers={"finance": ("ana",)},
        ),
    ],
    "never-escalates": [case("policy rule big", policy=asking(escalate_to=("lea",)))],
    "bound": [
        case("max_hops", max_hops=0),
        case("max_rounds", max_rounds=0),
        case("max_tasks", max_tasks=0),
        case("max_parallel", max_parallel=0),
        case("window", window=-1),
        case("edge_limits route -> billing", edge_limits={("route", "billing"): 0}),
        case("billing", one(timeout=0.0)),
        case("billing", one(timeout=float("nan"))),
        case("billing", one(max_steps=0)),
        case("billing", one(max_tokens=0)),
        case("billing", one(max_concurrent=0)),
        case("billing.look", one(tools=(replace(look, timeout=0.0),))),
    ],
    "no-time-out": [
        case("billing", one(timeout=float("inf"))),
        case("billing.endless", one(tools=(endless,))),
    ],
    "no-budget": [case("shop", budget=Budget(usd=None, calls=None))],
    "no-fallback": [case("billing", one(fallback=None))],
    "quota-twice": [case("limits", limits=(Quota(5), Quota(5)))],
    "budget-twice": [case("shop", budgets=(Allowance(usd=5), Allowance(usd=9)))],
    "limit-of-nobody": [
        case("5 visits in 60 s for each tenant", limits=(Quota(5, only=Use(specialist="mars")),)),
        case("5 USD for each tenant", budgets=(Allowance(usd=5, only=Use(specialist="mars")),)),
    ],
    "prompt": [
        case("billing", one(prompt="shop/nowhere")),
        case("router", router=Router(prompt="shop/nowhere")),
        case("head", one("head", does=Misfit(PromptError("There is no prompt 'x'.")))),
    ],
    "prompt-variable": [case("billing", one(prompt="router/choose"))],
    "variable-unused": [case("billing", one(variables={"colour": "blue"}))],
    "work-to-nobody": [case("head -> mars", one("head", does=Gives(("mars",))))],
    "work-misfit": [case("head", one("head", does=Misfit(Misconfigured("A quorum of 3 of 2."))))],
    "member-differs": [
        case("head -> a", one("head", does=Panel((one("a"), B))), one("a"), B),
    ],
    "too-many-tasks": [case("head", *asked(one("a"), one("c")), max_tasks=1)],
    "work-in-circle": [
        case("a -> a", one("a", does=Gives(("a",)))),
        case("a -> b -> a", one("a", does=Gives(("b",))), one("b", does=Gives(("a",)))),
    ],
    "work-and-tools": [case("head", one("head", does=Gives(("a",)), tools=(look,)), one("a"))],
    "too-deep": [
        case(
            "max_depth",
            one("a", does=Gives(("b",))),
            one("b", does=inner("sub")),
            max_depth=1,
        )
    ],
    "join-waits": [case("head", *panel(one("a", tools=(pay,))))],
    "nested-twin": [
        case("billing", one(does=inner("shop"))),
        case("b", one("a", does=inner("sub")), one("b", does=inner("sub"))),
    ],
}
"""Rule -> teams that break it. `overlap` is measured, not seen: test_overlaps.py."""
