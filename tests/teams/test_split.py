"""Parts of a message keep the person's own words, though the router sees it masked."""

from hypothesis import given
from hypothesis import strategies as st

from pointsman.nodes.message import Request
from pointsman.nodes.routing.parts import Part, parts, pieces
from pointsman.nodes.routing.router import Route
from pointsman.teams.split import in_own_words, in_tasks

TEXT = "Refund invoice ana@example.org please. Also my phone ana@example.org is broken."
MASKED = TEXT.replace("ana@example.org", "[EMAIL_1]")


def split(*owners: str, masked: str = MASKED) -> Route:
    """The router's decision on the masked message, with an owner for each piece."""
    return Route(owners[0], "rules", parts=parts(pieces(masked), owners))


def test_each_part_has_its_own_words() -> None:
    """What a filter masks for the router's model reaches the specialist's own filters as it is."""
    route = in_own_words(split("billing", "tech"), MASKED, TEXT)
    assert route.parts == (
        Part("billing", "Refund invoice ana@example.org please."),
        Part("tech", "Also my phone ana@example.org is broken."),
    )
    tasks = in_tasks(route, Request(text=TEXT)).tasks
    assert [(task.id, task.to) for task in tasks] == [("part-1", "billing"), ("part-2", "tech")]


def test_a_message_that_falls_apart_otherwise_stays_whole() -> None:
    """Rather one specialist than words that nobody wrote."""
    route = in_own_words(split("billing", "tech"), MASKED, TEXT.replace(". Also", ""))
    assert (route.to, route.parts) == ("billing", ())


def test_nothing_masked_is_nothing_changed() -> None:
    """The router's own parts."""
    route = split("billing", "tech", masked=TEXT)
    assert in_own_words(route, TEXT, TEXT) is route


@given(st.lists(st.sampled_from(("", "a", "b", "c")), min_size=2, max_size=8))
def test_no_piece_is_lost_or_lent(owners: list[str]) -> None:
    """Each piece goes to its owner, however owners follow one another."""
    text = " ".join(f"Please look at number{n} now." for n in range(len(owners)))
    masked = text.replace("number", "X")
    found = parts(pieces(masked), owners)
    route = in_own_words(Route("a", "rules", parts=found), masked, text)
    assert tuple(Part(p.to, p.text.replace("number", "X")) for p in route.parts) == found
