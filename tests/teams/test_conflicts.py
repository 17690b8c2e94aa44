"""Resolvers: what follows when two wrote from the same version."""

from collections.abc import Callable

import pytest

from pointsman.errors import Misconfigured
from pointsman.teams.conflicts import (
    Ask,
    Escalate,
    LastWriter,
    Merge,
    Priority,
    Refuse,
    Resolver,
    Take,
    Version,
    Vote,
    WriteConflict,
)


def a_version(value: int | None, version: int = 2, by: str = "bo") -> Version[int]:
    """A version of the plan."""
    return Version("plan", version, value, by, "r1", "why", 0.0, None)


def a_conflict(
    *, mine: int | None = 5, by: str = "ana", theirs: Version[int] | None = None
) -> WriteConflict[int]:
    """Ana had read 1, and bo has written 3 meanwhile."""
    return WriteConflict("plan", 1, a_version(1, 1), mine, by, "mine", theirs or a_version(3))


GONE = WriteConflict("plan", 1, a_version(1, 1), 5, "ana", "mine", None)


def test_the_last_writer_wins_where_it_is_asked_for() -> None:
    """Also over an entry that is gone; a removal does not."""
    assert LastWriter[int]()(a_conflict()) == Take(5, "the last writer wins")
    assert isinstance(LastWriter[int]()(GONE), Take)
    assert isinstance(LastWriter[int]()(a_conflict(mine=None)), Refuse)


def test_a_merge_gets_all_three_values() -> None:
    """What it gives is taken; None refuses."""
    seen: list[tuple[int | None, int, int]] = []

    def add(base: int | None, mine: int, theirs: int) -> int:
        seen.append((base, mine, theirs))
        return mine + theirs - (base or 0)

    assert Merge(add)(a_conflict()) == Take(7, "merged with version 2")
    assert seen == [(1, 5, 3)]

    def cannot(_base: int | None, _mine: int, _theirs: int) -> int | None:
        return None

    assert isinstance(Merge(cannot)(a_conflict()), Refuse)


def test_a_removal_is_not_merged() -> None:
    """On neither side, and the function is not called."""

    def never(_base: int | None, _mine: int, _theirs: int) -> int:
        raise AssertionError("there is nothing to merge")

    for conflict in (a_conflict(mine=None), GONE):
        assert isinstance(Merge(never)(conflict), Refuse)


@pytest.mark.parametrize(
    ("mine", "theirs", "taken"),
    [
        ("ana", "bo", True), ("bo", "ana", False), ("bo", "bo", False),
        ("bo", "stranger", True), ("stranger", "bo", False), ("stranger", "other", False),
    ],
)  # fmt: skip
def test_who_stands_earlier_goes_first(mine: str, theirs: str, *, taken: bool) -> None:
    """Of equals, and of two strangers, theirs stands."""
    conflict = a_conflict(by=mine, theirs=a_version(3, by=theirs))
    assert isinstance(Priority[int](("ana", "bo"))(conflict), Take) is taken


@pytest.mark.parametrize(
    ("votes", "taken"),
    [
        ((True, True, False), True), ((True, False), False), ((True, None), False),
        ((True, True, None), True), ((None, None, True), False),
    ],
)  # fmt: skip
def test_a_vote_needs_more_than_half_of_all(votes: tuple[bool | None, ...], *, taken: bool) -> None:
    """Abstentions count against it."""

    def voter(vote: bool | None) -> Callable[[WriteConflict[int]], bool | None]:
        return lambda _conflict: vote

    assert isinstance(Vote([voter(vote) for vote in votes])(a_conflict()), Take) is taken


def test_a_vote_without_voters_is_refused() -> None:
    """When it is declared."""
    with pytest.raises(Misconfigured, match="no voters"):
        Vote[int](())


def test_escalation_asks_a_person() -> None:
    """With its reason."""
    resolver: Resolver[int] = Escalate[int]("Ask finance.")
    assert resolver(a_conflict()) == Ask("Ask finance.")
