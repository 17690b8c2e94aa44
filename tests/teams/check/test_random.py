"""The static check never fails itself, whatever the team."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.message import Terms
from pointsman.nodes.routing.router import Router
from pointsman.nodes.routing.rules import Rule
from pointsman.nodes.run import Budget
from pointsman.nodes.specialist import Specialist
from pointsman.teams.check.finding import RULES
from pointsman.teams.check.findings import findings
from pointsman.teams.check.resources import overlap
from pointsman.teams.check.table import cycles
from pointsman.teams.spec import FallBackTo
from tests.teams.check.faulty import (
    SOUND,
    Diagnosis,
    Fewer,
    Gives,
    Needs,
    NoSchema,
    OtherType,
    Strict,
    book,
    endless,
    look,
    pay,
    secretly,
    slow,
    stand_in,
    unbook,
    wire,
)

NAMES = st.sampled_from(["a", "b", "c", "route", "end", "gate", "", "a|b", "mars"])
MODELS = st.sampled_from([None, Diagnosis, Needs, OtherType, Fewer, Strict, NoSchema])
TOOLS = st.sampled_from([look, pay, wire, slow, endless, secretly, book, unbook])
GLOBS = st.text("ab/*?", max_size=5)
SPECIALISTS = st.builds(
    Specialist,
    NAMES,
    handles=st.sampled_from(["", "money", "tech"]),
    prompt=st.sampled_from(["", "no/such", "../x", "router/choose"]),
    tools=st.lists(TOOLS, max_size=3).map(tuple),
    examples=st.lists(st.sampled_from(["x", "X.", ""]), max_size=2).map(tuple),
    input=MODELS,
    output=MODELS,
    fallback=st.sampled_from([None, stand_in]),
    does=st.none() | st.lists(NAMES, max_size=3).map(lambda names: Gives(tuple(names))),
    hands_off_to=st.lists(NAMES, max_size=3).map(tuple),
    owns=st.lists(GLOBS, max_size=2).map(tuple),
    timeout=st.floats(),
    max_concurrent=st.none() | st.integers(-1, 2),
)
TABLES = st.dictionaries(NAMES, st.lists(NAMES, max_size=4).map(tuple), max_size=5)
RULINGS = st.builds(
    PolicyRule,
    st.just("r"),
    st.sampled_from(["allow", "ask", "deny"]),
    tools=st.lists(st.sampled_from(["*", "pay", "p*", "none"]), max_size=2).map(tuple),
    stakes=st.sampled_from([None, "low", "high"]),
    terms=st.builds(Terms, reviewers=st.lists(NAMES, max_size=2).map(tuple)),
)
ROUTERS = st.builds(
    Router,
    rules=st.lists(st.builds(Rule, NAMES, to=NAMES, pattern=st.just("x")), max_size=2).map(tuple),
    otherwise=NAMES,
    split=st.booleans(),
)
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "name": NAMES,
    "specialists": st.lists(SPECIALISTS, max_size=5).map(tuple),
    "transitions": TABLES,
    "edge_limits": st.dictionaries(st.tuples(NAMES, NAMES), st.integers(-1, 3), max_size=3),
    "router": ROUTERS,
    "policy": st.lists(RULINGS, max_size=1).map(lambda rules: ApprovalPolicy(tuple(rules))),
    "reviewers": st.dictionaries(NAMES, st.lists(NAMES, max_size=2).map(tuple), max_size=2),
    "budget": st.builds(Budget, usd=st.none(), calls=st.none() | st.integers(0, 3)),
    "when_bound": st.sampled_from(["partial", "fail", "person"]) | st.builds(FallBackTo, NAMES),
    "max_depth": st.integers(0, 3),
}


@settings(max_examples=150, deadline=None)
@given(change=st.fixed_dictionaries(CHANGES))
def test_any_team_can_be_checked(change: dict[str, Any]) -> None:
    """However broken a team is, its findings are a list: each of a known rule, each with a fix."""
    for finding in findings(replace(SOUND, **change)):
        assert finding.severity == RULES[finding.rule][0]
        assert finding.message
        assert finding.fix


@given(one=GLOBS, other=GLOBS, name=st.text("ab/", max_size=6))
def test_two_globs_overlap_where_a_name_fits_both(one: str, other: str, name: str) -> None:
    """Overlap is symmetric, holds for every name that fits both, and a name meets itself."""
    from fnmatch import fnmatchcase

    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, one)
    if fnmatchcase(name, one) and fnmatchcase(name, other):
        assert overlap(one, other)
    if "*" not in other and "?" not in other:
        assert overlap(one, other) == fnmatchcase(other, one)


@given(
    edges=st.dictionaries(
        st.sampled_from("abcde"), st.lists(st.sampled_from("abcde"), max_size=4), max_size=5
    )
)
def test_every_cycle_is_told_of(edges: dict[str, list[str]]) -> None:
    """What is told is a cycle; and where all nodes of the told ones are removed with their parts,
    none is left."""
    told = cycles(edges)
    for cycle in told:
        assert all(b in edges[a] for a, b in zip(cycle, (*cycle[1:], cycle[0]), strict=True))
    without = {
        a: [b for b in bs if not any({a, b} <= _part(cycle[0], edges) for cycle in told)]
        for a, bs in edges.items()
    }
    assert cycles(without) == ()


def _part(start: str, edges: dict[str, list[str]]) -> set[str]:
    """All nodes that a node leads to and that lead back."""

    def onward(at: str) -> set[str]:
        reached, todo = set[str](), [at]
        while todo:
            for to in edges.get(todo.pop(), ()):
                if to not in reached:
                    reached.add(to)
                    todo.append(to)
        return reached

    return {node for node in onward(start) if start in onward(node)}
