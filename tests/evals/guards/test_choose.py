"""Which checks are measured."""

import pytest

from pointsman import Specialist, Team
from pointsman.errors import BadInput, NotFound
from pointsman.evals.guards.choose import default, named, of_team
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.denylist import DenyList
from pointsman.guardrails.grounding import GroundingGuard
from pointsman.teams.spec import TeamSpec

DENY = DenyList(("bad",))


def spec(*guards: object, own: tuple[object, ...] = ()) -> TeamSpec:
    """A team with guards around it, and a specialist with its own."""
    specialist = Specialist("billing", handles="money", guards=own)
    return Team("shop", specialists=[specialist], guards=guards).spec  # pyright: ignore


def names(*guards: object, specialist: str = "", own: tuple[object, ...] = ()) -> list[str]:
    """The names of the checks of such a team."""
    return [check.name for check in of_team(spec(*guards, own=own), specialist=specialist).checks]


def test_the_default_is_that_of_the_content_filter() -> None:
    """Its very checks, in its order: nothing is added, nothing left out."""
    assert default().checks == ContentFilter().all_checks


def test_a_teams_filters_are_united() -> None:
    """A check that two filters share counts once; those of a specialist only when it is named."""
    around, own = ContentFilter(checks=()), ContentFilter(name="own", checks=(DENY,))
    assert names(around) == ["secrets", "pii"]
    assert names(around, own=(own,)) == ["secrets", "pii"]
    assert names(around, own=(own,), specialist="billing") == ["secrets", "pii", "denylist"]


def test_filters_that_differ_under_one_name_are_measured_one_by_one() -> None:
    """Their figures would be mixed; `filter` picks one."""
    one = ContentFilter(checks=(DENY,))
    other = ContentFilter(name="other", checks=(DenyList(("worse",)),))
    with pytest.raises(BadInput, match="different checks named 'denylist'"):
        of_team(spec(one, other))
    assert DenyList(("worse",)) in of_team(spec(one, other), filter="other").checks


def test_what_is_not_measured_is_named() -> None:
    """Guards that are no content filters."""
    assert of_team(spec(ContentFilter(), GroundingGuard())).beside == ("GroundingGuard",)


def test_names_that_are_not_there_are_refused() -> None:
    """Specialists, filters and checks, each with what there is."""
    team = spec(ContentFilter())
    with pytest.raises(NotFound, match=r"no specialist 'x'\. It has billing"):
        of_team(team, specialist="x")
    with pytest.raises(NotFound, match=r"no content filter 'x'\. It has content"):
        of_team(team, filter="x")
    with pytest.raises(NotFound, match="has no content filter"):
        of_team(spec())
    with pytest.raises(NotFound, match=r"no check 'x' that is on\. It has secrets, pii"):
        named(default(), ["x"])


def test_checks_can_be_picked() -> None:
    """In the filter's order; none named is all."""
    assert [c.name for c in named(default(), ["pii", "secrets"]).checks] == ["secrets", "pii"]
    assert named(default(), []) == default()
