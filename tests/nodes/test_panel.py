"""A panel asks all members the same, and every visit ends with an explicit outcome."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from pointsman.errors import BadOutput, Misconfigured
from pointsman.nodes.event import Resolved
from pointsman.nodes.message import (
    Answer,
    Delegation,
    Delivered,
    Escalation,
    Message,
    Payload,
    Status,
    TaskResult,
)
from pointsman.nodes.panel import Member, Panel
from pointsman.nodes.resolve import ByJudge, ByPerson, ByRule, Resolver, Vote
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import PromptLibrary
from tests.nodes.bench import Bench, ask

NAMES = ("logs", "metrics", "changes")
LOGS, METRICS, CHANGES = (Specialist(name, handles=name) for name in NAMES)
TRIAGE = Specialist("billing", handles="incidents")


def result(who: str, text: str, *, status: Status = "done", data: JsonValue = None) -> TaskResult:
    """What became of a member's task."""
    return TaskResult(task=who, to=who, run="r" + who, status=status, text=text, data=data)


async def visit(panel: Panel, payload: Payload, bench: Bench) -> Payload:
    """One visit."""
    node = panel.node(TRIAGE, team="shop", prompts=PromptLibrary())
    message = Message(id="m1", sender="user", receiver="billing", payload=payload)
    return (await node(message, bench.run)).payload


async def asked(panel: Panel, text: str = "What is down?") -> Delegation:
    """What it gives to its members."""
    payload = await visit(panel, ask(text).payload, Bench())
    assert isinstance(payload, Delegation)
    return payload


async def settled(panel: Panel, *results: TaskResult, bench: Bench | None = None) -> Payload:
    """What it makes of their results."""
    delivered = Delivered(delegation=await asked(panel), results=results)
    return await visit(panel, delivered, bench or Bench())


async def test_each_member_gets_the_question() -> None:
    """A task each, side by side, in the person's own words."""
    delegation = await asked(Panel((LOGS, Member(METRICS, 2.0))))
    assert delegation.of == "panel"
    assert [(t.id, t.to, t.text, t.needs) for t in delegation.tasks] == [
        ("logs", "logs", "What is down?", ()),
        ("metrics", "metrics", "What is down?", ()),
    ]


async def test_the_winner_answers_with_its_data() -> None:
    """Text and data are the winner's; what all said is evidence; the record has figures only."""
    bench = Bench()
    answer = await settled(
        Panel((LOGS, METRICS, CHANGES)),
        result("logs", "The disk.", data={"cause": "disk"}),
        result("metrics", "the disk"),
        result("changes", "", status="failed"),
        bench=bench,
    )
    assert isinstance(answer, Answer)
    assert (answer.text, answer.data) == ("The disk.", {"cause": "disk"})
    assert answer.evidence == ("What is down?", "The disk.", "the disk")
    assert bench.events == [
        Resolved(
            specialist="billing", members=3, answered=2, distinct=1, agreement=2 / 3,
            resolver="vote", winner="logs",
        )
    ]  # fmt: skip


async def test_weights_count() -> None:
    """The heavier member outvotes two others."""
    panel = Panel((Member(LOGS, 5.0), METRICS, CHANGES))
    said = (result("logs", "disk"), result("metrics", "net"), result("changes", "net"))
    answer = await settled(panel, *said)
    assert isinstance(answer, Answer)
    assert answer.text == "disk"


async def test_a_path_into_the_data_is_compared() -> None:
    """Different words of one finding agree; who lacks the value votes for nobody."""
    panel = Panel((LOGS, METRICS, CHANGES), path="cause.service")
    answer = await settled(
        panel,
        result("logs", "I think it is the cart", data={"cause": {"service": "Cart"}}),
        result("metrics", "cart, 90 %", data={"cause": {"service": "cart"}}),
        result("changes", "cart", data={"cause": None}),
    )
    assert isinstance(answer, Answer)
    assert answer.text == "I think it is the cart"


async def test_a_key_function_is_compared() -> None:
    """Only what the function makes of a result counts."""
    panel = Panel((LOGS, METRICS), key=lambda r: r.text.split()[0])
    answer = await settled(panel, result("logs", "disk: full"), result("metrics", "disk: 99 %"))
    assert isinstance(answer, Answer)
    assert answer.text == "disk: 99 %"


async def test_the_next_resolver_is_asked() -> None:
    """Resolvers in order; the record says who could not tell and who settled it."""
    bench = Bench(["A", "A"])
    panel = Panel((LOGS, METRICS), otherwise=(ByJudge(), ByPerson("they differ")))
    held = await settled(panel, result("logs", "disk"), result("metrics", "net"), bench=bench)
    assert isinstance(held, Escalation)
    assert (held.reason, held.rule) == ("they differ", "disagreement")
    (event,) = [e for e in bench.events if isinstance(e, Resolved)]
    assert (event.distinct, event.resolver, event.abstained) == (2, "person", ("vote", "judge"))


async def test_nobody_could_tell() -> None:
    """Without a resolver that settles it, the error says how things stand."""
    bench = Bench()
    with pytest.raises(BadOutput, match=r"2 different ones from 3 members.*changes \(blocked\)"):
        await settled(
            Panel((LOGS, METRICS, CHANGES)),
            result("logs", "disk"),
            result("metrics", "net"),
            result("changes", "no", status="blocked"),
            bench=bench,
        )
    (event,) = bench.events
    assert isinstance(event, Resolved)
    assert (event.resolver, event.winner) == ("", "")


async def test_no_answer_at_all_asks_no_resolver() -> None:
    """A judge and a person have nothing to look at."""
    panel = Panel((LOGS, METRICS), otherwise=(ByPerson(),))
    failed = (result("logs", "", status="failed"), result("metrics", "", status="failed"))
    with pytest.raises(BadOutput, match="0 different"):
        await settled(panel, *failed)


async def test_a_rules_own_answer() -> None:
    """A resolver's answer of its own gets the members' texts as evidence."""
    rule = ByRule(lambda poll: Answer(text="both", by="rules"))
    panel = Panel((LOGS, METRICS), resolver=rule)
    answer = await settled(panel, result("logs", "disk"), result("metrics", "net"))
    assert answer == Answer(text="both", by="rules", evidence=("What is down?", "disk", "net"))


@pytest.mark.parametrize(
    "members", [(LOGS,), (LOGS, LOGS), (LOGS, Member(METRICS, 0)), (LOGS, Member(METRICS, 1e999))]
)
def test_a_panel_that_cannot_be(members: tuple[Specialist | Member, ...]) -> None:
    """Too few, one twice, weights that are none: refused when made."""
    with pytest.raises(Misconfigured):
        Panel(members)


def test_one_thing_is_compared() -> None:
    """A path and a key are two."""
    with pytest.raises(Misconfigured, match="both"):
        Panel((LOGS, METRICS), path="cause", key=lambda result: result.text)


def test_a_panel_without_itself() -> None:
    """Who does the panel is no member of it."""
    with pytest.raises(Misconfigured, match="own panel"):
        Panel((TRIAGE, LOGS)).node(TRIAGE, team="shop", prompts=PromptLibrary())


STATUSES: tuple[Status, ...] = ("done", "partial", "blocked", "no_route", "cancelled", "failed")
RESOLVERS: tuple[Resolver, ...] = (Vote(), Vote(1.0), ByRule(lambda p: None), ByJudge(), ByPerson())


@given(
    st.lists(
        st.tuples(st.sampled_from(STATUSES), st.sampled_from(["disk", "net", ""])),
        min_size=3, max_size=3,
    ),
    st.lists(st.sampled_from(RESOLVERS), min_size=1, max_size=4),
    st.lists(st.sampled_from(["A", "B", "none", "nonsense"]), min_size=20, max_size=20),
)  # fmt: skip
async def test_every_visit_ends(
    came: Sequence[tuple[Status, str]], resolvers: list[Resolver], judged: list[str]
) -> None:
    """Whatever members and judges say: an answer that a member gave, a ticket, or BadOutput; and
    one record of it."""
    results = [result(n, t, status=s) for n, (s, t) in zip(NAMES, came, strict=True)]
    panel = Panel((LOGS, METRICS, CHANGES), resolver=resolvers[0], otherwise=tuple(resolvers[1:]))
    bench = Bench(judged)
    try:
        payload = await settled(panel, *results, bench=bench)
    except BadOutput:
        payload = None
    said = {r.text for r in results if r.status == "done" and r.text}
    match payload:
        case Answer(text=text):
            assert text in said
        case Escalation() | None:
            pass
        case _:
            pytest.fail(f"a panel gave a {payload.kind}")
    (event,) = [e for e in bench.events if isinstance(e, Resolved)]
    assert event.distinct == len(said)
    assert bool(event.resolver) == (payload is not None)
    assert 0 <= event.agreement <= 1


async def test_other_messages_are_not_for_it() -> None:
    """A panel takes requests and what became of its tasks."""
    with pytest.raises(TypeError, match="answer"):
        await visit(Panel((LOGS, METRICS)), Answer(text="x"), Bench())
