"""Hedged requests whose answers are read while they are written."""

from collections.abc import Callable

import pytest

from pointsman.errors import ModelOverloaded
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.run import Run
from tests.nodes.gateway.conftest import Events, LoopClock
from tests.nodes.gateway.test_hedge import Bench, hedged, settled

Make = Callable[..., Run]
Ask = Callable[..., ModelRequest]


class Heard:
    """A reader that remembers."""

    def __init__(self) -> None:
        self.text_ = ""
        self.restarts = 0

    def text(self, piece: str) -> None:
        """Append."""
        self.text_ += piece

    def restart(self) -> None:
        """Begin anew."""
        self.text_, self.restarts = "", self.restarts + 1


@pytest.fixture
def bench(loop_clock: LoopClock) -> Bench:
    """The usual pair."""
    return Bench(loop_clock)


async def test_pieces_end_the_wait(bench: Bench, run: Make, ask: Ask) -> None:
    """Whoever has begun to write is not hedged."""
    heard = Heard()
    call = bench.begin(bench.gateway.complete(ask(), run(), heard))
    await bench.passes(1.0)
    bench.a.piece("Hel")
    await bench.passes(5.0)
    assert bench.b.asked == []
    bench.a.piece("lo")
    bench.a.say("Hello")
    await call
    assert (heard.text_, heard.restarts) == ("Hello", 0)


async def test_the_first_s_first_piece_ends_the_other(
    bench: Bench, run: Make, ask: Ask, events: Events
) -> None:
    """From then on there is one call again."""
    heard = Heard()
    call = bench.begin(bench.gateway.complete(ask(), run(), heard))
    await bench.passes(2.1)
    bench.a.piece("Hello")
    await settled()
    assert bench.b.cancelled == 1
    bench.a.say("Hello")
    assert (await call).model == "a"
    assert (heard.text_, heard.restarts) == ("Hello", 0)
    assert hedged(events)[0].lost == "b"


async def test_two_that_write_are_never_mixed(bench: Bench, run: Make, ask: Ask) -> None:
    """The second wrote first and is read; the first's pieces are not; its whole answer would be."""
    heard = Heard()
    call = bench.begin(bench.gateway.complete(ask(), run(), heard))
    await bench.passes(2.1)
    bench.b.piece("from b, ")
    bench.a.piece("from a, ")
    bench.b.piece("the rest")
    await settled()
    assert heard.text_ == "from b, the rest"
    bench.a.say("from a, whole")
    assert (await call).model == "a"
    assert (heard.text_, heard.restarts) == ("from a, whole", 1)


async def test_a_writer_that_breaks_gives_the_reader_up(bench: Bench, run: Make, ask: Ask) -> None:
    """The second breaks off in the middle: what the first says is read whole."""
    heard = Heard()
    call = bench.begin(bench.gateway.complete(ask(), run(), heard))
    await bench.passes(2.1)
    bench.b.piece("half")
    bench.b.say(ModelOverloaded("cut"))
    await settled()
    bench.a.piece("whole")
    bench.a.say("whole")
    assert (await call).text == "whole"
    assert heard.text_ == "whole"
