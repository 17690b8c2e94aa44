"""Users' own rules: checked when they are loaded, and linear when they run."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.textrules import TextRule, TextRules

ORDER = TextRule(name="order-id", pattern=r"\bINV-\d{4}\b", label="ORDER", confidence=0.8)

YAML = """
action: redact
rules:
  - {name: order-id, pattern: 'INV-\\d+', label: ORDER}
  - {name: rival, pattern: '(?i)acme', action: block}
  - {name: trial, pattern: 'x(y+)', shadow: true, places: [answer]}
"""
TOML = """
action = "redact"
[[rules]]
name = "order-id"
pattern = 'INV-\\d+'
"""


def test_what_a_rule_finds_carries_its_name() -> None:
    """Name, label, value, confidence and span are those of the rule and its match."""
    ((one),) = TextRules((ORDER,)).find(canonical("see INV-1042!"))
    assert (one.rule, one.label, one.key, one.confidence) == ("order-id", "ORDER", "INV-1042", 0.8)
    assert (one.start, one.end) == (4, 12)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"a(?=b)", "look-around"),
        (r"(a)\1", "RE2"),
        (r"(", "RE2"),
        (r"[\p{L}]{999}", "RE2"),
        (r"a*", "nothing stands"),
        (r"\b", "nothing stands"),
        (r"(?m)^", "nothing stands"),
        (r"a|", "nothing stands"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str, reason: str) -> None:
    """The error names the rule, the reason and what to do."""
    with pytest.raises(Misconfigured, match="'mine'") as caught:
        TextRules((TextRule(name="mine", pattern=pattern),))
    assert reason in str(caught.value)
    assert caught.value.hint


def test_a_name_stands_once() -> None:
    """Two rules of one name could not be told apart in a verdict."""
    with pytest.raises(Misconfigured, match="two rules"):
        TextRules((ORDER, ORDER))


def test_how_many_and_how_large_is_bounded() -> None:
    """No rules, too many rules, and rules too large together are refused."""
    many = tuple(TextRule(name=f"r{at}", pattern="x") for at in range(1001))
    large = tuple(TextRule(name=f"r{at}", pattern=r"\pL{60}x") for at in range(60))
    for rules in ((), many, large):
        with pytest.raises(Misconfigured):
            TextRules(rules)
    assert TextRules(many[:1000]).find(canonical("x"))


def test_a_file_is_read_by_action_trial_and_places(tmp_path: Path) -> None:
    """Each rule keeps its own action, and those with the same stand in one check."""
    file = tmp_path / "rules.yaml"
    file.write_text(YAML, "utf-8")
    checks = TextRules.load(file, name="mine")
    assert [(c.name, c.action, c.shadow, [r.name for r in c.rules]) for c in checks] == [
        ("mine", "redact", False, ["order-id"]),
        ("mine-1", "block", False, ["rival"]),
        ("mine-2", "redact", True, ["trial"]),
    ]
    assert checks[2].places == {"answer"}
    assert [one.key for one in checks[2].find(canonical("xyy"))] == ["yy"]


def test_toml_is_read_too(tmp_path: Path) -> None:
    """A file that ends in .toml holds the same list."""
    file = tmp_path / "rules.toml"
    file.write_text(TOML, "utf-8")
    (check,) = TextRules.load(file)
    assert check.find(canonical("INV-7"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.yaml", None, "cannot be read"),
        ("a.yaml", "rules: [", "no YAML"),
        ("a.toml", "rules = [", "no TOML"),
        ("a.yaml", "", "a.yaml"),
        ("a.yaml", "rules: []", "rules"),
        ("a.yaml", "rules: [{name: A b, pattern: x}]", "rules.0.name"),
        ("a.yaml", "rules: [{name: a, pattern: x, patern: y}]", "patern"),
        ("a.yaml", "rules: [{name: a, pattern: x, action: drop}]", "action"),
        ("a.yaml", "rules: [{name: bad, pattern: 'x(?!y)'}]", "'bad'"),
        ("a.yaml", "rules: [{name: a, pattern: x}, {name: a, pattern: y, action: block}]", "two"),
        ("a.yaml", "!!python/object/apply:os.getcwd []", "no YAML"),
    ],
)
def test_a_file_with_a_fault_is_refused(
    tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    """The error names the file and what is wrong with it."""
    file = tmp_path / name
    if content is not None:
        file.write_text(content, "utf-8")
    with pytest.raises(Misconfigured, match=name) as caught:
        TextRules.load(file)
    assert said in str(caught.value)


def test_a_rule_of_the_wrong_form_is_refused() -> None:
    """What a rule may be called and how sure it may be is checked when it is made."""
    for wrong in ({"name": "Not So"}, {"label": "low"}, {"confidence": 0.0}, {"pattern": ""}):
        with pytest.raises(ValidationError):
            TextRule.model_validate({"name": "a", "pattern": "x", **wrong})


def test_the_version_says_what_decides() -> None:
    """Equal rules have equal versions, other patterns others."""
    other = ORDER.model_copy(update={"pattern": "INV"})
    assert TextRules((ORDER,)).version == TextRules((ORDER,), "block").version
    assert TextRules((ORDER,)).version != TextRules((other,)).version


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """No text raises, nor one around a match; a pattern that would be catastrophic is linear."""
    check = TextRules((ORDER, TextRule(name="nested", pattern=r"(a+)+b")))
    assert any(one.rule == "order-id" for one in check.find(canonical(f"{text} INV-1042 {text}")))
    assert not any(one.rule == "nested" for one in check.find(canonical("a" * 5000)))
