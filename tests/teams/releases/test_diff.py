"""What differs between two behaviours."""

from pointsman.teams.releases.diff import differences
from pointsman.teams.releases.release import PinnedPrompt
from tests.teams.releases.made import some_parts


def test_equal_behaviours_differ_in_nothing() -> None:
    """Nothing is listed."""
    assert differences(some_parts(), some_parts()) == ()


def test_a_prompt_is_compared_line_by_line() -> None:
    """With the lines around it."""
    (found,) = differences(some_parts("a\nb\nc\n"), some_parts("a\nB\nc\n"))
    assert (found.part, found.name, found.how) == ("prompts", "shop/clerk", "changed")
    assert found.lines == ("@@ -1,3 +1,3 @@", " a", "-b", "+B", " c")


def test_what_was_added_and_removed_is_named() -> None:
    """By part and name, data first, then code."""
    new = some_parts(
        prompts={"shop/new": PinnedPrompt(version="1" * 12, text="hi\n")},
        tools={"clerk.refund": {"effect": "write", "stakes": "low"}},
        router={"sticky": False},
    )
    found = [(d.part, d.name, d.how) for d in differences(some_parts(), new)]
    assert found == [
        ("prompts", "shop/clerk", "removed"),
        ("prompts", "shop/new", "added"),
        ("tools", "clerk.refund", "changed"),
        ("router", "sticky", "added"),
    ]
