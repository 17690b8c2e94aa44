"""Rules: what each condition holds on, and what is no rule."""

from typing import Any

import pytest
from pydantic import BaseModel

from pointsman.errors import Misconfigured
from pointsman.nodes.message import Attachment, Request
from pointsman.nodes.routing.rules import Rule, first_match


class Order(BaseModel):
    """A message from the shop's form."""

    order: int


def raises(_request: Request) -> bool:
    """A predicate with a fault."""
    raise KeyError("gone")


@pytest.mark.parametrize(
    ("rule", "text", "holds"),
    [
        (Rule("r", "x", r"inv-\d"), "where is INV-4?", True),
        (Rule("r", "x", keywords=("refund", "money back")), "I want my MONEY BACK!", True),
        (Rule("r", "x", keywords=("refund",)), "the refunds are late", False),
        (Rule("r", "x", keywords=("c++",)), "is c++ used?", True),
        (Rule("r", "x", schema=Order), '{"order": 4}', True),
        (Rule("r", "x", schema=Order), '{"order": "four"}', False),
        (Rule("r", "x", schema=Order), 'order: {"order": 4}', False),
        (Rule("r", "x", schema=Order), "\ud800", False),
        (Rule("r", "x", predicate=lambda r: len(r.text) > 3), "long", True),
        (Rule("r", "x", "a", keywords=("b",)), "a b", True),
        (Rule("r", "x", "a", keywords=("b",)), "a c", False),
    ],
)
def test_a_rule_matches_when_all_its_conditions_hold(rule: Rule, text: str, holds: bool) -> None:
    """Pattern, keywords as whole words, schema of the whole text, predicate."""
    assert rule.matches(Request(text=text)) is holds


def test_a_predicate_sees_the_whole_request() -> None:
    """So that a rule can go by attachments, say."""
    rule = Rule("files", "x", predicate=lambda request: bool(request.attachments))
    assert rule.matches(Request(text="", attachments=(Attachment(uri="s3://a"),)))


@pytest.mark.parametrize(
    "given", [{}, {"pattern": "("}, {"keywords": ("a", " ")}, {"keywords": "refund"}]
)
def test_what_cannot_be_a_rule_is_refused_by_name(given: dict[str, Any]) -> None:
    """No condition, a broken pattern, an empty keyword, a text in place of a tuple."""
    with pytest.raises(Misconfigured, match="'odd'"):
        Rule("odd", "x", **given)


def test_a_predicate_that_raises_does_not_match_and_is_named() -> None:
    """One faulty rule does not lose the message: the next ones are tried."""
    request = Request(text="refund")
    faulty, good = Rule("faulty", "x", predicate=raises), Rule("good", "y", "refund")
    assert first_match((faulty, good), request) is good
    assert first_match((faulty,), request) == "the predicate of rule faulty raised KeyError"
    assert first_match((), request) == "there are no rules"
