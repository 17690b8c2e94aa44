"""Whose examples are taken for whose."""

from dataclasses import replace

from pointsman.teams.check.overlaps import Overlaps, overlapping, overlaps
from tests.teams.check.faulty import case, one

MONEY = tuple(f"please pay the invoice number {n} today" for n in range(10))
SAME = tuple(f"please pay the invoice number {n} today" for n in range(10, 20))
LAMPS = tuple(f"my lamp {n} flickers and goes dark" for n in range(10))


def measured(**examples: tuple[str, ...]) -> Overlaps | None:
    """The matrix of a team with these examples."""
    return overlaps(spec(**examples))


def spec(**examples: tuple[str, ...]):
    """A team with these examples."""
    return case("", *(one(name, examples=texts) for name, texts in examples.items())).spec()


def test_examples_apart_are_told_apart() -> None:
    """Different subjects give a clean diagonal and no finding; every example is judged once."""
    found = measured(money=MONEY, lamps=LAMPS)
    assert found is not None
    assert found.counts == ((10, 0), (0, 10))
    assert found.accuracy == 1.0
    assert list(overlapping(spec(money=MONEY, lamps=LAMPS), found)) == []


def test_examples_of_one_kind_overlap() -> None:
    """Two specialists with one subject are a finding that names both and the share."""
    team = spec(money=MONEY, debts=SAME, lamps=LAMPS)
    found = overlaps(team)
    assert found is not None
    (finding,) = overlapping(team, found)
    assert (finding.rule, finding.place, finding.severity) == (
        "overlap", "money and debts", "warning",
    )  # fmt: skip
    assert "%" in finding.message
    assert sum(map(sum, found.counts)) == 30


def test_the_same_team_gives_the_same_matrix() -> None:
    """Nothing is left to chance."""
    team = spec(money=MONEY, debts=SAME)
    assert overlaps(team) == overlaps(team)


def test_few_examples_are_left_out() -> None:
    """A specialist with four examples, or the same one many times, says nothing about overlap."""
    found = measured(money=MONEY, lamps=LAMPS, few=MONEY[:4], same=("x",) * 9)
    assert found is not None
    assert (found.names, found.left_out) == (("money", "lamps"), ("few", "same"))
    assert measured(money=MONEY, few=LAMPS[:4]) is None


def test_only_those_whom_the_router_may_choose_are_compared() -> None:
    """Who is reached by hand-off only cannot be mistaken by the router."""
    team = spec(money=MONEY, debts=SAME)
    assert overlaps(replace(team, transitions={"route": ("money",)})) is None


def test_a_few_odd_examples_are_no_overlap() -> None:
    """The same share is a finding where many examples show it, and none where few do."""

    def told(wrong: int, right: int) -> int:
        counts = ((right, wrong), (wrong, right))
        return len(list(overlapping(spec(a=(), b=()), Overlaps(("a", "b"), counts))))

    assert (told(2, 4), told(20, 40)) == (0, 1)
    assert (told(19, 81), told(30, 70)) == (0, 1)
    assert told(0, 5) == 0
