"""An answer while it is written: what leaves was filtered, and ends as the answer."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pointsman.errors import ModelOverloaded
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.grounding import GroundingGuard
from pointsman.guardrails.guard import Guard
from pointsman.nodes.event import AnswerPiece, Recorded, RunEnded
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Read
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.team import Team

LONG = "The plug goes into the socket, and then the app finds it by itself. " * 30
MAIL = "bob.secret@shop.example"


@tool(effect="read")
async def look(what: str) -> str:
    """Look it up."""
    return f"{what}: nothing"


class Writer:
    """A model that writes its answers four characters at a time."""

    def __init__(self, *answers: ModelReply | Exception) -> None:
        self.answers = list(answers)
        self.written = False

    async def send(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """The next answer."""
        if request.choices:
            return ModelReply(model=model, text=request.choices[0], usd=0.0)
        answer = self.answers.pop(0)
        said = "Half an ans" * 80 if isinstance(answer, Exception) else answer.text
        for at in range(0, len(said) if read else 0, 4):
            read(said[at : at + 4])  # type: ignore[misc]
        if isinstance(answer, Exception):
            raise answer
        self.written = True
        return answer

    async def aclose(self) -> None:
        """Nothing to close."""


def text(said: str, *calls: ToolCall) -> ModelReply:
    """An answer."""
    return ModelReply(model="m", text=said, tool_calls=calls, usd=0.0)


@pytest.fixture
def team(tmp_path: Path) -> Callable[..., tuple[Team, Writer]]:
    """Makes a team of one, whose model writes these answers."""

    def make(
        *answers: ModelReply | Exception, guards: Sequence[Guard] = (ContentFilter(),),
        own: Sequence[Guard] = (),
    ) -> tuple[Team, Writer]:  # fmt: skip
        writer = Writer(*answers)
        solo = Specialist("solo", handles="all", tools=(look,), guards=tuple(own))
        made = Team(
            "t", specialists=[solo], guards=guards, home=tmp_path,
            models={"fast": ("scripted/a", "scripted/b")},
            transports=Transports({"scripted": lambda: writer}),
        )  # fmt: skip
        return made, writer

    return make


async def heard(team: Team, writer: Writer) -> tuple[str, int, list[Recorded]]:
    """What a reader ends up with, how many pieces came before the model was done, all events."""
    shown, early, events = "", 0, list[Recorded]()
    async for recorded in team.stream("hello", pieces=True):
        events.append(recorded)
        if isinstance(recorded.event, AnswerPiece):
            shown = ("" if recorded.event.restart else shown) + recorded.event.text
            early += not writer.written
    return shown, early, events


def ended(events: list[Recorded]) -> str:
    """The run's answer."""
    last = events[-1].event
    assert isinstance(last, RunEnded)
    return last.text


def every_piece(events: list[Recorded]) -> str:
    """All that ever left, taken back or not."""
    return "".join(e.event.text for e in events if isinstance(e.event, AnswerPiece))


async def test_pieces_make_the_answer_and_leave_filtered(
    team: Callable[..., tuple[Team, Writer]],
) -> None:
    """An address that comes four characters at a time never leaves; the rest does."""
    made, writer = team(text(f"{LONG}Write to {MAIL} today. {LONG}"))
    shown, _, events = await heard(made, writer)
    assert shown == ended(events) == f"{LONG}Write to [EMAIL_1] today. {LONG}".strip()
    assert "bob" not in every_piece(events)
    assert len([e for e in events if isinstance(e.event, AnswerPiece)]) > 5
    assert not any(isinstance(e.event, AnswerPiece) for e in await made.events(events[-1].run))


async def test_what_is_stopped_does_not_stay(team: Callable[..., tuple[Team, Writer]]) -> None:
    """A block takes back what left, and the stopped part never left."""
    made, writer = team(text(f"{LONG}It is {MAIL}."), guards=[ContentFilter(pii="block")])
    shown, _, events = await heard(made, writer)
    assert shown == ""
    assert "bob" not in every_piece(events)
    assert "plug" not in ended(events)


async def test_words_before_a_call_are_taken_back(
    team: Callable[..., tuple[Team, Writer]],
) -> None:
    """What a model says before it calls a tool is no answer."""
    call = ToolCall(id="1", name="look", args={"what": "plug"})
    made, writer = team(text(f"Let me look. {LONG}", call), text("Nothing there."))
    shown, _, events = await heard(made, writer)
    assert shown == ended(events) == "Nothing there."
    assert "Let me look" in every_piece(events)


async def test_a_model_that_fails_half_way_is_taken_back(
    team: Callable[..., tuple[Team, Writer]],
) -> None:
    """The next model's answer stands alone."""
    made, writer = team(ModelOverloaded("gone", retry_after=99), text("All is well."))
    shown, _, events = await heard(made, writer)
    assert shown == ended(events) == "All is well."
    assert "Half an ans" in every_piece(events)


async def test_a_guard_of_the_whole_answer_holds_it_all(
    team: Callable[..., tuple[Team, Writer]],
) -> None:
    """Nothing leaves before it has judged."""
    made, writer = team(text(LONG), own=[GroundingGuard()])
    shown, early, events = await heard(made, writer)
    assert shown == ended(events) == LONG.strip()
    assert early == 0


async def test_who_does_not_ask_gets_no_pieces(team: Callable[..., tuple[Team, Writer]]) -> None:
    """And the model is not asked to stream."""
    made, _ = team(text(LONG))
    assert not [1 async for e in made.stream("hello") if isinstance(e.event, AnswerPiece)]
