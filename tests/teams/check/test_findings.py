"""The static check: each rule is broken by a team of its own, and found; sound teams are clean."""

import re
from inspect import signature
from pathlib import Path

import pytest

from pointsman.errors import InvalidTeam
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.gateway.cascade import Cascade
from pointsman.nodes.gateway.hedge import Hedge
from pointsman.nodes.plan import Plan
from pointsman.teams.check.finding import RULES, Finding, found
from pointsman.teams.check.findings import findings
from pointsman.teams.spec import FallBackTo
from pointsman.teams.team import Team
from tests.teams.check.faulty import (
    CASES,
    MANY,
    SHORT,
    SOUND,
    Case,
    Diagnosis,
    Gives,
    asked,
    asking,
    book,
    case,
    inner,
    look,
    one,
    panel,
    pay,
    unbook,
    wire,
)

MEASURED = {"overlap"}
"""Rules that `findings` does not look at, since they take a measurement."""


def rules(given: Case) -> list[str]:
    """The rules that a team breaks."""
    return [finding.rule for finding in findings(given.spec())]


@pytest.mark.parametrize(
    ("rule", "given"),
    [(rule, one_case) for rule, cases in CASES.items() for one_case in cases],
    ids=lambda value: value if isinstance(value, str) else value.place,
)
def test_a_fault_is_found(rule: str, given: Case) -> None:
    """Each rule has teams that break it: the finding names the rule and the place, weighs what the
    table of rules says, and tells a way out."""
    named = [f for f in findings(given.spec()) if (f.rule, f.place) == (rule, given.place)]
    assert named, findings(given.spec())
    assert all(f.severity == RULES[rule][0] and f.message and f.fix for f in named)


def test_every_rule_is_broken_by_a_team() -> None:
    """No rule without a team that breaks it, and no team for a rule there is not."""
    assert CASES.keys() | MEASURED == RULES.keys()


def test_every_rule_is_documented() -> None:
    """The table in docs/check.md has each rule with its severity, and no other."""
    page = (Path(__file__).parents[3] / "docs" / "check.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (error|warning) \| (.+) \|$", page, re.MULTILINE)
    assert {rule: (weight, text) for rule, weight, text in rows} == dict(RULES)
    assert len(rows) == len(RULES)


def test_a_finding_of_no_rule_cannot_be_made() -> None:
    """A check cannot invent a rule that nobody documented."""
    with pytest.raises(KeyError):
        found("no-such-rule", "here", "It is wrong.", "Mend it.")


def buildable() -> list[tuple[str, Case]]:
    """The cases of errors that `Team(...)` can be given."""
    parts = signature(Team).parameters.keys()
    return [
        (rule, c)
        for rule, cases in CASES.items()
        for c in cases
        if RULES[rule][0] == "error" and c.change.keys() <= parts
    ]


@pytest.mark.parametrize(
    ("rule", "given"), buildable(), ids=lambda v: v if isinstance(v, str) else v.place
)
def test_an_error_stops_the_build(rule: str, given: Case) -> None:
    """A team with an error is never made; what is raised lists the finding."""
    parts = {"name": "shop", **given.change}
    with pytest.raises(InvalidTeam) as caught:
        Team(specialists=given.specialists, **parts)  # pyright: ignore[reportArgumentType]
    assert any(
        line.startswith(f"{given.place}: ") and line.endswith(f"[{rule}]")
        for line in caught.value.findings
    )


def test_a_sound_team_is_clean() -> None:
    """Nothing is said of a team without faults."""
    assert findings(SOUND) == ()


def test_the_plainest_team_is_told_one_thing() -> None:
    """Somebody's first team gets one warning, not a page of them."""
    (finding,) = Team("shop", specialists=[one(fallback=None)]).check()
    assert (finding.rule, finding.severity) == ("no-fallback", "warning")


def test_errors_come_first_and_once() -> None:
    """The findings are in order of weight; the same fault is not told twice."""
    spec = case("", one("gate", fallback=None), one("gate", fallback=None), max_hops=0).spec()
    weights = [f.severity for f in findings(spec)]
    assert weights == sorted(weights)
    assert len(set(findings(spec))) == len(findings(spec))


def test_every_fault_is_listed() -> None:
    """One build shows all of them."""
    with pytest.raises(InvalidTeam, match="And 2 more") as caught:
        Team("shop", specialists=[one(timeout=0.0), one("gate")], max_hops=0)
    assert len(caught.value.findings) == 3


def test_a_finding_reads_as_a_sentence() -> None:
    """Place, what, fix and rule, in this order."""
    told = str(Finding("bound", "max_hops", "max_hops is 0.", "Give at least 1."))
    assert told == "max_hops: max_hops is 0. Give at least 1. [bound]"


def test_a_bounded_cycle_is_no_doubt() -> None:
    """One bounded transition ends a cycle: the others need none."""
    assert "cycle-unbounded" not in rules(case(*MANY, edge_limits={("tech", "billing"): 2}))


def test_who_gets_tasks_or_the_last_word_is_reached() -> None:
    """A panel's member and the specialist of last resort need no row of the router's."""
    only_head = {"route": ("head", "end")}
    assert "unreachable" not in rules(case("", *panel(one("a")), transitions=only_head))
    last = case(
        "", one(), one("z"), transitions={"route": ("billing",)}, when_bound=FallBackTo("z")
    )
    assert "unreachable" not in rules(last)


def test_a_rule_for_the_tool_settles_high_stakes() -> None:
    """A rule that asks, even one with conditions, speaks of the tool; `allow` does not."""
    fine = case("", one(tools=(wire,)), policy=ApprovalPolicy((PolicyRule("r", "ask"),)))
    assert rules(fine) == []
    vain = case("", one(tools=(wire,)), policy=ApprovalPolicy((PolicyRule("r", "allow"),)))
    assert sorted(rules(vain)) == ["allow-in-vain", "high-stakes-unruled"]


def test_a_rule_that_also_allows_others_is_not_in_vain() -> None:
    """`allow *` on a team with one high-stakes tool among others is what people write."""
    policy = ApprovalPolicy((PolicyRule("r", "allow"), PolicyRule("s", "ask")))
    assert rules(case("", one(tools=(wire, pay)), policy=policy)) == []


def test_one_owner_may_write() -> None:
    """The owner's own tool, and a tool on a resource nobody owns, are fine."""
    assert "write-unowned" not in rules(case("", one(owns=("orders/*",), tools=(book,))))
    assert "write-unowned" not in rules(case("", one(), one("tech", tools=(book,))))


def test_a_chain_of_work_counts_as_one_branch() -> None:
    """What happens inside one branch happens in order; only two branches are side by side."""
    deep = (
        one("head", does=Gives(("a",))),
        one("a", does=Gives(("b",))),
        one("b", tools=(book,)),
        one("c", tools=(unbook,)),
    )
    assert "parallel-writes" not in rules(case("", *deep, policy=SHORT))
    wide = (one("head", does=Gives(("a", "c"))), *deep[1:])
    assert "parallel-writes" in rules(case("", *wide, policy=SHORT))


def test_reads_side_by_side_are_fine() -> None:
    """Only writes make two branches get into each other's way."""
    shared = panel(one("a", tools=(look,)), one("b", tools=(look,)))
    assert rules(case("", *shared)) == []


def test_a_join_with_a_time_waits_not_for_ever() -> None:
    """Terms that expire end the wait, a rule that always decides by itself too."""
    members = panel(one("a", tools=(pay,)))
    assert "join-waits" not in rules(case("", *members, policy=SHORT))
    free = ApprovalPolicy((PolicyRule("r", "allow"),))
    assert "join-waits" not in rules(case("", *members, policy=free))
    waiting = asking(expires_after=None)
    assert "join-waits" in rules(case("", *members, policy=waiting))


def test_who_merges_is_not_side_by_side_with_the_others() -> None:
    """A plan's last specialist begins when the tasks have ended, and may write what they wrote."""
    a, last = one("a", tools=(book,)), one("last", tools=(unbook,))
    head = one("head", does=Plan((a,), make=lambda request: (), merge=last))
    assert "parallel-writes" not in rules(case("", head, a, last, policy=SHORT))
    both = one("head", does=Plan((a, last), make=lambda request: ()))
    assert "parallel-writes" in rules(case("", both, a, last, policy=SHORT))


def test_a_sound_panel_is_clean() -> None:
    """Contracts that agree all the way are not complained of."""
    one_model = {"input": Diagnosis, "output": Diagnosis}
    assert rules(case("", *asked(one("a", **one_model), one("b", **one_model), **one_model))) == []


def test_one_team_in_two_places_is_no_twin() -> None:
    """The same team object may serve two specialists."""
    sub = inner("sub")
    assert "nested-twin" not in rules(case("", one("a", does=sub), one("b", does=sub)))


def test_a_prompt_that_wants_a_variable_nobody_gives(tmp_path: Path) -> None:
    """A missing value is found when the team is built, not when a customer writes."""
    (tmp_path / "mine.md").write_text(
        "---\ndescription: x\nvariables:\n  shop: where\n---\nOf {{ shop }}.\n"
    )
    with pytest.raises(InvalidTeam, match=r"prompt-variable|'shop'"):
        Team("shop", specialists=[one(prompt="mine")], prompts=tmp_path)
    given = one(prompt="mine", variables={"shop": "Acme"})
    assert Team("shop", specialists=[given], prompts=tmp_path).check() == ()


def test_every_name_langgraph_keeps_is_refused() -> None:
    """A name that a later LangGraph reserves is found here, not in a user's traceback."""
    from langgraph._internal._constants import RESERVED

    for name in sorted(RESERVED | {"__start__", "__end__"}):
        with pytest.raises(InvalidTeam):
            Team("shop", specialists=[one(name)])


def test_a_team_is_a_frozen_description() -> None:
    """Lists given are copied: changing them later changes nothing."""
    specialists = [one()]
    made = Team("shop", specialists=specialists, transitions={"route": ["billing", "end"]})
    specialists.append(one("tech"))
    assert [s.name for s in made.spec.specialists] == ["billing"]
    assert made.spec.transitions == {"route": ("billing", "end")}
    assert made.name == "shop"


def test_a_cascade_is_not_for_those_who_write_unless_said_so() -> None:
    """Cheap models answer first there, so a specialist with effects needs `writes=True`."""
    fast = {"fast": Cascade(("a", "b"), ("c",))}
    assert "cascade-writes" not in rules(case("", one(tools=(look,)), models=fast))
    said = {"fast": Cascade(("a", "b"), ("c",), writes=True)}
    assert "cascade-writes" not in rules(case("", one(tools=(pay,)), models=said))


def test_a_hedge_is_not_for_those_who_write_unless_said_so() -> None:
    """The same model asked again is no other model."""
    fast = {"fast": Hedge(("a", "b"))}
    assert "hedge-writes" not in rules(case("", one(tools=(look,)), models=fast))
    said = {"fast": Hedge(("a", "b"), writes=True)}
    assert "hedge-writes" not in rules(case("", one(tools=(pay,)), models=said))
    same = {"fast": Hedge(("a",))}
    assert "hedge-writes" not in rules(case("", one(tools=(pay,)), models=same))
