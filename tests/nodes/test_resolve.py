"""Resolvers: a vote depends on who said what and how much it weighs, and on nothing else."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BadOutput, Misconfigured, ModelAuth, ModelOverloaded, PointsmanError
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import Answer, Escalation, Request
from pointsman.nodes.resolve import (
    Ballot,
    ByJudge,
    ByPerson,
    ByRule,
    Poll,
    Resolution,
    Resolver,
    Vote,
    normalised,
)
from pointsman.prompts.library import PromptLibrary
from tests.nodes.bench import Bench


def poll(*said: str, weights: Sequence[float] = ()) -> Poll:
    """What members m0, m1, ... said; empty for no answer."""
    each = weights or [1.0] * len(said)
    ballots = (
        Ballot(f"m{n}", weight, text, key=normalised(text))
        for n, (text, weight) in enumerate(zip(said, each, strict=True))
    )
    return Poll(Request(text="Which one?"), tuple(ballots))


async def settle(
    resolver: Resolver, question: Poll, bench: Bench | None = None
) -> Resolution | None:
    """What the resolver makes of it."""
    return await resolver.ready(PromptLibrary())(question, (bench or Bench()).run)


def text_of(found: Resolution | None) -> str | None:
    """The chosen ballot's text."""
    assert found is None or isinstance(found, Ballot)
    return found.text if found else None


async def test_most_weight_wins() -> None:
    """Equal answers count together, however they are spelled."""
    assert text_of(await settle(Vote(), poll("Disk full.", "network", " disk  FULL"))) in (
        "Disk full.",
        " disk  FULL",
    )
    heavy = poll("disk", "network", "network", weights=(5, 1, 1))
    assert text_of(await settle(Vote(), heavy)) == "disk"


async def test_members_that_failed_count() -> None:
    """Two of five agree and three failed: that is no quorum of half."""
    assert await settle(Vote(), poll("disk", "disk", "", "", "")) is None
    assert text_of(await settle(Vote(0.4), poll("disk", "disk", "", "", ""))) == "disk"
    assert await settle(Vote(0.01), poll("", "")) is None


async def test_a_tie_is_no_result() -> None:
    """Two answers of one weight: nobody has won."""
    assert await settle(Vote(0.1), poll("disk", "network")) is None


@pytest.mark.parametrize("quorum", [0.0, -1.0, 1.1, float("nan")])
def test_a_quorum_is_a_share(quorum: float) -> None:
    """Anything but a share above 0 to 1 is refused."""
    with pytest.raises(Misconfigured, match="quorum"):
        Vote(quorum)


WORDS = st.lists(st.sampled_from(["disk", "network", "Disk ", ""]), min_size=1, max_size=5)
WEIGHTS = st.floats(0.01, 100)


@given(WORDS, st.data(), st.floats(0.01, 1))
async def test_the_order_of_members_changes_nothing(
    said: list[str], data: st.DataObject, quorum: float
) -> None:
    """Whoever stands first: the same winner, wording and agreement."""
    weights = data.draw(st.lists(WEIGHTS, min_size=len(said), max_size=len(said)))
    question = poll(*said, weights=weights)
    expected = await settle(Vote(quorum), question)
    for order in itertools.islice(itertools.permutations(question.ballots), 24):
        other = Poll(question.request, order)
        assert await settle(Vote(quorum), other) == expected
        assert other.agreement == question.agreement


@given(WORDS, st.data(), st.floats(0.01, 1))
async def test_more_weight_for_a_winner_keeps_it(
    said: list[str], data: st.DataObject, quorum: float
) -> None:
    """A voter of the winner that weighs more never makes it lose."""
    weights = data.draw(st.lists(WEIGHTS, min_size=len(said), max_size=len(said)))
    won = await settle(Vote(quorum), poll(*said, weights=weights))
    if not isinstance(won, Ballot):
        return
    voters = [n for n, text in enumerate(said) if normalised(text) == won.key]
    weights[data.draw(st.sampled_from(voters))] += data.draw(WEIGHTS)
    again = await settle(Vote(quorum), poll(*said, weights=weights))
    assert isinstance(again, Ballot)
    assert again.key == won.key


async def test_a_rule_chooses_or_answers() -> None:
    """A function gives a ballot, an answer of its own, or nothing; a foreign ballot is an error."""
    question = poll("3", "9")
    assert text_of(await settle(ByRule(lambda p: p.ballots[1]), question)) == "9"
    assert await settle(ByRule(lambda p: Answer(text="6", by="rules")), question) == Answer(
        text="6", by="rules"
    )
    assert await settle(ByRule(lambda p: None), question) is None
    with pytest.raises(BadOutput, match="none of the poll's"):
        await settle(ByRule(lambda p: Ballot("x", 1.0, "7")), question)


def choosing(text: str) -> Bench:
    """A judge that always finds this answer, wherever it stands."""

    def script(request: ModelRequest) -> str:
        lines = request.turns[-1].content.splitlines()
        return next(line[0] for line in lines if line[1:].startswith(f': "{text}'))

    return Bench(script)


async def test_a_judge_chooses_in_both_orders() -> None:
    """It sees each different answer once, quoted, in two orders, and never whose it is."""
    bench = choosing("network")
    assert text_of(await settle(ByJudge(), poll("disk", "network", "disk"), bench)) == "network"
    first, second = (r.turns[-1].content for r in bench.model.requests)
    assert 'A: "disk"\n\nB: "network"' in first
    assert 'A: "network"\n\nB: "disk"' in second
    assert "m0" not in first
    assert all(r.choices == ("A", "B", "none") for r in bench.model.requests)


async def test_a_judge_that_goes_by_place_settles_nothing() -> None:
    """Whoever always takes the first has not judged."""
    assert await settle(ByJudge(), poll("disk", "network"), Bench(["A", "A"])) is None
    assert await settle(ByJudge(), poll("disk", "network"), Bench(["none", "A"])) is None


async def test_one_answer_alone_is_judged_once() -> None:
    """There is no order to swap."""
    bench = Bench(["A"])
    assert text_of(await settle(ByJudge(), poll("disk", ""), bench)) == "disk"
    assert len(bench.model.requests) == 1


@pytest.mark.parametrize("error", [ModelOverloaded("busy"), BadOutput("nonsense")])
async def test_a_judge_that_fails_for_now_abstains(error: PointsmanError) -> None:
    """The next resolver is asked."""
    bench = Bench(lambda request: error)
    assert await settle(ByJudge(), poll("disk", "network"), bench) is None


async def test_a_judge_without_a_key_is_seen() -> None:
    """What must be mended is raised."""
    bench = Bench(lambda request: ModelAuth("no key"))
    with pytest.raises(PointsmanError):
        await settle(ByJudge(), poll("disk", "network"), bench)


async def test_nine_answers_are_too_many_for_a_judge() -> None:
    """It is not asked at all."""
    bench = Bench()
    assert await settle(ByJudge(), poll(*"abcdefghi"), bench) is None
    assert bench.model.requests == []


async def test_a_person_sees_what_each_said() -> None:
    """Everybody's answer stands in the held text, those that failed too."""
    found = await settle(ByPerson(), poll("disk", "network", ""))
    assert isinstance(found, Escalation)
    assert found.stage == "output"
    assert isinstance(found.held, Answer)
    assert found.held.text.endswith("- m0: disk\n- m1: network\n- m2: no answer")
