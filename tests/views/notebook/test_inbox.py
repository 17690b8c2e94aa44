"""The inbox in a notebook, over a real team on a scripted model."""

from pathlib import Path

import pytest

from pointsman import Approve, Result, Specialist, Team, tool
from pointsman.errors import BadInput, NotFound, TicketClosed
from pointsman.nodes.gateway.scripted import ScriptedTransport, tool_reply
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """A team whose only action waits for a person, and whose arguments are hostile."""

    @tool(effect="write", stakes="high")
    def refund(order: str) -> str:
        """Give money back."""
        return f"{order} was refunded."

    def script(request: ModelRequest) -> ModelReply | str:
        if request.turns[-1].role == "tool":
            return "It is done."
        return tool_reply(
            ToolCall(id="c1", name="refund", args={"order": request.turns[-1].content})
        )

    return Team(
        "shop",
        specialists=(Specialist("orders", handles="orders", tools=(refund,)),),
        models={"fast": ("scripted",), "strong": ("scripted",)},
        transports=Transports({"scripted": lambda: ScriptedTransport(script)}),
        home=tmp_path,
    )


async def test_an_inbox_that_has_not_looked_says_how(team: Team) -> None:
    """Showing it never blocks and never lies: before the first look it says how to look."""
    assert "refresh" in repr(team.inbox())
    assert "nothing waits" in repr(await team.inbox().refresh())


async def test_the_inbox_shows_what_waits_and_escapes_it(team: Team) -> None:
    """Arguments come from a model: in HTML they are text, whatever they hold."""
    await team.run("<script>alert(1)</script>\u202e")
    inbox = await team.inbox().refresh()
    html = inbox._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "\u202e" not in html + repr(inbox)
    assert "refund" in repr(inbox)


async def test_deciding_continues_the_run(team: Team) -> None:
    """`decide` takes the beginning of an id, gives the run's result, and the ticket is gone."""
    waiting = await team.run("A-1")
    inbox = team.inbox()
    result = await inbox.decide(waiting.tickets[0].id[:5], Approve(by="ana"))
    assert isinstance(result, Result)
    assert result.status == "done"
    assert inbox.tickets == ()
    with pytest.raises((TicketClosed, NotFound)):
        await inbox.decide(waiting.tickets[0], Approve(by="eve"))


async def test_a_name_that_fits_several_or_none_is_refused(team: Team) -> None:
    """An ambiguous or empty name decides nothing."""
    await team.run("A-1")
    await team.run("A-2")
    inbox = team.inbox()
    with pytest.raises(NotFound):
        await inbox.decide("", Approve(by="ana"))
    with pytest.raises(BadInput, match="Several"):
        await inbox.decide("t", Approve(by="ana"))
    with pytest.raises(NotFound):
        await inbox.decide("nobody", Approve(by="ana"))
    assert len(inbox.tickets) == 2
