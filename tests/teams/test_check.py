"""The static check: one faulty team for every rule."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pointsman.errors import InvalidTeam
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.gateway.cascade import Cascade
from pointsman.nodes.message import Terms
from pointsman.nodes.router import Router, Rule
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
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


@tool(name="transfer_to_tech")
def disguised(text: str) -> str:
    """Look."""
    return text


def one(name: str = "billing", **change: object) -> Specialist:
    """A specialist without faults."""
    return Specialist(name, **{"handles": "money", **change})  # pyright: ignore[reportArgumentType]


def team(*specialists: Specialist, name: str = "shop", **change: object) -> Team:
    """A team of these."""
    return Team(name, specialists=specialists, **change)  # pyright: ignore[reportArgumentType]


def asking(**terms: object) -> ApprovalPolicy:
    """A policy whose rule `big` asks on these terms."""
    return ApprovalPolicy(rules=(PolicyRule("big", "ask", terms=Terms(**terms)),))  # pyright: ignore[reportArgumentType]


FAULTS: list[tuple[str, str, Callable[[], Team]]] = [
    ("group-empty", "reviewers finance", lambda: team(one(), reviewers={"finance": ()})),
    (
        "too-few-reviewers",
        "policy rule big",
        lambda: team(
            one(),
            policy=asking(reviewers=("finance",), approvals=2),
            reviewers={"finance": ("ana",)},
        ),
    ),
    ("team-empty", "shop", team),
    ("name-forbidden", "'a|b'", lambda: team(one("a|b"))),
    ("name-forbidden", "'a:b'", lambda: team(one("a:b"))),
    ("name-forbidden", "' '", lambda: team(one(" "))),
    ("name-forbidden", "'s:t'", lambda: team(one(), name="s:t")),
    ("name-forbidden", "''", lambda: team(one(), name="")),
    ("name-twice", "billing", lambda: team(one(), one())),
    ("name-reserved", "gate", lambda: team(one("gate"))),
    ("name-reserved", "none", lambda: team(one("none"))),
    ("name-reserved", "__start__", lambda: team(one("__start__"))),
    ("name-reserved", "checkpoint_ns", lambda: team(one("checkpoint_ns"))),
    (
        "transition-from-nobody",
        "ghost",
        lambda: team(one(), transitions={"route": ("billing",), "ghost": ("billing",)}),
    ),
    (
        "transition-to-nobody",
        "billing -> mars",
        lambda: team(one(), transitions={"route": ("billing",), "billing": ("mars",)}),
    ),
    ("transition-to-nobody", "billing -> mars", lambda: team(one(hands_off_to=("mars",)))),
    ("transition-to-self", "billing", lambda: team(one(hands_off_to=("billing",)))),
    (
        "hand-off-past-table",
        "billing -> tech",
        lambda: team(
            one(hands_off_to=("tech",)),
            one("tech"),
            transitions={"route": ("billing", "tech"), "billing": ("end",)},
        ),
    ),
    ("hand-off-past-table", "billing -> end", lambda: team(one(hands_off_to=("end",)))),
    (
        "unreachable",
        "tech",
        lambda: team(one(), one("tech"), transitions={"route": ("billing",)}),
    ),
    (
        "rule-to-nobody",
        "rule r",
        lambda: team(one(), router=Router(rules=(Rule("r", to="mars", pattern="x"),))),
    ),
    ("otherwise-nobody", "router", lambda: team(one(), router=Router(otherwise="mars"))),
    (
        "route-past-table",
        "rule r",
        lambda: team(
            one(hands_off_to=("tech",)),
            one("tech"),
            transitions={"route": ("billing",), "billing": ("tech",)},
            router=Router(rules=(Rule("r", to="tech", pattern="x"),)),
        ),
    ),
    (
        "route-past-table",
        "router",
        lambda: team(
            one(hands_off_to=("tech",)),
            one("tech"),
            transitions={"route": ("billing",), "billing": ("tech",)},
            router=Router(otherwise="tech"),
        ),
    ),
    ("bound", "max_hops", lambda: team(one(), max_hops=0)),
    ("bound", "max_rounds", lambda: team(one(), max_rounds=0)),
    ("bound", "window", lambda: team(one(), window=-1)),
    ("bound", "billing", lambda: team(one(timeout=0.0))),
    ("bound", "billing", lambda: team(one(max_steps=0))),
    ("bound", "billing", lambda: team(one(max_tokens=0))),
    ("tool-twice", "billing", lambda: team(one(tools=(look, look_again)))),
    ("tool-reserved", "billing", lambda: team(one(tools=(disguised,)))),
    ("no-handles", "billing", lambda: team(one(handles="  "))),
    ("prompt", "billing", lambda: team(one(prompt="shop/nowhere"))),
    ("prompt", "router", lambda: team(one(), router=Router(prompt="shop/nowhere"))),
]


@pytest.mark.parametrize(
    ("rule", "place", "make"), FAULTS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_fault_is_found_and_stops_the_build(
    rule: str, place: str, make: Callable[[], Team]
) -> None:
    """Each rule has a team that breaks it; the error names the rule, the place and a way out."""
    with pytest.raises(InvalidTeam) as caught:
        make()
    lines = [f for f in caught.value.findings if f.endswith(f"[{rule}]")]
    assert any(line.startswith(f"{place}: ") for line in lines), caught.value.findings


def test_a_prompt_that_wants_a_variable_nobody_gives(tmp_path: Path) -> None:
    """A missing value is found when the team is built, not when a customer writes."""
    (tmp_path / "mine.md").write_text(
        "---\ndescription: x\nvariables:\n  shop: where\n---\nOf {{ shop }}.\n"
    )
    with pytest.raises(InvalidTeam, match=r"prompt-variable|'shop'"):
        team(one(prompt="mine"), prompts=tmp_path)
    assert team(one(prompt="mine", variables={"shop": "Acme"}), prompts=tmp_path).check()


def test_every_fault_is_listed() -> None:
    """One build shows all of them."""
    with pytest.raises(InvalidTeam, match="And 2 more") as caught:
        team(one(timeout=0.0), one("gate"), max_hops=0)
    assert len(caught.value.findings) == 3


def test_a_warning_does_not_stop_the_build() -> None:
    """No fallback is allowed, and said."""
    (finding,) = team(one()).check()
    assert (finding.rule, finding.severity, finding.place) == (
        "no-fallback",
        "warning",
        "billing",
    )


def test_every_name_langgraph_keeps_is_refused() -> None:
    """A name that a later LangGraph reserves is found here, not in a user's traceback."""
    from langgraph._internal._constants import RESERVED

    for name in sorted(RESERVED | {"__start__", "__end__"}):
        with pytest.raises(InvalidTeam):
            team(one(name))


def test_a_team_is_a_frozen_description() -> None:
    """Lists given are copied: changing them later changes nothing."""
    specialists = [one()]
    made = Team("shop", specialists=specialists, transitions={"route": ["billing", "end"]})
    specialists.append(one("tech"))
    assert [s.name for s in made.spec.specialists] == ["billing"]
    assert made.spec.transitions == {"route": ("billing", "end")}
    assert made.name == "shop"


def test_an_escalation_that_never_comes_is_doubtful() -> None:
    """Who is asked next without a time is a warning; enough reviewers and a time are not."""
    doubtful = team(one(), policy=asking(escalate_to=("lea",))).check()
    assert [f.rule for f in doubtful if f.rule == "never-escalates"] == ["never-escalates"]
    fine = asking(escalate_to=("lea",), expires_after=60.0, reviewers=("ana", "bo"), approvals=2)
    assert "never-escalates" not in [f.rule for f in team(one(), policy=fine).check()]


def test_a_cascade_is_not_for_those_who_write_unless_said_so() -> None:
    """Cheap models answer first there, so a specialist with effects needs `writes=True`."""

    def built(tools: tuple[object, ...], *, writes: bool = False) -> Team:
        tier = Cascade(("a", "b"), ("c",), writes=writes)
        return team(one(tools=tools), models={"fast": tier, "strong": ("c",)})

    with pytest.raises(InvalidTeam, match="cascade-writes"):
        built((pay,))
    assert built((look,)).spec.models
    assert built((pay,), writes=True).spec.models
