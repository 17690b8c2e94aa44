"""Hand-offs: what goes along, who checks it, and what the next specialist sees."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from pointsman.nodes.gateway.scripted import (
    Scripted,
    ScriptedTransport,
    choice_reply,
    text_reply,
    tool_reply,
)
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.handed import HANDED
from pointsman.nodes.message import Handoff, Message, Request, ToolCall, request_of
from pointsman.nodes.run import Run
from pointsman.nodes.sees import Sees
from pointsman.nodes.specialist import Specialist
from tests.flow.shop import Shop, shop_team


class Repair(BaseModel):
    """What tech works on."""

    device: str = Field(min_length=2)
    urgent: bool = False


def to_tech(**args: object) -> Scripted:
    """The call that hands on."""
    return tool_reply(ToolCall(id="h", name="transfer_to_tech", args=args))  # pyright: ignore[reportArgumentType]


def typed(shop: Shop) -> Sequence[Specialist]:
    """Billing hands on to tech, which takes a Repair."""
    return (
        Specialist("billing", handles="money", tools=shop.tools()[:1], hands_off_to=("tech",)),
        Specialist("tech", handles="devices", tools=shop.tools()[:1], input=Repair),
    )


def handed_to_tech(model: ScriptedTransport) -> str:
    """What tech was shown beside the request."""
    return next(t.content for t in model.requests[-1].turns if t.name == HANDED)


async def test_a_hand_off_carries_the_receivers_input(home: Path) -> None:
    """The tool that hands on asks for its fields, and it gets them, with the defaults filled in."""
    model = ScriptedTransport(
        [choice_reply("billing"), to_tech(reason="broken", device="phone"), text_reply("fixed")]
    )
    result = await shop_team(home, model=model, specialists=typed).run("my phone is broken")
    assert (result.status, result.specialist, result.answer) == ("done", "tech", "fixed")
    transfer = next(t for t in model.requests[1].tools if t.name == "transfer_to_tech")
    assert transfer.parameters["required"] == ["reason", "device"]
    assert set(transfer.parameters["properties"]) == {"reason", "summary", "device", "urgent"}  # pyright: ignore[reportArgumentType]
    assert '{"device": "phone", "urgent": false}' in handed_to_tech(model)


async def test_data_that_does_not_fit_is_told_to_the_model(home: Path) -> None:
    """It may try again, as after any bad arguments."""
    model = ScriptedTransport(
        [
            choice_reply("billing"), to_tech(reason="broken"), to_tech(reason="x", device="p"),
            to_tech(reason="broken", device="phone"), text_reply("fixed"),
        ]
    )  # fmt: skip
    result = await shop_team(home, model=model, specialists=typed).run("my phone is broken")
    assert (result.status, result.specialist) == ("done", "tech")
    told = [t.content for t in model.requests[3].turns if t.role == "tool"]
    assert told[0].startswith("error: 'transfer_to_tech' takes a Repair: device: Field required")
    assert "device: String should have at least 2 characters" in told[1]


async def test_a_model_that_never_gives_fitting_data_is_stopped(home: Path) -> None:
    """Trying again is bounded as every visit is."""

    def stubborn(request: ModelRequest) -> Scripted:
        return choice_reply("billing") if request.choices else to_tech(reason="broken")

    model = ScriptedTransport(stubborn)
    result = await shop_team(home, model=model, specialists=typed).run("my phone is broken")
    assert (result.status, result.error) == ("failed", "BadOutput")
    assert len(model.requests) == 1 + 6


async def _blind(message: Message, run: Run) -> Message:
    request = request_of(message)
    given = Handoff(to="tech", reason="go", request=request, data={"device": 1})
    return message.reply(given, sender="billing")


async def test_the_receiver_checks_its_input_itself(home: Path) -> None:
    """Whatever node hands on: data that is none of its input is refused at its border."""

    def teamed(shop: Shop) -> Sequence[Specialist]:
        billing, tech = typed(shop)
        lone = Specialist("billing", handles="money", fallback=_blind, hands_off_to=("tech",))
        return (lone, tech) if billing else ()

    model = ScriptedTransport([choice_reply("billing"), text_reply(""), text_reply("")])
    result = await shop_team(home, model=model, specialists=teamed).run("my phone is broken")
    assert (result.status, result.by) == ("blocked", "guard")
    assert "tech takes a JSON Repair. device: Input should be a valid string." in result.answer


async def test_a_list_as_input_is_one_argument(home: Path) -> None:
    """A model that is no object stands under `data`, with what it refers to."""
    from pydantic import RootModel

    class Repairs(RootModel[list[Repair]]):
        """Several at once."""

    def listed(shop: Shop) -> Sequence[Specialist]:
        billing, _ = typed(shop)
        return (billing, Specialist("tech", handles="x", tools=shop.tools()[:1], input=Repairs))

    model = ScriptedTransport(
        [
            choice_reply("billing"), to_tech(reason="both", data=[{"device": "tv"}]),
            text_reply("fixed"),
        ]
    )  # fmt: skip
    result = await shop_team(home, model=model, specialists=listed).run("my tv is broken")
    assert result.status == "done"
    transfer = next(t for t in model.requests[1].tools if t.name == "transfer_to_tech")
    assert "Repair" in transfer.parameters["$defs"]  # pyright: ignore[reportOperatorIssue]
    assert '[{"device": "tv", "urgent": false}]' in handed_to_tech(model)


def talked(request: ModelRequest) -> Scripted:
    """Routed by the message's first word; billing hands `over ...` on; else each answers."""
    text = next(t.content for t in reversed(request.turns) if t.role == "user")
    if request.choices:
        return choice_reply("tech" if text.startswith("tech") else "billing")
    may = any(tool.name == "transfer_to_tech" for tool in request.tools)
    if text.startswith("over") and may:
        return to_tech(reason="a device", summary="They told me their serial number.")
    return text_reply(f"answer to {text}")


async def test_the_next_one_sees_its_own_history_and_the_persons_words(home: Path) -> None:
    """Not what others answered, for which the summary stands."""

    def two(shop: Shop) -> Sequence[Specialist]:
        read = shop.tools()[:1]
        return (
            Specialist("billing", handles="money", tools=read, hands_off_to=("tech",)),
            Specialist("tech", handles="devices", tools=read),
        )

    model = ScriptedTransport(talked)
    team = shop_team(home, model=model, specialists=two)
    for text in ("tech one", "billing SN-77 please", "over to you"):
        result = await team.run(text, thread="c1")
    assert result.specialist == "tech"
    seen = model.requests[-1].turns
    assert [t.content for t in seen if t.role in ("user", "assistant")] == [
        "tech one", "answer to tech one", "billing SN-77 please", "[billing answered this]",
        "over to you", "",
    ]  # fmt: skip
    assert "billing handed this on, and says: They told me their" in handed_to_tech(model)


async def test_a_bound_on_what_is_seen_leaves_the_oldest_out(home: Path) -> None:
    """And the next one is told so."""

    def two(shop: Shop) -> Sequence[Specialist]:
        read = shop.tools()[:1]
        sees = Sees(history="all", history_tokens=12, summary=False)
        return (
            Specialist("billing", handles="money", tools=read, hands_off_to=("tech",)),
            Specialist("tech", handles="devices", tools=read, sees=sees),
        )

    model = ScriptedTransport(talked)
    team = shop_team(home, model=model, specialists=two)
    for text in ("billing one", "billing two", "over to you"):
        await team.run(text, thread="c1")
    seen = model.requests[-1].turns
    assert [t.content for t in seen if t.role == "user"] == ["billing two", "over to you"]
    assert "The 2 oldest messages of the conversation are not shown here." in handed_to_tech(model)
    transfer = model.requests[-2].tools[-1]
    assert "summary" not in transfer.parameters["properties"]  # pyright: ignore[reportOperatorIssue]
    assert "They told me" not in handed_to_tech(model)


async def test_a_specialist_without_tools_is_told_too(home: Path) -> None:
    """What was read goes into its question, set apart from the person's words."""

    def two(shop: Shop) -> Sequence[Specialist]:
        read = shop.tools()[:1]
        return (
            Specialist("billing", handles="money", tools=read, hands_off_to=("tech",)),
            Specialist("tech", handles="devices"),
        )

    look = ToolCall(id="l", name="lookup", args={"invoice": "INV-1"})
    model = ScriptedTransport(
        [choice_reply("billing"), tool_reply(look), to_tech(reason="go"), text_reply("20.00 USD")]
    )
    result = await shop_team(home, model=model, specialists=two).run("what is INV-1")
    assert result.answer == "20.00 USD"
    said = model.requests[-1].turns[-1]
    assert said.role == "user"
    assert "[Handed on by others, not written by the person]" in said.content
    assert "From lookup, read before: INV-1 is 20.00 USD" in said.content


async def test_personal_data_in_what_is_handed_is_redacted(home: Path) -> None:
    """The filters read data and summary as they read everything."""
    model = ScriptedTransport(
        [
            choice_reply("billing"),
            to_tech(reason="r", device="phone of ana@example.org", summary="ana@example.org"),
            text_reply("fixed"),
        ]
    )
    result = await shop_team(home, model=model, specialists=typed).run("my phone is broken")
    assert result.status == "done"
    assert "ana@example.org" not in handed_to_tech(model)
    assert "phone of [EMAIL_1]" in handed_to_tech(model)


@pytest.mark.parametrize("name", ["reason", "summary"])
def test_a_field_of_that_name_stands_in_its_place(name: str) -> None:
    """The receiver's own field wins, and serves as both."""
    from pydantic import create_model

    from pointsman.nodes.handoff import Transfer

    made = create_model("Ask", **{name: (str, ...)})  # pyright: ignore[reportCallIssue, reportArgumentType]
    transfer = Transfer("tech", made)
    given = transfer.read(ToolCall(id="a", name=transfer.name, args={"reason": "r", name: "x"}))
    assert given.data == {name: "x"}
    assert getattr(given, name) == "x"
    assert Request(text="a").data is None
