"""The fallback chain and its table."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

import pytest
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from pointsman import errors
from pointsman.errors import (
    Attempt,
    BadOutput,
    BudgetExceeded,
    CircuitOpen,
    ContentRefused,
    ContextOverflow,
    DeadlineExceeded,
    Misconfigured,
    MissingExtra,
    ModelAuth,
    ModelOverloaded,
    ModelRejected,
    ModelTimeout,
    ModelUnreachable,
    NoModel,
    PointsmanError,
    RateLimited,
    StoreBroken,
    UnknownModel,
)
from pointsman.nodes.gateway import chain as module
from pointsman.nodes.gateway.chain import Chain, Retry, step_after
from pointsman.nodes.gateway.transport import ModelReply


class Walk:
    """A chain over scripted models: what it asked, slept and reported."""

    def __init__(
        self,
        *,
        retry: Retry | None = None,
        draw: float = 1.0,
        refused: Literal["stop", "next"] = "stop",
        reads: Mapping[str, int] | None = None,
    ) -> None:
        self.asked: list[str] = []
        self.slept: list[float] = []
        self.failed: list[tuple[str, str, str]] = []
        self.fallbacks: tuple[Attempt, ...] = ()

        async def context(model: str) -> int | None:
            return (reads or {}).get(model)

        self.chain = Chain(
            retry=retry or Retry(first=0.001), draw=lambda: draw, refused=refused, context=context
        )

    async def __call__(self, **models: Sequence[PointsmanError | str]) -> str:
        """Walk the models; each gives its outcomes in turn, the last one for ever."""

        async def ask(model: str) -> ModelReply:
            self.asked.append(model)
            outcomes = models[model]
            outcome = outcomes[min(self.asked.count(model), len(outcomes)) - 1]
            if isinstance(outcome, PointsmanError):
                raise outcome
            return ModelReply(model=model, text=outcome)

        def failed(model: str, error: PointsmanError, following: str) -> None:
            self.failed.append((model, type(error).__name__, following))

        def slept(details: RetryDetails) -> None:
            self.slept.append(round(details.wait_for, 9))

        set_on_retry_hooks([slept])
        try:
            reply = await self.chain.walk(tuple(models), ask, tier="fast", failed=failed)
            self.fallbacks = reply.fallbacks
            return reply.text
        finally:
            set_on_retry_hooks(None)


@pytest.mark.parametrize(
    ("error", "asked", "slept"),
    [
        (ModelOverloaded("x"), ["a", "a", "a", "b"], 2),
        (RateLimited("x"), ["a", "a", "a", "b"], 2),
        (CircuitOpen("x", retry_after=0.001), ["a", "b"], 0),
        (ModelTimeout("x"), ["a", "b"], 0),
        (ModelUnreachable("x"), ["a", "b"], 0),
        (ModelAuth("x"), ["a", "b"], 0),
        (UnknownModel("x"), ["a", "b"], 0),
        (MissingExtra("x"), ["a", "b"], 0),
        (BadOutput("x"), ["a", "b"], 0),
    ],
)
async def test_the_next_model_is_asked(error: PointsmanError, asked: list[str], slept: int) -> None:
    """Each class moves on to the next model, overload after its retries, and says so once."""
    walk = Walk()
    assert await walk(a=[error], b=["fine"]) == "fine"
    assert walk.asked == asked
    assert len(walk.slept) == slept
    assert walk.failed == [("a", type(error).__name__, "b")]


@pytest.mark.parametrize(
    ("error", "reported"),
    [
        (ModelRejected("x"), [("a", "ModelRejected", "")]),
        (BudgetExceeded("x"), []),
        (DeadlineExceeded("x"), []),
        (StoreBroken("x"), []),
    ],
)
async def test_giving_up(error: PointsmanError, reported: list[tuple[str, str, str]]) -> None:
    """An invalid request and the run's own end stop the chain; only the first is the model's."""
    walk = Walk()
    with pytest.raises(type(error)) as caught:
        await walk(a=[error], b=["fine"])
    assert caught.value is error
    assert walk.asked == ["a"]
    assert walk.failed == reported


def test_the_documented_table_is_the_table() -> None:
    """Every row of the module's text says what the code does, and none of its lines is missing."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (module.__doc__ or "").splitlines()
        if line.startswith("| ")
    ][1:]
    words = {
        "retry": "retry the same model, then the next",
        "next": "next model",
        "bigger": "the next model that reads more",
        "stop": "give up",
    }
    named: set[type[PointsmanError]] = set()
    for name, _, then in rows:
        if name == "any other":
            assert words[step_after(PointsmanError("x"))] == then
            continue
        kind = getattr(errors, name.removeprefix("any other "))
        named.add(kind)
        said = then.removesuffix(", or the next (`refused`)")
        assert words[step_after(kind("x"))] == said, name
    assert named >= {kind for kind, _ in module.TABLE}


async def test_a_retry_that_works_is_no_failure() -> None:
    """A model that recovers answers, and nothing is reported."""
    walk = Walk()
    assert await walk(a=[ModelOverloaded("x"), "fine"], b=["not me"]) == "fine"
    assert walk.failed == []


async def test_backoff_is_full_jitter_and_bounded() -> None:
    """Waits double up to the bound, and are a random part of it."""
    walk = Walk(retry=Retry(attempts=5, first=0.001, most=0.003), draw=1.0)
    await walk(a=[ModelOverloaded("x")], b=["fine"])
    assert walk.slept == [0.001, 0.002, 0.003, 0.003]
    walk = Walk(retry=Retry(attempts=3, first=0.001, most=0.003), draw=0.0)
    await walk(a=[ModelOverloaded("x")], b=["fine"])
    assert walk.slept == [0, 0]


async def test_retry_after_is_honoured_up_to_a_bound() -> None:
    """The provider's wait is the least; one that is too long is left for the next model."""
    walk = Walk(retry=Retry(longest=0.02), draw=0.0)
    await walk(a=[ModelOverloaded("x", retry_after=0.02), "fine"])
    assert walk.slept == [0.02]
    walk = Walk(retry=Retry(longest=0.02))
    assert await walk(a=[ModelOverloaded("x", retry_after=0.021)], b=["fine"]) == "fine"
    assert (walk.asked, walk.slept) == (["a", "b"], [])


@pytest.mark.parametrize("error", [ModelAuth("no key"), UnknownModel("no such"), MissingExtra("m")])
async def test_one_misconfigured_model_raises_its_own_error(error: Misconfigured) -> None:
    """With one model there is one thing to mend, and that is the error."""
    walk = Walk()
    with pytest.raises(type(error)) as caught:
        await walk(a=[error])
    assert caught.value is error
    assert walk.failed == [("a", type(error).__name__, "")]


async def test_no_model_names_every_model_and_why() -> None:
    """When all failed the error lists each model, in one sentence and as data."""
    with pytest.raises(NoModel) as caught:
        await Walk()(a=[ModelAuth("no key.")], b=[ModelTimeout("silent.")])
    assert str(caught.value) == "No model of tier 'fast' answered (a: no key; b: silent)."
    assert [(a.model, a.error) for a in caught.value.attempts] == [
        ("a", "ModelAuth"),
        ("b", "ModelTimeout"),
    ]


@pytest.mark.parametrize(
    ("one", "other", "transient"),
    [
        (ModelOverloaded("x"), ModelTimeout("x"), True),
        (ModelOverloaded("x"), ModelOverloaded("x"), True),
        (RateLimited("x"), CircuitOpen("x"), True),
        (ModelOverloaded("x"), ModelUnreachable("x"), False),
        (ModelTimeout("x"), ModelAuth("x"), False),
        (ModelTimeout("x"), BadOutput("x"), False),
        (ModelAuth("x"), UnknownModel("x"), False),
    ],
)
async def test_transient(one: PointsmanError, other: PointsmanError, *, transient: bool) -> None:
    """Only what passes by itself throughout is called transient."""
    with pytest.raises(NoModel) as caught:
        await Walk()(a=[one], b=[other])
    assert caught.value.transient is transient


async def test_no_model_carries_the_shortest_wait() -> None:
    """Of the models that say when to come back."""
    with pytest.raises(NoModel) as caught:
        await Walk()(
            a=[CircuitOpen("x", retry_after=9.0)], b=[CircuitOpen("x", retry_after=7.0)],
            c=[ModelTimeout("x")],
        )  # fmt: skip
    assert caught.value.retry_after == 7.0


async def test_cancelling_while_it_waits_ends_it() -> None:
    """The model is not asked again."""
    walk = Walk()
    task = asyncio.ensure_future(walk(a=[ModelOverloaded("x", retry_after=10.0)]))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert walk.asked == ["a"]


async def test_nonsense_throughout_is_bad_output() -> None:
    """When every model broke the contract, that is the error: callers repair or fall back."""
    last = BadOutput("second")
    with pytest.raises(BadOutput) as caught:
        await Walk()(a=[BadOutput("first")], b=[last])
    assert caught.value is last


def test_impossible_policies_are_refused() -> None:
    """A policy that never asks, or waits less than nothing, cannot be made."""
    for policy in ({"attempts": 0}, {"first": -1.0}, {"longest": -1.0}):
        with pytest.raises(Misconfigured):
            Retry(**policy)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reads", "asked"),
    [
        ({}, ["a", "b", "c"]),
        ({"a": 8, "b": 8, "c": 128}, ["a", "c"]),
        ({"a": 8, "b": 4}, ["a", "c"]),
        ({"a": 8, "c": 128}, ["a", "c"]),
        ({"a": 8, "b": 16, "c": 8}, ["a", "b"]),
        ({"a": 8, "b": 8, "c": 8}, ["a"]),
    ],
)
async def test_too_long_is_for_a_model_that_reads_more(
    reads: dict[str, int], asked: list[str]
) -> None:
    """First who is known to read more, then who is not known to read no more, then nobody."""
    walk, long = Walk(reads=reads), ContextOverflow("too long")
    with pytest.raises(ContextOverflow):
        await walk(a=[long], b=[long], c=[long])
    assert walk.asked == asked
    assert walk.failed[-1] == (asked[-1], "ContextOverflow", "")
    assert [following for _, _, following in walk.failed[:-1]] == asked[1:]


async def test_a_refused_content_may_be_another_models() -> None:
    """Whose content policy refuses ends the chain, unless the next one is to be asked."""
    no = ContentRefused("no")
    with pytest.raises(ContentRefused):
        await Walk()(a=[no], b=["fine"])
    walk = Walk(refused="next")
    assert await walk(a=[no], b=["fine"]) == "fine"
    assert walk.failed == [("a", "ContentRefused", "b")]
    with pytest.raises(ContentRefused):
        await Walk(refused="next")(a=[no], b=[no])


async def test_the_answer_says_who_failed_before_it() -> None:
    """Each model asked in vain, with its error; nothing where the first one answered."""
    walk = Walk()
    await walk(a=[ModelTimeout("slow")], b=[ModelAuth("no key")], c=["fine"])
    assert walk.fallbacks == (
        Attempt("a", "ModelTimeout", "slow"),
        Attempt("b", "ModelAuth", "no key"),
    )
    await walk(a=["fine"])
    assert walk.fallbacks == ()
