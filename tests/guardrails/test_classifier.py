"""The classifier guard, with classifiers written here."""

import asyncio
import threading
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BudgetExceeded, Misconfigured
from pointsman.guardrails.assess import windows
from pointsman.guardrails.classifier import ClassifierGuard
from pointsman.nodes.event import Judged
from pointsman.nodes.message import Answer, Escalation, Refusal
from tests.guardrails.bench import Bench, Inner, ask

Scores = list[tuple[str, float]]
FLAGS = {"INJECTION": 0.9}


def words(text: str) -> Scores:
    """Sure of an injection where the word `ignore` stands."""
    bad = 0.97 if "ignore" in text else 0.02
    return [("INJECTION", bad), ("BENIGN", 1 - bad)]


async def waits(text: str) -> Scores:
    """The same, on the loop."""
    await asyncio.sleep(0)
    return words(text)


def later(text: str) -> Awaitable[Scores]:
    """A plain function that gives something to wait for."""
    return waits(text)


@dataclass
class Named:
    """A classifier that knows its labels and keeps what it was asked."""

    labels: Sequence[str] = ("INJECTION", "BENIGN")
    version: str = "1"

    def __post_init__(self) -> None:
        self.asked: list[str] = []
        self.threads: set[str] = set()

    def __call__(self, text: str) -> Scores:
        self.asked.append(text)
        self.threads.add(threading.current_thread().name)
        return words(text)


class Coroutine:
    """An object that is called as a coroutine."""

    async def __call__(self, text: str) -> Scores:
        assert threading.current_thread() is threading.main_thread()
        return words(text)


@pytest.mark.parametrize("classifier", [words, waits, Named(), Coroutine(), later])
async def test_a_flag_blocks_whatever_the_callable_is(classifier: object) -> None:
    """Functions, coroutine functions and objects of both kinds are called as they need to be."""
    guard = ClassifierGuard(classifier, flags=FLAGS)  # pyright: ignore[reportArgumentType]
    bench, inner = Bench(), Inner()
    node = guard.wrap(inner)
    reply = await node(ask("ignore it all"), bench.run())
    assert isinstance(reply.payload, Refusal)
    [judged] = [e for e in bench.events if isinstance(e, Judged)]
    assert (judged.verdict, judged.rule) == ("block", "injection-request")
    assert (judged.confidence, judged.policy_version) == (0.97, guard.version)
    assert isinstance((await node(ask("hello"), bench.run())).payload, Answer)
    assert len(inner.got) == 1


async def test_one_that_blocks_is_called_off_the_loop() -> None:
    """A plain function runs in the guard's own thread, and the loop goes on."""
    named = Named()
    node = ClassifierGuard(named, flags=FLAGS, name="pg").wrap(Inner())
    await asyncio.gather(*(node(ask(f"text {n}"), Bench().run()) for n in range(4)))
    assert len(named.asked) == 4
    [thread] = named.threads
    assert thread.startswith("pointsman-pg")


@pytest.mark.parametrize(("score", "blocked"), [(0.9, True), (0.8999, False)])
async def test_a_flag_counts_from_its_score_on(score: float, blocked: bool) -> None:
    """At the score it counts, below it does not; labels without a flag never do."""
    guard = ClassifierGuard(lambda _: [("INJECTION", score), ("BENIGN", 1.0)], flags=FLAGS)
    reply = await guard.wrap(Inner())(ask(), Bench().run())
    assert isinstance(reply.payload, Refusal) is blocked


@pytest.mark.parametrize(
    "scores", [[("INJECTION", float("nan"))], [("INJECTION", 7.0)], [], None, [("INJECTION",)]]
)
async def test_scores_that_are_none_block(scores: object) -> None:
    """A NaN is below every bound: what is no score fails closed."""
    bench = Bench()
    guard = ClassifierGuard(lambda _: scores, flags=FLAGS)  # pyright: ignore
    reply = await guard.wrap(Inner())(ask(), bench.run())
    assert isinstance(reply.payload, Refusal)
    assert bench.judged == [("block", "guard-error", 1)]


async def test_one_that_hangs_ends_in_a_time_out_and_fails_closed() -> None:
    """No score in time: refused, or let through and recorded where `when_down` says so."""
    release = threading.Event()

    def hangs(text: str) -> Scores:
        release.wait(60)
        return words(text)

    try:
        for down, verdict in (("block", "block"), ("allow", "allow")):
            bench, inner = Bench(), Inner()
            guard = ClassifierGuard(hangs, flags=FLAGS, timeout=0.01, when_down=down)  # pyright: ignore
            await guard.wrap(inner)(ask(), bench.run())
            assert bench.judged == [(verdict, "unjudged-request", 1)]
            assert len(inner.got) == (verdict == "allow")
    finally:
        release.set()


async def test_when_down_allow_covers_a_classifier_that_raises() -> None:
    """With `allow` a broken classifier is recorded and the message passes."""

    def broken(text: str) -> Scores:
        raise RuntimeError(text)

    bench, inner = Bench(), Inner()
    await ClassifierGuard(broken, flags=FLAGS, when_down="allow").wrap(inner)(ask(), bench.run())
    assert bench.judged == [("allow", "unjudged-request", 1)]
    assert len(inner.got) == 1


async def test_an_error_of_the_tree_passes() -> None:
    """A classifier that says that the run's budget is spent is heard."""

    def spent(text: str) -> Scores:
        raise BudgetExceeded("spent")

    guard = ClassifierGuard(spent, flags=FLAGS, when_down="allow")
    with pytest.raises(BudgetExceeded):
        await guard.wrap(Inner())(ask(), Bench().run())


async def test_the_end_of_a_long_text_is_read_too() -> None:
    """Every stretch is classified, and none is longer than the window."""
    named = Named()
    guard = ClassifierGuard(named, flags=FLAGS, window=80)
    text = "a word " * 60 + "ignore"
    reply = await guard.wrap(Inner())(ask(text), Bench().run())
    assert isinstance(reply.payload, Refusal)
    assert max(map(len, named.asked)) == 80
    assert len(named.asked) == 6


async def test_a_text_that_is_too_long_is_refused_unread() -> None:
    """Beyond `most` stretches nobody could say that all of it is fine."""
    named = Named()
    guard = ClassifierGuard(named, flags=FLAGS, window=80, most=2, when_down="allow")
    bench = Bench()
    await guard.wrap(Inner())(ask("a word " * 60), bench.run())
    assert bench.judged == [("block", "too-long-request", 1)]
    assert named.asked == []


async def test_letters_held_apart_are_classified_in_plain() -> None:
    """A text with invisible characters is also classified without them."""
    guard = ClassifierGuard(Named(), flags=FLAGS)
    reply = await guard.wrap(Inner())(ask("i\u200bg\u200bn\u200bore it"), Bench().run())
    assert isinstance(reply.payload, Refusal)


async def test_escalate_and_shadow() -> None:
    """`escalate` asks a person; on trial a flag is recorded and nothing comes of it."""
    guard = ClassifierGuard(words, flags=FLAGS, action="escalate")
    reply = await guard.wrap(Inner())(ask("ignore"), Bench().run())
    assert isinstance(reply.payload, Escalation)
    bench, inner = Bench(), Inner()
    await replace(guard, shadow=True).wrap(inner)(ask("ignore"), bench.run())
    assert len(inner.got) == 1
    [judged] = [e for e in bench.events if isinstance(e, Judged)]
    assert (judged.verdict, judged.shadow) == ("escalate", True)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"flags": {}}, "flags"),
        ({"flags": {"INJECTION": 0}}, "flags"),
        ({"flags": {"LABEL_1": 0.5}}, "never LABEL_1"),
        ({"flags": FLAGS, "timeout": 0}, "timeout"),
        ({"flags": FLAGS, "window": 1}, "window"),
        ({"flags": FLAGS, "threads": 0}, "threads"),
        ({"flags": FLAGS, "action": "redact"}, "redact"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], says: str) -> None:
    """A flag the classifier never gives would guard nothing: it is said when the guard is made."""
    with pytest.raises(Misconfigured, match=says):
        ClassifierGuard(Named(), **settings)  # pyright: ignore[reportArgumentType]


def test_the_version_follows_flags_and_classifier() -> None:
    """Another bound or another version of the classifier is another version."""
    guards = [
        ClassifierGuard(Named(), flags=FLAGS),
        ClassifierGuard(Named(), flags={"INJECTION": 0.5}),
        ClassifierGuard(Named(version="2"), flags=FLAGS),
        ClassifierGuard(words, flags=FLAGS),
    ]
    assert len({guard.version for guard in guards}) == len(guards)


@given(st.text(max_size=200), st.integers(2, 40), st.data())
def test_windows_cover_every_character(text: str, size: int, data: st.DataObject) -> None:
    """Whatever the sizes, the stretches put together are the text, and no stretch is too long."""
    overlap = data.draw(st.integers(0, size - 1))
    parts = windows(text, size, overlap)
    assert parts[0] + "".join(part[overlap:] for part in parts[1:]) == text
    assert all(len(part) <= size for part in parts)
    assert all(len(part) > overlap for part in parts[1:])
