"""Prices and estimates."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.nodes.gateway.cost import Price, Prices, input_tokens, published_price
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, ToolSpec, Usage
from pointsman.nodes.message import Turn


def request(text: str = "x" * 300, **options: object) -> ModelRequest:
    """A request of one turn."""
    return ModelRequest(turns=(Turn(role="user", content=text),), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_what_is_no_price(bad: float) -> None:
    """Negative and endless prices are refused."""
    with pytest.raises(Misconfigured):
        Price(bad, 0)
    with pytest.raises(Misconfigured):
        Price(0, bad)


def test_a_price_is_per_million_tokens() -> None:
    """A million tokens each way cost the two prices together."""
    assert Price(3, 15).of(Usage(1_000_000, 1_000_000)) == 18


def test_the_list_litellm_ships_is_read_without_it() -> None:
    """Names with and without the provider are found; another provider's are not taken for them."""
    assert published_price("openai/gpt-4o-mini") == Price(0.15, 0.6, cached=0.075, context=128_000)
    listed = published_price("deepseek/deepseek-chat")
    assert listed is not None
    assert listed.output > 0
    assert published_price("elsewhere/gpt-4o-mini") is None
    assert published_price("openai/gpt-x") is None


async def test_the_worst_case_counts_input_and_max_tokens() -> None:
    """The estimate is the input's upper bound plus every token that may be answered."""
    prices = Prices({"m": Price(1_000_000, 10_000_000)})
    asked = request(max_tokens=7)
    assert await prices.worst("m", asked) == input_tokens(asked) + 70
    assert input_tokens(asked) == 100 + 24


async def test_an_unknown_price_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A model that nobody lists has no worst case, and the log says what to give."""
    prices = Prices()
    with caplog.at_level(logging.WARNING):
        assert await prices.worst("openai/gpt-x", request()) is None
        assert await prices.worst("openai/gpt-x", request()) is None
    assert len(caplog.records) == 1
    assert "prices={'openai/gpt-x'" in caplog.text


async def test_embedded_and_scripted_models_are_free() -> None:
    """What runs in this process costs nothing, also when it does not say so."""
    prices = Prices()
    assert await prices.worst("embedded", request()) == 0
    assert prices.actual("embedded", ModelReply(model="embedded", usd=None)) == 0
    assert prices.actual("scripted/x", ModelReply(model="scripted/x", usd=0.5)) == 0.5


def test_the_users_price_wins_and_unknown_stays_unknown() -> None:
    """The user's list overrides the transport's figure; without any the cost is None, never 0."""
    reply = ModelReply(model="m", usage=Usage(1_000_000, 0), usd=9.0)
    assert Prices({"m": Price(2, 2)}).actual("m", reply) == 2
    assert Prices().actual("m", reply) == 9.0
    assert Prices().actual("m", ModelReply(model="m", usage=Usage(5, 5))) is None
    assert Prices({"m": Price(2, 2)}).actual("m", ModelReply(model="m")) is None


@given(st.text(max_size=50), st.text(max_size=50))
def test_more_content_is_never_estimated_less(one: str, more: str) -> None:
    """Turns, examples, tools, choices and schemas all add to the estimate."""
    plain = input_tokens(request(one))
    assert plain >= len(one.encode("utf-8", "replace")) / 3
    assert input_tokens(request(one + more)) >= plain
    example = ((Turn(role="user", content=more),),)
    spec = (ToolSpec("t", more, {}),)
    for richer in (
        request(one, examples=example),
        request(one, tools=spec),
        request(one, choices=(more + "abc",)),
        request(one, output_schema={"title": more}),
    ):
        assert input_tokens(richer) > plain


def test_cached_input_has_its_own_price() -> None:
    """Tokens that the provider had in its cache cost less where it says so, else the same."""
    usage = Usage(1_000_000, 0, 400_000)
    assert Price(10, 1, cached=1).of(usage) == pytest.approx(6.4)
    assert Price(10, 1).of(usage) == 10
    assert Price(10, 1, cached=1).of(Usage(100, 0, 900)) == Price(1, 1).of(Usage(100, 0))


async def test_a_published_price_serves_a_transport_that_knows_none() -> None:
    """Once it was looked up, the tokens of an answer have the listed price, cached ones theirs."""
    prices, model = Prices(), "openai/gpt-4o-mini"
    reply = ModelReply(model=model, usage=Usage(1000, 500, 400))
    assert prices.actual(model, reply) is None
    listed = await prices.price(model)
    assert listed == Price(0.15, 0.6, cached=0.075, context=128_000)
    assert prices.actual(model, reply) == pytest.approx((600 * 0.15 + 400 * 0.075 + 300) / 1e6)
    assert prices.actual(model, ModelReply(model=model)) is None, "no tokens told"
    assert await prices.price("openai/gpt-x") is None


async def test_what_a_model_reads_is_listed() -> None:
    """The user's figure wins, then the published one; else it is not known."""
    prices = Prices({"m": Price(1, 1, context=9), "openai/gpt-4o-mini": Price(1, 1)})
    assert await prices.context("m") == 9
    assert await prices.context("openai/gpt-4o-mini") == 128_000
    assert await prices.context("openai/gpt-x") is None
