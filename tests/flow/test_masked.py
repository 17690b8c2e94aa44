"""The router's model sees no personal data and no credential."""

from pathlib import Path

from pointsman.nodes.gateway.scripted import ScriptedTransport, choice_reply, text_reply
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.specialist import Specialist
from pointsman.teams.team import Team


async def test_no_model_sees_an_address_or_a_card(tmp_path: Path) -> None:
    """Neither the router's call nor the specialist's holds what the content filter redacts."""

    def script(request: ModelRequest) -> object:
        return choice_reply("billing") if request.choices else text_reply("Noted.")

    transport = ScriptedTransport(script)  # pyright: ignore[reportArgumentType]
    team = Team(
        "shop",
        specialists=[
            Specialist("billing", handles="money"),
            Specialist("tech", handles="devices"),
        ],
        models={"fast": ("scripted",)},
        transports=Transports({"scripted": lambda: transport}),
        home=tmp_path,
    )
    result = await team.run("I am vera@example.com and paid with 4111 1111 1111 1111")
    assert result.status == "done"
    assert len(transport.requests) == 2
    for request in transport.requests:
        said = " ".join(turn.content for turn in request.turns)
        assert "vera@example.com" not in said
        assert "4111" not in said
        assert "[EMAIL_1]" in said
