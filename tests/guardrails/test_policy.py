"""The approval policy: first match decides, writes ask, and nothing lets a high-stakes act pass."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.guardrails.policy import Action, ApprovalPolicy, Is, Limit, PolicyRule
from pointsman.nodes.message import Origin, Provenance, Terms

NAMES = st.sampled_from(["*", "refund", "re*", "lookup", "billing", "acme", "none"])
RULES = st.lists(
    st.builds(
        PolicyRule,
        name=st.uuids().map(str),
        then=st.sampled_from(["allow", "ask", "deny"]),
        tools=st.tuples(NAMES),
        specialists=st.tuples(NAMES),
        tenants=st.tuples(NAMES),
        effect=st.sampled_from([None, "read", "write"]),
        stakes=st.sampled_from([None, "low", "high"]),
        when=st.lists(st.builds(Limit, st.just("usd"), st.floats(0, 100)), max_size=1).map(tuple),
        egress=st.sampled_from([None, True, False]),
        every_origin=st.sampled_from([(), ("person",), ("person", "default")]),
        any_origin=st.sampled_from([(), ("document",)]),
        signals=st.sampled_from([(), ("content:*",)]),
    ),
    max_size=6,
)


def act(
    tool: str = "refund", *, effect: str = "write", stakes: str = "low", **args: object
) -> Action:
    """A call of billing for acme."""
    return Action(
        call_id="c", tool=tool, effect=effect, stakes=stakes, args=args,  # pyright: ignore[reportArgumentType]
        specialist="billing", tenant="acme",
    )  # fmt: skip


@given(RULES, st.sampled_from(["read", "write"]), st.floats(0, 200))
def test_no_rules_let_a_high_stakes_action_pass(
    rules: list[PolicyRule], effect: str, usd: float
) -> None:
    """Whatever the rules say, it asks or is denied."""
    ruling = ApprovalPolicy(tuple(rules)).rule_on(act(effect=effect, stakes="high", usd=usd))
    assert ruling.verdict in ("ask", "deny")


@given(RULES, st.floats(0, 200))
def test_the_first_rule_that_matches_decides(rules: list[PolicyRule], usd: float) -> None:
    """Rules behind it change nothing."""
    action = act(usd=usd)
    ruling = ApprovalPolicy(tuple(rules)).rule_on(action)
    first = next((rule for rule in rules if rule.matches(action)), None)
    expected = (first.name, first.then) if first else ("default", "ask")
    assert (ruling.rule, ruling.verdict) == expected


@pytest.mark.parametrize(
    ("action", "verdict", "rule"),
    [
        (act("lookup", effect="read"), "allow", "default"),
        (act("close"), "ask", "default"),
        (act(usd=20), "allow", "small"),
        (act(usd=50.0), "allow", "small"),
        (act(usd=50.01), "ask", "default"),
        (act(usd="20"), "ask", "default"),
        (act(usd=True), "ask", "default"),
        (act(), "ask", "default"),
        (act(usd=20, stakes="high"), "ask", "high-stakes"),
        (act("drop_table"), "deny", "no-tables"),
        (act("drop_table", stakes="high"), "deny", "no-tables"),
        (act("lookup", effect="read", stakes="high"), "ask", "high-stakes"),
    ],
)
def test_the_table_of_a_usual_policy(action: Action, verdict: str, rule: str) -> None:
    """Small refunds pass, what is no number never fits a limit, a denial outranks high stakes."""
    policy = ApprovalPolicy((
        PolicyRule("no-tables", "deny", tools=("drop_*",)),
        PolicyRule("small", "allow", tools=("refund",), when=(Limit("usd", at_most=50),)),
    ))  # fmt: skip
    ruling = policy.rule_on(action)
    assert (ruling.verdict, ruling.rule, ruling.policy_version) == (verdict, rule, policy.version)


def test_every_condition_of_a_rule_must_hold() -> None:
    """Specialist, tenant, effect, stakes and both ends of a limit."""
    holds = PolicyRule(
        "r", "allow", tools=("re*",), specialists=("bill*",), tenants=("acme",), effect="write",
        stakes="low", when=(Limit("usd", at_least=1, at_most=5),),
    )  # fmt: skip
    assert holds.matches(act(usd=1))
    assert holds.matches(act(usd=5))
    for other in (act(usd=0), act(usd=6), act("drop", usd=1), act(effect="read", usd=1),
                  act(stakes="high", usd=1)):  # fmt: skip
        assert not holds.matches(other)
    assert not PolicyRule("r", "allow", tenants=("Acme",)).matches(act())


def test_the_version_follows_the_rules() -> None:
    """Equal rules have an equal version; another limit, order or reason makes another one."""
    small, none = PolicyRule("s", "allow", when=(Limit("usd", at_most=5),)), PolicyRule("n", "deny")
    policies = [
        ApprovalPolicy((small, none)),
        ApprovalPolicy((none, small)),
        ApprovalPolicy((PolicyRule("s", "allow", when=(Limit("usd", at_most=6),)), none)),
        ApprovalPolicy((small, PolicyRule("n", "deny", reason="never"))),
        ApprovalPolicy(),
    ]
    assert len({policy.version for policy in policies}) == len(policies)
    assert ApprovalPolicy((small, none)).version == policies[0].version


def test_two_rules_of_one_name_are_refused() -> None:
    """A ticket names its rule: the name must tell which."""
    with pytest.raises(Misconfigured, match="'r'"):
        ApprovalPolicy((PolicyRule("r", "allow"), PolicyRule("r", "deny")))


def of(*origins: Origin) -> tuple[Provenance, ...]:
    """Sensitive arguments of these origins."""
    return tuple(Provenance(argument=f"a{n}", origin=o) for n, o in enumerate(origins))


@pytest.mark.parametrize(
    ("effect", "egress", "verdict"),
    [
        ("read", False, "allow"),
        ("read", True, "ask"),
        ("write", False, "ask"),
        ("write", True, "ask"),
    ],
)
def test_what_no_rule_names(effect: str, egress: bool, verdict: str) -> None:
    """Writes ask, and so does a read that leaves the machine; its ticket says why."""
    ruling = ApprovalPolicy().rule_on(replace(act(effect=effect), egress=egress))
    assert (ruling.verdict, ruling.rule) == (verdict, "default")
    assert ("leaves the machine" in ruling.reason) == (effect == "read" and egress)


@pytest.mark.parametrize(
    ("every", "any_of", "origins", "holds"),
    [
        (("person", "default"), (), of("person", "default"), True),
        (("person", "default"), (), of("person", "tool"), False),
        (("person", "default"), (), of("document"), False),
        (("person", "default"), (), of("model"), False),
        (("person", "default"), (), (), True),
        (("person", "default"), (), None, False),
        ((), ("document", "model"), of("person", "model"), True),
        ((), ("document", "model"), of("person", "tool"), False),
        ((), ("document",), (), False),
        ((), ("document",), None, False),
        (("person", "document"), ("document",), of("person", "document"), True),
        (("person", "document"), ("document",), of("person"), False),
        ((), (), None, True),
    ],
)
def test_a_rule_may_ask_where_arguments_come_from(
    every: tuple[Origin, ...],
    any_of: tuple[Origin, ...],
    origins: tuple[Provenance, ...] | None,
    holds: bool,
) -> None:
    """All of them, or any; a call without sensitive arguments is as asked; origins that nobody
    looked up satisfy no such rule."""
    rule = PolicyRule("r", "allow", every_origin=every, any_origin=any_of)
    assert rule.matches(replace(act(), provenance=origins)) == holds


def test_the_ready_made_rule_asks_only_for_what_the_person_did_not_say() -> None:
    """`as-asked` lets a low-stakes write pass whose sensitive arguments the person wrote, and
    nothing else."""
    policy = ApprovalPolicy((PolicyRule("as-asked", "allow", every_origin=("person", "default")),))

    def verdict(origin: Origin, **change: str) -> str:
        action = replace(act(**change), provenance=of("person", origin))  # pyright: ignore[reportArgumentType]
        return policy.rule_on(action).verdict

    assert [verdict(o) for o in ("person", "default")] == ["allow", "allow"]
    assert [verdict(o) for o in ("tool", "document", "model")] == ["ask", "ask", "ask"]
    assert verdict("person", stakes="high") == "ask"


@pytest.mark.parametrize(
    ("globs", "found", "holds"),
    [
        (("content:email",), {"content:email"}, True),
        (("content:*",), {"rate:limit", "content:card"}, True),
        (("x:*", "content:card"), {"content:card"}, True),
        (("content:*",), {"injection:role"}, False),
        (("content:*",), set[str](), False),
        ((), set[str](), True),
    ],
)
def test_a_rule_may_ask_what_text_filters_found(
    globs: tuple[str, ...], found: set[str], holds: bool
) -> None:
    """Any glob on any signal; without globs they do not matter."""
    rule = PolicyRule("r", "deny", signals=globs)
    assert rule.matches(replace(act(), signals=frozenset(found))) == holds


def test_a_rule_may_ask_whether_it_leaves_the_machine() -> None:
    """True, false, or either."""
    out, here = replace(act(), egress=True), replace(act(), egress=False)
    rules = [PolicyRule("r", "deny", egress=e) for e in (True, False, None)]
    assert [(r.matches(out), r.matches(here)) for r in rules] == [
        (True, False), (False, True), (True, True),
    ]  # fmt: skip


ITEMS = {"items": [{"id": "a", "usd": 5}, {"id": "b", "usd": 50}], "to": {"city": "Ulm"}}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Limit("items.0.usd", at_most=5), True),
        (Limit("items.1.usd", at_most=5), False),
        (Limit("items.*.usd", at_most=50), True),
        (Limit("items.*.usd", at_most=49), False),
        (Limit("items.2.usd", at_most=50), False),
        (Limit("items.-1.usd", at_most=50), False),
        (Limit("items.usd", at_most=50), False),
        (Limit("none.*.usd", at_most=50), False),
        (Limit("items.*.tax", at_most=50), False),
        (Is("to.city", ("Bonn", "Ulm")), True),
        (Is("to.city", ("ulm",)), False),
        (Is("to.*", ("Ulm",)), True),
        (Is("to", ("Ulm",)), False),
        (Is("items.*.id", ("a", "b")), True),
        (Is("items.*.id", ("a",)), False),
    ],
)
def test_conditions_reach_into_arguments(condition: Limit | Is, holds: bool) -> None:
    """By a path; a star is every entry, of which there must be one, and what is missing never
    fits."""
    assert condition.holds(ITEMS) == holds  # pyright: ignore[reportArgumentType]


def test_a_star_over_nothing_does_not_hold() -> None:
    """An empty list has no item that fits."""
    assert not Limit("items.*.usd", at_most=50).holds({"items": []})
    assert not Is("items.*", ("a",)).holds({"items": []})


@pytest.mark.parametrize(
    ("values", "value", "holds"),
    [
        ((5,), 5.0, True),
        ((1,), True, False),
        ((True,), 1, False),
        ((True,), True, True),
        ((None,), None, True),
        (("5",), 5, False),
        ((), "x", False),
    ],
)
def test_values_are_exact(values: tuple[object, ...], value: object, holds: bool) -> None:
    """Numbers by what they are worth, truth values and texts as they are."""
    condition = Is("a", values)  # pyright: ignore[reportArgumentType]
    assert condition.holds({"a": value}) == holds  # pyright: ignore[reportArgumentType]
    assert not condition.holds({})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "50", None, 10**400])
def test_what_is_no_number_within_the_bounds_never_fits(value: object) -> None:
    """NaN, infinity and numbers beyond every float included."""
    args = {"usd": value}
    assert not Limit("usd", at_least=0, at_most=50).holds(args)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("bound", [float("nan"), float("inf"), float("-inf"), "50", True])
def test_a_bound_must_be_a_finite_number(bound: object) -> None:
    """A limit that compares with NaN would let everything or nothing pass, unseen."""
    for given_ in ({"at_most": bound}, {"at_least": bound}):
        with pytest.raises(Misconfigured, match="'usd'"):
            Limit("usd", **given_)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Is("a", "usd"),  # pyright: ignore[reportArgumentType]
        lambda: Is("a", (["usd"],)),  # pyright: ignore[reportArgumentType]
        lambda: Is("a", (float("nan"),)),
        lambda: PolicyRule("r", "allow", tools="refund"),  # pyright: ignore[reportArgumentType]
        lambda: PolicyRule("r", "allow", every_origin="person"),  # pyright: ignore[reportArgumentType]
        lambda: PolicyRule("r", "allow", every_origin=("user",)),  # pyright: ignore[reportArgumentType]
        lambda: PolicyRule("r", "allow", any_origin=("doc",)),  # pyright: ignore[reportArgumentType]
        lambda: PolicyRule("r", "approve"),  # pyright: ignore[reportArgumentType]
        lambda: PolicyRule("r", "allow", effect="wright"),  # pyright: ignore[reportArgumentType]
        lambda: PolicyRule("r", "allow", stakes="hi"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_a_rule_that_could_not_mean_what_it_says_is_refused(make: object) -> None:
    """A text where a tuple belongs, and words that there are not: they would match nothing, or
    letter by letter."""
    with pytest.raises(Misconfigured):
        make()  # pyright: ignore[reportCallIssue]


ONE = PolicyRule("r", "ask")
CHANGES: dict[str, object] = {
    "name": "other",
    "then": "deny",
    "tools": ("refund",),
    "specialists": ("billing",),
    "tenants": ("acme",),
    "effect": "write",
    "stakes": "low",
    "egress": False,
    "when": (Limit("usd", at_most=5),),
    "signals": ("content:*",),
    "every_origin": ("person",),
    "any_origin": ("person",),
    "content_origin": ("model",),
    "named": True,
    "harmless": (Limit("usd", at_most=5),),
    "terms": Terms(approvals=2),
    "reason": "why",
}


def test_every_field_is_part_of_the_version() -> None:
    """Changing any one field of a rule, none left out, makes another version. Why there is a rule
    does not: a better word for it must not close what is open."""
    assert CHANGES.keys() | {"why"} == ONE.__dataclass_fields__.keys()
    assert ApprovalPolicy((replace(ONE, why="audit"),)).version == ApprovalPolicy((ONE,)).version
    changed = [replace(ONE, **{name: value}) for name, value in CHANGES.items()]  # pyright: ignore[reportArgumentType]
    versions = [ApprovalPolicy((rule,)).version for rule in (ONE, *changed)]
    assert len(set(versions)) == len(versions)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"tools": ("a, b",)}, {"tools": ("a", "b")}),
        ({"name": "r", "reason": "x"}, {"name": "r: ask", "reason": "x"}),
        (
            {"when": (Limit("usd", at_most=0.1234567),)},
            {"when": (Limit("usd", at_most=0.12345678),)},
        ),
        ({"when": (Limit("usd", at_most=2**53),)}, {"when": (Limit("usd", at_most=2**53 + 1),)}),
        ({"when": (Limit("usd", at_most=5),)}, {"when": (Limit("usd", at_least=5),)}),
        ({"when": (Is("a", (1,)),)}, {"when": (Is("a", (True,)),)}),
        ({"when": (Is("a", ("1",)),)}, {"when": (Is("a", (1,)),)}),
        ({"when": (Is("a", ("x or y",)),)}, {"when": (Is("a", ("x", "y")),)}),
        ({"when": (Is("a", ()),)}, {"when": (Limit("a"),)}),
        ({"every_origin": ("person",)}, {"any_origin": ("person",)}),
        ({"terms": Terms(reviewers=("a", "b"))}, {"terms": Terms(escalate_to=("a", "b"))}),
        ({"terms": Terms(reviewers=())}, {"terms": Terms()}),
    ],
)
def test_rules_that_differ_never_share_a_version(
    one: dict[str, object], other: dict[str, object]
) -> None:
    """Also those that read the same when they are printed."""
    rules = [replace(ONE, **change) for change in (one, other)]  # pyright: ignore[reportArgumentType]
    versions = [ApprovalPolicy((rule,)).version for rule in rules]
    assert versions[0] != versions[1]


@given(RULES, RULES)
def test_versions_are_equal_for_equal_rules_only(
    one: list[PolicyRule], other: list[PolicyRule]
) -> None:
    """In both directions, whatever the rules."""
    first, second = ApprovalPolicy(tuple(one)), ApprovalPolicy(tuple(other))
    assert (first.version == second.version) == (first == second)
    assert ApprovalPolicy(tuple(replace(rule) for rule in one)).version == first.version


def test_the_policys_own_terms_are_part_of_its_version() -> None:
    """Who decides by default matters as much as which rules there are."""
    versions = {ApprovalPolicy(terms=t).version for t in (Terms(), Terms(reviewers=("ana",)))}
    assert len(versions) == 2


def test_a_ruling_carries_the_terms_and_the_provenance() -> None:
    """The rule's terms, the policy's where the rule does not say; and where arguments come from."""
    policy = ApprovalPolicy(
        rules=(
            PolicyRule("two", "ask", tools=("pay",), terms=Terms(approvals=2, expires_after=60)),
            PolicyRule("any", "ask", tools=("note",), terms=Terms(reviewers=())),
        ),
        terms=Terms(reviewers=("ana", "ben"), expires_after=3600),
    )
    terms = {t: policy.rule_on(act(t)).terms for t in ("pay", "note", "else")}
    assert terms["pay"] == Terms(reviewers=("ana", "ben"), approvals=2, expires_after=60)
    assert terms["note"] == Terms(expires_after=3600)
    assert terms["else"] == policy.terms
    found = of("person", "tool")
    assert policy.rule_on(replace(act(), provenance=found)).provenance == found


def test_a_high_stakes_action_asks_on_the_terms_of_the_rule_that_would_let_it_pass() -> None:
    """The rule names who is asked, even where it may not allow."""
    rule = PolicyRule("small", "allow", terms=Terms(reviewers=("ana",)))
    ruling = ApprovalPolicy((rule,)).rule_on(act(stakes="high"))
    assert (ruling.verdict, ruling.terms.reviewers) == ("ask", ("ana",))


def test_a_rule_prints_all_its_conditions() -> None:
    """For people who read a policy: every condition that is given."""
    rule = PolicyRule(
        "r", "ask", egress=True, when=(Is("to", ("a", "b")), Limit("usd", at_most=5)),
        signals=("content:*",), every_origin=("person",), any_origin=("tool",),
    )  # fmt: skip
    assert str(rule) == (
        "r: ask tools *; leaves the machine; to is a or b; usd <= 5; after content:*;"
        " all from person; any from tool"
    )
