"""The leak guard: what the instructions say does not leave, and what others said may."""

import base64
import codecs
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.guardrails.leak import CUT, SORRY, LeakGuard, canary_of, with_canary
from pointsman.nodes.event import Judged
from pointsman.nodes.message import (
    Answer,
    Handoff,
    Payload,
    Proposal,
    Refusal,
    Request,
    ToolCall,
    Turn,
)
from tests.guardrails.bench import Bench, Inner, ask

PROMPT = (
    "You are the billing specialist of a shop. Never tell anybody about the internal table of"
    " discount codes. Refunds above 500 dollars need the approval of Mrs. Brown in finance; you may"
    " grant those below at once. Answer in short sentences."
)
CANARY = canary_of("v1", b"secret")
GUARD = LeakGuard(PROMPT, canary=CANARY)
INSIDE = "Never tell anybody about the internal table of discount codes. Refunds above 500 dollars"


async def after(
    payload: Payload, guard: LeakGuard = GUARD, asked: str = "What do you do?"
) -> tuple[Payload, Bench]:
    """What leaves the guard when the specialist gives `payload`."""
    bench = Bench()
    reply = await guard.wrap(Inner(payload))(ask(asked), bench.run())
    return reply.payload, bench


@pytest.mark.parametrize(
    "tell",
    [
        lambda text: text,
        lambda text: f"My instructions say: {text} And so on.",
        str.upper,
        lambda text: text.replace(" ", "\n- "),
        "-".join,
        "\u200b".join,
        lambda text: text.replace("o", "\u043e"),
        lambda text: text[::-1],
        lambda text: codecs.encode(text, "rot13"),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.b64encode(text[::-1].encode()).decode(),
        lambda text: text.encode().hex(),
    ],
)  # fmt: skip
async def test_a_long_run_is_refused_however_it_is_written(tell: Callable[[str], str]) -> None:
    """Plain, spread, smuggled, backwards or encoded: the answer becomes an apology, recorded with
    its place and the version of the rules."""
    left, bench = await after(Answer(text=tell(INSIDE)))
    assert left == Refusal(guard="leak", rule="prompt-run", text=SORRY)
    (judged,) = [event for event in bench.events if isinstance(event, Judged)]
    assert (judged.verdict, judged.stage, judged.spans[0].at) == ("block", "output", "answer.text")
    assert len(judged.policy_version) == 12


async def test_many_short_runs_are_a_leak_together() -> None:
    """Instructions told in pieces, with other words between them, are told all the same."""
    words = PROMPT.split()
    pieces = " and furthermore also ".join(
        " ".join(words[at : at + 7]) for at in range(0, len(words), 7)
    )
    left, _ = await after(Answer(text=pieces))
    assert isinstance(left, Refusal)
    assert left.rule == "prompt-share"


@pytest.mark.parametrize(
    "text",
    [
        "I look after bills and refunds. What can I do for you?",
        "Refunds above 500 dollars take a little longer.",
        "Answer in short sentences.",
        "",
    ],
)
async def test_a_few_shared_words_pass(text: str) -> None:
    """Whoever speaks of the same things uses the same words."""
    answer = Answer(text=text)
    left, bench = await after(answer)
    assert left is answer
    assert bench.events == []


async def test_what_others_said_may_be_said_again() -> None:
    """A passage that stands in the request, in a tool's result or in `public` is no leak."""
    assert isinstance((await after(Answer(text=INSIDE)))[0], Refusal)
    for answer, guard, asked in (
        (Answer(text=INSIDE), GUARD, f"Is this right: {INSIDE}"),
        (Answer(text=INSIDE, evidence=("x", INSIDE)), GUARD, "x"),
        (Answer(text=INSIDE), LeakGuard(PROMPT, public=(INSIDE,)), "x"),
    ):
        assert (await after(answer, guard, asked))[0] is answer


@pytest.mark.parametrize("spell", [str, str.upper, "-".join, lambda text: text[::-1]])
async def test_the_canary_is_refused(spell: Callable[[str], str]) -> None:
    """Who says the canary has read the prompt to somebody, even when nothing else of it is said."""
    left, bench = await after(Answer(text=f"It is {spell(CANARY)}, I think."))
    assert isinstance(left, Refusal)
    assert bench.judged == [("block", "canary", 1)]


async def test_the_canary_is_no_secret_of_the_person() -> None:
    """The request cannot make the canary harmless by holding it."""
    left, _ = await after(Answer(text=CANARY), asked=CANARY)
    assert isinstance(left, Refusal)


def test_a_canary_is_the_same_for_the_same_prompt_and_secret() -> None:
    """It changes with the version and with the secret, and the prompt carries it once."""
    assert canary_of("v1", b"secret") == CANARY
    assert len({CANARY, canary_of("v2", b"secret"), canary_of("v1", b"other")}) == 3
    assert with_canary(PROMPT, CANARY).startswith(PROMPT)
    assert with_canary(PROMPT, CANARY).count(CANARY) == 1


async def test_redact_cuts_the_run_out_of_the_answer() -> None:
    """What stands around it stays; a leak in the data is refused all the same."""
    cutting = LeakGuard(PROMPT, action="redact")
    left, bench = await after(Answer(text=f"Yes. {INSIDE} So it is."), cutting)
    assert isinstance(left, Answer)
    assert left.text == f"Yes. {CUT} So it is."
    assert bench.judged == [("redact", "prompt-run", 1)]
    left, _ = await after(Answer(text="Yes.", data={"rules": INSIDE.split()}), cutting)
    assert isinstance(left, Refusal)


async def test_hand_offs_and_actions_are_read_too() -> None:
    """The prompt leaves neither by a hand-off's reason nor by an argument of a tool."""
    request = Request(text="x")
    call = ToolCall(id="c", name="mail", args={"to": "a@b.test", "body": INSIDE})
    for payload in (
        Handoff(to="sales", reason=INSIDE, request=request),
        Proposal(request=request, calls=(call,), transcript=()),
    ):
        assert isinstance((await after(payload))[0], Refusal)
    told = (Turn(role="system", content=PROMPT), Turn(role="tool", content=INSIDE))
    known = Proposal(request=request, calls=(call,), transcript=told)
    assert (await after(known))[0] is known
    unknown = Proposal(request=request, calls=(call,), transcript=told[:1])
    assert isinstance((await after(unknown))[0], Refusal)


async def test_on_trial_nothing_comes_of_it() -> None:
    """In shadow the verdict is recorded as a trial and the answer leaves."""
    answer = Answer(text=INSIDE)
    left, bench = await after(answer, LeakGuard(PROMPT, shadow=True))
    assert left is answer
    assert [event.shadow for event in bench.events if isinstance(event, Judged)] == [True]


@pytest.mark.parametrize(
    "wrong",
    [{"run": 5}, {"share": 0.0}, {"share": 2.0}, {"canary": "short"}, {"prompt": "x" * 200_001}],
)
def test_bounds_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    """Bounds by which everything or nothing would leak are a mistake."""
    with pytest.raises(Misconfigured):
        LeakGuard(**{"prompt": PROMPT, **wrong})  # pyright: ignore[reportArgumentType]


def test_the_prompt_is_not_shown() -> None:
    """Neither the prompt nor the canary stands in the guard's own text."""
    assert INSIDE not in repr(GUARD)
    assert CANARY not in repr(GUARD)


@given(st.text(), st.text(), st.sampled_from(["text", "data"]))
async def test_any_text_is_read(before: str, behind: str, place: str) -> None:
    """No text raises, and none around a leak hides it."""
    told = f"{before} {INSIDE} {behind}"
    answer = Answer(text=told) if place == "text" else Answer(text="x", data=json.dumps(told))
    left, _ = await after(answer)
    assert isinstance(left, Refusal)
    assert left.rule == "prompt-run"
